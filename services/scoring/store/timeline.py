"""Rows of the timeline, as batches write and forget them."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring import tables as t
from services.scoring.core.fold.people import Erased
from services.scoring.core.surveys import KEPT
from services.scoring.core.timeline import TimelineRow
from shared.pg import bulk
from shared.pg.retention import forgetting, term

_ADD = bulk.Insert(t.timeline, TimelineRow._fields, nothing=True)


def _erasing(who: str) -> bulk.Update:
    # The digest that stands for a contact travels as what is the subject until then.
    def also(given: Any) -> dict[str, Any]:
        return {who: given.subject, "subject": t.timeline.c.subject, "data": None}

    return bulk.Update(t.timeline, ("account_id", who), ("subject",), also=also)


_ERASE: Final = [_erasing(who) for who in ("contact_id", "requester")]
forget = forgetting(term(t.timeline, t.timeline.c.at, KEPT))
"""Forgets what happened 730 days ago."""


def added(rows: Iterable[TimelineRow]) -> bulk.Write | None:
    """Write what happened."""
    return _ADD.of(rows)


async def erase(c: AsyncConnection, erased: Sequence[Erased]) -> None:
    """Of contacts that were erased nothing stays that they said."""
    for statement in _ERASE:
        await statement(c, erased)
