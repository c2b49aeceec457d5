"""When what somebody has open is to move because they are away for longer, or gone."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from services.playbooks.core.directory import Csm, WhenAbsent
from services.playbooks.core.workinghours import add
from shared.messages.actions import SEVERITIES, Severity

_URGENT: Final = SEVERITIES.index("high")


class Leave(NamedTuple):
    """Somebody is not there, or will not be, for so long that their work moves."""

    at: datetime
    """When it moves, or moved."""
    until: date | None
    """Their last day away; None is gone."""


def leave_of(csm: Csm, absence: WhenAbsent, severity: Severity, now: datetime) -> Leave | None:
    """The first that isn't over by now and moves work of this severity; it may be still to come."""
    return min(_leaves(csm, absence, severity, now), default=None, key=lambda one: one.at)


def moves_at(csm: Csm, absence: WhenAbsent, severity: Severity, now: datetime) -> datetime | None:
    """When work of this severity is to move next, after now; None is not as far as is known."""
    return min((one.at for one in _leaves(csm, absence, severity, now) if one.at > now), default=None)


def changes_at(csm: Csm, absence: WhenAbsent, now: datetime) -> datetime | None:
    """When work of theirs, of any severity, is to move next, at the earliest now; None is not as far as is known."""
    if csm.left is None and not csm.away:
        return None
    leaves = (leave_of(csm, absence, severity, now) for severity in ("medium", "high"))
    return min((max(one.at, now) for one in leaves if one is not None), default=None)


def _leaves(csm: Csm, absence: WhenAbsent, severity: Severity, now: datetime) -> Iterator[Leave]:
    after = absence.urgent_after if SEVERITIES.index(severity) >= _URGENT else absence.after
    if csm.left is not None:
        yield Leave(csm.midnight(csm.left), None)
    for first, last in _absences(csm):
        back, at = csm.midnight(last + timedelta(days=1)), add(csm.hours, csm.midnight(first), after)
        if now < back and at < back:
            yield Leave(at, last)


def _absences(csm: Csm) -> Iterator[tuple[date, date]]:
    """The first and the last day of each; those that follow on one another are one."""
    first = last = None
    for one in sorted(csm.away, key=lambda absence: absence.first):
        if first is not None and last is not None and one.first <= last + timedelta(days=1):
            last = max(last, one.last)
            continue
        if first is not None and last is not None:
            yield first, last
        first, last = one.first, one.last
    if first is not None and last is not None:
        yield first, last
