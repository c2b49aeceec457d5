"""Digests: whose are due, taken by one worker each, and what they tell, read over all partitions.

Everybody has a row for their day and one for their week. Whichever partition comes first takes some that are due and
locks them; others pass over these. So a digest is made once, in the transaction in which its row moves on.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import DateTime, Select, Text, and_, bindparam, column, func, or_, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from services.playbooks import tables as t
from services.playbooks.core.digests import MOST, Asked, Held, Load, Seen, digest, led, owners
from services.playbooks.core.directory import Directory
from services.playbooks.core.item import Item
from services.playbooks.core.rules import Rules
from services.playbooks.core.standing import Standing, renews_at
from services.playbooks.core.turns import KINDS, Turn, first_turn, mark_of, replanned, taken
from shared.messages.actions import ActionRequested
from shared.messages.digests import Handed
from shared.pg import bulk
from shared.pg.bulk import one_of, word
from shared.worker import timers

KEY: Final = "digests"
"""The timer, one in each partition."""
AT_ONCE: Final = 50
"""Digests that are made in one transaction."""
_FAR: Final = timedelta(days=8)
"""Nobody's turn is further ahead, unless a clock ran ahead when it was set."""
_MOST_CLOSED: Final = 100
_a, _i, _m, _d = t.accounts.c, t.items.c, t.moved.c, t.digests.c
_Time: Final = DateTime(timezone=True)
_NOW: Final = bindparam("now", type_=_Time)

_KNOWN: Final = select(*(_d[name] for name in Turn._fields))
_LOCK_ALL: Final = _KNOWN.order_by(_d.csm_id, _d.kind).with_for_update()
_SAVE: Final = bulk.Insert(
    t.digests,
    Turn._fields,
    update=[name for name in Turn._fields if name not in ("csm_id", "kind")],
)
_UNWANTED: Final = bulk.Delete(t.digests, ("csm_id", "kind"))
_TAKE: Final = (
    _KNOWN.where(or_(_d.due_at <= _NOW, _d.due_at > bindparam("far", type_=_Time)))
    .order_by(_d.due_at, _d.csm_id, _d.kind)
    .limit(AT_ONCE)
    .with_for_update(skip_locked=True)
)
_NEXT: Final = select(func.min(_d.due_at))

# One row for each digest that is made: what is to be done until when, and since when things are new.
_asked: Final = bulk.given(
    *(column("of", Text()), column("csm", Text())),
    *(column(name, _Time) for name in ("at", "until", "since")),
    name="asked",
)
_MINE: Final = _i.assignee == _asked.c.csm
_ITEM: Final = tuple(_i[name] for name in Item._fields)
_number: Final = func.count().over().label("number")


def _items(rows: Select[Any], most: int, name: str) -> Select[Any]:
    """The first items of each, how many there are, and how their accounts stand."""
    some = rows.limit(most).lateral(name)
    mine = select(_asked.c.of, *some.c, _a.standing).join_from(_asked, some, true())
    return mine.join(t.accounts, _a.account_id == some.c.account_id)


_TO_DO: Final = and_(_i.kind == word("task"), one_of(_i.state, ("open", "taken")))
_late: Final = func.count().filter(_i.due_at < _asked.c.at).over().label("late")
_TODAY: Final = _items(
    select(*_ITEM, _number, _late).where(_MINE, _TO_DO, _i.due_at < _asked.c.until).order_by(_i.due_at, _i.id),
    MOST["today"],
    "today",
)
_ALERTS: Final = _items(
    select(*_ITEM, _number)
    .where(_MINE, _i.kind == word("alert"), one_of(_i.state, ("open",)), _i.opened_at >= _asked.c.since)
    .order_by(_i.opened_at.desc(), _i.id),
    4 * MOST["alert"],
    "alerts",
)
_CLOSED: Final = _items(
    select(*_ITEM, _number).where(_MINE, _i.closed_at >= _asked.c.since).order_by(_i.closed_at.desc(), _i.id),
    _MOST_CLOSED,
    "closed",
)
_HANDED: Final = (
    select(_asked.c.of, _m.whose, _m.why, func.count().label("number"))
    .join_from(_asked, t.moved, and_(_m.to == _asked.c.csm, _m.at >= _asked.c.since))
    .group_by(_asked.c.of, _m.whose, _m.why)
    .order_by(func.count().desc(), _m.whose)
)

