"""What the HTTP edge reads of timelines: of one account, or of all and the company."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import Query
from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring import tables as t
from services.scoring.core.timeline import MOVED
from services.scoring.queries.over import Over, newest
from shared.messages import registry
from shared.web.paging import Paging

_l = t.timeline.c
_EVENTS: Final = {**registry.CUSTOMER_EVENTS, **registry.INTERNAL}
TYPES: Final = sorted(
    {
        MOVED,
        *(name for name, (topic, _) in _EVENTS.items() if topic in registry.EVENT_TOPICS and topic != registry.USAGE),
    }
)
"""Of which types there are rows."""
FAMILIES: Final = sorted({name.partition(".")[0] for name in TYPES})


_Type = Annotated[
    list[str] | None, Query(description="A type such as `note.added`, or the family of several: `ticket`.")
]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows are asked for."""

    type: _Type = None

    def where(self) -> list[ColumnElement[bool]]:
        """What holds of them."""
        if not self.type:
            return []
        return [_l.type.in_([name for name in TYPES if {name, name.partition(".")[0]} & {*self.type}])]


@dataclass(frozen=True, slots=True)
class WantedOfOne(Wanted):
    """Which rows of one account are asked for."""

    contact: Annotated[str | None, Query(description="Only what is about this contact.")] = None
    subject: Annotated[str | None, Query(description="Only what is about this ticket, invoice or subscription.")] = None

    def where(self) -> list[ColumnElement[bool]]:
        """What holds of them."""
        asked = {_l.contact_id: self.contact, _l.subject: self.subject}
        return [*Wanted.where(self), *(column == value for column, value in asked.items() if value is not None)]


def between(since: datetime | None, until: datetime | None) -> list[ColumnElement[bool]]:
    """What holds of rows between two instants, where these are given."""
    begun = [] if since is None else [_l.at >= since]
    return begun if until is None else [*begun, _l.at < until]


_ORDER: Final = (_l.at, _l.account_id, _l.source, _l.id)


async def listed(
    c: AsyncConnection, of: str | Over, where: Sequence[ColumnElement[bool]], paging: Paging
) -> tuple[list[dict[str, Any]], str | None]:
    """A page of what happened to an account, or to many, newest first, and the cursor of the next."""
    return await newest(c, list(_l), _ORDER, where, of, paging)
