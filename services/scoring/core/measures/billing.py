"""How the account pays."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from services.scoring.core.clock import day_of_us, in_words, written_or_none, written_us
from services.scoring.core.measures.base import Measure, Reading, View
from services.scoring.core.state import PAPER_DAYS, Invoice
from shared.words import counted

_NONE_YET = "no invoice yet"


def overdue(view: View) -> list[tuple[int, str, Invoice]]:
    """Open invoices whose due date has passed, oldest first: when due, and which. What owes nothing isn't late."""
    day_now = view.today
    return sorted(
        (row.due_at, key, row)
        for key, row in view.invoices.items()
        if row.settled is None and row.amount > 0 and row.due_at is not None and day_of_us(row.due_at) < day_now
    )


def overdue_minor(view: View) -> int:
    """What is overdue in the account's currency; where that isn't known, in the one of most overdue invoices."""
    rows = [row for _, _, row in overdue(view)]
    currency = view.profile.currency or _most_common(rows)
    return sum(row.amount for row in rows if row.currency == currency)


def _most_common(rows: Iterable[Invoice]) -> str | None:
    """The currency of most of these invoices, by the alphabet among equals."""
    counted = Counter(row.currency for row in rows)
    return min(counted, key=lambda currency: (-counted[currency], currency), default=None)


def payment_failed(view: View) -> int | None:
    """Since when a payment has failed that is still open."""
    return min(
        (row.failed for row in view.invoices.values() if row.settled is None and row.failed is not None), default=None
    )


def _overdue(view: View) -> Reading:
    if view.connected("invoices") is None:
        return Reading(None, _NONE_YET)
    found = overdue(view)
    if not found:
        return Reading(0, "nothing is overdue")
    due, key, _ = found[0]
    days = view.today - day_of_us(due)
    words = f"invoice {key} is {counted(days, 'day')} overdue"
    return Reading(days, words + (f", and {len(found) - 1} more" if len(found) > 1 else ""))


def _settled(view: View) -> dict[str, tuple[int, int, Invoice]]:
    """Invoices with a due date that were paid in 180 days or are overdue: days late, amount.

    Amounts weigh against each other in one currency alone: the account's if there is one in it, else that of most.
    """
    since, found = view.today - PAPER_DAYS, {}
    for key, row in view.invoices.items():
        if row.due_at is None or row.amount <= 0 or row.status == "voided":
            continue
        due = day_of_us(row.due_at)
        until = view.today if row.settled is None else day_of_us(row.settled)
        if until > since and (row.settled is not None or due < view.today):
            found[key] = (max(0, until - due), row.amount, row)
    rows = [row for _, _, row in found.values()]
    own = view.profile.currency
    currency = own if any(row.currency == own for row in rows) else _most_common(rows)
    return {key: one for key, one in found.items() if one[2].currency == currency}


def _punctuality(view: View) -> Reading:
    found = _settled(view).values()
    if not found:
        return Reading(None, "no invoice fell due in 180 days" if "invoices" in view.state.heard else _NONE_YET)
    days = sum(late * amount for late, amount, _ in found) / sum(amount for _, amount, _ in found)
    return Reading(days, "pays on time" if days < 0.5 else f"pays {counted(days, 'day')} late on average")


def _settled_counted(view: View) -> Mapping[str, str]:
    return {
        key: f"invoice {key}, paid on {in_words(row.settled or 0)}, is past 180 days"
        for key, (_, _, row) in _settled(view).items()
        if row.settled is not None
    }


PUNCTUALITY = Measure(
    "billing.punctuality", "days", ((0, 100), (7, 80), (30, 30), (60, 0)), _punctuality, ("invoice.",), _settled_counted
)
OVERDUE = Measure(
    "billing.overdue",
    "days",
    ((0, 100), (7, 70), (30, 20), (45, 0)),
    _overdue,
    ("invoice.",),
    facts=("billing.overdue_since", "billing.overdue_minor"),
)


def facts(view: View) -> dict[str, Any]:
    """What else is known of its invoices."""
    late, failed = overdue(view), payment_failed(view)
    return {
        "billing.overdue_since": written_us(late[0][0]) if late else None,
        "billing.overdue_minor": overdue_minor(view) if view.connected("invoices") is not None else None,
        "billing.payment_failed_at": written_or_none(failed),
    }
