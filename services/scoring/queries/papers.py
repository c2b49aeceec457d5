"""What the HTTP edge reads of tickets and invoices, of one account or of all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring import tables as t
from services.scoring.core.packing import paper_of
from services.scoring.queries.over import Over, newest
from shared.messages.stamps import instant_of
from shared.messages.tickets import Priority
from shared.pg import bulk
from shared.web.paging import Paging

Kind = Literal["tickets", "invoices"]
Where = Sequence[ColumnElement[bool]]
_p, _l = t.papers.c, t.timeline.c


class Listed(NamedTuple):
    """A ticket or an invoice, with what the message said that it stands by."""

    account_id: str
    account_name: str | None
    id: str
    at: datetime
    row: Any
    said: dict[str, Any]
    """Empty where its contact was erased, or that is more than two years ago."""
    contact_id: str | None
    """A digest, where they were erased."""


@dataclass(frozen=True, slots=True)
class Tickets:
    """Which tickets are asked for."""

    open: bool | None = None
    priority: Priority | None = None

    def where(self, _now: datetime) -> list[ColumnElement[bool]]:
        """What holds of them."""
        return _open(self.open) + ([] if self.priority is None else [_p.priority == bulk.word(self.priority)])


@dataclass(frozen=True, slots=True)
class Invoices:
    """Which invoices are asked for."""

    open: bool | None = None
    overdue: bool | None = None

    def where(self, now: datetime) -> list[ColumnElement[bool]]:
        """What holds of them."""
        overdue = and_(_p.settled_at.is_(None), _p.due_at.is_not(None), _p.at < now)
        return _open(self.open) + ([] if self.overdue is None else [overdue if self.overdue else ~overdue])


def _open(wanted: bool | None) -> list[ColumnElement[bool]]:
    return [] if wanted is None else [_p.settled_at.is_(None) if wanted else _p.settled_at.is_not(None)]


_ORDER: Final = (_p.at, _p.account_id, _p.id)
_SHOWN: Final = (_p.account_id, _p.id, _p.at, _p.row)
_KEY: Final = (_l.account_id, _l.at, _l.source, _l.id)
_keys = bulk.given(*_KEY)
_SAID: Final = select(*_KEY, _l.data, _l.contact_id).join(
    _keys, and_(*(column == _keys.c[column.name] for column in _KEY))
)


async def listed(
    c: AsyncConnection,
    kind: Kind,
    where: Where,
    of: str | Over,
    paging: Paging,
) -> tuple[list[Listed], str | None]:
    """A page of tickets or invoices of an account, or over all, and the cursor of the next.

    The latest come first: by when they were opened, or are due.
    """
    holds = [_p.kind == bulk.word(kind), _p.at.is_not(None), *where]
    rows, cursor = await newest(c, _SHOWN, _ORDER, holds, of, paging)
    found = [(row["account_id"], row["account_name"], row["id"], row["at"], paper_of(kind, row["row"])) for row in rows]
    events = {(id, instant_of(row.at), row.source, row.id) for id, _, _, _, row in found}
    parameters = bulk.arrays(("account_id", "at", "source", "id"), sorted(events))
    said = {tuple(one[:4]): one[4:] for one in (await c.execute(_SAID, parameters) if events else ())}
    shown = [
        Listed(*one, *_of_event(said.get((one[0], instant_of(one[4].at), one[4].source, one[4].id)))) for one in found
    ]
    return shown, cursor


def _of_event(row: Sequence[Any] | None) -> tuple[dict[str, Any], str | None]:
    if row is None:
        return {}, None
    data, contact = row
    return ({} if data is None else msgspec.json.decode(data)), contact
