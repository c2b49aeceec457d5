"""Accounts and their monthly revenue by owner, as they are kept: each partition moves its own rows."""

from typing import Final

from sqlalchemy import BigInteger, cast, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.playbooks import tables as t
from services.playbooks.core.books import Books, Moved
from services.playbooks.core.rules import Rules
from shared.pg import bulk

_b: Final = t.books.c
move: Final = bulk.Insert(
    t.books,
    Moved._fields,
    same=("partition",),
    set=lambda new: {name: _b[name] + new[name] for name in ("accounts", "mrr_minor")},
)
"""Moves accounts and revenue from owner to owner."""
_ALL: Final = select(
    *(_b.owner, _b.touch, _b.currency),
    *(cast(func.sum(_b[name]), BigInteger).label(name) for name in ("accounts", "mrr_minor")),
).group_by(_b.owner, _b.touch, _b.currency)


async def read(c: AsyncConnection, rules: Rules) -> Books:
    """Everybody's, of all partitions."""
    return Books(rules.directory, [Moved(*row) for row in await c.execute(_ALL)], rules.declared.rates)
