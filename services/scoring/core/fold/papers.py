"""Tickets and invoices: rows of their own, each as its latest message had it."""

from typing import Final

import msgspec

from services.scoring.core.state import Account, Invoice, Ticket
from shared.messages import billing, tickets
from shared.messages.envelope import Event
from shared.messages.stamps import cell_of, micros

INVOICE_RANK: Final = {"issued": 0, "payment_failed": 1, "paid": 2, "voided": 3}
_DISPUTE_RANK: Final = {"open": 0, "won": 1, "lost": 1}
_NEVER: Final = -(2**62)
_UNHEARD: Final = Invoice(_NEVER, -1, "", "", "unheard", 0, "", None, None, None)
"""An invoice that was credited or disputed before anything else was heard of it: whatever is, stands."""
TICKET_RANK: Final = {"ticket.opened": 0, "ticket.updated": 1, "ticket.closed": 2}


def ticket(account: Account, event: Event, data: tickets.Ticket) -> None:
    """Each message carries the ticket whole, so the latest is the ticket."""
    at, opened = micros(event.time), micros(data.opened_at)
    closed = None if data.closed_at is None else micros(data.closed_at)
    if closed is None and (event.type == "ticket.closed" or data.merged_into is not None):
        closed = at
    responded = None if data.first_response_at is None else micros(data.first_response_at)
    stands = data.priority, opened, closed, responded, data.merged_into
    new = Ticket(at, TICKET_RANK[event.type], event.source, event.id, *stands)
    if new.beats(account.tickets.get(data.ticket_id)):
        account.put("tickets", data.ticket_id, new)
        account.touched.add(("tickets", data.ticket_id))


def invoice(account: Account, event: Event, data: billing.Invoice) -> None:
    """The latest state, the due date last named, and the first failure, whichever message brought each."""
    status = event.type.removeprefix("invoice.")
    at, rank = micros(event.time), INVOICE_RANK[status]
    settled = None
    if status in ("paid", "voided"):
        settled = at if data.paid_at is None or status == "voided" else micros(data.paid_at)
    due = None if data.due_at is None else cell_of(event, micros(data.due_at), rank)
    failed = at if status == "payment_failed" else None
    old = account.invoices.get(data.invoice_id, _UNHEARD)
    stands = status, data.amount_minor, data.currency, settled
    new = Invoice(at, rank, event.source, event.id, *stands, due, failed)
    new = msgspec.structs.replace(
        new if new.beats(old) else old,
        due=due if due is not None and due.beats(old.due) else old.due,
        failed=min((failure for failure in (old.failed, failed) if failure is not None), default=None),
        credited=old.credited,
        credited_at=old.credited_at,
        dispute=old.dispute,
    )
    _put(account, data.invoice_id, new)


def invoice_credited(account: Account, event: Event, data: billing.InvoiceCredited) -> None:
    """Sums by currency: which of them is the invoice's may be heard of later."""
    old = account.invoices.get(data.invoice_id, _UNHEARD)
    sums = {**old.credited, data.currency: old.credited.get(data.currency, 0) + data.amount_minor}
    at = max(micros(event.time), old.credited_at or _NEVER)
    _put(account, data.invoice_id, msgspec.structs.replace(old, credited=dict(sorted(sums.items())), credited_at=at))


def payment_disputed(account: Account, event: Event, data: billing.PaymentDisputed) -> None:
    """The latest of what was said of it; of one instant the end before the beginning."""
    old = account.invoices.get(data.invoice_id, _UNHEARD)
    dispute = cell_of(event, data.state, _DISPUTE_RANK[data.state])
    if dispute.beats(old.dispute):
        _put(account, data.invoice_id, msgspec.structs.replace(old, dispute=dispute))


def _put(account: Account, id: str, row: Invoice) -> None:
    if row != account.invoices.get(id):
        account.put("invoices", id, row)
        account.touched.add(("invoices", id))
