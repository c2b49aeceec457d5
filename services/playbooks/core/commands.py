"""What people want done with tasks, alerts and flags, as plain values."""

from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple

from services.playbooks.core.checklist import Ticking
from shared.messages.actions import Severity

SNOOZE: Final = timedelta(days=1)
LATEST_DUE: Final = timedelta(days=366)
_LONGEST_SNOOZE: Final = timedelta(days=90)
Talk = Literal["call", "email", "meeting", "other", "none"]
"""How they talked to the customer when something was done; `none`: they did not."""


class Command(NamedTuple):
    """What somebody wants done with an item: the event of its machine, and what they say with it."""

    event: str
    note: str = ""
    until: datetime | None = None
    to: str = ""
    amount_minor: int | None = None
    currency: str | None = None
    due_at: datetime | None = None
    priority: Severity | None = None
    ticking: Ticking = Ticking()
    interaction: Talk | None = None
    """Of `done`; `other`, unless it is said."""
    contact_id: str | None = None
    """With whom; whom the task is about, unless it is said."""


def fault(command: Command, now: datetime) -> str | None:
    """What is wrong with the instants that a command names, in words; None is nothing."""
    bounds = (("until", command.until, _LONGEST_SNOOZE), ("due_at", command.due_at, LATEST_DUE))
    for name, at, longest in bounds:
        if at is not None and not now < at <= now + longest:
            return f"`{name}` must lie ahead, by {longest.days} days at most."
    return None
