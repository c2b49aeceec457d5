"""What the HTTP edge reads: accounts, the fingerprint, counts for the status; `ledger` has the past."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Annotated, Any, Final, Literal

import msgspec
from fastapi import Query
from sqlalchemy import BigInteger, ColumnElement, Double, and_, bindparam, cast, func, literal, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring import tables as t
from services.scoring.core import packing, pruning
from services.scoring.core import state as s
from services.scoring.core.catalogue import SOURCES, Catalogue
from services.scoring.core.clock import DAY_US, day_of
from services.scoring.core.fingerprint import fingerprint_of
from services.scoring.core.hierarchy import Member, now_above
from services.scoring.core.leaving import LeftBehind
from services.scoring.core.leaving import left_behind as behind_of
from services.scoring.core.money import MoneyRow
from services.scoring.core.profile import profile_of
from services.scoring.core.renewals import RenewalRow
from services.scoring.core.scorecard import Rules
from services.scoring.core.sources import Heard, bit_of
from services.scoring.core.suggest import Draft
from services.scoring.core.surveys import KEPT, AnswerRow, InvitationRow
from services.scoring.core.timeline import MOVED, TimelineRow
from services.scoring.queries import usage
from services.scoring.store import live_papers
from shared.messages.assessments import Band
from shared.messages.stamps import instant_of, micros
from shared.pg import bulk

Sort = Literal["score", "-score", "mrr", "-mrr", "renews_at", "-renews_at"]
_CHUNK: Final = 200
_a = t.accounts.c
IN_FIGURES: Final = (~_a.gone, _a.excluded.is_(None))
"""What is no customer of ours is listed, and in no figure."""
_SHOWN: Final = [column for column in t.accounts.columns if column.name not in ("state", "decision")]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which accounts are asked for."""

    band: Band | None = None
    owner: str | None = None
    plan: str | None = None
    segment: str | None = None
    stage: str | None = None
    q: Annotated[str | None, Query(description="A part of the name or id.")] = None
    churned: Annotated[bool, Query(description="Customers who have left, too.")] = False
    left: Annotated[bool, Query(description="None but customers who have left.")] = False

    def where(self) -> list[ColumnElement[bool]]:
        """What holds of them."""
        wanted = [(_a[name], getattr(self, name)) for name in ("band", "owner", "plan", "segment", "stage")]
        holds = [~_a.gone, *(column == value for column, value in wanted if value is not None)]
        if self.left:
            holds.append(_a.churned_at.is_not(None))
        elif not self.churned:
            holds.append(_a.churned_at.is_(None))
        if self.q is not None:
            holds.append(func.strpos(func.lower(func.concat_ws(" ", _a.name, _a.id)), func.lower(self.q)) > 0)
        return holds


_RENEWS = cast(func.extract("epoch", _a.renews_at), Double)
_SORTS: Final[Mapping[Sort, tuple[ColumnElement[Any], type]]] = {
    # What is not known comes last, whichever way round.
    "score": (func.coalesce(_a.score, 1_000_000), int),
    "-score": (func.coalesce(_a.score, -1), int),
    "mrr": (func.coalesce(_a.mrr_minor, 2**63 - 1), int),
    "-mrr": (func.coalesce(_a.mrr_minor, -(2**63)), int),
    "renews_at": (func.coalesce(_RENEWS, 1e18), float),
    "-renews_at": (func.coalesce(_RENEWS, -1e18), float),
}


def key_type(sort: Sort) -> type:
    """The type of a sort key, as cursors carry it."""
    return _SORTS[sort][1]


async def listed(
    c: AsyncConnection, chosen: Chosen, sort: Sort, after: tuple[Any, ...] | None, most: int
) -> Sequence[dict[str, Any]]:
    """Accounts that are chosen, in order; `sort_key` and `id` make the cursor."""
    key, falling = _SORTS[sort][0], sort.startswith("-")
    place = tuple_(key, _a.id)
    query = select(*_SHOWN, key.label("sort_key")).where(*chosen.where()).limit(most)
    query = query.order_by(*((key.desc(), _a.id.desc()) if falling else (key, _a.id)))
    if after is not None:
        there = tuple_(literal(after[0], key.type), literal(after[1]))
        query = query.where(place < there if falling else place > there)
    return [row._asdict() for row in await c.execute(query)]


