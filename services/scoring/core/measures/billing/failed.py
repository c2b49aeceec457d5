"""For how long a payment has been failing."""

from collections.abc import Iterator
from typing import Final

from services.scoring.core.clock import day_of_us
from services.scoring.core.measures.base import Measure, Reading, View
from services.scoring.core.measures.billing.invoices import NONE_YET, invoices_of, is_recent
from services.scoring.core.state import Invoice
from shared.words import counted

_MOST_NAMED: Final = 100


def _failing(view: View) -> Iterator[tuple[int, str, Invoice]]:
    """Since when which payments have failed that are still open, and not of so long ago that nobody waits for them."""
    for key, row in invoices_of(view).open.items():
        if row.failed is not None and row.closed is None and is_recent(view, row.due_at or row.failed):
            yield row.failed, key, row


def failing(view: View) -> int | None:
    """Since when the first of them has."""
    return min((since for since, _, _ in _failing(view)), default=None)


def failing_invoices(view: View) -> list[str] | None:
    """The invoices behind it that are undisputed, by id; None before the first invoice."""
    if view.connected("invoices") is None:
        return None
    return sorted(key for _, key, row in _failing(view) if not row.is_disputed)[:_MOST_NAMED]


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
    facts=("billing.payment_failed_at", "billing.failing_invoices"),
)
