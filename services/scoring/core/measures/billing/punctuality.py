"""How late the account pays, and whether that is as usual."""

from collections.abc import Mapping
from statistics import median_low
from typing import Final

from services.scoring.core.clock import day_of_us, in_words
from services.scoring.core.measures.base import Measure, Reading, View
from services.scoring.core.measures.billing.invoices import NONE_YET, is_recent, most_common
from services.scoring.core.state import PAPER_DAYS, Invoice
from shared.words import counted

_A_HABIT: Final = 3
"""So many paid invoices make a habit."""
_AS_USUAL: Final = 7
"""Days around it that are still as usual."""


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
        is_late = row.settled is None and due < view.today and is_recent(view, row.due_at)
        if until > since and (row.settled is not None or is_late):
            found[key] = (max(0, until - due), row.amount, row)
    rows = [row for _, _, row in found.values()]
    own = view.profile.currency
    currency = own if any(row.currency == own for row in rows) else most_common(rows)
    return {key: one for key, one in found.items() if one[2].currency == currency}


def habit(view: View) -> int:
    """How many days late the account usually pays: the median of at least three that it paid in 180 days, else 0."""
    paid = [late for late, _, row in _settled(view).values() if row.settled is not None]
    return median_low(paid) if len(paid) >= _A_HABIT else 0


def _punctuality(view: View) -> Reading:
    found = _settled(view).values()
    if not found:
        return Reading(None, "no invoice fell due in 180 days" if "invoices" in view.state.heard else NONE_YET)
    days = sum(late * amount for late, amount, _ in found) / sum(amount for _, amount, _ in found)
    if days < 0.5:
        return Reading(days, "pays on time")
    usual = habit(view)
    if usual and abs(days - usual) <= _AS_USUAL:
        return Reading(days, f"pays {counted(usual, 'day')} late, as usual")
    return Reading(days, f"pays {counted(days, 'day')} late on average")


def _settled_counted(view: View) -> Mapping[str, str]:
    return {
        key: f"invoice {key}, paid on {in_words(row.settled or 0)}, is past 180 days"
        for key, (_, _, row) in _settled(view).items()
        if row.settled is not None
    }


# Who pays a week late by habit is a nuisance of finance's; a month late is a month of the customer's own terms. It is
# said and weighs little: a habit makes nobody amber.
PUNCTUALITY = Measure(
    "billing.punctuality", "days", ((0, 100), (7, 70), (15, 35), (25, 0)), _punctuality, ("invoice.",), _settled_counted
)
