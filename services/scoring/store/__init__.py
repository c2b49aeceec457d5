"""What batches read and write: accounts and what was decided of them, the rows beside them, the ledger, imports."""

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any, Final

from sqlalchemy import Text, and_, bindparam, case, delete, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring import tables as t
from services.scoring.core import packing, pruning
from services.scoring.core import state as s
from services.scoring.core.arrivals import Arrivals
from services.scoring.core.assess import Outcome
from services.scoring.core.batch import Assessment, Batch
from services.scoring.core.clock import day_of, day_of_us
from services.scoring.core.decision import pack
from services.scoring.core.fold.people import answer_key
from services.scoring.core.memory import Memory, Standing
from services.scoring.core.profile import BOOKS
from services.scoring.core.sources import bits_of
from services.scoring.store import answers, erasing, money, renewals, timeline, usage
from shared.messages.accounts import ContactErased, ContactUpdated
from shared.messages.billing import Invoice, InvoiceCredited, PaymentDisputed
from shared.messages.feedback import Answered
from shared.messages.stamps import instant_of
from shared.messages.tickets import Ticket
from shared.pg import bulk

# Accounts and the rows beside them, into memory

_STATE: Final = ("id", "state", "imports", "marked_at", "found_in", "act_on_found", "rescore")
_UNMARKED: Final = t.accounts.c.id > bindparam("marked_to", type_=Text)
_LOADED: Final[list[Any]] = [*(t.accounts.c[name] for name in (*_STATE, "decision")), _UNMARKED]
_LOAD = select(*_LOADED).where(bulk.among(t.accounts.c.id, "ids"))
_PAPER: Final = [t.papers.c[name] for name in ("account_id", "kind", "id", "row")]
_LIVE = select(*_PAPER).where(
    bulk.among(t.papers.c.account_id, "accounts"),
    or_(t.papers.c.settled_at.is_(None), t.papers.c.settled_at >= bindparam("since")),
)
_keys = bulk.given(*_PAPER[:3])
_NAMED = select(*_PAPER).join(_keys, and_(*(column == _keys.c[column.name] for column in _PAPER[:3])))
_pairs = bulk.given(t.users.c.account_id, t.users.c.user_id)
_NAMED_USERS = select(t.users).join(
    _pairs, and_(t.users.c.account_id == _pairs.c.account_id, t.users.c.user_id == _pairs.c.user_id)
)


async def load(c: AsyncConnection, memory: Memory, ids: Collection[str]) -> None:
    """Remember these accounts."""
    missing, marking = [id for id in ids if id not in memory.accounts], memory.marking
    marked_to = None if marking is None else marking.up_to
    for row in await c.execute(_LOAD, {"ids": missing, "marked_to": marked_to}) if missing else ():
        id, state, imports, marked_at, found_in, act, rescore, decision, unmarked = row
        account = s.Account(id, packing.decode(state))
        one = memory.put(Standing(account, decision, imports, marked_at, found_in, act, rescore, packed=len(state)))
        if marking is not None and unmarked:
            one.await_rescoring(marking.since)
    keyed = ((id, memory.accounts[id].account.state) for id in missing if id in memory.accounts)
    await _load_users(c, memory, {(id, user) for id, state in keyed for _, ids in state.key_users() for user in ids})


async def _load_users(c: AsyncConnection, memory: Memory, users: Collection[tuple[str, str]]) -> None:
    """Remember when these were last active, by account and user."""
    if users:
        for id, user, day in await c.execute(_NAMED_USERS, bulk.arrays(("account_id", "user_id"), users)):
            memory.get(id).account.users[user] = day


async def load_papers(c: AsyncConnection, memory: Memory, ids: Iterable[str], now: datetime) -> None:
    """Remember the open and recent tickets and invoices of these accounts, which are in memory."""
    bare = [id for id in ids if not memory.get(id).has_papers]
    if not bare:
        return
    since = now - timedelta(days=s.PAPER_DAYS + 1)
    for id, kind, key, row in await live_papers(c, bare, since):
        account = memory.get(id).account
        if key not in account.papers(kind):
            account.put(kind, key, row)
    for id in bare:
        memory.get(id).has_papers = True


