"""How scores went on after playbooks fired, and beside them those of accounts that nobody touched, by recorded days.

Of more firings, and of more accounts, than can be looked at in a second, some are taken by chance, the same each time.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import CTE, ColumnElement, Date, Integer, case, cast, exists, func, literal, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncConnection

from services.playbooks import tables as t
from services.playbooks.core.effect import AFTER, Course, Group, Others, State
from services.playbooks.outcomes.figures import Span

MOST_FIRINGS: Final = 2_000
MOST_OTHERS: Final = 500
_DAY: Final = timedelta(days=1)
_QUARTER: Final = timedelta(days=90)
_a, _d, _f, _o, _s = t.accounts.c, t.days.c, t.firings.c, t.outcomes.c, t.sendings.c


class Followed(NamedTuple):
    """Firings of one playbook after which somebody did something, or something was sent, and how scores went on."""

    courses: list[Course]
    waiting: int
    """How many have yet to come so far."""
    of: int
    """How many there are: of more than some thousands, some are looked at."""


def _day(instant: ColumnElement[Any]) -> ColumnElement[date]:
    return cast(func.timezone("UTC", instant), Date)


def _score_on(account: ColumnElement[str], day: ColumnElement[Any]) -> ColumnElement[int | None]:
    """An account's score at the end of a day that is over; if that day is missing, of the last before it."""
    last = select(_d.score).where(_d.account_id == account, _d.day <= day).order_by(_d.day.desc()).limit(1)
    now = select(_a.score).where(_a.account_id == account, _a.day <= day)
    since = exists().where(_a.account_id == account, _a.day <= day)
    return case((since, now.scalar_subquery()), else_=last.scalar_subquery())


def _acted_on(playbook: str, span: Span, after: int) -> list[ColumnElement[bool]]:
    """The firings of which the score was known and something came: from people within these days, or sent."""
    sent = exists().where(_s.episode_id == _f.episode_id)
    touched = _f.touched_at < _f.fired_at + timedelta(days=after)
    mine = [_f.playbook == playbook, span.holds(_f.fired_at), ~_f.shadow, ~_f.held_out, _f.score.is_not(None)]
    return [*mine, touched | sent]


def _chosen(playbook: str, span: Span, after: int, today: date) -> CTE:
    fired_on = _day(_f.fired_at)
    asked = select(_f.account_id, fired_on.label("day"), _f.score, _f.band, _f.stage)
    asked = asked.where(*_acted_on(playbook, span, after), fired_on + after < today)
    return asked.order_by(func.md5(_f.episode_id)).limit(MOST_FIRINGS).cte("chosen").prefix_with("MATERIALIZED")


async def followed(c: AsyncConnection, playbook: str, span: Span, after: int, today: date) -> Followed:
    """Those of one playbook, so many days after they fired."""
    is_over = _day(_f.fired_at) + after < today
    counted = select(func.count().filter(is_over), func.count().filter(~is_over))
    of, waiting = (await c.execute(counted.where(*_acted_on(playbook, span, after)))).one()
    chosen = _chosen(playbook, span, after, today)
    score = _score_on(chosen.c.account_id, chosen.c.day + after).label("after")
    rows = await c.execute(select(chosen.c.day, chosen.c.band, chosen.c.stage, chosen.c.score, score))
    return Followed([Course(State(row.day, row.band, row.stage), row.score, row.after) for row in rows], waiting, of)


