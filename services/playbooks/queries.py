"""What HTTP reads: lists, their details, what playbooks achieved; and what is forgotten."""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    Table,
    bindparam,
    delete,
    func,
    literal,
    select,
    tablesample,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from services.playbooks import tables as t
from services.playbooks.core.directory import Csm
from services.playbooks.core.item import OPEN
from services.playbooks.core.rules import Entry, RulesInForce
from services.playbooks.core.seen import Tally, never_seen, texts_asked
from services.playbooks.core.standing import Mute
from services.playbooks.core.sweep import MEET_KEY
from shared.conditions import Declared, Problem
from shared.pg import bulk
from shared.pg.retention import MOST, Term, forgetting, is_past, term
from shared.worker.tables import timers

_LOG = logging.getLogger(__name__)
EPISODES: Final = select(t.episodes.c.id, t.episodes.c.opened_at, t.episodes.c.body, t.accounts.c.standing).join_from(
    t.episodes, t.accounts, t.accounts.c.account_id == t.episodes.c.account_id
)
_i: Final = t.items.c
_THEIRS: Final = bulk.given(_i.assignee, _i.due_at)
_NOW: Final = bindparam("now", type_=_i.due_at.type)
_TO_DO: Final = (_i.kind == "task") & _i.state.in_(("open", "taken"))
_OPEN_WORK: Final = (
    select(
        *(_i.assignee, _i.kind, func.count().label("number")),
        func.count().filter(_TO_DO & (_i.due_at < _NOW)).label("overdue"),
        func.count().filter(_TO_DO & (_i.due_at >= _NOW) & (_i.due_at < _THEIRS.c.due_at)).label("due_today"),
        func.count().filter(_i.state == "snoozed").label("snoozed"),
    )
    .join_from(t.items, _THEIRS, _i.assignee == _THEIRS.c.assignee)
    .where(_i.state.in_(OPEN))
    .group_by(_i.assignee, _i.kind)
)
MOST_LOOKED_AT: Final = 20_000
_AT_ONCE: Final = 500
_KEPT: Final = timedelta(days=90)
_KEYS_KEPT: Final = timedelta(days=30)
_ANSWERS_KEPT: Final = timedelta(days=400)


async def one(c: AsyncConnection, rows: Select[Any], table: Table, wanted: Mapping[str, Any]) -> Any:
    """The row of which columns are that, or None."""
    return (await c.execute(rows.where(*(table.c[name] == value for name, value in wanted.items())))).one_or_none()


async def moves(c: AsyncConnection, subject: str) -> list[Any]:
    """Every move of an episode or item, oldest first."""
    m = t.moves.c
    asked = select(m.at, m.before, m.after, m.actor, m.reason.label("note")).where(m.subject == subject).order_by(m.id)
    return list(await c.execute(asked))


async def place(c: AsyncConnection, table: Table, id: str) -> tuple[str, int]:
    """The account and partition of an item or episode that is there."""
    account = select(table.c.account_id).where(table.c.id == id).scalar_subquery()
    where = t.accounts.c.account_id == account
    row = (await c.execute(select(t.accounts.c.account_id, t.accounts.c.partition).where(where))).one()
    return row.account_id, row.partition


async def partition_of(c: AsyncConnection, account: str) -> int | None:
    """Where an account lies; None when nothing was ever heard of it."""
    where = t.accounts.c.account_id == account
    return (await c.execute(select(t.accounts.c.partition).where(where))).scalar_one_or_none()


def _running(playbook: str) -> ColumnElement[bool]:
    e = t.episodes.c
    return (e.playbook == playbook) & e.latest & e.state.in_(("pending", "active", "found"))


async def running(c: AsyncConnection, playbook: str, most: int) -> list[Any]:
    """Where a playbook's episodes are under way: partition and account, in the order in which these are locked."""
    where = t.accounts.c.account_id == t.episodes.c.account_id
    rows = select(t.accounts.c.partition, t.episodes.c.account_id).join_from(t.episodes, t.accounts, where)
    order = t.accounts.c.partition, t.episodes.c.account_id
    return list(await c.execute(rows.where(_running(playbook)).order_by(*order).limit(most)))


async def number_running(c: AsyncConnection, playbook: str) -> int:
    """How many of a playbook's episodes are under way."""
    asked = select(func.count()).select_from(t.episodes).where(_running(playbook))
    return (await c.execute(asked)).scalar_one()