async def live_papers(
    c: AsyncConnection, accounts: Collection[str], since: datetime
) -> list[tuple[str, str, str, s.Paper]]:
    """The tickets and invoices of these accounts that are open or were settled since, as (account, kind, id, row)."""
    rows = await c.execute(_LIVE, {"accounts": list(accounts), "since": since})
    return [(id, kind, key, packing.paper_of(kind, row)) for id, kind, key, row in rows]


async def load_named(c: AsyncConnection, memory: Memory, arrivals: Mapping[str, Arrivals]) -> None:
    """Remember the very users, tickets and invoices that these events name, tombstones too, by account."""
    users, papers, answered = set[tuple[str, str]](), set[tuple[str, str, str]](), set[tuple[str, str]]()
    erased = set[tuple[str, str]]()
    for id, some in arrivals.items():
        account = memory.get(id).account
        # Who is no human has no row.
        used = {one.data.user_id for one in some.used}.difference(account.users)
        users.update((id, user) for user in used if user is not None)
        for arrival in some.besides:
            match arrival.data:
                case ContactUpdated(contact_id=contact, user_ids=ids):
                    # Which of theirs are known matters as soon as their role does, whichever message brings it.
                    users.update((id, user) for user in (*(ids or ()), *account.state.user_ids_of(contact)))
                case Ticket(ticket_id=ticket) if ticket not in account.tickets:
                    papers.add((id, "tickets", ticket))
                case Invoice() | InvoiceCredited() | PaymentDisputed():
                    if arrival.data.invoice_id not in account.invoices:
                        papers.add((id, "invoices", arrival.data.invoice_id))
                case ContactErased(contact_id=contact):
                    erased.add((id, contact))
                case data if isinstance(data, Answered) and data.invitation_id is not None:
                    answered.add((id, answer_key(arrival.event, data)))
    await answers.load(c, memory, answered)
    await erasing.load(c, memory, erased)
    await _load_users(c, memory, users)
    if papers:
        for id, kind, key, row in await c.execute(_NAMED, bulk.arrays(("account_id", "kind", "id"), papers)):
            memory.get(id).account.put(kind, key, packing.paper_of(kind, row))


# What a batch has changed and decided

_SAVED: Final = (*_STATE, "heard", "used_day", "goals_set")
_SAVE_STATES = bulk.Insert(t.accounts, _SAVED, same=("partition",), update=_SAVED[1:])
_WHY_NOT: Final = ("excluded", "churn_reason", "churn_voluntary")
_BELONGS: Final = ("parent_id", "merged_into", "region")
_OF_PROFILE: Final = (*BOOKS, "name", "mrr_minor", "currency", "seats", *_BELONGS, *_WHY_NOT)
_OF_DECISION: Final = ("score", "previous_score", "band", "coverage", "reason", "scorecard", "rev")
_SAVE_SUMMARIES = bulk.Update(
    t.accounts,
    ("id",),
    ("decision", "gone", "renews_at", "leaves_at", "churned_at", "assessed_at", *_OF_PROFILE, *_OF_DECISION),
)
_SAVE_USERS = bulk.Insert(t.users, ("account_id", "user_id", "last_day"), update=("last_day",))
_OF_PAPER: Final = ("row", "settled_at", "at", "due_at", "priority")
_SAVE_PAPERS = bulk.Insert(t.papers, ("account_id", "kind", "id", *_OF_PAPER), update=_OF_PAPER)
_OF_ASSESSMENT: Final = ("rev", "at", "score", "previous_score", "band", "previous_band", "coverage", "scorecard")
_ADD_TO_LEDGER = bulk.Insert(
    t.assessments, ("account_id", "cause", "contact_id", "drivers", "reason", "found_in", *BOOKS, *_OF_ASSESSMENT)
)
_OF_DAY: Final = ("score", "band", "coverage")
_HEAR = bulk.Insert(
    t.sources,
    ("source", "last_at"),
    same=("partition",),
    update=("last_at",),
    where=lambda new: t.sources.c.last_at < new.last_at,
)
_SAVE_DAYS = bulk.Insert(t.health_days, ("account_id", *_OF_DAY), same=("day",), update=_OF_DAY)
_FORGET_USERS = delete(t.users).where(
    bulk.among(t.users.c.account_id, "accounts"), t.users.c.last_day < bindparam("first")
)