# One row for each name by which accounts call the owner of a digest.
_owned: Final = bulk.given(
    *(column("of", Text()), column("owner", Text())),
    *(column(name, _Time) for name in ("at", "since", "ahead")),
    name="owned",
)
_NOT_MUTED: Final = or_(_a.muted_until.is_(None), _a.muted_until <= _owned.c.at)


def _accounts(rows: Select[Any], most: int, name: str) -> Select[Any]:
    some = rows.limit(most).lateral(name)
    return select(_owned.c.of, _owned.c.owner, some.c.standing, some.c.number).join_from(_owned, some, true())


_OWN: Final = _a.owner == _owned.c.owner
_TURNED: Final = _accounts(
    select(_a.standing, _number)
    .where(_OWN, _a.turned_at >= _owned.c.since, _a.turned_from != _a.band, _NOT_MUTED)
    .order_by((_a.band == word("red")).desc(), _a.mrr_minor.desc().nulls_last(), _a.account_id),
    MOST["turned"],
    "turned",
)
_RENEWALS: Final = _accounts(
    select(_a.standing, _number)
    .where(_OWN, _a.renews_at >= _owned.c.at, _a.renews_at < _owned.c.ahead)
    .order_by(_a.renews_at, _a.account_id),
    MOST["renewal"],
    "renewals",
)
_WORST: Final = _accounts(
    select(_a.standing, _number)
    .where(_OWN, _a.band == word("red"))
    .order_by(_a.mrr_minor.desc().nulls_last(), _a.account_id),
    MOST["worst"],
    "worst",
)
_WRITTEN: Final = select(t.books.c.owner).distinct()
_LOADS: Final = (
    select(
        _i.assignee,
        func.count().filter(_TO_DO).label("tasks"),
        func.count().filter(_TO_DO & (_i.due_at < _NOW)).label("overdue"),
        func.count().filter(and_(_i.kind == word("alert"), _i.state == word("open"))).label("unseen"),
    )
    .where(
        bulk.among(_i.assignee, "people"), one_of(_i.state, ("accepted", "acknowledged", "open", "snoozed", "taken"))
    )
    .group_by(_i.assignee)
)


async def plan(c: AsyncConnection, partition: int, people: Directory, now: datetime) -> None:
    """Keep a turn for everybody in the directory who wants a digest, and have this partition look when the first of
    them comes."""
    # All partitions plan for one another: what one has planned, the next finds.
    await c.execute(select(func.pg_advisory_xact_lock(func.hashtext("keepwell playbooks digests"))))
    known = {(row.csm_id, row.kind): Turn(*row) for row in await c.execute(_LOCK_ALL)}
    marks = {one.id: mark_of(one) for one in people.csms}
    others = [
        (one, kind, turn)
        for one in people.csms
        for kind in KINDS
        if (turn := known.get((one.id, kind))) is None or turn.by != marks[one.id]
    ]
    turns = [first_turn(one, kind, now) if turn is None else replanned(turn, one, now) for one, kind, turn in others]
    await _SAVE(c, [turn for turn in turns if turn is not None])
    unwanted = [(one.id, kind) for (one, kind, turn), then in zip(others, turns, strict=True) if turn and not then]
    await _UNWANTED(c, [*unwanted, *(key for key in known if key[0] not in marks)])
    await timers.set_earlier(c, partition, await next_look(c, now))


async def next_look(c: AsyncConnection, now: datetime) -> dict[str, datetime]:
    """When a partition is to look again, as a timer."""
    first = (await c.execute(_NEXT)).scalar_one()
    # What somebody else has at hand is done by then.
    return {} if first is None else {KEY: max(first, now + timedelta(seconds=1))}


async def make(c: AsyncConnection, rules: Rules, now: datetime) -> list[ActionRequested]:
    """Make some of the digests that are due and nobody else makes, and let their turns move on."""
    rows = (await c.execute(_TAKE, {"now": now, "far": now + _FAR})).all()
    asked, after, gone = list[Asked](), list[Turn](), list[tuple[str, str]]()
    for turn in (Turn(*row) for row in rows):
        csm = rules.directory.find(turn.csm_id)
        made, then = taken(turn, csm, now) if csm is not None else (None, None)
        if csm is not None and made is not None:
            asked.append(Asked(csm, turn.kind, made))
        if then is not None:
            after.append(then)
        else:
            gone.append((turn.csm_id, turn.kind))
    await _SAVE(c, after)
    await _UNWANTED(c, gone)
    return await _made(c, asked, rules) if asked else []


