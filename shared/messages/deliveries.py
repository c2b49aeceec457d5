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
    """A recipient answered where the message was read: by a button, a link, a reply."""

    response_id: str = ""
    """What tells one answer from another, however often it comes."""
    item_id: str = ""
    """Which task, alert or flag it moves. Without one: what the action asked for, of an alert with a task the task."""
    delivery_id: str = ""
    action_id: str = ""
    response: Literal[
        "take",
        "comment",
        "done",
        "no_result",
        "snooze",
        "reassign",
        "false_alarm",
        "acknowledge",
        "close",
        "accept",
        "dismiss",
        "won",
        "lost",
        "acknowledged",
        "snoozed",
        "reassigned",
        "survey_answered",
    ]
    """A move. The last four are how earlier versions named what had been done."""
    at: datetime
    actor: str
    note: str = ""
    until: datetime | None = None
    """Of `snooze`: until when."""
    to: str | None = None
    """Of `reassign`: to whom."""
    response_url: str | None = None
    """Where Slack takes a word back for whoever clicked."""
