"""A delivery is a machine: where it stands, what can happen to it, and where that takes it.

What may have arrived as one message has one fate: it is tried again as that message, or ends as it. What surely did not
arrive is no message yet, and each delivery in it goes on by itself. Every road ends in delivered, failed or cancelled.

What brings a sent message up to date (an update) is a delivery, too, and the only one that begins anew: each change of
what the message tells makes it wait again, and one that comes while it is being sent makes it wait when that has ended.
So there is one update of a message at a time, and the last says how things stand.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal, NamedTuple

State = Literal["waiting", "sending", "delivered", "failed", "cancelled"]

Event = Literal[
    "leased",
    "sent",
    "put_off",
    "cut_off",
    "given_up",
    "cancelled",
    "withdrawn",
    "retried",
    "outdated",
    "overtaken",
    "gone",
]
"""`put_off`: to be tried again. `cut_off`: its lease ran out, so nobody knows whether it arrived. `given_up`: refused,
or tried too often. `withdrawn`: cancelled while it was being sent, and then surely failed. `retried`: by hand.

Of updates: `outdated`: what it tells has changed. `overtaken`: it was sent, or given up, and had been outdated
meanwhile. `gone`: what it was to change is not there any more, or whom it was for has long stopped waiting; of a letter
to a customer's person: they don't want it any more, or have left, or have had enough."""

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
    ("waiting", "outdated"): "waiting",
    # It is kept in mind until the end of this attempt.
    ("sending", "outdated"): "sending",
    ("delivered", "outdated"): "waiting",
    ("failed", "outdated"): "waiting",
    ("sending", "overtaken"): "waiting",
    ("sending", "gone"): "cancelled",
}
"""Where each event takes a delivery; what is not here can't happen. SQL moves many at once by this same table."""

OPEN: Final[tuple[State, ...]] = ("waiting", "sending")
"""The states of what is still to be brought."""


class Expected(NamedTuple):
    """A delivery that was just written, and has never been sent: its id, and when to send it."""

    id: str
    due_at: datetime
