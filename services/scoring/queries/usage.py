"""What the HTTP edge reads of usage by day: what state has forgotten, to be put together with what it has."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Integer, Select, bindparam, cast, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring import tables as t
from services.scoring.core.clock import day_of
from services.scoring.core.state import OTHER
from services.scoring.core.usagedays import KEPT_DAYS, enough
from services.scoring.queries.over import Over
from shared.pg import bulk

_a, _u = t.accounts.c, t.usage_days.c
Used = tuple[int, str, int, int]
"""A day, a feature, how often it was used, and how much, in millionths."""
_OF_ACCOUNTS: Final = select(t.usage_days).where(
    bulk.among(_u.account_id, "accounts"), _u.day > bindparam("before", type_=_u.day.type)
)


async def of_accounts(c: AsyncConnection, ids: Collection[str], at: datetime) -> dict[str, list[Used]]:
    """All that is kept of these accounts at an instant, by their ids."""
    found: dict[str, list[Used]] = {}
    for id, *used in await c.execute(_OF_ACCOUNTS, {"accounts": list(ids), "before": day_of(at) - KEPT_DAYS}):
        found.setdefault(id, []).append((used[0], used[1], used[2], used[3]))
    return found


class Span(NamedTuple):
    """From a day to another; until `whole` all that was used on them is wanted."""

    first: int
    last: int
    whole: int


_is_named = bulk.among(_u.feature, "named")
_ON_A_DAY: Final = func.count().filter(_is_named) + cast(func.bool_or(~_is_named), Integer)
"""How many features: those without a name count together."""


async def latest(
    c: AsyncConnection, id: str, span: Span, feature: str | None, named: Collection[str], most: int
) -> Sequence[Used]:
    """What is kept of an account between two days: of the last of them, on which there are so many.

    `feature` narrows it; `OTHER` means all that are not `named`.
    """

    def chosen(query: Select[Any]) -> Select[Any]:
        query = query.where(_u.account_id == id, _u.day >= span.first, _u.day <= span.last)
        if feature == OTHER:
            return query.where(~_is_named)
        return query if feature is None else query.where(_u.feature == feature)

    names = {"named": [name for name in named if name != OTHER]}
    counts = chosen(select(_u.day, _ON_A_DAY).group_by(_u.day)).order_by(_u.day.desc()).limit(most + 1)
    days = [(day, count if day <= span.whole else 0) for day, count in await c.execute(counts, names)]
    rows = chosen(select(_u.day, _u.feature, _u.events, _u.quantity)).where(
        _u.day >= (enough(days, most) or span.first)
    )
    return [(day, name, events, quantity) for day, name, events, quantity in await c.execute(rows, names)]


async def accounts(
    c: AsyncConnection, over: Over, begun: str, is_included: bool, most: int
) -> Sequence[tuple[str, str | None, bytes]]:
    """The next accounts by their ids, with name and state, from one on, which is among them or not."""
    query = select(_a.id, _a.name, _a.state).where(*over.where(), _a.id >= begun if is_included else _a.id > begun)
    return [(id, name, packed) for id, name, packed in await c.execute(query.order_by(_a.id).limit(most))]