async def muted(c: AsyncConnection, now: datetime, after: tuple[Any, ...] | None, most: int) -> list[Any]:
    """The accounts that are muted, whose mute ends first in front."""
    a = t.accounts.c
    rows = select(a.account_id, a.muted_until, a.standing).where(a.muted_until > now)
    if after is not None:
        key = literal(after[0], a.muted_until.type), literal(after[1], a.account_id.type)
        rows = rows.where(tuple_(a.muted_until, a.account_id) > tuple_(*key))
    return list(await c.execute(rows.order_by(a.muted_until, a.account_id).limit(most)))


async def number_muted(c: AsyncConnection, now: datetime) -> int:
    """How many accounts are muted."""
    asked = select(func.count()).select_from(t.accounts).where(t.accounts.c.muted_until > now)
    return (await c.execute(asked)).scalar_one()


async def mute(c: AsyncConnection, account: str, now: datetime) -> Mute | None:
    """An account's mute, if it has not ended."""
    a = t.accounts.c
    stands = (await c.execute(select(a.standing).where(a.account_id == account, a.muted_until > now))).scalar()
    return None if stands is None else stands.muted


async def muted_until(c: AsyncConnection, accounts: Iterable[str], now: datetime) -> dict[str, datetime]:
    """Of these accounts those that are muted, and until when."""
    a, ids = t.accounts.c, sorted(set(accounts))
    rows = select(a.account_id, a.muted_until).where(a.account_id.in_(ids), a.muted_until > now)
    return {row.account_id: row.muted_until for row in await c.execute(rows)} if ids else {}


async def sweep(c: AsyncConnection) -> dict[str, Any] | None:
    """How many accounts have yet to meet new or changed playbooks, and by when all will have; None: all have."""
    waits, of = timers.c, t.adopted.c
    here = (waits.partition == of.partition) & (waits.due <= of.met_by) & waits.key.startswith(MEET_KEY)
    asked = select(func.count(), func.max(of.met_by)).select_from(t.adopted.join(timers, here))
    accounts, by = (await c.execute(asked)).one()
    return {"accounts": accounts, "by": by} if accounts else None


async def achieved(c: AsyncConnection) -> dict[str, dict[str, Any]]:
    """What each playbook came to: firings, outcomes of its tasks, alerts and flags, and what was won."""
    e, i, number = t.episodes.c, t.items.c, func.count()
    found: dict[str, dict[str, Any]] = {}
    counts = select(
        e.playbook,
        number.filter(e.fired_at.is_not(None)).label("fired"),
        number.filter(e.state == "active").label("active"),
        number.filter(e.state == "found").label("found"),
    ).group_by(e.playbook)
    for row in await c.execute(counts):
        found[row.playbook] = {"fired": row.fired, "active": row.active, "found": row.found}
    amount = func.sum(i.amount_minor).label("amount_minor")
    outcomes = (
        select(i.playbook, i.kind, i.state, i.currency, number.label("number"), amount)
        .group_by(i.playbook, i.kind, i.state, i.currency)
        .order_by(i.currency)
    )
    for row in await c.execute(outcomes):
        states = found.setdefault(row.playbook, {}).setdefault(f"{row.kind}s", {})
        states[row.state] = states.get(row.state, 0) + row.number
        if row.state == "won" and row.amount_minor is not None:
            won = {"currency": row.currency, "amount_minor": int(row.amount_minor)}
            found[row.playbook].setdefault("won", []).append(won)
    return found


async def open_work(c: AsyncConnection, people: Iterable[Csm], now: datetime) -> dict[str, dict[str, int]]:
    """How much these people have open, by kind; of it how much is overdue, due before their day ends, and snoozed."""
    ends = [(one.id, one.ends_day(now)) for one in people]
    found: dict[str, dict[str, int]] = {}
    for row in await c.execute(_OPEN_WORK, {"now": now, **bulk.arrays(("assignee", "due_at"), ends)}):
        work = found.setdefault(row.assignee, {})
        work[row.kind] = row.number
        for name in ("overdue", "due_today", "snoozed"):
            work[name] = work.get(name, 0) + getattr(row, name)
    return found


