"""How an account's days are recorded as it goes: whoever looks at it first on a later day closes the one before."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any, NamedTuple

import msgspec

from services.playbooks.core.days import GONE, QUIET, Before, Past, is_other
from services.playbooks.core.standing import Standing, stage
from shared.messages.assessments import Band


class DayEnded(NamedTuple):
    """A day of an account on which something changed; it is over."""

    account_id: str
    day: date
    record: Before
    score: int | None
    """In hundredths, at the day's end, as are band and stage."""
    band: Band
    stage: str | None


def turned(stands: Standing, at: datetime, *, anew: bool = False) -> tuple[Standing, DayEnded | None]:
    """The same at that instant; where a later day has begun, with the row of the last one, if that says anything.

    `anew`: the clock ran ahead, and what is noted as later than now has just happened.
    """
    today = at.astimezone(UTC).date()
    if stands.day is None:
        return msgspec.structs.replace(stands, day=today, before=Before(first=True)), None
    if today <= stands.day:
        return (msgspec.structs.replace(stands, day=today) if anew and today < stands.day else stands), None
    kept = DayEnded(stands.account, stands.day, stands.before, stands.score, stands.band, stage(stands))
    return msgspec.structs.replace(stands, day=today, before=Before()), kept if stands.before.says else None


def noted(before: Standing | None, after: Standing, others: Iterable[str]) -> Standing:
    """How an account stands after an assessment, with what was so before the day; `others` are the facts that it
    changed. `before` has its day already."""
    if before is None:
        return turned(after, after.at)[0]
    record = before.before
    if record.first:
        return msgspec.structs.replace(after, day=before.day, before=record)
    was = dict(record.was)
    for name in (*others, GONE, QUIET):
        then, now = _told(before, name), _told(after, name)
        if name not in was:
            if is_other(now, then):
                was[name] = then
        elif not is_other(now, was[name]):
            del was[name]
    return msgspec.structs.replace(after, day=before.day, before=Before(was))


def recorded(stands: Standing) -> dict[str, Any]:
    """What is recorded of how an account stands: its facts, whether an import is open, and why it has gone."""
    more = {name: _told(stands, name) for name in (GONE, QUIET)}
    return {**stands.facts, **{name: value for name, value in more.items() if value is not None}}


def _told(stands: Standing, name: str) -> Any:
    if name == GONE:
        return stands.gone
    return (stands.quiet or None) if name == QUIET else stands.facts.get(name)


def past_of(stands: Standing, rows: Iterable[tuple[date, Before]]) -> Past:
    """What is known of an account's days; the rows come newest first."""
    day = stands.day or stands.at.astimezone(UTC).date()
    before = stands.before if stands.day is not None else Before(first=True)
    return Past(stands.account, recorded(stands), day, before, list(rows))
