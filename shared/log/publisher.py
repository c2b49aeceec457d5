"""Publishes by its own clock, for HTTP: an answer within 5 s, and at once a refusal while an older publish is overdue.

A publish that is overdue goes on: it may yet be confirmed, and nothing is promised until it is. When one fails, its
producer is replaced, because what follows a failed batch could be written out of order.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Final

from shared.figures import Figures
from shared.log.protocol import BrokerUnavailable, Outgoing, Places, Producer, Unconfirmed

_log = logging.getLogger("keepwell.publisher")
LIMIT: Final = 5.0
GIVE_UP: Final = 30.0
"""An overdue publish is given up then, so that a producer that hangs doesn't shut the door for ever."""


class Publisher:
    """One producer at a time, made when it is needed. Times are seconds of the clock that is passed in."""

    def __init__(
        self,
        make: Callable[[], Producer],
        figures: Figures,
        *,
        limit: float = LIMIT,
        give_up: float = GIVE_UP,
        clock: Callable[[], float] = time.monotonic,
        check_room: Callable[[], None] = lambda: None,
    ) -> None:
        self._make, self._clock, self._check_room = make, clock, check_room
        self._seconds = figures.times("keepwell_publish_seconds", "From a publish to the broker's answer.")
        self._failures = figures.count(
            "keepwell_publish_failures_total", "Publishes that failed or were not confirmed in time."
        )
        self._limit, self._give_up = limit, give_up
        self._starting: asyncio.Task[Producer] | None = None
        self._under_way: dict[asyncio.Task[Places], float] = {}
        self._stopping: set[asyncio.Task[None]] = set()

    def check(self) -> None:
        """Raises `Unconfirmed` while a publish is overdue, or there is no room for one."""
        self._check_room()
        now = self._clock()
        oldest = min(self._under_way.values(), default=now)
        if now - oldest > self._give_up:
            for task in [task for task, begun in self._under_way.items() if now - begun > self._limit]:
                task.cancel()
        if now - oldest > self._limit:
            raise Unconfirmed(f"The broker has not confirmed for {now - oldest:.0f} s.")

    async def publish(self, messages: Sequence[Outgoing]) -> Places:
        """Return when the broker has confirmed every message, with how far they reach.

        Raises `Unconfirmed` when it has not within the limit, or could not, and at once while an older one is overdue.
        """
        if not messages:
            return {}
        self.check()
        begun = self._clock()
        task = asyncio.create_task(self._send(messages))
        self._under_way[task] = begun
        task.add_done_callback(self._ended)
        done, _ = await asyncio.wait({task}, timeout=self._limit)
        if not done:
            self._failures.add()
            raise Unconfirmed(f"The broker has not confirmed within {self._limit:.0f} s.")
        try:
            reached = task.result()
        except (BrokerUnavailable, asyncio.CancelledError) as error:
            raise Unconfirmed(str(error) or "The publish was given up.") from error
        self._seconds.observe(self._clock() - begun)
        return reached

    async def connect(self) -> None:
        """Have a producer before somebody waits for it. Raises `BrokerUnavailable`."""
        starting = self._begin()
        try:
            await asyncio.shield(starting)
        except BaseException:
            self._replace(starting)
            raise

    async def stop(self) -> None:
        """Close the producer; what is under way has been waited for by those who asked for it."""
        for task in list(self._under_way):
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        if (starting := self._starting) is not None:
            self._replace(starting)
        await asyncio.gather(*self._stopping, return_exceptions=True)

    async def _send(self, messages: Sequence[Outgoing]) -> Places:
        starting = self._begin()
        try:
            producer = await asyncio.shield(starting)
            return await producer.publish(messages)
        except BaseException:
            self._replace(starting)
            raise

    def _begin(self) -> asyncio.Task[Producer]:
        if self._starting is None:
            self._starting = asyncio.create_task(self._start())
        return self._starting

    async def _start(self) -> Producer:
        producer = self._make()
        await producer.start()
        return producer

    def _replace(self, starting: asyncio.Task[Producer]) -> None:
        """The next publish makes a new producer; this one is closed, once, in the background."""
        if self._starting is not starting:
            return
        self._starting = None
        closing = asyncio.create_task(self._close(starting))
        self._stopping.add(closing)
        closing.add_done_callback(self._stopping.discard)

    async def _close(self, starting: asyncio.Task[Producer]) -> None:
        if not starting.done():
            starting.cancel()
        try:
            producer = await starting
        except (Exception, asyncio.CancelledError):
            return
        await producer.stop()

    def _ended(self, task: asyncio.Task[Places]) -> None:
        self._under_way.pop(task, None)
        if task.cancelled() or (error := task.exception()) is None:
            return
        self._failures.add()
        _log.warning("publish failed", extra={"error": type(error).__name__, "reason": str(error)[:200]})
