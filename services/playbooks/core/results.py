"""What one person's work came to, from what was asked of them in a time: how soon they came, what they closed and how,
and how soon customers who answered heard from them. By the clock, and in their own working time."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from statistics import quantiles
from typing import Final, NamedTuple

from services.playbooks.core.effect import Times, times
from services.playbooks.core.item import OPEN
from services.playbooks.core.workinghours import Hours, worked
from shared.messages.actions import SEVERITIES, Severity

LOOPS: Final = (24, 48)
"""Within how many hours who answered a survey is to hear from a person."""
_URGENT: Final = SEVERITIES.index("high")
_BY_PEOPLE: Final = ("done", "no_result", "false_alarm", "won", "lost", "dismissed")


class Asked(NamedTuple):
    """A task, an alert or a flag, as far as it counts for whom it was given to."""

    kind: str
    state: str
    assignee: str
    severity: Severity
    matter: str
    opened_at: datetime
    due_at: datetime | None
    touched_at: datetime | None
    closed_at: datetime | None


class Results(NamedTuple):
    """What somebody's work came to. A share is how many, of how many."""

    open: Mapping[str, int]
    """By kind."""
    overdue: int
    closed: Mapping[str, Mapping[str, int]]
    """By kind and state."""
    first_touch: Times
    first_touch_working: Times
    urgent: Times
    """How soon they came to what was of severity high or critical."""
    urgent_working: Times
    false_alarms: tuple[int, int]
    """Of what they themselves closed."""
    answered: int
    """How many tasks came of customers' answers."""
    heard: Mapping[int, tuple[int, int]]
    """By hours: of those of which these hours are over, how many were closed as done within them."""
    too_early: int
    """Of how many it is too early to say: they are open, and the hours are not over."""


def _times(seconds: Iterable[float]) -> Times:
    known = sorted(seconds)
    tenths = quantiles(known, n=10, method="inclusive") if len(known) > 1 else [0.0] * 9
    return times(len(known), tenths[4], tenths[8])


def results(
    asked: Iterable[Asked], since: datetime, until: datetime, now: datetime, hours: Callable[[str], Hours]
) -> Results:
    """Of what was asked of one person, or of several together; what is open counts as it stands now, what was closed if
    that was in this time, and how soon somebody came if it was asked for in it."""
    known = list(asked)
    fresh = [one for one in known if since <= one.opened_at < until]
    closed = [one for one in known if one.closed_at is not None and since <= one.closed_at < until]
    by_people = [one for one in closed if one.state in _BY_PEOPLE]
    states = {
        kind: Counter(one.state for one in closed if one.kind == kind) for kind in sorted({c.kind for c in closed})
    }
    answers = [one for one in fresh if one.kind == "task" and one.matter == "voice"]
    is_open = [one for one in known if one.state in OPEN]
    urgent = [one for one in fresh if SEVERITIES.index(one.severity) >= _URGENT]
    latest = timedelta(hours=max(LOOPS))
    return Results(
        open=Counter(one.kind for one in is_open),
        overdue=sum(one.kind == "task" and one.due_at is not None and one.due_at < now for one in is_open),
        closed=states,
        first_touch=_clock(fresh),
        first_touch_working=_working(fresh, hours),
        urgent=_clock(urgent),
        urgent_working=_working(urgent, hours),
        false_alarms=(sum(one.state == "false_alarm" for one in by_people), len(by_people)),
        answered=len(answers),
        heard={within: _heard(answers, timedelta(hours=within), now) for within in LOOPS},
        too_early=sum(one.state in OPEN and one.opened_at + latest > now for one in answers),
    )


def _heard(answers: Iterable[Asked], within: timedelta, now: datetime) -> tuple[int, int]:
    # While the hours run only the quick ones are known: counted before these are over, they would look like all.
    over = [one for one in answers if one.opened_at + within <= now]
    return sum(_is_heard(one, within) for one in over), len(over)


def _is_heard(one: Asked, within: timedelta) -> bool:
    return one.state == "done" and one.closed_at is not None and one.closed_at - one.opened_at <= within


def _clock(asked: Iterable[Asked]) -> Times:
    return _times((one.touched_at - one.opened_at).total_seconds() for one in asked if one.touched_at is not None)


def _working(asked: Iterable[Asked], hours: Callable[[str], Hours]) -> Times:
    return _times(
        worked(hours(one.assignee), one.opened_at, one.touched_at).total_seconds()
        for one in asked
        if one.touched_at is not None
    )