async def _made(c: AsyncConnection, asked: Sequence[Asked], rules: Rules) -> list[ActionRequested]:
    directory = rules.directory
    written = owners(list((await c.execute(_WRITTEN)).scalars()), directory)
    under, now = led(directory), max(one.made.at for one in asked)
    teams = {one.key: [csm.id for csm in under[one.csm.id]] for one in asked if one.csm.id in under}
    seen = await _seen(c, asked, written)
    await _see_worst(c, seen, teams, written, now)
    loads = await _loads(c, {id for ids in teams.values() for id in ids}, now)
    told = []
    for one in asked:
        team = {id: loads.get(id, Load()) for id in teams.get(one.key, ())}
        message = digest(one, seen[one.key], team, directory, rules.declared.rates)
        if message is not None:
            told.append(message)
    return told


async def _seen(c: AsyncConnection, asked: Sequence[Asked], written: Mapping[str, list[str]]) -> dict[str, Seen]:
    seen = {one.key: Seen() for one in asked}
    rows = [(one.key, one.csm.id, one.made.at, one.until, one.made.since) for one in asked]
    given = bulk.arrays(("of", "csm", "at", "until", "since"), rows, "asked")
    for row in await c.execute(_TODAY, given):
        of = seen[row.of]
        of.today.append(_held(row))
        of.numbers["today"], of.overdue = row.number, row.late
    for row in await c.execute(_ALERTS, given):
        seen[row.of].alerts.append(_held(row))
        seen[row.of].numbers["alert"] = row.number
    for row in await c.execute(_CLOSED, given):
        seen[row.of].closed.append(_held(row))
    for row in await c.execute(_HANDED, given):
        seen[row.of].handed.append(Handed(whose=row.whose, why=row.why, number=row.number))
    names = [(one.key, name, one.made, one.ahead) for one in asked for name in written.get(one.csm.id, ())]
    if not names:
        return seen
    owned = _owned_by([(key, name, made.at, made.since, ahead) for key, name, made, ahead in names])
    for key, (turned, number) in _by_key(await c.execute(_TURNED, owned)).items():
        seen[key].turned, seen[key].numbers["turned"] = turned, number
    for key, (renewals, number) in _by_key(await c.execute(_RENEWALS, owned)).items():
        # By several names, they come name by name.
        seen[key].renewals = sorted(renewals, key=lambda one: str(renews_at(one)))
        seen[key].numbers["renewal"] = number
    return seen


async def _see_worst(
    c: AsyncConnection,
    seen: Mapping[str, Seen],
    teams: Mapping[str, list[str]],
    written: Mapping[str, list[str]],
    now: datetime,
) -> None:
    """The red accounts of people's teams, by what they are worth."""
    names = {key: [name for id in ids for name in written.get(id, ())] for key, ids in teams.items()}
    asked = sorted({name for some in names.values() for name in some})
    if not asked:
        return
    owned = _owned_by([(name, name, now, now, now) for name in asked])
    worst = _by_key(await c.execute(_WORST, owned))
    for key, some in names.items():
        found = [worst[name] for name in some if name in worst]
        seen[key].worst = [one for standings, _ in found for one in standings]
        seen[key].numbers["worst"] = sum(number for _, number in found)


def _owned_by(rows: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    return dict(bulk.arrays(("of", "owner", "at", "since", "ahead"), rows, "owned"))


def _by_key(rows: Iterable[Any]) -> dict[str, tuple[list[Standing], int]]:
    """Whose accounts these are, and how many there are by all their names."""
    found, numbers = defaultdict[str, list[Standing]](list), defaultdict[str, dict[str, int]](dict)
    for row in rows:
        found[row.of].append(row.standing)
        numbers[row.of][row.owner] = row.number
    return {key: (standings, sum(numbers[key].values())) for key, standings in found.items()}


def _held(row: Any) -> Held:
    return Held(Item(*(getattr(row, name) for name in Item._fields)), row.standing)


async def _loads(c: AsyncConnection, people: Iterable[str], now: datetime) -> dict[str, Load]:
    ids = sorted(people)
    rows = await c.execute(_LOADS, {"people": ids, "now": now}) if ids else ()
    return {row.assignee: Load(row.tasks, row.overdue, row.unseen) for row in rows}
