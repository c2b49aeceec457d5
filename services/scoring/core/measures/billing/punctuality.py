"""How late the account pays, and whether that is as usual."""

from collections.abc import Mapping
from typing import Final

from services.scoring.core.clock import in_words
from services.scoring.core.measures.base import Measure, Reading, View
from services.scoring.core.measures.billing.invoices import NONE_YET, days_late, judged, was_paid
from shared.words import counted

_A_HABIT: Final = 3
"""So many paid invoices make a habit."""
_AS_USUAL: Final = 7
"""Days around it that are still as usual."""


def habit(view: View) -> int:
    """How many days late the account usually pays: the median of at least three that it paid in 180 days, else 0."""
    late = judged(view).paid.late
    # The lower of two in the middle.
    return late[(len(late) - 1) // 2] if len(late) >= _A_HABIT else 0


def _punctuality(view: View) -> Reading:
    _, paid, overdue = judged(view)
    amount = paid.amount + sum(row.owed for row in overdue)
    if not amount:
        return Reading(None, "no invoice fell due in 180 days" if "invoices" in view.state.heard else NONE_YET)
    days = (paid.weighted + sum(days_late(row, view.today) * row.owed for row in overdue)) / amount
    if days < 0.5:
        return Reading(days, "pays on time")
    usual = habit(view)
    if usual and abs(days - usual) <= _AS_USUAL:
        return Reading(days, f"pays {counted(usual, 'day')} late, as usual")
    return Reading(days, f"pays {counted(days, 'day')} late on average")


def _paid(view: View) -> Mapping[str, str]:
    currency = judged(view).currency
    return {
        key: f"invoice {key}, paid on {in_words(row.settled or 0)}, is past 180 days"
        for key, row in view.invoices.items()
        if row.currency == currency and was_paid(row, view.today)
    }


# Who pays a week late by habit is a nuisance of finance's; a month late is a month of the customer's own terms. It is
# said and weighs little: a habit makes nobody amber.
PUNCTUALITY = Measure(
    "billing.punctuality", "days", ((0, 100), (7, 70), (15, 35), (25, 0)), _punctuality, ("invoice.", "payment."), _paid
)
