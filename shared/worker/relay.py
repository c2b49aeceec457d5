"""The relay: publishes the outbox by id, in chunks, and deletes only what the broker has confirmed.

What was confirmed is deleted by the statement that looks for the next rows, or within 0.2 s where none come: one
statement for all that was staged at once. On an error, or 10 s unconfirmed, it resends everything from the first
remaining row with a new producer: what follows a failed batch may be out of order in the old one. Ids are stable, so
readers drop repeats.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress

from sqlalchemy import bindparam, delete, not_, select
from sqlalchemy.exc import SQLAlchemyError

from shared.log.protocol import BrokerUnavailable, Outgoing, Producer, Stream, Unconfirmed
from shared.pg import bulk
from shared.pg.uow import UnitOfWork
from shared.worker import tables as t

_CHUNK = 500
_OVERDUE = 10.0
_SOON = 0.2
_AT_THE_END = 1.0
_PAUSES = (0.1, 0.5, 2.0, 5.0)
_PASSING = (Unconfirmed, BrokerUnavailable, SQLAlchemyError, OSError, TimeoutError)
_LOG = logging.getLogger(__name__)

# Both parts see the outbox as it was before: what is being deleted is named again, so as not to be read.
_confirmed = bulk.among(t.outbox.c.id, "confirmed")
_NEXT = (
    select(t.outbox)
    .where(bulk.among(t.outbox.c.partition, "partitions"), not_(_confirmed))
    .order_by(t.outbox.c.id)
    .limit(bindparam("most"))
    .add_cte(delete(t.outbox).where(_confirmed).cte("sent"))
)


_DELETE = delete(t.outbox).where(_confirmed)


class Relay:
    """Publishes the outbox rows of the partitions that `owned` names."""

    def __init__(
        self, uow: UnitOfWork, stream: Stream, owned: Callable[[], Collection[int]], overdue: float = _OVERDUE
    ) -> None:
        self._uow = uow
        self._stream = stream
        self._owned = owned
        self._overdue = overdue
        self._work = asyncio.Event()
        self._producer: Producer | None = None
        self._sending = asyncio.Lock()
        """Held for a chunk, so that what isn't stored needn't wait for all that is."""
        self._confirmed: list[int] = []
        """Rows of the last chunk: in the log, and yet to be deleted."""
        self._soon: asyncio.TimerHandle | None = None

    def wake(self) -> None:
        """There may be rows to send."""
        self._work.set()

    def wake_soon(self) -> None:
        """There may be rows that nobody waits for: send them within 0.2 s, with what else comes by then."""
        if self._soon is None:
            self._soon = asyncio.get_running_loop().call_later(_SOON, self._now)

    def _now(self) -> None:
        self._soon = None
        self.wake()

    async def run(self) -> None:
        """Send until cancelled."""
        failures = 0
        try:
            with suppress(*_PASSING):
                async with self._sending:
                    await self._connected()
            while True:
                await self._work.wait()
                self._work.clear()
                try:
                    while await self._send_chunk() == _CHUNK:
                        pass
                    if self._confirmed:
                        self.wake_soon()
                    failures = 0
                except Exception as error:
                    # Whatever it is, a relay that ended would leave everything that is decided from now on unsent.
                    pause = _PAUSES[min(failures, len(_PAUSES) - 1)]
                    failures += 1
                    ours = None if isinstance(error, _PASSING) else error
                    words = "The relay could not send (%s); again in %s s."
                    _LOG.warning(words, type(error).__name__, pause, exc_info=ours)
                    await asyncio.sleep(pause)
                    self._work.set()
        finally:
            await self._renew()
            with suppress(*_PASSING):
                async with asyncio.timeout(_AT_THE_END):
                    await self._delete()

    @property
    def confirmed(self) -> Collection[int]:
        """Rows that are still in the outbox, and in the log."""
        return self._confirmed

    async def drain(self) -> None:
        """Send every row that there is now. Raises what the database or the broker raised; nothing is lost then."""
        while await self._send_chunk() == _CHUNK:
            pass
        await self._delete()

    async def publish(self, messages: Sequence[Outgoing]) -> None:
        """Publish what is not stored (marks), behind whatever was sent before. Raises `Unconfirmed`."""
        async with self._sending:
            await self._publish(messages)

    async def _delete(self) -> None:
        """Delete what was confirmed."""
        async with self._sending:
            if self._confirmed:
                await self._uow.once(_DELETE, {"confirmed": self._confirmed})
                self._confirmed = []

    async def _send_chunk(self) -> int:
        """Delete what was confirmed, and send the next rows. Returns how many there were."""
        async with self._sending:
            parameters = {"partitions": sorted(self._owned()), "confirmed": self._confirmed, "most": _CHUNK}
            rows = await self._uow.once(_NEXT, parameters)
            self._confirmed = []
            if rows:
                await self._publish(
                    [Outgoing(row.topic, row.key, row.value, row.headers, row.to_partition) for row in rows]
                )
                self._confirmed = [row.id for row in rows]
            return len(rows)

    async def _publish(self, messages: Sequence[Outgoing]) -> None:
        producer = await self._connected()
        try:
            # Not `wait_for`, which in Python 3.11 loses a cancellation that comes just as the publish ends.
            async with asyncio.timeout(self._overdue):
                await producer.publish(messages)
        except TimeoutError as error:
            await self._renew()
            raise Unconfirmed(f"{len(messages)} messages were not confirmed within {self._overdue:.0f} s.") from error
        except BaseException:
            await self._renew()
            raise

    async def _connected(self) -> Producer:
        """A producer that has started."""
        if self._producer is None:
            producer = self._stream.producer()
            await producer.start()
            self._producer = producer
        return self._producer

    async def _renew(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()
