"""What the HTTP edge reads of usage by day: what state has forgotten, to be put together with what it has."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring import tables as t
from services.scoring.core.clock import day_of
from services.scoring.core.state import OTHER
from services.scoring.core.usagedays import KEPT_DAYS
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


async def latest(
    c: AsyncConnection, id: str, first: int, last: int, feature: str | None, named: Collection[str], most: int
) -> Sequence[Used]:
    """What is kept of an account from a day to another, of the last days that have anything, at most so many.

    `feature` narrows it; `OTHER` means all that are not `named`.
    """

    def chosen(query: Select[Any]) -> Select[Any]:
        query = query.where(_u.account_id == id, _u.day >= first, _u.day <= last)
        if feature == OTHER:
            return query.where(_u.feature.not_in(list(named)))
        return query if feature is None else query.where(_u.feature == feature)

    days = chosen(select(_u.day).distinct()).order_by(_u.day.desc()).limit(most).subquery()
    since = select(func.min(days.c.day)).scalar_subquery()
    rows = await c.execute(chosen(select(_u.day, _u.feature, _u.events, _u.quantity)).where(_u.day >= since))
    return [(day, name, events, quantity) for day, name, events, quantity in rows]


async def accounts(
    c: AsyncConnection, over: Over, begun: str, is_included: bool, most: int
) -> Sequence[tuple[str, str | None, bytes]]:
    """The next accounts by their ids, with name and state, from one on, which is among them or not."""
    query = select(_a.id, _a.name, _a.state).where(*over.where(), _a.id >= begun if is_included else _a.id > begun)
    return [(id, name, packed) for id, name, packed in await c.execute(query.order_by(_a.id).limit(most))]
