"""What the ledger and daily health say of the past: how scores came to be what they are; and how long both are kept."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    Table,
    Text,
    and_,
    bindparam,
    cast,
    column,
    exists,
    func,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring import tables as t
from services.scoring.core.book import Books, Ends
from services.scoring.core.explain import Step
from shared.messages.assessments import Driver
from shared.pg import bulk
from shared.pg.retention import Term, forgetting, is_past, term

LEDGER_DAYS: Final = 400
HEALTH_DAYS: Final = 730
NEWEST: Final = 2**62
"""Before which rev the ledger is read from its newest entry."""
Book = Literal["owner", "segment", "plan", "stage"]
"""By which accounts are looked at together."""
_a, _l, _h = t.accounts.c, t.assessments.c, t.health_days.c


async def rows(c: AsyncConnection, id: str, before: int, most: int, moves: bool = False) -> Sequence[dict[str, Any]]:
    """The ledger before a rev, newest first; with `moves`, only what changed the score or the band."""
    query = select(t.assessments).where(_l.account_id == id, _l.rev < before).order_by(_l.rev.desc()).limit(most)
    if moves:
        query = query.where(or_(_l.score.is_distinct_from(_l.previous_score), _l.band != _l.previous_band))
    return [row._asdict() for row in await c.execute(query)]


async def steps(c: AsyncConnection, id: str, since: datetime, until: datetime) -> tuple[int | None, list[Step], str]:
    """The score at an instant; what the ledger has of how it came to that of another, oldest first; why there is none.

    The order is the ledger's own, whatever the clocks of its writers said.
    """
    start, end = (
        select(_l.rev, _l.at, _l.score, _l.reason)
        .where(_l.account_id == id, _l.at <= at)
        .order_by(_l.rev.desc())
        .limit(1)
        for at in (since, until)
    )
    before = (await c.execute(start)).one_or_none()
    after = (await c.execute(end)).one_or_none()
    between = _l.rev > (before.rev if before else 0), _l.rev <= (after.rev if after else 0)
    query = select(_l.at, _l.score, _l.drivers, _l.reason).where(_l.account_id == id, *between).order_by(_l.rev)
    rows = await c.execute(query.where(_l.score.is_distinct_from(_l.previous_score)))
    found = [Step(at, score, msgspec.convert(drivers, list[Driver]), reason) for at, score, drivers, reason in rows]
    return before.score if before else None, found, "" if after is None else after.reason


async def books(c: AsyncConnection, by: Book | None, since: datetime, until: datetime) -> Books:
    """Every account's score and group at two instants, and what moved those that stayed in their group.

    Both ends are told by the ledger, and the drivers between its very rows: what is written meanwhile is no part of it.
    """
    then, now = (_last_by(by, at).lateral(name) for at, name in ((since, "then"), (until, "now")))
    left = _a.gone | (_a.churned_at <= until)
    query = (
        select(
            *(_a.id, _a.name, then.c.score, then.c.group, now.c.score, now.c.group),
            func.coalesce(left, literal(False)),
            *(then.c.rev, now.c.rev),
        )
        .select_from(t.accounts.join(now, true()).outerjoin(then, true()))
        .where(_a.excluded.is_(None), or_(then.c.score.is_not(None), now.c.score.is_not(None)))
        .order_by(_a.id)
    )
    found, revs = Books(), dict[str, tuple[int, int]]()
    async for *ends, before, after in await c.stream(query):
        if found.add(Ends(*ends)):
            revs[ends[0]] = before, after
    rows = [(id, group, *revs[id]) for id, group in found.moved]
    for place in range(0, len(rows), _CHUNK_OF_DRIVERS):
        part = bulk.arrays(_STRETCH, rows[place : place + _CHUNK_OF_DRIVERS])
        for group, *moved in await c.execute(_DRIVERS, part):
            found.add_drivers(group, *moved)
    return found


def _last_by(by: Book | None, at: datetime) -> Select[Any]:
    """An account's last row of the ledger at an instant."""
    group = literal("") if by is None else func.coalesce(_l[by], "")
    query = select(_l.rev, _l.score, group.label("group"))
    return query.where(_l.account_id == _a.id, _l.at <= at).order_by(_l.rev.desc()).limit(1)


_CHUNK_OF_DRIVERS: Final = 5000
_STRETCH: Final = ("account_id", "group", "after", "through")
_stretch = bulk.given(_l.account_id, column("group", Text), column("after", BigInteger), column("through", BigInteger))
_driver = func.jsonb_array_elements(_l.drivers).table_valued(column("value", JSONB)).lateral("driver")
_kind, _name = _driver.c.value["kind"].astext, _driver.c.value["name"].astext
_points = cast(_driver.c.value["points"].astext, Integer)
# By account first: counting them is cheap then, and nothing is sorted.
_by_account = (
    select(_stretch.c.group, _kind.label("kind"), _name.label("name"), func.sum(_points).label("points"))
    .select_from(_stretch)
    .join(
        t.assessments,
        and_(_l.account_id == _stretch.c.account_id, _l.rev > _stretch.c.after, _l.rev <= _stretch.c.through),
    )
    .join(_driver, true())
    .group_by(_stretch.c.group, _stretch.c.account_id, _kind, _name)
    .subquery()
)
_what = _by_account.c.group, _by_account.c.kind, _by_account.c.name
_DRIVERS: Final = select(*_what, cast(func.sum(_by_account.c.points), BigInteger), func.count()).group_by(*_what)

_day = bulk.given(_h.day)
_STOOD = (
    select(_h.score, _h.band, _h.coverage)
    .where(_h.account_id == bindparam("account"), _h.day <= _day.c.day)
    .order_by(_h.day.desc())
    .limit(1)
    .lateral("stood")
)
_DAYS = select(_day.c.day, *_STOOD.c).join(_STOOD, true()).order_by(_day.c.day.desc())


async def days(c: AsyncConnection, id: str, first: date, last: date, most: int) -> Sequence[dict[str, Any]]:
    """How an account stood at the end of each day, newest first; days before it was known are left out."""
    asked = [last - timedelta(days=back) for back in range(min(most, (last - first).days + 1))]
    return [row._asdict() for row in await c.execute(_DAYS, {"account": id, "given_day": asked})]


def _outlived(table: Table, when: ColumnElement[Any], place: ColumnElement[Any], kept: int) -> Term:
    """What is so many days old, but the last row of each account before then, which says how it stood then."""
    later = table.alias()
    is_outlived = exists().where(
        later.c.account_id == table.c.account_id, later.c[place.name] > place, is_past(later.c[when.name])
    )
    return term(table, when, timedelta(days=kept), is_outlived)


forget = forgetting(
    _outlived(t.assessments, _l.at, _l.rev, LEDGER_DAYS), _outlived(t.health_days, _h.day, _h.day, HEALTH_DAYS)
)
"""Forgets the ledger after 400 days and daily health after 730."""
