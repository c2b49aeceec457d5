"""The invoices that measures look at."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from services.scoring.core.clock import day_of_us
from services.scoring.core.measures.base import View
from services.scoring.core.state import PAPER_DAYS, Invoice

NONE_YET: Final = "no invoice yet"


def overdue(view: View) -> list[tuple[int, str, Invoice]]:
    """Open invoices whose due date has passed, oldest first: when due, and which. What owes nothing isn't late."""
    return sorted(
        (row.due_at, key, row)
        for key, row in view.invoices.items()
        if row.settled is None and row.amount > 0 and row.due_at is not None and day_of_us(row.due_at) < view.today
    )


def pressing(view: View) -> list[tuple[int, str, Invoice]]:
    """Those that are no longer overdue than anybody waits: what is older is written off, and only shown."""
    return [one for one in overdue(view) if is_recent(view, one[0])]


def is_recent(view: View, due: int) -> bool:
    """Whether what was due then still says something of the account."""
    return view.today - day_of_us(due) < PAPER_DAYS


def overdue_minor(view: View) -> int:
    """What is overdue in the account's currency; where that isn't known, in the one of most overdue invoices."""
    rows = [row for _, _, row in overdue(view)]
    currency = view.profile.currency or most_common(rows)
    return sum(row.amount for row in rows if row.currency == currency)


def most_common(rows: Iterable[Invoice]) -> str | None:
    """The currency of most of these invoices, by the alphabet among equals."""
    found = Counter(row.currency for row in rows)
    return min(found, key=lambda currency: (-found[currency], currency), default=None)
