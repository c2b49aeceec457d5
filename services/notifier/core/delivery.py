"""A delivery is a machine: where it stands, what can happen to it, and where that takes it.

What may have arrived as one message has one fate: it is tried again as that message, or ends as it. What surely did not
arrive is no message yet, and each delivery in it goes on by itself. Every road ends in delivered, failed or cancelled.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal, NamedTuple

State = Literal["waiting", "sending", "delivered", "failed", "cancelled"]

Event = Literal["leased", "sent", "put_off", "cut_off", "given_up", "cancelled", "withdrawn", "retried"]
"""`put_off`: to be tried again. `cut_off`: its lease ran out, so nobody knows whether it arrived. `given_up`: refused,
or tried too often. `withdrawn`: cancelled while it was being sent, and then surely failed. `retried`: by hand."""

MOVES: Final[Mapping[tuple[State, Event], State]] = {
    ("waiting", "leased"): "sending",
    ("sending", "sent"): "delivered",
    ("sending", "put_off"): "waiting",
    ("sending", "cut_off"): "waiting",
    ("sending", "given_up"): "failed",
    # Cut off as often as it may be.
    ("waiting", "given_up"): "failed",
    ("waiting", "cancelled"): "cancelled",
    # Too late to call back; it is kept in mind until the end of this attempt.
    ("sending", "cancelled"): "sending",
    ("sending", "withdrawn"): "cancelled",
    ("failed", "retried"): "waiting",
}
"""Where each event takes a delivery; what is not here can't happen. SQL moves many at once by this same table."""

OPEN: Final[tuple[State, ...]] = ("waiting", "sending")
"""The states of what is still to be brought."""


class Expected(NamedTuple):
    """A delivery that was just written, and has never been sent: its id, and when to send it."""

    id: str
    due_at: datetime
