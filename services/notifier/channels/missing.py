"""A channel that is not set up, though deliveries by it still wait: they say so, and go when it is."""

from dataclasses import dataclass

from services.notifier.channels.protocol import Dispatch
from services.notifier.core.retry import Fatal, Outcome
from services.notifier.core.routing import Transport


@dataclass
class MissingChannel:
    """Stands for a channel whose settings were taken away."""

    name: Transport
    timeout: float = 1.0
    at_once: int = 1

    async def send(self, dispatch: Dispatch) -> Outcome:
        """Say that it can't."""
        del dispatch
        return Fatal(reason=f"the channel {self.name} is not set up any more")
