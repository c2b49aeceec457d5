"""When a sender looks next: when something comes due, as far as it knows, and when it asks whether that is still so."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

IDLE: Final = 5.0
"""Seconds after which it is asked again: others write, too."""


class Coming:
    """What is known of what comes due on one channel."""

    def __init__(self) -> None:
        self._due_at: datetime | None = None
        self._ask_at: datetime | None = None

    def note(self, *instants: datetime | None) -> None:
        """Know of what comes due then."""
        self._due_at = min(filter(None, (self._due_at, *instants)), default=None)

    def forget(self) -> None:
        """All of it is looked up anew."""
        self._due_at = None

    def asked(self, now: datetime) -> None:
        """All is known as of now."""
        self._ask_at = now + timedelta(seconds=IDLE)

    async def is_due(self, now: datetime, ask: Callable[[datetime], Awaitable[datetime | None]]) -> bool:
        """Whether something has come due, of what is known or, by now and then asking, of what others wrote."""
        if self._due_at is not None and self._due_at <= now:
            return True
        # A clock that was ahead when it was set asks at once.
        if self._ask_at is None or not now < self._ask_at <= now + timedelta(seconds=IDLE):
            self.forget()
            self.note(await ask(now))
            self.asked(now)
        return self._due_at is not None and self._due_at <= now

    def seconds(self, now: datetime) -> float:
        """How long until something is due or asked for; 0 where nothing is known."""
        return (min(filter(None, (self._due_at, self._ask_at)), default=now) - now).total_seconds()
