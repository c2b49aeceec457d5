"""What a channel is: something that takes one message, and says in one of four ways how that went."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.notifier.core.amending import Amends, Answers
from services.notifier.core.message import Message
from services.notifier.core.retry import Outcome
from services.notifier.core.routing import Transport


@dataclass(frozen=True, slots=True)
class Dispatch:
    """One message to one target, for one attempt."""

    message: Message
    delivery_id: str
    """Stable over attempts: what recipients and channels can recognise a repeat by."""
    target: str
    at: datetime
    repeat: bool = False
    """True when an earlier attempt may have arrived: a channel that can't deduplicate says so."""
    amends: Amends | None = None
    """The message that it takes the place of."""
    answers: Answers | None = None
    """The click that it answers, for nobody but whoever clicked."""
    traceparent: str | None = None


class Channel(Protocol):
    """One way to reach people. It never raises for what its vendor does: that is an outcome."""

    name: Transport
    """The transport that it serves."""
    timeout: float
    """Seconds after which an attempt is cut off; its end is not known then."""
    at_once: int
    """How many messages it sends at the same time."""

    async def send(self, dispatch: Dispatch) -> Outcome:
        """Send one message."""
