"""What batches and moves read, lock and write. Works in the caller's transaction.

Locks are taken in one order everywhere: accounts, episodes, items, people. Each is taken only by who needs it: accounts
and episodes are locked before anything is decided, items when it is known that some may end, and people, whom all
partitions share, last and for as short a time as may be.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, DateTime, Interval, and_, bindparam, delete, func, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.playbooks import digests, erasure, outcomes
from services.playbooks import tables as t
from services.playbooks.core import seating, settling
from services.playbooks.core.assignment import Load
from services.playbooks.core.books import rebook, with_books
from services.playbooks.core.changes import Changes, Outgoing
from services.playbooks.core.directory import Directory
from services.playbooks.core.episode import Episode, Move
from services.playbooks.core.erasing import left_with
from services.playbooks.core.findings import Finding
from services.playbooks.core.interruptions import Interruption
from services.playbooks.core.item import OPEN, Item
from services.playbooks.core.recording import DayEnded
from services.playbooks.core.rules import Entry, Library, Rules
from services.playbooks.core.standing import Standing, renews_at, stage
from services.playbooks.core.sweep import MEET_KEY, pace
from services.playbooks.core.work import Work
from services.playbooks.files import read_version
from services.playbooks.people import absence, books
from shared.log import protocol
from shared.messages import envelope, registry
from shared.pg import bulk
from shared.pg.bulk import among, one_of
from shared.worker import outbox, timers

_accounts, _episodes, _items = t.accounts.c, t.episodes.c, t.items.c
_LOCK_ACCOUNTS = (
    select(_accounts.standing)
    .where(among(_accounts.account_id, "ids"))
    .order_by(_accounts.account_id)
    .with_for_update()
)
_OF_ACCOUNTS = among(_episodes.account_id, "ids")
_LOCK_EPISODES = select(_episodes.body).where(_OF_ACCOUNTS, _episodes.latest).order_by(_episodes.id).with_for_update()
ITEMS = select(*(_items[name] for name in Item._fields))
"""Rows that are `Item`s."""
_LOCKED = ITEMS.order_by(_items.id).with_for_update()
_ARE_OPEN = and_(among(_items.account_id, "accounts"), one_of(_items.state, sorted(OPEN)))
_LOCK_MEANT = _LOCKED.where(or_(among(_items.id, "ids"), among(_items.action_id, "ids"), _ARE_OPEN))
_LOCK_OPEN = _LOCKED.where(_ARE_OPEN)
_IS_LATE = and_(
    *(one_of(_items.kind, ("task", "alert")), one_of(_items.state, ("open", "taken"))),
    *(_items.due_at.is_not(None), or_(_items.kind == "alert", _items.escalated_at.is_(None))),
)
_IS_TIMED = or_(_items.state == "snoozed", _IS_LATE, absence.IS_NOBODYS)
_LOCK_TIMED = _LOCKED.where(among(_items.account_id, "ids"), _IS_TIMED)
_LOCK_LOADS = bulk.Insert(
    t.csm_load,
    ("csm_id",),
    same=("open_tasks", "turn"),
    # A row that is there is locked by being written as it is.
    set=lambda _: {"open_tasks": t.csm_load.c.open_tasks},
    returning=(t.csm_load.c.csm_id, t.csm_load.c.open_tasks, t.csm_load.c.turn),
)
_SAVE_LOADS = bulk.Update(t.csm_load, ("csm_id",), ("open_tasks", "turn"))
_OF_STANDING = (
    *("standing", "looked_at", "day", "score", "band", "stage", "muted_until"),
    *("owner", "mrr_minor", "renews_at", "turned_at", "turned_from"),
)
_SAVE_ACCOUNTS = bulk.Insert(
    *(t.accounts, ("account_id", *_OF_STANDING)),
    same=("partition",),
    update=("partition", *_OF_STANDING),
)
# A day that a clock which ran ahead has recorded already stays as it is.
_SAVE_DAYS = bulk.Insert(t.days, DayEnded._fields, nothing=True)
_RETIRE_EPISODES = update(t.episodes).where(among(_episodes.id, "ids")).values(latest=False)
_SAVE_EPISODES = bulk.Insert(
    t.episodes,
    ("id", "account_id", "playbook", "subject", "state", "latest", "opened_at", "fired_at", "ended_at", "body"),
    update=("state", "latest", "fired_at", "ended_at", "body"),
)
_SAVE_ITEMS = bulk.Insert(t.items, Item._fields, update=[name for name in Item._fields if name != "id"])
_SAVE_MOVES = bulk.Insert(t.moves, Move.__struct_fields__)
_SAVE_FOUND = bulk.Insert(t.found, Finding._fields, nothing=True)
_CLAIM_RESPONSES = bulk.Insert(
    t.responses,
    ("account_id", "response_id", "at"),
    nothing=True,
    returning=(t.responses.c.account_id, t.responses.c.response_id),
)
_CLAIM_WRITTEN = bulk.Insert(t.written, ("item_id", "digest", "at"), nothing=True, returning=(t.written.c.item_id,))
_brought = bulk.given(_items.action_id, _items.delivery)
_LOCKED_TOLD = (
    select(_items.id, _brought.c.delivery)
    .join_from(t.items, _brought, _items.action_id == _brought.c.action_id)
    .order_by(_items.id)
    .with_for_update(of=t.items)
    .cte("told")
)
_SETTLED = (
    update(t.items)
    .values(delivery=_LOCKED_TOLD.c.delivery)
    # What came through by one road is delivered, however another ends that was tried by hand.
    .where(_items.id == _LOCKED_TOLD.c.id, _items.delivery != "delivered")
)
"""Locks them in their order, and then writes."""
_KEEP_VERSIONS = bulk.Insert(t.playbook_versions, ("playbook", "version", "source"), same=("seen_at",), nothing=True)
_ADOPTED = select(t.adopted).where(t.adopted.c.partition == bindparam("partition"))
_ADOPT = bulk.Insert(
    t.adopted, ("partition", "digest", "kept", "at", "met_by"), update=("digest", "kept", "at", "met_by")
)
_KEEP_INTERRUPTIONS = bulk.Insert(t.interruptions, Interruption._fields, same=("partition",))


async def load(
    c: AsyncConnection,
    rules: Rules,
    accounts: Iterable[str],
    marked_through: datetime | None = None,
    interruptions: Sequence[Interruption] = (),
    adopted_at: datetime | None = None,
) -> Work:
    """Lock these accounts and their latest episodes, for the work on them."""
    ids = sorted(set(accounts))
    if not ids:
        return Work(rules, (), (), marked_through, interruptions, adopted_at)
    standings = (await c.execute(_LOCK_ACCOUNTS, {"ids": ids})).scalars()
    episodes = (await c.execute(_LOCK_EPISODES, {"ids": ids})).scalars().all()
    await _load_versions(c, rules.library, episodes)
    return Work(rules, standings, episodes, marked_through, interruptions, adopted_at)


async def save(c: AsyncConnection, partition: int, work: Work, *, adopted: bool = False) -> None:
    """Close what ends, give what was asked for to somebody, and write and stage all of it, as the transaction ends.

    `adopted`: the partition goes by these rules, so the texts of all playbooks are kept already. Else somebody moved by
    hand, and reads in this transaction what came of it.
    """
    if meant := settling.meant(work):
        settling.close(work, await _locked(c, _LOCK_OPEN, accounts=meant))
    work.former = await absence.former(c, seating.strangers(work))
    # Lock nothing after people.
    needed = sorted({*settling.people(work), *seating.people(work)})
    locked = await _LOCK_LOADS(c, [(id,) for id in needed], open_tasks=0, turn=0)
    loads = {row.csm_id: Load(row.open_tasks, row.turn) for row in locked}
    if loads and (settling.weighs_books(work) or seating.weighs_books(work)):
        # Read under those locks: what others chose before is in it.
        loads = with_books(loads, await books.read(c, work.rules))
    seating.seat(work, loads)
    loads = settling.carry_out(work, loads)
    seating.watch(work)
    if not adopted and (begun := work.changes.begun):
        # Somebody may have begun it by a text that no partition goes by yet.
        await keep_versions(c, work.rules.library.named(begun), max(begun.values()))
    await _write(c, partition, work.changes, loads)
    if not adopted:
        await bulk.written(c)


async def _write(c: AsyncConnection, partition: int, changes: Changes, loads: Mapping[str, Load]) -> None:
    if changes.retired:
        # Only one of a playbook and account is the latest: the old one goes before the new one comes.
        await c.execute(_RETIRE_EPISODES, {"ids": sorted(changes.retired)})
    await absence.list_moved(c, changes.moved)
    changes.tell_others(left_with([one.forgetting for one in changes.forgotten], changes.episodes.values()))
    standings, moved = rebook(changes.standings.values())
    await books.move(c, moved, partition=partition)
    staged = [(partition, _staged(message, partition)) for message in changes.out]
    # What others may write, too, was locked before; the rest is this partition's, or new. So timers alone may have to
    # wait for others, and are the last that is locked.
    await bulk.later(
        c,
        _SAVE_LOADS.of((id, load.open_tasks, load.turn) for id, load in loads.items()),
        _SAVE_EPISODES.of(_row(one, one.id not in changes.retired) for one in changes.episodes.values()),
        _SAVE_MOVES.of(map(msgspec.structs.astuple, changes.moves)),
        _SAVE_ITEMS.of(changes.items.values()),
        _SAVE_FOUND.of(changes.found),
        *outcomes.to_note(changes),
        _SAVE_ACCOUNTS.of(map(_account, standings), partition=partition),
        _SAVE_DAYS.of(changes.days),
        await timers.to_set_earlier(c, partition, changes.timers),
        outbox.staged(c, staged),
    )
    await outcomes.touch(c, changes)
    if changes.forgotten:
        # They are looked for in all that was written.
        await bulk.written(c)
        await erasure.forget(c, partition, changes.forgotten)


def _row(e: Episode, latest: bool) -> tuple[Any, ...]:
    return (e.id, e.account, e.playbook, e.subject, e.state, latest, e.opened_at, e.fired_at, e.ended_at, e)


def _account(one: Standing) -> tuple[Any, ...]:
    muted_until = one.muted.until if one.muted is not None else None
    held = (one.booked.owner, one.booked.mrr_minor, renews_at(one)) if one.booked is not None else (None, None, None)
    turned = (one.turned.at, one.turned.before) if one.turned is not None else (None, None)
    return (one.account, one, one.at, one.day, one.score, one.band, stage(one), muted_until, *held, *turned)


def _staged(message: Outgoing, partition: int) -> protocol.Outgoing:
    event, to = message.event, partition if message.here else None
    headers = {"ce_type": event.type, **message.headers}
    return protocol.Outgoing(registry.topic_of(event.type), event.subject, envelope.encode(event), headers, to)


async def _locked(c: AsyncConnection, statement: Any, **ids: Sequence[str] | None) -> list[Item]:
    return [Item(*row) for row in await c.execute(statement, ids)] if any(ids.values()) else []


async def lock_meant(c: AsyncConnection, accounts: Sequence[str], ids: Sequence[str]) -> list[Item]:
    """Items by their own ids, or by the id of the action that told of them last; and what else these accounts have
    open."""
    return await _locked(c, _LOCK_MEANT, accounts=accounts, ids=ids)


async def claim_responses(c: AsyncConnection, responses: Iterable[tuple[str, str, datetime]]) -> set[tuple[str, str]]:
    """Those of the answers (account, id, when) that nobody has seen before."""
    return {(row.account_id, row.response_id) for row in await _CLAIM_RESPONSES(c, responses)}


async def claim_written(c: AsyncConnection, item: str, digest: str, now: datetime) -> str | None:
    """Claim the id of what a person writes. Returns None when it is new, else the digest of what was written under it.

    Who asks for the same id at the same time waits for the first to end.
    """
    if await _CLAIM_WRITTEN(c, [(item, digest, now)]):
        return None
    known: str = (await c.execute(select(t.written.c.digest).where(t.written.c.item_id == item))).scalar_one()
    return known


async def lock_timed(c: AsyncConnection, accounts: Sequence[str], people: Directory) -> list[Item]:
    """What time alone will move: open tasks and alerts that may go up, what is snoozed, and what lies with nobody."""
    return await _locked(c, _LOCK_TIMED, ids=accounts, people=absence.ids_of(people))


async def note_settled(c: AsyncConnection, states: Mapping[str, str]) -> None:
    """Note what became of the messages of these actions, as the transaction ends or when `bulk.written` says so.

    Sendings are their account's, and so their partition's.
    """
    if states:
        items = _SETTLED, bulk.arrays(("action_id", "delivery"), states.items())
        await bulk.later(c, items, outcomes.to_settle(states))


async def lock_found(c: AsyncConnection, import_id: str) -> tuple[datetime, datetime] | None:
    """When the first and the last of an import were found that are on no list yet; None when all are.

    Owners' accounts lie in all partitions: the first partition whose timer finds that nothing more came sends for all.
    """
    await c.execute(select(func.pg_advisory_xact_lock(func.hashtext("keepwell playbooks digest " + import_id))))
    span = select(func.min(t.found.c.at), func.max(t.found.c.at)).where(_unsent(import_id))
    first, last = (await c.execute(span)).one()
    return None if first is None else (first, last)


async def take_found(c: AsyncConnection, import_id: str, now: datetime) -> list[tuple[str | None, Episode, Standing]]:
    """What an import found that is on no list yet, with each account's owner; it is on one then."""
    found = (
        select(t.found.c.owner, _episodes.body, _accounts.standing)
        .join_from(t.found, t.episodes, _episodes.id == t.found.c.episode_id)
        .join(t.accounts, _accounts.account_id == _episodes.account_id)
        .where(_unsent(import_id), _episodes.state == "found")
        .order_by(t.found.c.owner, _episodes.account_id, _episodes.playbook)
    )
    rows = (await c.execute(found)).all()
    await c.execute(update(t.found).where(_unsent(import_id)).values(sent_in=now.isoformat()))
    return [(row.owner, row.body, row.standing) for row in rows]


