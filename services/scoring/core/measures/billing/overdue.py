"""For how long the oldest overdue invoice has been so."""

from services.scoring.core.clock import day_of_us
from services.scoring.core.measures.base import Measure, Reading, View
from services.scoring.core.measures.billing.invoices import NONE_YET, overdue, pressing
from services.scoring.core.measures.billing.punctuality import habit
from shared.words import counted


def _overdue(view: View) -> Reading:
    if view.connected("invoices") is None:
        return Reading(None, NONE_YET)
    found, old = pressing(view), len(overdue(view)) - len(pressing(view))
    written_off = f"{counted(old, 'invoice')} of more than 180 days ago {'is' if old == 1 else 'are'} still open"
    if not found:
        return Reading(0, f"nothing newer is overdue; {written_off}" if old else "nothing is overdue")
    due, key, _ = found[0]
    days = view.today - day_of_us(due)
    words = f"invoice {key} is {counted(days, 'day')} overdue"
    words += f", and {len(found) - 1} more" if len(found) > 1 else ""
    if (usual := habit(view)) > 0:
        words += f"; they usually pay {counted(usual, 'day')} late"
    return Reading(days, f"{words}; {written_off}" if old else words)


def overdue_in_words(view: View) -> str:
    """Which invoice is overdue, and for how long."""
    return _overdue(view).words if pressing(view) else ""


# A week is a reminder of finance's; at 30 days a CSM calls (practice), and cards cap.
OVERDUE = Measure(
    "billing.overdue",
    "days",
    ((0, 100), (7, 70), (30, 20), (45, 0)),
    _overdue,
    ("invoice.",),
    facts=("billing.overdue_since", "billing.beyond_habit_since", "billing.overdue_minor"),
)
