"""Rows of what accounts bring, as batches write and forget them."""

from collections.abc import Iterable
from typing import Final

from sqlalchemy import column, delete, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring import tables as t
from services.scoring.core.clock import day_of
from services.scoring.core.money import FOREVER, MoneyRow, rows_of, since_in_months
from services.scoring.core.state import MONTHLY_DAYS, Account
from shared.pg import bulk
from shared.pg.retention import MOST, Term, forgetting, is_past

_m = t.money.c
_ADD = bulk.Insert(t.money, MoneyRow._fields)
_OF: Final = ("account_id", "day", "until")
_given = bulk.given(_m.account_id, column("day", _m.day.type), column("until", _m.until.type))
_DROP = delete(t.money).where(_m.account_id == _given.c.account_id, _m.day >= _given.c.day)
_JOIN = (
    update(t.money)
    .values(until=_given.c.until)
    .where(_m.account_id == _given.c.account_id, _m.day < _given.c.day, _m.until >= _given.c.day)
)
forget = forgetting(
    Term(bulk.delete_some(t.money, is_past(_m.until), most=MOST), lambda now: day_of(now) - MONTHLY_DAYS + 1)
)
"""Forgets what ended before any figure begins."""


async def save(c: AsyncConnection, accounts: Iterable[Account], today: int) -> None:
    """Write what these accounts bring anew, from the day on which it may be another; of most there is none after."""
    dropped, joined, rows = list[tuple[str, int, int]](), list[tuple[str, int, int]](), list[MoneyRow]()
    for account in accounts:
        since = since_in_months(account.bought_since or 0, today)
        account.bought_since = None
        steps = rows_of(account.id, account.state, since)
        changed = account.id, since, steps[0].day if steps else FOREVER
        if account.last_step is None or account.last_step >= since:
            dropped.append(changed)
            joined.append(changed)
        elif steps:
            joined.append(changed)
        rows += steps
        account.last_step = max(since - 1, steps[-1].day if steps else since - 1)
    if dropped:
        await c.execute(_DROP, bulk.arrays(_OF, dropped))
    if joined:
        await c.execute(_JOIN, bulk.arrays(_OF, joined))
    await _ADD(c, rows)