def _unsent(import_id: str) -> ColumnElement[bool]:
    return (t.found.c.import_id == import_id) & t.found.c.sent_in.is_(None)


async def interruptions(c: AsyncConnection, partition: int) -> tuple[Interruption, ...]:
    """Those of sources, by the marks so far."""
    known = select(*(t.interruptions.c[name] for name in Interruption._fields))
    rows = await c.execute(known.where(t.interruptions.c.partition == partition).order_by(t.interruptions.c.since))
    return tuple(Interruption(*row) for row in rows)


async def keep_interruptions(c: AsyncConnection, partition: int, known: Sequence[Interruption], now: datetime) -> None:
    """Remember which sources marks say are interrupted: timers run by it after a restart, too. Every account is looked
    at when that changes, silent ones first, and those that are new."""
    await bulk.written(c)
    await c.execute(delete(t.interruptions).where(t.interruptions.c.partition == partition))
    await _KEEP_INTERRUPTIONS(c, known, partition=partition)
    await _sweep(c, partition, now)


async def _sweep(c: AsyncConnection, partition: int, now: datetime) -> datetime:
    """Let every account have its turn, silent ones first. Returns when the last of them has."""
    here = _accounts.partition == partition
    number = (await c.execute(select(func.count()).select_from(t.accounts).where(here))).scalar_one()
    between = pace(number)
    turn = func.row_number().over(order_by=(_accounts.looked_at, _accounts.account_id))
    due = literal(now, DateTime(timezone=True)) + turn * literal(between, Interval)
    await timers.set_from(c, select(_accounts.partition, MEET_KEY + _accounts.account_id, due).where(here))
    return now + number * between


