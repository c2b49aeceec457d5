"""Rows of renewals, as batches write them."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring import tables as t
from services.scoring.core.renewals import RenewalRow, rows_of
from services.scoring.core.state import MONTHLY_DAYS, Account
from shared.pg import bulk
from shared.pg.retention import forgetting, term

_ADD = bulk.Insert(t.renewals, RenewalRow._fields)
_DROP: Final = delete(t.renewals).where(bulk.among(t.renewals.c.account_id, "accounts"))


forget = forgetting(term(t.renewals, t.renewals.c.ends_at, timedelta(days=MONTHLY_DAYS)))
"""Forgets what was due before any figure begins."""


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
