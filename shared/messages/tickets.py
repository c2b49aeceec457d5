"""Support tickets. Each message carries the ticket as it then was, so that any order gives the same ticket."""

from typing import Literal

from shared.messages.fields import CustomerEvent, Id, Text, Time

Priority = Literal["low", "normal", "high", "urgent"]


class Ticket(CustomerEvent, frozen=True, kw_only=True):
    """A ticket at the event's time: the data of `ticket.opened`, `ticket.updated` and `ticket.closed`."""

    types = ("ticket.opened", "ticket.updated", "ticket.closed")

    ticket_id: Id
    priority: Priority
    opened_at: Time
    first_response_at: Time | None = None
    closed_at: Time | None = None
    requester: Id | None = None
    title: Text | None = None
    contact_id: Id | None = None
    """Whose it is, where that is another than who wrote."""
    merged_into: Id | None = None
    """The ticket that it goes on in: from then on that one counts, and this one neither as open nor as opened."""
