"""Which facts a customer may read: what templates of messages to them can name."""

from typing import Final

from shared.conditions.catalogue import FACTS
from shared.messages.accounts import OURS

_GROUPS: Final = ("account.", "usage.", "support.", "billing.", "contract.", "onboarding.", "goals.", "event.")
_TRAITS: Final = "account.traits."
_HOW_WE_JUDGE: Final = frozenset(
    {
        *("account.excluded", "account.is_key", "account.segment", "account.stage", "account.parent_id"),
        *("account.churned", "account.churn_reason", "account.churn_voluntary", "account.came_back_at"),
        *("account.leaving", "billing.punctuality", "billing.beyond_habit_since"),
        *("contract.renewal_forecast", "contract.renewal_outcome"),
        *("event.contact_role", "event.who"),
    }
)
_OF_EVENT: Final = frozenset({"event.type", "event.time"})


def may_read(fact: str) -> bool:
    """Whether a customer may read this fact, by name. Neither how we judge them, nor what their colleagues said."""
    if fact in _HOW_WE_JUDGE or fact.removeprefix(_TRAITS).startswith(OURS):
        return False
    spec = FACTS.get(fact)
    return fact.startswith(_GROUPS) and (spec is None or spec.linear_of is None)


def tells_of_nobody(fact: str) -> bool:
    """Whether a fact may be read by others than whom the event names."""
    return not fact.startswith("event.") or fact in _OF_EVENT
