"""For how long the oldest overdue invoice has been so."""

from services.scoring.core.clock import day_of_us
from services.scoring.core.measures.base import Measure, Reading, View
from services.scoring.core.measures.billing.invoices import NONE_YET, disputed, overdue, pressing
from services.scoring.core.measures.billing.punctuality import habit
from shared.words import counted, listed


def _overdue(view: View) -> Reading:
    if view.connected("invoices") is None:
        return Reading(None, NONE_YET)
    found, aside = pressing(view), _set_aside(view)
    if not found:
        return Reading(0, f"nothing else is overdue; {aside}" if aside else "nothing is overdue")
    due, key, _ = found[0]
    days = view.today - day_of_us(due)
    words = f"invoice {key} is {counted(days, 'day')} overdue"
    words += f", and {len(found) - 1} more" if len(found) > 1 else ""
    if (usual := habit(view)) > 0:
        words += f"; they usually pay {counted(usual, 'day')} late"
    return Reading(days, f"{words}; {aside}" if aside else words)


def _set_aside(view: View) -> str:
    """What is overdue and held against nobody: what is disputed, and what is too old for anybody to wait for."""
    in_dispute = disputed(view)
    old = len(overdue(view)) - len(pressing(view)) - len(in_dispute)
    said = [f"invoice {listed(in_dispute, most=2)} is disputed"] if in_dispute else []
    if old:
        said.append(f"{counted(old, 'invoice')} of more than 180 days ago {'is' if old == 1 else 'are'} still open")
    return "; ".join(said)


def overdue_in_words(view: View) -> str:
    """Which invoice is overdue, and for how long."""
    return _overdue(view).words if pressing(view) else ""


# A week is a reminder of finance's; at 30 days a CSM calls (practice), and cards cap.
OVERDUE = Measure(
    "billing.overdue",
    "days",
    ((0, 100), (7, 70), (30, 20), (45, 0)),
    _overdue,
    ("invoice.", "payment."),
    facts=("billing.overdue_since", "billing.beyond_habit_since", "billing.overdue_minor"),
)
