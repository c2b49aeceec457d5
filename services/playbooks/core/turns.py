"""When somebody's digests are due: the day's and the week's, each once, on days on which they work.

The week's comes in place of the day's where both would come at once. It comes on the next day on which they work where
they don't on its own; a day's that falls out is made up for by the next, which tells all since the last.
"""

import zlib
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Literal, NamedTuple, get_args
from zoneinfo import ZoneInfo

import msgspec

from services.playbooks.core.directory import Csm

Kind = Literal["day", "week"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
AHEAD: Final = timedelta(minutes=5)
"""So long before it is to be brought a digest is made, so that all are there in time."""
_ONE: Final = timedelta(days=1)
_WEEK: Final = timedelta(days=7)
_LATE: Final = timedelta(hours=2)
"""A digest that is to come late in the day may be late by so much."""
_HORIZON: Final = 400
_BACK: Final = {"day": timedelta(days=14), "week": timedelta(days=28)}
"""Nothing older is told as new."""


class Turn(NamedTuple):
    """Somebody's place in the order of digests; the table's columns are made of these fields."""

    csm_id: str
    kind: Kind
    done: date
    """The day of the last, in their own zone."""
    told_at: datetime | None
    due_at: datetime
    """When to make the next, or to look again."""
    by: int
    """The mark of what it was planned by."""


class Made(NamedTuple):
    """A digest that is to be made."""

    day: date
    at: datetime
    """When it is to be brought."""
    since: datetime
    """It tells what happened since."""


def at_work(csm: Csm, day: date) -> bool:
    """Do they work on that day?"""
    if day.weekday() not in csm.hours.days or day in csm.hours.holidays:
        return False
    is_away = any(one.first <= day <= one.last for one in csm.away)
    return not is_away and (csm.left is None or day < csm.left)


def digest_at(csm: Csm, kind: Kind, day: date) -> datetime | None:
    """When their digest of that day comes, if one does."""
    if not csm.is_reachable or not at_work(csm, day):
        return None
    week = _week_at(csm, day)
    if kind == "week":
        return week
    at = _at(csm, day, csm.daily) if csm.daily is not None else None
    return None if at == week else at


def first_turn(csm: Csm, kind: Kind, now: datetime) -> Turn | None:
    """Of somebody new: what is past by now has been."""
    today = csm.day(now)
    at = digest_at(csm, kind, today)
    done = today if at is not None and at <= now else today - _ONE
    return planned(Turn(csm.id, kind, done, None, now, 0), csm, now)


def planned(turn: Turn, csm: Csm, now: datetime) -> Turn | None:
    """The same with its next instant, which may be past; None where they want no digest of the kind."""
    if not csm.is_reachable or (csm.daily if turn.kind == "day" else csm.weekly) is None:
        return None
    # What is done is believed up to today alone: a clock may have run ahead. Of a day a digest has one id.
    done = min(turn.done, csm.day(now))
    days = (done + offset * _ONE for offset in range(1, _HORIZON))
    at = next((at for day in days if (at := digest_at(csm, turn.kind, day)) is not None), None)
    due_at = min(at - AHEAD, now + _WEEK) if at is not None else now + _WEEK
    return turn._replace(done=done, due_at=due_at, by=mark_of(csm))


def replanned(turn: Turn, csm: Csm, now: datetime) -> Turn | None:
    """The same for somebody who wants theirs otherwise since. What would have come today, had they wanted it so before,
    comes no more: the next tells of it."""
    today = csm.day(now)
    at = digest_at(csm, turn.kind, today)
    is_past = at is not None and at <= now < turn.due_at
    return planned(turn._replace(done=max(turn.done, today)) if is_past else turn, csm, now)


def mark_of(csm: Csm) -> int:
    """What their turns are planned by, as a small number: who has the same needs no other plan."""
    by = csm.is_reachable, csm.hours, csm.away, csm.left, csm.daily, csm.weekly
    return zlib.crc32(msgspec.msgpack.encode(by, order="deterministic"))


def taken(turn: Turn, csm: Csm, now: datetime) -> tuple[Made | None, Turn | None]:
    """What is to be made of a turn that has come, if anything, and the turn after it."""
    today = csm.day(now + AHEAD)
    done = turn.done if turn.done <= today else today - _ONE
    at = digest_at(csm, turn.kind, today)
    if at is None or done >= today or at - AHEAD > now:
        # Days that are over come no more.
        return None, planned(turn._replace(done=max(done, today - _ONE)), csm, now)
    after = planned(turn._replace(done=today, told_at=now), csm, max(now, at))
    if now > max(_ends(csm, today), at + _LATE):
        return None, after and after._replace(told_at=turn.told_at)
    earliest = now - _BACK[turn.kind]
    usual = now - (_ONE if turn.kind == "day" else _WEEK)
    since = turn.told_at if turn.told_at is not None and turn.told_at < now else usual
    return Made(today, max(at, now), max(since, earliest)), after


def _week_at(csm: Csm, day: date) -> datetime | None:
    """When the week's comes on that day: it is the first on which they work since the day of it."""
    if csm.weekly is None:
        return None
    weekday, hour = csm.weekly
    since = day - (day.weekday() - weekday) % 7 * _ONE
    is_first = not any(at_work(csm, since + offset * _ONE) for offset in range((day - since).days))
    return _at(csm, day, hour) if is_first else None


def _at(csm: Csm, day: date, hour: time) -> datetime:
    return datetime.combine(day, hour, ZoneInfo(csm.hours.time_zone)).astimezone(UTC)


def _ends(csm: Csm, day: date) -> datetime:
    """When their working day ends."""
    return _at(csm, day, csm.hours.of(day)[1])
