"""Rows of the timeline, as batches write and forget them."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring import tables as t
from services.scoring.core.fold.people import digest_of
from services.scoring.core.surveys import KEPT
from services.scoring.core.timeline import TimelineRow
from shared.pg import bulk

_ADD = bulk.Insert(t.timeline, TimelineRow._fields, nothing=True)
# The digest that stands for a contact travels as what is their subject until then.
_ERASE = bulk.Update(
    t.timeline,
    ("account_id", "contact_id"),
    ("subject",),
    also=lambda given: {"contact_id": given.subject, "subject": t.timeline.c.subject, "data": None},
)
_MOST: Final = 5_000
"""Rows forgotten at once, so that no lock is held for long."""
_KEY: Final = list(t.timeline.primary_key.columns)
_FORGET = delete(t.timeline).where(
    tuple_(*_KEY).in_(select(*_KEY).where(t.timeline.c.at < bindparam("before")).limit(_MOST))
)


async def save(c: AsyncConnection, rows: Iterable[TimelineRow], erased: Sequence[tuple[str, str]] = ()) -> None:
    """Write what happened; of contacts that were erased nothing stays that they said."""
    await _ADD(c, rows)
    await _ERASE(c, [(account, contact, digest_of(contact)) for account, contact in erased])


async def forget(c: AsyncConnection, now: datetime) -> bool:
    """Forget some of what happened 730 days ago. Returns whether there may be more."""
    return (await c.execute(_FORGET, {"before": now - KEPT})).rowcount == _MOST