async def save(c: AsyncConnection, partition: int, batch: Batch) -> None:
    """Write everything that a batch changed and decided, with one statement a table.

    They go in two turns: what depends on rows that may be new follows those, as the transaction ends.
    """
    today, changed = day_of(batch.now), list(batch.changed.values())
    for one in changed:
        pruning.forget(one.account, today)
    summaries = [_summary_row(id, outcome) for id, outcome in batch.outcomes.items()]
    for id, packed, *_ in summaries:
        if (standing := batch.memory.accounts.get(id)) is not None:
            # A quarter of the room, and asked for only where the account is assessed again.
            standing.decided = packed
    day = batch.now.astimezone(UTC).date()
    await bulk.together(
        c,
        _SAVE_STATES.of([_state_row(one) for one in changed], partition=partition),
        *_touched([one.account for one in changed]),
        usage.added([one.account for one in changed if one.account.forgotten], today),
        _ADD_TO_LEDGER.of([_ledger_row(one) for one in batch.assessments if one.for_ledger]),
        _SAVE_DAYS.of([(id, *_of_day(batch.outcomes[id].decision)) for id in batch.days], day=day),
        _HEAR.of(batch.memory.hear(batch.heard), partition=partition),
        *answers.added(batch.surveys),
        timeline.added(batch.timeline),
    )
    await answers.note_people(c, batch.surveys, batch.erased_contacts)
    await bulk.later(c, _SAVE_SUMMARIES.of(summaries), *answers.joined(batch.surveys))
    await renewals.save(c, [one.account for one in changed if one.account.renews_otherwise], batch.now)
    await money.save(c, [one.account for one in changed if one.account.bought_since is not None], today)
    if batch.erased_contacts or batch.forgotten:
        # They are looked for in all that was written.
        await bulk.written(c)
        await timeline.erase(c, batch.erased_contacts)
        await erasing.forget(c, batch.erased_contacts, batch.forgotten)


async def forget_users(c: AsyncConnection, accounts: Collection[str], first: int) -> None:
    """Drop users of these accounts who were last active before a day: no measure looks that far back."""
    await c.execute(_FORGET_USERS, {"accounts": list(accounts), "first": first})


def _touched(accounts: Iterable[s.Account]) -> list[bulk.Write | None]:
    users, papers = list[tuple[str, str, int]](), list[tuple[Any, ...]]()
    for account in accounts:
        for kind, key in account.touched:
            if kind == "users":
                users.append((account.id, key, account.users[key]))
            else:
                row = account.papers(kind)[key]
                papers.append((account.id, kind, key, packing.encode_row(row), _instant(row.settled), *_listed(row)))
        account.touched.clear()
        account.answered.clear()
        account.wrote.clear()
    return [_SAVE_USERS.of(users), _SAVE_PAPERS.of(papers)]


def _listed(row: s.Paper) -> tuple[datetime | None, datetime | None, str | None]:
    """By what it is found in lists; an invoice of which only a part was heard of yet isn't."""
    if isinstance(row, s.Ticket):
        return instant_of(row.opened), None, row.priority
    due = _instant(row.due_at)
    return due or (None if row.status == "unheard" else instant_of(row.at)), due, None


def _state_row(one: Standing) -> tuple[Any, ...]:
    state = one.account.state
    packed = packing.encode(state)
    one.packed = len(packed)
    waits = one.marked_at, one.found_in, one.act_on_found, one.rescore
    used = state.last_used_by_people or state.last_used
    beside = bits_of(state.heard), day_of_us(used) if used else None, len(state.goals)
    return one.account.id, packed, one.imports, *waits, *beside


_of_profile, _of_decision = attrgetter(*_OF_PROFILE), attrgetter(*_OF_DECISION)
_of_assessment, _of_day = attrgetter(*_OF_ASSESSMENT), attrgetter(*_OF_DAY)


def _summary_row(id: str, outcome: Outcome) -> tuple[Any, ...]:
    """What an assessment leaves on the account's row, for the next decision and for lists."""
    decision, profile = outcome.decision, outcome.profile
    dates = map(_instant, (profile.renews_at, profile.leaves_at, profile.churned_at, decision.at))
    return id, pack(decision), profile.gone is not None, *dates, *_of_profile(profile), *_of_decision(decision)


