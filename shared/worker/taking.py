"""Taking partition numbers: a new epoch, the offsets that were last committed, and nothing wrongly remembered.

The same routine follows a rebalance and a failed or unanswered commit.
"""

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError

from shared.clock import Clock
from shared.log.protocol import Bounds, Consumer, Stream, TopicPartition
from shared.pg.uow import UnitOfWork
from shared.worker import offsets, ownership
from shared.worker.handler import Handler
from shared.worker.partition import Held
from shared.worker.plan import Plan

_LOG = logging.getLogger(__name__)
_AWAY = timedelta(seconds=60)
"""A partition that did not come back for so long, which is longer than a rebalance takes, is another worker's."""


class Taking:
    """Keeps `held` true. `owner` names this process in the epoch rows; `mend` mends a log mismatch."""

    def __init__(
        self,
        plan: Plan,
        handler: Handler,
        held: dict[int, Held],
        *,
        stream: Stream,
        uow: UnitOfWork,
        clock: Clock,
        owner: str,
        mend: str,
        taken: Callable[[], None],
    ) -> None:
        self._plan = plan
        self._handler = handler
        self._held = held
        self._stream = stream
        self._uow = uow
        self._clock = clock
        self._owner = owner
        self._mend = mend
        self._taken = taken
        self._epochs: dict[int, int] = {}
        self._suspect: dict[int, Held] = {}
        """Partitions let go after a transaction of theirs had failed: what is remembered of them may be wrong."""
        self._away: dict[int, datetime] = {}
        """Since when partitions that were let go are away."""
        self._generation = -1

    def new_consumer(self) -> None:
        """All is to be taken anew: generations of another consumer say nothing."""
        self._generation = -1
        # While there was no consumer nothing could come back.
        self._away = dict.fromkeys(self._away, self._clock.now())

    def release(self, kept: frozenset[int]) -> None:
        """Let go of all partitions but these."""
        for number in set(self._held) - kept:
            self._away[number] = self._clock.now()
            if (held := self._held.pop(number)).unanswered:
                self._suspect[number] = held

    async def retake(self, consumer: Consumer) -> None:
        """Take partitions that are new, were held through a rebalance, or whose last transaction failed."""
        now = self._clock.now()
        if consumer.generation() != self._generation:
            self._generation = consumer.generation()
            self.release(frozenset())
        held = consumer.held()
        self.release(held)
        for number in [n for n, since in self._away.items() if n not in held and now - since >= _AWAY]:
            self._drop(number)
        due = [n for n, h in self._held.items() if h.retry_at is not None and h.retry_at <= now]
        wanted = sorted((held - set(self._held)) | set(due))
        results = await asyncio.gather(*(self._take(consumer, number) for number in wanted), return_exceptions=True)
        for error in results:
            if error is not None:
                raise error

    def _drop(self, number: int) -> None:
        """Nothing of it is worth remembering: it is another worker's."""
        del self._away[number]
        self._handler.forget(number)
        self._epochs.pop(number, None)
        self._suspect.pop(number, None)

    async def _take(self, consumer: Consumer, number: int) -> None:
        before = self._held.get(number)
        learnt = before or self._suspect.get(number)
        try:
            taken = await self._read_on(consumer, number, before)
        except (SQLAlchemyError, ownership.OwnershipLost, OSError, TimeoutError) as error:
            _LOG.warning("Partition %s could not be taken (%s).", number, type(error).__name__)
            held = before or Held(number, -1, {})
            if learnt is not None:
                held.learn(learnt)
            held.failed(self._clock.now())
            self._held[number] = held
            return
        if learnt is not None:
            taken.learn(learnt)
        if before is not None:
            taken.marked_out, taken.handled_at = before.marked_out, before.handled_at
        self._held[number], self._epochs[number] = taken, taken.epoch
        self._suspect.pop(number, None)
        self._away.pop(number, None)
        ats = self._ats(number)
        consumer.seek({at: taken.places[at.topic] for at in ats})
        consumer.resume(ats)
        self._taken()

    async def _read_on(self, consumer: Consumer, number: int, before: Held | None) -> Held:
        """Raise the epoch, and find where to read on: what the last owner committed, checked against the log."""
        async with self._uow.begin() as c:
            last, epoch = await ownership.take(c, number, self._owner)
            places = await offsets.read(c, number)
        sure = last == self._epochs.get(number) and number not in self._suspect
        if not sure or (before is not None and before.unanswered):
            self._handler.forget(number)
        bounds = await consumer.bounds(self._ats(number))
        await self._check(consumer, number, places, bounds)
        first = {at.topic: bounds[at].begin for at in self._ats(number) if at.topic not in places}
        async with self._uow.begin() as c:
            await ownership.check(c, number, epoch)
            await offsets.begin(c, number, self._stream.cluster, first)
            await self._handler.taken(c, number, self._clock.now())
        return Held(number, epoch, {**first, **{topic: place.next for topic, place in places.items()}})

    async def _check(
        self, consumer: Consumer, number: int, places: dict[str, offsets.Place], bounds: dict[TopicPartition, Bounds]
    ) -> None:
        """Make sure that this is the log that the offsets speak of. Raises `LogMismatch`."""
        for at in self._ats(number):
            if (place := places.get(at.topic)) is not None:
                record = None
                if place.last_digest is not None and bounds[at].begin < place.next <= bounds[at].end:
                    record = await consumer.read_at(at, place.next - 1)
                offsets.check(at, place, self._stream.cluster, bounds[at], record, self._mend)

    def _ats(self, number: int) -> list[TopicPartition]:
        return [TopicPartition(topic, number) for topic in self._plan.topics]
