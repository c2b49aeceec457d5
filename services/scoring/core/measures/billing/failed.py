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


def _contested(view: View) -> tuple[int, str] | None:
    """Since when a payment that was made is in dispute, and of which invoice; the one of longest ago."""
    found = invoices_of(view).contested.items()
    recent = [(row.dispute.at, key) for key, row in found if row.dispute and is_recent(view, row.dispute.at)]
    return min(recent, default=None)


def _failed(view: View) -> Reading:
    since = failing(view)
    if since is None and (contested := _contested(view)) is not None:
        at, key = contested
        days = max(0, view.today - day_of_us(at))
        return Reading(days, f"the payment of invoice {key} has been in dispute for {counted(days, 'day')}")
    if since is None:
        return Reading(None, NONE_YET if view.connected("invoices") is None else "no payment is failing")
    days = max(0, view.today - day_of_us(since))
    return Reading(days, f"a payment has been failing for {counted(days, 'day')}" if days else "a payment failed today")


def failing_in_words(view: View) -> str:
    """That a payment is failing, and for how long."""
    return "" if failing(view) is None else _failed(view).words


# Stripe retries a card eight times in two weeks, so a first failure is common and mostly mends itself; after a week it
# is somebody's work, after two the customer is being lost without anybody's will (practice). A payment in dispute may
# be taken back: it weighs alike, and as long as it isn't lost no card's cap rests on it.
FAILED = Measure(
    "billing.failed",
    "days",
    ((0, 75), (3, 65), (7, 40), (14, 0)),
    _failed,
    ("invoice.", "payment."),
    facts=("billing.payment_failed_at",),
)
