"""What the HTTP edge reads of timelines: of one account, or of all and the company."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import Query
from sqlalchemy import ColumnElement, Select, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring import tables as t
from services.scoring.core import state as s
from services.scoring.core.timeline import MOVED
from services.scoring.queries.feedback import OF_ACCOUNT
from shared.messages import registry
from shared.pg import bulk
from shared.words import person

_a, _l = t.accounts.c, t.timeline.c
_EVENTS: Final = {**registry.CUSTOMER_EVENTS, **registry.INTERNAL}
TYPES: Final = sorted(
    {
        MOVED,
        *(name for name, (topic, _) in _EVENTS.items() if topic in registry.EVENT_TOPICS and topic != registry.USAGE),
    }
)
"""Of which types there are rows."""
FAMILIES: Final = {name.partition(".")[0] for name in TYPES}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows are asked for."""

    type: Annotated[
        list[str] | None, Query(description="A type such as `note.added`, or the family of several: `ticket`.")
    ] = None
    contact: Annotated[str | None, Query(description="Only what is about this contact.")] = None
    subject: Annotated[str | None, Query(description="Only what is about this ticket, invoice or subscription.")] = None

    def where(self) -> list[ColumnElement[bool]]:
        """What holds of them."""
        asked = {_l.contact_id: self.contact, _l.subject: self.subject}
        holds: list[ColumnElement[bool]] = [column == value for column, value in asked.items() if value is not None]
        if self.type:
            holds.append(_l.type.in_([name for name in TYPES if {name, name.partition(".")[0]} & {*self.type}]))
        return holds


@dataclass(frozen=True, slots=True)
class Over:
    """Which accounts' rows are asked for; without any of these the company's, too."""

    owner: str | None = None
    segment: str | None = None
    plan: str | None = None
    stage: str | None = None

    def where(self) -> list[ColumnElement[bool]]:
        """What holds of them."""
        return [_a[name] == value for name in OF_ACCOUNT if (value := getattr(self, name)) is not None]


_ORDER: Final = (_l.at, _l.source, _l.id)
_ORDER_OF_ALL: Final = (_l.at, _l.account_id, _l.source, _l.id)


async def of_account(
    c: AsyncConnection,
    id: str,
    wanted: Wanted,
    span: Sequence[datetime | None],
    after: tuple[Any, ...] | None,
    most: int,
) -> Sequence[dict[str, Any]]:
    """What happened to one account, newest first; `at`, `source` and `id` make the cursor."""
    query = select(*_l).where(_l.account_id == id, *wanted.where())
    return await _page(c, query, _ORDER, span, after, most)


async def of_all(
    c: AsyncConnection,
    over: Over,
    wanted: Wanted,
    span: Sequence[datetime | None],
    after: tuple[Any, ...] | None,
    most: int,
) -> Sequence[dict[str, Any]]:
    """What happened to all, newest first; `at`, `account_id`, `source` and `id` make the cursor."""
    query = select(*_l, _a.name.label("account_name")).join(t.accounts, _a.id == _l.account_id, isouter=True)
    return await _page(c, query.where(*over.where(), *wanted.where()), _ORDER_OF_ALL, span, after, most)


async def _page(
    c: AsyncConnection,
    query: Select[Any],
    order: Sequence[ColumnElement[Any]],
    span: Sequence[datetime | None],
    after: tuple[Any, ...] | None,
    most: int,
) -> Sequence[dict[str, Any]]:
    since, until = span
    query = query.order_by(*(column.desc() for column in order)).limit(most)
    if since is not None:
        query = query.where(_l.at >= since)
    if until is not None:
        query = query.where(_l.at < until)
    if after is not None:
        query = query.where(
            tuple_(*order) < tuple_(*(literal(key, one.type) for key, one in zip(after, order, strict=True)))
        )
    return [row._asdict() for row in await c.execute(query)]


_STATES: Final = select(_a.id, _a.state).where(bulk.among(_a.id, "accounts"))


async def people(c: AsyncConnection, pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Contacts in words, by account and contact."""
    asked = set(pairs)
    if not asked:
        return {}
    rows = await c.execute(_STATES, {"accounts": sorted({account for account, _ in asked})})
    known = {id: s.decode(packed) for id, packed in rows}
    return {
        (id, contact): person(known[id].name_of(contact), known[id].role_of(contact))
        for id, contact in asked
        if id in known
    }
