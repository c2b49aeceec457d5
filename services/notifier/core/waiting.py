"""Why a message did not go at once, in words."""

from datetime import datetime, timedelta
from typing import Final, NamedTuple

from services.notifier.core.composing import zone_of
from services.notifier.core.grouping import ALONE
from shared.messages.actions import ActionRequested
from shared.words import clock_time

_AT_ONCE: Final = timedelta(seconds=2)


class Wait(NamedTuple):
    """What is known of how one has waited."""

    group: str
    asked_at: datetime
    began_at: datetime | None
    """When it was first tried; None: it was not yet."""
    due_at: datetime
    held: str = ""
    """Why what goes by this road is held now, and until when."""


def why_waited(action: ActionRequested, wait: Wait) -> str:
    """Why it has waited, or waits; empty when it went at once."""
    end = wait.began_at or wait.due_at
    if wait.began_at is None and wait.held:
        return wait.held
    if end - wait.asked_at < _AT_ONCE:
        return ""
    chosen = action.not_before
    if chosen is not None and chosen > wait.asked_at:
        when = clock_time(chosen, zone_of(action.recipient))
        what = "as one list" if wait.group.startswith(ALONE) else "with what else waits for them"
        return f"waits until {when}, to go {what}: they are not disturbed before"
    if end - wait.asked_at <= timedelta(minutes=2):
        return "waits for the end of its minute, to go as one with what else is told by its playbook"
    return (
        "waits: nothing went by this road" if wait.began_at is None else "waited: nothing went by this road meanwhile"
    )
