"""What the notifier tells back."""

from datetime import datetime
from typing import Literal

import msgspec


class DeliverySettled(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery reached its end: delivered, failed for good, or cancelled."""

    delivery_id: str
    action_ids: list[str]
    channel: str
    state: Literal["delivered", "failed", "cancelled"]
    at: datetime
    attempts: int
    reason: str = ""
    uncertain: bool = False
    """True when one of the attempts was cut off after it began, so the recipient may have it twice."""


class DeliveryResponded(msgspec.Struct, frozen=True, kw_only=True):
    """A recipient answered: a button, a link, a reply."""

    delivery_id: str
    action_id: str
    response: Literal["acknowledged", "snoozed", "reassigned", "false_alarm", "survey_answered"]
    at: datetime
    actor: str
    until: datetime | None = None
    to: str | None = None
