"""What each key sent, by day and type. Every function works in the caller's transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import date, timedelta
from typing import Any, Final

from sqlalchemy import Date, Row, Text, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ingest.tables import key_usage as t
from shared.pg import bulk
from shared.pg.retention import forgetting, term

NO_TYPE: Final = ""
"""The row of a key's day that counts requests, and what belongs to no type."""
KEPT_DAYS: Final = 400
_COUNTED: Final = ("requests", "events", "bytes", "refused", "limited")
_ADD: Final = bulk.Insert(
    t, ("key", "day", "type", *_COUNTED), set=lambda new: {name: t.c[name] + new[name] for name in _COUNTED}
)
_READ: Final = (
    select(t)
    .where(
        t.c.key == bindparam("of", type_=Text),
        t.c.day.between(bindparam("first", type_=Date), bindparam("last", type_=Date)),
    )
    .order_by(t.c.day.desc(), t.c.type)
)
forget = forgetting(term(t, t.c.day, timedelta(days=KEPT_DAYS)))
"""Forgets days that are past."""


@dataclass(slots=True)
class Counts:
    """What was counted, in the order of the table's columns."""

    requests: int = 0
    events: int = 0
    bytes: int = 0
    refused: int = 0
    limited: int = 0

    def add(self, other: "Counts") -> None:
        """Count what another counted, too."""
        self.requests += other.requests
        self.events += other.events
        self.bytes += other.bytes
        self.refused += other.refused
        self.limited += other.limited


async def add(c: AsyncConnection, counted: Mapping[tuple[str, date, str], Counts]) -> None:
    """Count what came in lately: by key, day and type."""
    await _ADD(c, [(*of, *astuple(counts)) for of, counts in sorted(counted.items())])


async def read(c: AsyncConnection, key: str, first: date, last: date) -> Sequence[Row[Any]]:
    """A key's rows from one day to another, the newest first."""
    return (await c.execute(_READ, {"of": key, "first": first, "last": last})).all()
