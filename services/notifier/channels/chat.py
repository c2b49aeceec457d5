"""Any other chat: plain text, by an incoming webhook that takes `{"text": …}` as Mattermost, Rocket.Chat, Google Chat
and, at an address that ends with `/slack`, Discord do.

What was posted can't be changed, and no chat recognises a repeat, so one that may be a repeat says so.
"""

from dataclasses import dataclass
from typing import Final

from services.notifier.channels.plain import render
from services.notifier.channels.posting import Hook
from services.notifier.channels.protocol import Dispatch
from services.notifier.channels.teams import NOTHING_CHANGES
from services.notifier.core.retry import Outcome
from services.notifier.core.routing import Transport

_MOST: Final = 4_000
"""Characters: Google Chat takes 4,096, others more."""
_MOST_OF_DISCORD: Final = 2_000
_DISCORD: Final = ("https://discord.com/", "https://discordapp.com/")


@dataclass(repr=False)
class ChatChannel:
    """Posts to the one channel of a webhook."""

    hook: Hook
    most: int = _MOST
    """Characters of a text."""
    name: Transport = "chat"
    timeout: float = 10.0
    at_once: int = 4

    async def send(self, dispatch: Dispatch) -> Outcome:
        """Send one message."""
        if dispatch.amends is not None:
            return NOTHING_CHANGES
        # Nothing else: Google Chat refuses fields that it doesn't know.
        return await self.hook.post({"text": render(dispatch.message, self.most, repeat=dispatch.repeat)}, dispatch)


def most_of(url: str) -> int:
    """How many characters the chat behind it takes."""
    return _MOST_OF_DISCORD if url.startswith(_DISCORD) else _MOST
