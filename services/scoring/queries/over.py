"""Lists of rows of one account, or over many, newest first: any page of them by an index.

The columns that order a list make its cursor, too; of one account that leaves out its id.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, func, literal, select, true, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring import tables as t
from services.scoring.core.profile import BOOKS
from shared.web.paging import Paging

_a = t.accounts.c
_FEW: Final = 200
"""The rows of so many accounts are found account by account; of more they are met soon enough among all."""


@dataclass(frozen=True, slots=True)
class Over:
    """Which accounts are meant: all, unless narrowed."""

    owner: str | None = None
    segment: str | None = None
    plan: str | None = None
    stage: str | None = None

    def where(self) -> list[ColumnElement[bool]]:
        """What holds of them."""
        return [_a[name] == value for name in BOOKS if (value := getattr(self, name)) is not None]


async def newest(
    c: AsyncConnection,
    shown: Sequence[Column[Any]],
    order: Sequence[Column[Any]],
    where: Sequence[ColumnElement[bool]],
    of: str | Over,
    paging: Paging,
) -> tuple[list[dict[str, Any]], str | None]:
    """A page of the rows of an account, or of many, with its name, and the cursor of the next; `order` is shown, too.

    Raises a 400 problem for a cursor of another list.
    """
    table, narrowed = order[0].table, [] if isinstance(of, str) else of.where()
    keys = [key for key in order if key.name != "account_id"] if isinstance(of, str) else list(order)
    holds, most = list(where), paging.limit + 1
    if (after := paging.after(*(key.type.python_type for key in keys))) is not None:
        there = tuple_(*(literal(value, key.type) for value, key in zip(after, keys, strict=True)))
        holds.append(tuple_(*keys) < there)
    falling = [key.desc() for key in keys]
    if narrowed and await _are_few(c, narrowed):
        own = select(table).where(table.c.account_id == _a.id, *holds).order_by(*falling).limit(most).lateral("own")
        query = select(*(own.c[column.name] for column in shown), _a.name.label("account_name"))
        query = query.select_from(t.accounts.join(own, true())).where(*narrowed)
        falling = [own.c[key.name].desc() for key in keys]
    else:
        query = select(*shown, _a.name.label("account_name"))
        query = query.join(t.accounts, _a.id == table.c.account_id, isouter=not narrowed).where(*holds, *narrowed)
    if isinstance(of, str):
        query = query.where(table.c.account_id == of)
    rows = [row._asdict() for row in await c.execute(query.order_by(*falling).limit(most))]
    return paging.page(rows, lambda row: [row[key.name] for key in keys])


async def _are_few(c: AsyncConnection, narrowed: Sequence[ColumnElement[bool]]) -> bool:
    some = select(_a.id).where(*narrowed).limit(_FEW + 1).subquery()
    return (await c.execute(select(func.count()).select_from(some))).scalar_one() <= _FEW