async def by_band(c: AsyncConnection, chosen: Chosen) -> Sequence[dict[str, Any]]:
    """How many of the chosen accounts are in each band, and their monthly revenue, by currency."""
    revenue = cast(func.coalesce(func.sum(_a.mrr_minor), 0), BigInteger).label("mrr_minor")
    query = select(_a.currency, _a.band, func.count().label("accounts"), revenue).where(*chosen.where(), *IN_FIGURES)
    query = query.group_by(_a.currency, _a.band).order_by(_a.currency.nulls_last(), _a.band)
    return [row._asdict() for row in await c.execute(query)]


async def one(c: AsyncConnection, id: str) -> dict[str, Any] | None:
    """An account's row, with what is kept of it."""
    row = (await c.execute(select(t.accounts).where(_a.id == id))).one_or_none()
    return None if row is None else row._asdict()


_p = t.papers.c
_STATES = select(_a.id, _a.state).where(bulk.among(_a.id, "accounts"))
_OPEN_THEN = (
    select(_p.account_id, _p.kind, _p.id, _p.row)
    .join(t.accounts, _a.id == _p.account_id)
    .where(bulk.among(_a.id, "accounts"), or_(_p.settled_at.is_(None), _p.settled_at > _a.churned_at))
)


async def left_behind(c: AsyncConnection, rows: Iterable[Mapping[str, Any]]) -> dict[str, LeftBehind]:
    """What was open when these accounts were left, by their ids: of those that were."""
    left = {row["id"]: row["churned_at"] for row in rows if row["churned_at"] is not None and not row["gone"]}
    if not left:
        return {}
    asked = {"accounts": list(left)}
    found = {id: s.Account(id, packing.decode(state)) for id, state in await c.execute(_STATES, asked)}
    for id, kind, key, row in await c.execute(_OPEN_THEN, asked):
        found[id].papers(kind)[key] = packing.paper_of(kind, row)
    return {id: behind_of(account, micros(left[id])) for id, account in found.items()}


_FAMILY = tuple(_a[name] for name in ("id", "name", "parent_id", "score", "band", "mrr_minor", "currency"))
_ID = bindparam("id", type_=_a.id.type)
# UNION drops what was found before, so that a circle ends, too.
_below = select(_ID.label("id")).cte("below", recursive=True)
# What belonged to an account that was merged belongs to the one that it goes on as.
_belongs = or_(and_(_a.parent_id == _below.c.id, *IN_FIGURES), _a.merged_into == _below.c.id)
_below = _below.union(select(_a.id).join(_below, _belongs))
_MEMBERS = select(*_FAMILY).join(_below, _below.c.id == _a.id).where(*IN_FIGURES, _a.churned_at.is_(None))
_PARENT = (_a.id, func.coalesce(_a.merged_into, _a.parent_id).label("parent_id"), _a.merged_into)
_above = select(*_PARENT).where(_a.id == _ID).cte("above", recursive=True)
_above = _above.union(select(*_PARENT).join(_above, _a.id == _above.c.parent_id))


async def family(c: AsyncConnection, id: str) -> tuple[list[Member], dict[str, str | None]]:
    """The customers among an account and all below it, by their ids; and the parents of it and of all above it."""
    members = [Member(*row) for row in await c.execute(_MEMBERS.order_by(_a.id), {"id": id})]
    rows = (await c.execute(select(_above), {"id": id})).all()
    goes_on = {row.id: row.merged_into for row in rows if row.merged_into is not None}
    return members, now_above({row.id: row.parent_id for row in rows}, goes_on)


_LAST_HEARD = select(t.sources.c.source, func.max(t.sources.c.last_at).label("last_at")).group_by(t.sources.c.source)
_HEARD_OF = select(
    func.count(),
    *(func.count().filter(_a.heard.op("&")(bit_of(source)) != 0) for source in SOURCES),
).where(*IN_FIGURES, _a.churned_at.is_(None))


async def sources(c: AsyncConnection, declared: Mapping[str, int]) -> list[Heard]:
    """Each source of evidence: when it was last heard of, and for how many of the accounts that are customers."""
    last = {row.source: row.last_at for row in await c.execute(_LAST_HEARD)}
    of, *accounts = (await c.execute(_HEARD_OF)).one()
    return [
        Heard(source, declared.get(source), last.get(source), heard, of)
        for source, heard in zip(SOURCES, accounts, strict=True)
    ]