async def places_of(c: AsyncConnection, person: str, accounts: Sequence[str] | None) -> list[tuple[int, str]]:
    """Where somebody has something open (None: anywhere): partitions and accounts, in order."""
    i, a = t.items.c, t.accounts.c
    asked = select(a.partition, a.account_id).distinct().join_from(t.items, t.accounts, i.account_id == a.account_id)
    asked = asked.where(i.assignee == person, i.state.in_(OPEN)).order_by(a.partition, a.account_id)
    if accounts is not None:
        asked = asked.where(i.account_id.in_(accounts))
    return [(row.partition, row.account_id) for row in await c.execute(asked)]


async def last_resort(c: AsyncConnection) -> int:
    """How much that is open lies with the last resort."""
    i = t.items.c
    asked = select(func.count()).select_from(t.items).where(i.last_resort, i.state.in_(OPEN))
    return (await c.execute(asked)).scalar_one()


class Counting(Protocol):
    """What counts accounts, one by one."""

    accounts: int
    """How many it was shown."""

    def add(self, values: Mapping[str, Any], /) -> None:
        """One account's facts."""


async def looked_at(c: AsyncConnection, tally: Counting) -> float:
    """Show a tally the accounts as they stand: all, or some thousands of them by chance, the same each time.

    Returns which share of all it was shown.
    """
    number = (await c.execute(select(func.count()).select_from(t.accounts))).scalar_one()
    async with c.stream_scalars(some_standings(number, MOST_LOOKED_AT)) as standings:
        async for stands in standings:
            if stands.gone is None:
                tally.add(stands.facts)
    return 1.0 if number <= MOST_LOOKED_AT else tally.accounts / number


def some_standings(number: int, most: int) -> Select[Any]:
    """Of so many accounts all, or about `most` by chance, the same each time; some hundreds are read at once."""
    accounts: FromClause = t.accounts
    if number > most:
        accounts = tablesample(t.accounts, func.system(100.0 * most / number), seed=literal(1))
    return select(accounts.c.standing).execution_options(yield_per=_AT_ONCE)


async def warnings(
    c: AsyncConnection, entries: Iterable[Entry], declared: Declared, now: datetime
) -> dict[str, list[Problem]]:
    """What the accounts as they stand say against each playbook: texts that its conditions ask for and nobody has."""
    playbooks = [one.playbook for one in entries]
    asked = {leaf.subject.name: leaf.subject for playbook in playbooks for leaf, _ in texts_asked(playbook)}
    tally = Tally(asked.values(), now)
    if asked:
        await looked_at(c, tally)
    return {one.id: list(never_seen(one, declared, tally)) for one in playbooks}


def warn_once(rules: RulesInForce) -> Callable[[AsyncConnection, datetime], Awaitable[None]]:
    """Something to do again and again that logs each of those warnings once."""
    told = set[tuple[str, str]]()

    async def warn(c: AsyncConnection, now: datetime) -> None:
        library, declared = rules().library, rules().declared
        found = await warnings(c, library.loaded, declared, now)
        for id, warning in {(id, str(said)) for id, each in found.items() for said in each} - told:
            _LOG.warning("Playbook %s, %s", id, warning)
            told.add((id, warning))

    return warn


_unfired = (
    select(t.episodes.c.id)
    .where(t.episodes.c.state == "idle", t.episodes.c.fired_at.is_(None), ~t.episodes.c.latest)
    .where(is_past(t.episodes.c.ended_at))
    .limit(MOST)
    .cte("unfired")
)
_their_moves = delete(t.moves).where(t.moves.c.subject.in_(select(_unfired.c.id))).cte("their_moves")
_episodes = delete(t.episodes).where(t.episodes.c.id.in_(select(_unfired.c.id))).add_cte(_their_moves)

forget = forgetting(
    term(t.responses, t.responses.c.at, _ANSWERS_KEPT),
    term(t.written, t.written.c.at, _KEYS_KEPT),
    term(t.found, t.found.c.at, _KEPT, t.found.c.sent_in.is_not(None)),
    term(t.moved, t.moved.c.at, _KEPT, t.moved.c.sent_in.is_not(None)),
    Term(_episodes, lambda now: now - _KEPT),
)
"""Forgets lists that were sent, and episodes that never fired, after 90 days, what was answered after 400, and under
which keys people wrote tasks after 30."""
