"""Which facts a customer may read: what templates of messages to them can name."""

import re
from typing import Final

from shared.conditions.catalogue import FACTS
from shared.messages.accounts import OURS

_HOW_WE_JUDGE: Final = (
    *("account.excluded", "account.is_key", "account.segment", "account.stage", "account.parent_id"),
    *("account.churned", "account.churn_reason", "account.churn_voluntary", "account.came_back_at", "account.leaving"),
    *("billing.punctuality", "billing.beyond_habit_since", "billing.beyond_habit"),
    *("contract.renewal_forecast", "contract.renewal_outcome"),
    *("event.contact_role", "event.who"),
)
UNREADABLE: Final = (
    r"(?!(account|usage|support|billing|contract|onboarding|goals|event|contact|sender)\.)"
    rf"|({'|'.join(map(re.escape, _HOW_WE_JUDGE))})$"
    rf"|account\.traits\.(?i:{OURS})"
)
"""The names of facts that no customer reads: how we judge them, who else is there, and what colleagues said. One that
is new isn't read until somebody lets it."""
_is_unreadable: Final = re.compile(UNREADABLE).match
_OF_EVENT: Final = frozenset({"event.type", "event.time"})


def may_read(fact: str) -> bool:
    """Whether a customer may read this fact, by name, and it travels: days since an instant follow from that."""
    spec = FACTS.get(fact)
    return _is_unreadable(fact) is None and (spec is None or spec.linear_of is None)


def tells_of_nobody(fact: str) -> bool:
    """Whether a fact may be read by others than whom the event names."""
    return not fact.startswith("event.") or fact in _OF_EVENT
