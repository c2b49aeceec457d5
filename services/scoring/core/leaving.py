"""What a customer who left leaves behind: what was open then, and the last words of who was unhappy."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from services.scoring.core.clock import DAY_US
from services.scoring.core.feedback import DETRACTOR
from services.scoring.core.state import Account, Invoice, State, Ticket
from shared.words import clean, counted, listed, money, scored

_DAYS: Final = 180


class OpenTicket(NamedTuple):
    """A ticket that was open."""

    id: str
    priority: str
    opened_at: int


class Unpaid(NamedTuple):
    """An invoice that wasn't paid."""

    id: str
    amount_minor: int
    currency: str
    due_at: int | None


class Unhappy(NamedTuple):
    """A detractor's latest answer."""

    contact_id: str
    role: str | None
    score: int
    comment: str
    at: int


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """What was open when a customer left: tickets the most urgent first, invoices the oldest, answers the lowest."""

    tickets: Sequence[OpenTicket]
    invoices: Sequence[Unpaid]
    detractors: Sequence[Unhappy]

    def in_words(self, last_score: int | None) -> str:
        """`last score 72; 2 tickets open, 1 of them urgent; €840 unpaid; their admin scored us 2: "too slow"`."""
        said = [] if last_score is None else [f"last score {scored(last_score)}"]
        if self.tickets:
            urgent = sum(ticket.priority == "urgent" for ticket in self.tickets)
            said.append(
                f"{counted(len(self.tickets), 'ticket')} open" + (f", {urgent} of them urgent" if urgent else "")
            )
        sums: dict[str, int] = {}
        for invoice in self.invoices:
            sums[invoice.currency] = sums.get(invoice.currency, 0) + invoice.amount_minor
        if sums:
            said.append(f"{listed([money(minor, currency) for currency, minor in sorted(sums.items())])} unpaid")
        if self.detractors:
            worst, others = self.detractors[0], len(self.detractors) - 1
            words = f"their {(worst.role or 'contact').replace('_', ' ')} scored us {worst.score}"
            words += f': "{worst.comment}"' if worst.comment else ""
            said.append(words + (f", and {counted(others, 'other')} 6 or less" if others else ""))
        return clean("; ".join(said))


def left_behind(account: Account, at: int) -> LeftBehind:
    """What was open at an instant, whatever was closed or paid since. All of its tickets and invoices are at hand."""
    order = ("urgent", "high", "normal", "low").index
    tickets = [
        OpenTicket(id, row.priority, row.opened)
        for id, row in account.tickets.items()
        if row.opened <= at and _was_open(row, at)
    ]
    invoices = [
        Unpaid(id, row.owed, row.currency, row.due_at)
        for id, row in account.invoices.items()
        # What was issued afterwards wasn't open; of what was heard of since, such as a failed payment, it was.
        if _was_open(row, at) and (row.at <= at or row.status != "issued")
    ]
    return LeftBehind(
        sorted(tickets, key=lambda one: (order(one.priority), one.opened_at, one.id)),
        sorted(invoices, key=lambda one: (one.due_at is None, one.due_at or 0, one.id)),
        sorted(_detractors(account.state, at), key=lambda one: (one.score, -one.at, one.contact_id)),
    )


def _was_open(row: Ticket | Invoice, at: int) -> bool:
    return row.settled is None or row.settled > at


def _detractors(state: State, at: int) -> list[Unhappy]:
    """Of half a year before, and what they said as they went; not of those who had left the customer themselves."""
    answers = (
        (contact, cells["nps"])
        for contact, cells in state.contacts.items()
        if "nps" in cells and cells["nps"].at > at - _DAYS * DAY_US and not ("left" in cells and cells["left"].at <= at)
    )
    return [
        Unhappy(contact, state.role_of(contact), cell.value[0], cell.value[1], cell.at)
        for contact, cell in answers
        if cell.value[0] <= DETRACTOR
    ]
