"""What work is about at an account, its matter; and where a playbook does not say, how it is told from its facts."""

from collections.abc import Iterable
from typing import Final, Literal, get_args

from services.playbooks.core.standing import Standing
from shared.messages.assessments import Cause

Matter = Literal["usage", "onboarding", "support", "voice", "money", "people", "renewal", "growth", "leaving"]
MATTERS: Final[tuple[Matter, ...]] = get_args(Matter)
_OF: Final[tuple[tuple[str, Matter], ...]] = (
    ("account.churn", "leaving"),
    ("account.leav", "leaving"),
    ("account.renews_at", "renewal"),
    ("contract.ends_at", "renewal"),
    ("contract.notice_at", "renewal"),
    ("contract.lapsed", "renewal"),
    ("usage.", "usage"),
    ("onboarding.", "onboarding"),
    ("milestone.", "onboarding"),
    ("support.", "support"),
    ("ticket.", "support"),
    ("feedback.", "voice"),
    ("survey.", "voice"),
    ("billing.", "money"),
    ("contract.", "money"),
    ("invoice.", "money"),
    ("payment.", "money"),
    ("relationship.", "people"),
    ("contacts.", "people"),
    ("contact.", "people"),
)
_NAMED: Final = ("contact_id", "ticket_id", "invoice_id")


def matter_of(name: str) -> Matter | None:
    """The matter of a fact, measure or event type, or None."""
    return next((matter for start, matter in _OF if name.startswith(start)), None)


def derived(names: Iterable[str]) -> Matter | None:
    """The matter of the first of these names that has one."""
    return next((matter for name in names if (matter := matter_of(name)) is not None), None)


def of_score(stands: Standing) -> Matter:
    """What the score is about now: what moved it most, else what costs it most."""
    return derived([*(one.name for one in stands.drivers), *stands.low_names]) or "usage"


def named_in(event: Cause | None) -> tuple[str, ...]:
    """The persons, tickets and invoices that an event names."""
    data = event.data if event is not None else {}
    return tuple(str(data[name]) for name in _NAMED if data.get(name) is not None)
