"""What the API answers."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel

from services.notifier.core.delivery import State


class Delivery(BaseModel):
    """One action's way to one recipient on one channel."""

    id: str
    action_id: str
    account: str
    kind: str
    playbook: str
    recipient: str | None
    channel: str
    because: str
    state: State
    due_at: datetime | None
    """When it is due, while it waits."""
    message_id: str | None
    """The id that recipients see; the same for all that went as one message."""
    attempts: int
    uncertain: int
    """Attempts that were cut off after sending began, so that it may have arrived twice."""
    reason: str
    created_at: datetime
    caused_at: datetime | None
    settled_at: datetime | None
    seconds: float | None
    """From the event that caused it, as ingest accepted it, to its delivery."""


class Attempt(BaseModel):
    """One attempt: sent, later, never, fatal or uncertain."""

    attempt: int
    message_id: str
    began_at: datetime
    ended_at: datetime
    outcome: str
    reason: str
    receipt: str


class DeliveryDetail(Delivery):
    """A delivery with its message, how the channel shows it, and its attempts."""

    message: dict[str, Any]
    rendered: dict[str, Any]
    as_sent: bool
    """False while it was not sent yet: the message is as it would read now."""
    traceparent: str | None
    attempt_history: list[Attempt]


class InboxItem(BaseModel):
    """One message in an inbox."""

    id: str
    recipient: str
    at: datetime
    subject: str
    text: str
    message: dict[str, Any]
