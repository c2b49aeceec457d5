"""Microsoft Teams: adaptive cards, by a workflow's webhook.

A workflow takes a card with 202 before it posts it, brings nothing back, and changes nothing that it posted. Teams
can't recognise a repeat, so one that may be a repeat says so. Anybody in the channel can press what stands on a card,
so that links that act in their recipient's name stand on none: it names the `keepwell` command.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any, Final

from services.notifier.channels.card import render
from services.notifier.channels.posting import Hook
from services.notifier.channels.protocol import Dispatch
from services.notifier.core.retry import Never, Outcome
from services.notifier.core.routing import Transport

NOTHING_CHANGES: Final = Never(reason="nothing that was posted by a webhook can be changed")
_APART: Final = 0.3
"""Seconds from one post to the next: Teams takes four a second, and drops what is more after the workflow took it."""


@dataclass(repr=False)
class TeamsChannel:
    """Posts to the one channel of a workflow."""

    hook: Hook
    name: Transport = "teams"
    timeout: float = 15.0
    at_once: int = 4
    _next_at: float = field(default=0.0, init=False)

    async def send(self, dispatch: Dispatch) -> Outcome:
        """Send one message."""
        if dispatch.amends is not None:
            return NOTHING_CHANGES
        card = render(dispatch.message, dispatch.delivery_id, repeat=dispatch.repeat)
        await self._turn()
        return await self.hook.post(envelope(card), dispatch)

    async def _turn(self) -> None:
        now = asyncio.get_running_loop().time()
        at = max(now, self._next_at)
        self._next_at = at + _APART
        await asyncio.sleep(at - now)


def envelope(card: dict[str, Any]) -> dict[str, Any]:
    """What a workflow takes."""
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}