async def adopt(c: AsyncConnection, partition: int, rules: Rules, now: datetime) -> datetime:
    """Adopt the playbooks in force, and keep their texts, as episodes will stay with them, who is in the directory, and
    when their digests are due. Where the playbooks are others than before, every account will meet them, silent ones
    first.

    Returns since when they are in force here.
    """
    known = (await c.execute(_ADOPTED, {"partition": partition})).one_or_none()
    digest, kept = rules.library.digest, rules.kept
    if known is not None and (known.digest, known.kept) == (digest, kept):
        at: datetime = known.at
        return at
    await keep_versions(c, rules.library.loaded, now)
    await absence.keep(c, rules.directory)
    await digests.plan(c, partition, rules.directory, now)
    if known is not None and known.digest == digest:
        since, met_by = known.at, known.met_by
    else:
        since, met_by = now, await _sweep(c, partition, now)
    await _ADOPT(c, [(partition, digest, kept, since, met_by)])
    return since  # type: ignore[no-any-return]


async def keep_versions(c: AsyncConnection, loaded: Iterable[Entry], now: datetime) -> None:
    """Keep the texts of these playbooks: episodes will stay with them."""
    texts = [(one.playbook.id, one.playbook.version, one.source) for one in loaded]
    await _KEEP_VERSIONS(c, texts, seen_at=now)


async def _load_versions(c: AsyncConnection, library: Library, episodes: Iterable[Episode]) -> None:
    versions = t.playbook_versions.c
    for playbook, version in library.missing(episodes):
        asked = select(versions.source).where(versions.playbook == playbook, versions.version == version)
        source = (await c.execute(asked)).scalar_one_or_none()
        library.add(playbook, version, read_version(source, f"{playbook}@{version}"))
