"""How scores went on after playbooks fired, and beside them those of accounts that nobody touched, by recorded days.

Of more firings, and of more accounts, than can be looked at in a second, some are taken by chance, the same each time.
"""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Date, case, cast, exists, func, or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncConnection

from services.playbooks import tables as t
from services.playbooks.core.comparing import AFTER, Course, Day, Group, Life, State
from services.playbooks.outcomes.figures import Span

MOST_FIRINGS: Final = 500
MOST_OTHERS: Final = 200
MOST_ACCOUNTS: Final = 2_000
"""Of each group."""
_SOON: Final = timedelta(days=AFTER[0])
_QUARTER: Final = timedelta(days=90)
_a, _d, _f, _o, _s = t.accounts.c, t.days.c, t.firings.c, t.outcomes.c, t.sendings.c
_fired_on: Final = cast(func.timezone("UTC", _f.fired_at), Date)


class Followed(NamedTuple):
    """Firings of one playbook after which somebody did something soon, or something was sent, and how scores went on;
    by days after."""

    courses: Mapping[int, list[Course]]
    waiting: Mapping[int, int]
    """How many have yet to come so far."""
    of: Mapping[int, int]
    """How many there are: of more than 500, so many are looked at."""


def _score_on(account: ColumnElement[str], day: ColumnElement[Any]) -> ColumnElement[int | None]:
    """An account's score at the end of a day that is over; if that day is missing, of the last before it."""
    last = select(_d.score).where(_d.account_id == account, _d.day <= day).order_by(_d.day.desc()).limit(1)
    return case((_a.day <= day, _a.score), else_=last.scalar_subquery())


def _acted_on(playbook: str, span: Span) -> list[ColumnElement[bool]]:
    """The firings of which the score was known and something came: from people within a month, or sent."""
    sent = _f.episode_id.in_(select(_s.episode_id).where(_s.playbook == playbook))
    mine = [_f.playbook == playbook, span.holds(_f.fired_at), ~_f.shadow, ~_f.held_out, _f.score.is_not(None)]
    return [*mine, or_(_f.touched_at < _f.fired_at + _SOON, sent)]


async def followed(c: AsyncConnection, playbook: str, span: Span, today: date) -> Followed:
    """Those of one playbook."""
    acted = _acted_on(playbook, span)
    over = [func.count().filter(_fired_on + days < today) for days in AFTER]
    whole, *numbers = (await c.execute(select(func.count(), *over).where(*acted))).one()
    of = dict(zip(AFTER, numbers, strict=True))
    chosen = (
        select(_f.account_id, _fired_on.label("day"), _f.score, _f.band, _f.stage)
        .where(*acted, _fired_on + AFTER[0] < today)
        .order_by(func.md5(_f.episode_id))
        .limit(MOST_FIRINGS)
        .subquery("chosen")
    )
    after = [_score_on(chosen.c.account_id, chosen.c.day + days) for days in AFTER]
    asked = select(chosen.c.day, chosen.c.band, chosen.c.stage, chosen.c.score, *after)
    courses: dict[int, list[Course]] = {days: [] for days in AFTER}
    for day, band, stage, score, *later in await c.execute(
        asked.join_from(chosen, t.accounts, _a.account_id == chosen.c.account_id)
    ):
        for days, then in zip(AFTER, later, strict=True):
            if day + timedelta(days=days) < today:
                courses[days].append(Course(State(day, band, stage), score, then))
    return Followed(courses, {days: whole - number for days, number in of.items()}, of)


async def untouched(c: AsyncConnection, playbook: str) -> list[Life]:
    """Some accounts, with the days on which somebody touched something there, or the playbook did something for it."""
    some = select(_a.account_id).order_by(func.md5(_a.account_id)).limit(MOST_OTHERS)
    ids = list((await c.execute(some)).scalars())
    busy = defaultdict[str, list[date]](list)
    asked = select(_f.account_id, _f.touched_at, _f.fired_at, _f.playbook, _f.shadow, _f.held_out)
    for row in await c.execute(asked.where(_f.account_id.in_(ids))):
        if row.touched_at is not None:
            busy[row.account_id].append(row.touched_at.date())
        if row.playbook == playbook and not row.shadow and not row.held_out:
            busy[row.account_id].append(row.fired_at.date())
    stood = select(_d.account_id, _d.day, _d.score, _d.band, _d.stage).where(_d.account_id.in_(ids))
    stands = select(_a.account_id, _a.day, _a.score, _a.band, _a.stage).where(
        _a.account_id.in_(ids), _a.day.is_not(None)
    )
    days = defaultdict[str, list[Day]](list)
    for account, day, score, band, stage in await c.execute(stood.union_all(stands)):
        days[account].append(Day(day, score, band, stage or ""))
    return [Life(sorted(each, key=lambda one: one.day), busy[account]) for account, each in days.items()]


async def groups(c: AsyncConnection, playbook: str, span: Span, today: date, now: datetime) -> Mapping[bool, Group]:
    """The accounts of a playbook while it held out a share, by whether they are of it; each by its first firing."""
    first = (
        select(_f.account_id, _f.fired_at, _f.held_out, _f.score)
        .ext(distinct_on(_f.account_id))
        .where(_f.playbook == playbook, span.holds(_f.fired_at), ~_f.shadow, _f.holdout > 0)
        .order_by(_f.account_id, _f.fired_at)
        .subquery("first")
    )
    place = func.row_number().over(partition_by=first.c.held_out, order_by=func.md5(first.c.account_id))
    one = select(*first.c, place.label("place")).subquery("one").c
    here = (_o.account_id == one.account_id, _o.stands, _o.at >= one.fired_at)
    left, long = _o.kind == "left", _o.at < one.fired_at + 2 * _QUARTER
    day = cast(func.timezone("UTC", one.fired_at), Date)
    asked = select(
        *(one.held_out, one.score, day.label("day"), (one.fired_at + _QUARTER <= now).label("through")),
        exists().where(*here, left, _o.at < one.fired_at + _QUARTER).label("left"),
        exists().where(*here, left, long).label("lost"),
        exists().where(*here, _o.kind == "renewed", long, _o.due_at >= one.fired_at).label("renewed"),
        *(_score_on(one.account_id, day + days).label(f"after_{days}") for days in AFTER),
    )
    asked = asked.join(t.accounts, _a.account_id == one.account_id).where(one.place <= MOST_ACCOUNTS)
    rows = list(await c.execute(asked))
    return {held: _group([row for row in rows if row.held_out is held], today) for held in (False, True)}


def _group(rows: list[Any], today: date) -> Group:
    def is_over(row: Any, days: int) -> bool:
        return bool(row.day + timedelta(days=days) < today)

    def moved(days: int) -> list[int]:
        known = ((row.score, getattr(row, f"after_{days}")) for row in rows if is_over(row, days))
        return [later - score for score, later in known if score is not None and later is not None]

    through = [row for row in rows if row.through]
    return Group(
        accounts=len(rows),
        moved={days: moved(days) for days in AFTER},
        waiting={days: sum(not is_over(row, days) for row in rows) for days in AFTER},
        left=sum(row.left for row in through),
        through=len(through),
        renewed=sum(row.renewed for row in rows),
        due=sum(row.renewed or row.lost for row in rows),
    )