async def untouched(c: AsyncConnection, playbook: str, span: Span, after: int, today: date) -> list[Others]:
    """Accounts in the states that these firings met, of which nobody touched anything in the days after, and for which
    the playbook did nothing."""
    chosen = _chosen(playbook, span, after, today)
    states = select(chosen.c.day, chosen.c.band, chosen.c.stage).distinct().cte("states")
    some = select(_a.account_id).order_by(func.md5(_a.account_id)).limit(MOST_OTHERS).cte("some")
    first, last = _day(literal(span.since)), _day(literal(span.until)) + after
    stood = select(_d.account_id, _d.day, _d.score, _d.band, _d.stage).where(
        _d.account_id.in_(select(some.c.account_id))
    )
    stands = select(_a.account_id, _a.day, _a.score, _a.band, _a.stage).where(
        _a.account_id.in_(select(some.c.account_id)), _a.day.is_not(None)
    )
    rows = stood.union_all(stands).subquery("rows")
    until = func.lead(rows.c.day).over(partition_by=rows.c.account_id, order_by=rows.c.day)
    spans = select(*rows.c, until.label("until")).subquery("spans")
    ends = func.least(func.coalesce(spans.c.until - 1, last), last)
    each = cast(func.generate_series(func.greatest(spans.c.day, first), ends, _DAY), Date).label("day")
    by_day = select(spans.c.account_id, each, spans.c.score, spans.c.band, spans.c.stage)
    known = by_day.where(spans.c.score.is_not(None)).cte("by_day").prefix_with("MATERIALIZED")
    then, later = known.alias("then"), known.alias("later")
    within = (_f.account_id == then.c.account_id, func.timezone("UTC", _f.touched_at) >= then.c.day)
    touched = exists().where(*within, func.timezone("UTC", _f.touched_at) < then.c.day + after + 1)
    reached = exists().where(
        *(_f.account_id == then.c.account_id, _f.playbook == playbook, ~_f.shadow, ~_f.held_out),
        *(func.timezone("UTC", _f.fired_at) >= then.c.day, func.timezone("UTC", _f.fired_at) < then.c.day + after + 1),
    )
    points = cast(func.div(then.c.score + 50, 100), Integer)
    key = (then.c.day, then.c.band, func.coalesce(then.c.stage, ""), points)
    asked = (
        select(*key, func.count(), func.sum(later.c.score - then.c.score))
        .join_from(
            then,
            states,
            (states.c.day == then.c.day)
            & (states.c.band == then.c.band)
            & (states.c.stage == func.coalesce(then.c.stage, "")),
        )
        .join(later, (later.c.account_id == then.c.account_id) & (later.c.day == then.c.day + after))
        .where(~touched, ~reached)
        .group_by(*key)
    )
    rows_found = await c.execute(asked)
    return [
        Others(State(day, band, stage), points, number, int(moved))
        for day, band, stage, points, number, moved in rows_found
    ]


async def groups(c: AsyncConnection, playbook: str, span: Span, today: date, now: datetime) -> Mapping[bool, Group]:
    """The accounts of a playbook while it held out a share, by whether they are of it; each by its first firing."""
    first = (
        select(_f.account_id, _f.fired_at, _f.held_out, _f.score)
        .ext(distinct_on(_f.account_id))
        .where(_f.playbook == playbook, span.holds(_f.fired_at), ~_f.shadow, _f.holdout > 0)
        .order_by(_f.account_id, _f.fired_at)
        .subquery("first")
    )
    one = first.c
    here = (_o.account_id == one.account_id, _o.stands)
    left = exists().where(*here, _o.kind == "left", _o.at >= one.fired_at, _o.at < one.fired_at + _QUARTER)
    soon = (_o.due_at >= one.fired_at, _o.at >= one.fired_at, _o.at < one.fired_at + 2 * _QUARTER)
    renewed = exists().where(*here, _o.kind == "renewed", *soon)
    lost = exists().where(*here, _o.kind == "left", _o.at >= one.fired_at, _o.at < one.fired_at + 2 * _QUARTER)
    after = [_score_on(one.account_id, _day(one.fired_at) + days).label(f"after_{days}") for days in AFTER]
    asked = select(
        *(one.held_out, one.score, _day(one.fired_at).label("day"), (one.fired_at + _QUARTER <= now).label("through")),
        *(left.label("left"), renewed.label("renewed"), lost.label("lost"), *after),
    )
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