_STATUS = select(
    func.count().filter(~_a.gone).label("accounts"),
    func.count().filter(_a.marked_at.is_not(None)).label("waiting"),
    func.count().filter(t.in_imports).label("in_imports"),
)


async def status(c: AsyncConnection) -> dict[str, Any]:
    """What scoring adds to its status: accounts, those that wait to be assessed, those in an open import."""
    return (await c.execute(_STATUS)).one()._asdict()


_SINCE = bindparam("since", type_=t.timeline.c.at.type)
_r = t.renewals.c
_AT, _RECENT = (bindparam(name, type_=_r.ends_at.type) for name in ("at", "recent"))
_BESIDE: Final = [
    select(*(table.c[name] for name in row._fields))
    .where(bulk.among(table.c.account_id, "accounts"), since, *but)
    .order_by(*table.primary_key.columns)
    for table, row, since, *but in (
        (t.answers, AnswerRow, t.answers.c.at >= _SINCE),
        (t.invitations, InvitationRow, t.invitations.c.at >= _SINCE),
        # When a band moved was decided, and is no part of what was folded.
        (t.timeline, TimelineRow, t.timeline.c.at >= _SINCE, t.timeline.c.type != MOVED),
        # Of what is older, state remembers months, and rows may have days.
        (t.money, MoneyRow, t.money.c.day > bindparam("day", type_=t.money.c.day.type) - s.TERMS_DAYS),
        # Of what renews by itself the next are known, as far as they were when something was said of it last.
        (
            t.renewals,
            RenewalRow,
            t.renewals.c.ends_at >= _RECENT,
            or_(t.renewals.c.after_at.is_(None), t.renewals.c.after_at < _AT),
        ),
    )
]


async def fingerprint(c: AsyncConnection, at: datetime, rules: Rules) -> tuple[str, int]:
    """One hash of all folded state, answers and timelines at an instant, and how many accounts it covers, by id."""
    hashed, count, after = sha256(), 0, ""
    while True:
        query = select(_a.id, _a.state).where(_a.id > after).order_by(_a.id).limit(_CHUNK)
        chunk = [(id, state) for id, state in await c.execute(query)]
        if not chunk:
            return hashed.hexdigest(), count
        used = await usage.of_accounts(c, [id for id, _ in chunk], at)
        for account in await whole_accounts(c, chunk, at):
            hashed.update(fingerprint_of(account, at, rules, used.get(account.id, ())))
            count += 1
        for beside in _BESIDE:
            asked = {"accounts": [id for id, _ in chunk], "since": at - KEPT, "day": day_of(at), "at": at}
            asked["recent"] = at - timedelta(days=s.TERMS_DAYS)
            rows = await c.execute(beside, asked)
            hashed.update(msgspec.msgpack.encode([tuple(row) for row in rows]))
        after = chunk[-1][0]


async def draft(c: AsyncConnection, now: datetime, catalogue: Catalogue) -> Draft:
    """A draft of the catalogue from what every customer did."""
    drafted, after = Draft(day_of(now)), ""
    while True:
        query = select(_a.id, _a.state).where(_a.id > after, ~_a.gone, _a.churned_at.is_(None))
        chunk = [(id, state) for id, state in await c.execute(query.order_by(_a.id).limit(_CHUNK))]
        if not chunk:
            return drafted
        for id, packed in chunk:
            state = packing.decode(packed)
            drafted.add(profile_of(id, state, now, catalogue), state)
        after = chunk[-1][0]


async def whole_accounts(c: AsyncConnection, states: Sequence[tuple[str, bytes]], at: datetime) -> list[s.Account]:
    """Accounts with all that is remembered beside their states at an instant, users too."""
    today = day_of(at)
    accounts = {id: s.Account(id, packing.decode(state)) for id, state in states}
    users = select(t.users).where(
        bulk.among(t.users.c.account_id, "accounts"), t.users.c.last_day >= pruning.day_cutoff(today)
    )
    for id, user, day in await c.execute(users, {"accounts": list(accounts)}):
        accounts[id].users[user] = day
    for id, kind, key, row in await live_papers(c, list(accounts), instant_of((today - s.PAPER_DAYS) * DAY_US)):
        accounts[id].papers(kind)[key] = row
    for account in accounts.values():
        pruning.prune(account.state, today, account.forgotten)
        pruning.drop_tombstones(account, today)
    return list(accounts.values())
