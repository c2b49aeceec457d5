"""Waits for a while, where something may end the wait sooner."""

import asyncio
from contextlib import suppress


async def pause(seconds: float, unless: asyncio.Event) -> None:
    """Return after so many seconds, or as soon as the event is set."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await unless.wait()