def _ledger_row(one: Assessment) -> tuple[Any, ...]:
    assessed, cause = one.assessed, one.assessed.cause
    named = {name: getattr(cause, name) for name in ("kind", "type", "source", "id", "time")}
    contact = cause.data.get("contact_id")
    book = (assessed.facts.get(f"account.{name}") for name in BOOKS)
    why = contact, assessed.drivers, one.reason, assessed.found_in
    return one.account_id, named, *why, *book, *_of_assessment(assessed)


def _instant(us: int | None) -> datetime | None:
    return None if us is None else instant_of(us)


# What waits to be assessed

_IN_PARTITION = t.accounts.c.partition == bindparam("of")
_MARKED = (
    select(t.accounts.c.id, t.accounts.c.marked_at)
    .where(_IN_PARTITION, t.accounts.c.marked_at.is_not(None))
    .order_by(t.accounts.c.marked_at, t.accounts.c.id)
    .limit(bindparam("most"))
)
_WAITS_SINCE = func.coalesce(t.accounts.c.marked_at, bindparam("now"))


async def load_waiting(c: AsyncConnection, partition: int, memory: Memory) -> None:
    """Remember the accounts of a partition that have waited longest to be assessed."""
    rows = (await c.execute(_MARKED, {"of": partition, "most": memory.most_waiting + 1})).all()
    memory.waiting = {row.id: row.marked_at for row in rows[: memory.most_waiting]}
    memory.more_wait = len(rows) > memory.most_waiting


# Imports

_IMPORT = bindparam("import", type_=Text)
_CLOSED = select(t.imports.c.import_id).where(
    t.imports.c.partition == bindparam("of"), t.imports.c.closed_at.is_not(None)
)
_new_end = insert(t.imports)
_END_IMPORT = _new_end.on_conflict_do_update(
    index_elements=[t.imports.c.partition, t.imports.c.import_id],
    set_={
        "topics": case(
            (t.imports.c.topics.contains(_new_end.excluded.topics), t.imports.c.topics),
            else_=t.imports.c.topics + _new_end.excluded.topics,
        ),
        "act_on_found": t.imports.c.act_on_found | _new_end.excluded.act_on_found,
    },
).returning(t.imports.c.topics, t.imports.c.act_on_found)
_CLOSE_IMPORT = (
    update(t.imports)
    .values(closed_at=bindparam("now"))
    .where(
        t.imports.c.partition == bindparam("of"),
        t.imports.c.import_id == _IMPORT,
        t.imports.c.closed_at.is_(None),
    )
)
_FIND_IN = (
    update(t.accounts)
    .values(
        imports=t.accounts.c.imports.op("-")(_IMPORT),
        marked_at=_WAITS_SINCE,
        found_in=_IMPORT,
        act_on_found=or_(t.accounts.c.act_on_found, bindparam("act")),
    )
    .where(_IN_PARTITION, t.in_imports, t.accounts.c.imports.has_key(_IMPORT))
    .returning(t.accounts.c.id)
)


async def closed_imports(c: AsyncConnection, partition: int) -> set[str]:
    """The imports that were closed in a partition."""
    return set((await c.execute(_CLOSED, {"of": partition})).scalars())


async def end_import(
    c: AsyncConnection, partition: int, import_id: str, topic: str, act: bool
) -> tuple[set[str], bool]:
    """Note that a topic told an import's end. Returns the topics that have, and whether to act on what is found."""
    values = {"partition": partition, "import_id": import_id, "topics": [topic], "act_on_found": act}
    topics, act_on_found = (await c.execute(_END_IMPORT, values)).one()
    return set(topics), act_on_found


async def close_import(c: AsyncConnection, partition: int, import_id: str, act: bool, now: datetime) -> list[str]:
    """Close an import: every account that it touched waits to be told what was found. Returns their ids."""
    parameters = {"of": partition, "import": import_id, "now": now}
    await c.execute(_CLOSE_IMPORT, parameters)
    return list((await c.execute(_FIND_IN, {**parameters, "act": act})).scalars())
