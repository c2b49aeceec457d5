"""Rows of renewals, as batches write them."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import bindparam, delete
from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring import tables as t
from services.scoring.core.renewals import RenewalRow, rows_of
from services.scoring.core.state import MONTHLY_DAYS, Account
from shared.pg import bulk

_ADD = bulk.Insert(t.renewals, RenewalRow._fields)
_DROP: Final = delete(t.renewals).where(bulk.among(t.renewals.c.account_id, "accounts"))


_MOST: Final = 5_000
"""Rows forgotten at once, so that no lock is held for long."""
_FORGET = bulk.delete_some(t.renewals, t.renewals.c.ends_at < bindparam("before"), most=_MOST)


async def save(c: AsyncConnection, accounts: Iterable[Account], now: datetime) -> None:
    """Write the renewals of these accounts anew, of those where they are others than were written last."""
    changed, rows = list[str](), list[RenewalRow]()
    for account in accounts:
        account.renews_otherwise = False
        found = rows_of(account.id, account.state, now)
        if account.renewals != found:
            changed.append(account.id)
            rows += found
            account.renewals = found
    if changed:
        await c.execute(_DROP, {"accounts": changed})
        await _ADD(c, rows)


async def forget(c: AsyncConnection, now: datetime) -> bool:
    """Forget some of what was due before any figure begins. Returns whether there may be more."""
    return (await c.execute(_FORGET, {"before": now - timedelta(days=MONTHLY_DAYS)})).rowcount == _MOST
