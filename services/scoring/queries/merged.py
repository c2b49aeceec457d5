"""What the HTTP edge reads of accounts that were merged: where one went, and which ones it took in."""

from typing import Any, Final

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring import tables as t

_a = t.accounts.c
_ID: Final = bindparam("id", type_=_a.id.type)
_SHOWN: Final = (_a.id, _a.name)
# UNION drops what was found before, so that a circle, which no intake lets in, ends too.
_after = select(_a.merged_into.label("id")).where(_a.id == _ID).cte("after", recursive=True)
_after = _after.union(select(_a.merged_into).join(_after, _a.id == _after.c.id).where(_a.merged_into.is_not(None)))
_LAST: Final = (
    select(_after.c.id, _a.name)
    .join(t.accounts, _a.id == _after.c.id, isouter=True)
    .where(_after.c.id.is_not(None), _a.merged_into.is_(None))
)
_before = select(_a.id).where(_a.merged_into == _ID).cte("before", recursive=True)
_before = _before.union(select(_a.id).join(_before, _a.merged_into == _before.c.id))
_TAKEN_IN: Final = select(*_SHOWN).join(_before, _a.id == _before.c.id).where(_a.id != _ID).order_by(_a.id)


async def went_to(c: AsyncConnection, id: str) -> dict[str, Any] | None:
    """The account that one goes on as now, after all mergings; None where it was not merged."""
    row = (await c.execute(_LAST, {"id": id})).one_or_none()
    return None if row is None else row._asdict()


async def taken_in(c: AsyncConnection, id: str) -> list[dict[str, Any]]:
    """The accounts that were merged into one, and into these, by id."""
    return [row._asdict() for row in await c.execute(_TAKEN_IN, {"id": id})]
