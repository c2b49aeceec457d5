"""For how long a payment has been failing."""

from services.scoring.core.clock import day_of_us
from services.scoring.core.measures.base import Measure, Reading, View
from services.scoring.core.measures.billing.invoices import NONE_YET, invoices_of, is_recent
from shared.words import counted


def failing(view: View) -> int | None:
    """Since when a payment has failed that is still open, and not of so long ago that nobody waits for it."""
    return min(
        (
            row.failed
            for row in invoices_of(view).open.values()
            if row.failed is not None and row.closed is None and is_recent(view, row.due_at or row.failed)
        ),
        default=None,
    )


def _failed(view: View) -> Reading:
    since = failing(view)
    if since is None:
        return Reading(None, NONE_YET if view.connected("invoices") is None else "no payment is failing")
    days = max(0, view.today - day_of_us(since))
    return Reading(days, f"a payment has been failing for {counted(days, 'day')}" if days else "a payment failed today")


def failing_in_words(view: View) -> str:
    """That a payment is failing, and for how long."""
    return "" if failing(view) is None else _failed(view).words


# Stripe retries a card eight times in two weeks, so a first failure is common and mostly mends itself; after a week it
# is somebody's work, after two the customer is being lost without anybody's will (practice).
FAILED = Measure(
    "billing.failed",
    "days",
    ((0, 75), (3, 65), (7, 40), (14, 0)),
    _failed,
    ("invoice.", "payment."),
    facts=("billing.payment_failed_at",),
)
