"""What work is about at an account, its matter; and where a playbook does not say, how it is told from its facts."""

import re
from collections.abc import Iterable
from typing import Final, Literal, get_args

from services.playbooks.core.standing import Standing
from services.playbooks.core.trouble import troubles
from shared.conditions import Facts
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
_WORDS: Final = re.compile(r"[^\w.]+")
_MUCH: Final = 300
"""Three points: less is no reason by itself."""
_NAMED: Final = ("contact_id", "ticket_id", "invoice_id")


def matter_of(name: str) -> Matter | None:
    """The matter of a fact, measure or event type, or of the first that a condition names, or None."""
    words = _WORDS.split(name)
    return next((matter for word in words for start, matter in _OF if word.startswith(start)), None)


def derived(names: Iterable[str]) -> Matter | None:
    """The matter of the first of these names that has one."""
    return next((matter for name in names if (matter := matter_of(name)) is not None), None)


def of_score(stands: Standing) -> Matter:
    """What the score is about now: what cost most just now, else the worst that is open, else what costs it most."""
    cost = [one.name for one in stands.drivers if one.points <= -_MUCH]
    open_now = (fact for one in troubles(Facts.of(stands.facts), stands.at) for fact in one.about)
    return derived([*cost, *open_now, *(one.name for one in stands.drivers), *stands.low_names]) or "usage"


def named_in(event: Cause | None) -> tuple[str, ...]:
    """The persons, tickets and invoices that an event names."""
    data = event.data if event is not None else {}
    return tuple(str(data[name]) for name in _NAMED if data.get(name) is not None)
