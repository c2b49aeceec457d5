"""Rows of usage by day, as batches write and forget them."""

from collections.abc import Iterable

from sqlalchemy import func

from services.scoring import tables as t
from services.scoring.core.clock import day_of
from services.scoring.core.state import MOST_QUANTITY, Account
from services.scoring.core.usagedays import KEPT_DAYS, UsageRow, rows_of
from shared.pg import bulk
from shared.pg.retention import MOST, Term, forgetting, is_past

_u = t.usage_days.c
_ADD = bulk.Insert(
    t.usage_days,
    UsageRow._fields,
    set=lambda new: {
        "events": _u.events + new.events,
        # What is added up first would not fit where both are at the bound.
        "quantity": func.least(_u.quantity, MOST_QUANTITY - new.quantity) + new.quantity,
    },
)
forget = forgetting(
    Term(bulk.delete_some(t.usage_days, is_past(_u.day), most=MOST), lambda now: day_of(now) - KEPT_DAYS + 1)
)
"""Forgets what was used 400 days ago."""


def added(accounts: Iterable[Account], today: int) -> bulk.Write | None:
    """Add up what the states of these accounts have forgotten."""
    rows = list[UsageRow]()
    for account in accounts:
        rows += rows_of(account, today)
        account.forgotten.clear()
    return _ADD.of(rows)
