"""A channel that is not set up, though deliveries by it still wait: they say so, and go when it is."""

from services.notifier.channels.protocol import Dispatch
from services.notifier.core.retry import Fatal, Outcome
from services.notifier.core.routing import Transport


class MissingChannel:
    """Stands for a channel whose settings were taken away."""

    timeout = 1.0
    at_once = 1

    def __init__(self, name: Transport) -> None:
        self.name = name

    async def send(self, dispatch: Dispatch) -> Outcome:
        """Say that it can't."""
        del dispatch
        return Fatal(reason=f"the channel {self.name} is not set up any more")
