"""One batch, one transaction: the epoch is checked, the handler works, the offsets move; or nothing of it was.

What can't be read or handled goes to the dead letters, and the rest goes on. After a failure the partition is taken
again, and half as much is tried; nothing is skipped.
"""

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.clock import Clock
from shared.log.protocol import Consumer, Record, TopicPartition
from shared.messages import tracing
from shared.messages.assessments import PartitionMark
from shared.pg.uow import UnitOfWork
from shared.telemetry import logs
from shared.telemetry.metrics import Metrics
from shared.worker import dead_letters, offsets, ownership
from shared.worker.handler import Handler, Poison
from shared.worker.partition import Held
from shared.worker.plan import Plan
from shared.worker.reading import Read, in_order, read
from shared.worker.relay import Relay

_LOG = logging.getLogger(__name__)
_TRIES_ALONE = 3


class Committing:
    """Handles batches and other work on held partitions, each in a transaction of its own."""

    def __init__(
        self, plan: Plan, handler: Handler, *, uow: UnitOfWork, clock: Clock, relay: Relay, metrics: Metrics
    ) -> None:
        self._plan = plan
        self._handler = handler
        self._uow = uow
        self._clock = clock
        self._relay = relay
        self._metrics = metrics

    async def batch(self, consumer: Consumer, held: Held, lists: Sequence[Sequence[Record]], behind: bool) -> None:
        """Handle what was read of a partition, a list a topic."""
        if held.retry_at is not None:
            return
        decoded = [
            [read(record) for record in records if record.offset >= held.places[record.topic]] for records in lists
        ]
        batch = in_order(decoded)
        while batch and held.retry_at is None:
            some, batch = batch[: held.most], batch[held.most :]
            await self._commit(consumer, held, some, behind)

    async def within(self, consumer: Consumer, held: Held, work: Callable[[AsyncConnection], Awaitable[None]]) -> bool:
        """Do work on a held partition in a transaction of its own. Returns whether it committed."""
        try:
            async with self._uow.begin() as c:
                await ownership.check(c, held.partition, held.epoch)
                await work(c)
        except Exception as error:
            self._note_failure(consumer, held, (), error)
            return False
        self._handler.committed(held.partition)
        self._relay.wake()
        return True

    async def _commit(self, consumer: Consumer, held: Held, batch: list[Read], behind: bool) -> None:
        now = self._clock.now()
        letters = [
            (one.record, reason) for one in batch if (reason := held.poison.get(one.place, one.reason)) is not None
        ]
        poisoned = {(record.topic, record.offset) for record, _ in letters}
        good = [one.incoming for one in batch if one.incoming and one.place not in poisoned]
        work = [incoming for incoming in good if not isinstance(incoming.data, PartitionMark)]
        last = {one.record.topic: one.record for one in batch}
        try:
            async with self._uow.begin() as c:
                await ownership.check(c, held.partition, held.epoch)
                await dead_letters.keep(c, letters, now)
                if told := good if self._plan.by_marks else work:
                    await self._handler.handle(c, held.partition, told, now, behind)
                await offsets.move(c, held.partition, held.places, list(last.values()))
        except Exception as error:
            self._note_failure(consumer, held, [one.record for one in batch], error)
            return
        if work:
            held.handled_at = now
        held.moved({record.topic: record.offset + 1 for record in last.values()})
        held.fitted(len(batch), self._clock.now() - now)
        for one in batch:
            held.alone.pop(one.place, None)
            held.poison.pop(one.place, None)
        for incoming in good:
            if isinstance(incoming.data, PartitionMark):
                held.marked_through = incoming.data.through
        self._handler.committed(held.partition)
        if self._plan.stages:
            self._relay.wake()
        self._count(batch, letters, now)

    def _count(self, batch: Sequence[Read], letters: Sequence[tuple[Record, str]], since: datetime) -> None:
        self._metrics.batch_seconds.observe((self._clock.now() - since).total_seconds())
        for topic, count in Counter(one.record.topic for one in batch).items():
            self._metrics.records.labels(topic).inc(count)
        for record, reason in letters:
            self._metrics.dead_letters.labels(record.topic).inc()
            place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
            with logs.about(record.key), tracing.within(record.headers):
                _LOG.warning("kept with the dead letters: %s", reason, extra=place)

    def _note_failure(self, consumer: Consumer, held: Held, records: Sequence[Record], error: Exception) -> None:
        """Keep the records: pause, then take the partition again.

        Half as many are tried then, whatever the error: too much for one transaction looks like a lost connection. So
        what is at fault is alone in the end; a record that fails alone three times is poison.
        """
        passing = _passing(error)
        if isinstance(error, Poison):
            held.poison[error.record.topic, error.record.offset] = error.reason
        elif len(records) > 1:
            held.shrink(len(records))
        elif records and not passing:
            place = (records[0].topic, records[0].offset)
            held.alone[place] = held.alone.get(place, 0) + 1
            if held.alone[place] >= _TRIES_ALONE:
                held.poison[place] = f"It could not be handled: {type(error).__name__}: {error}"[:1000]
        looks_for_it = isinstance(error, Poison) or (len(records) > 1 and not passing)
        held.failed(self._clock.now(), same_again=not looks_for_it)
        self._metrics.batch_failures.inc()
        consumer.pause([TopicPartition(topic, held.partition) for topic in self._plan.topics])
        _LOG.warning(
            "A batch of partition %s failed (%s); again at %s.",
            held.partition,
            type(error).__name__,
            held.retry_at,
            exc_info=None if passing else error,
        )


def _passing(error: Exception) -> bool:
    """Whether trying the same again may help: yes but for data that PostgreSQL refuses and for our own faults."""
    if isinstance(error, DBAPIError):
        state = str(getattr(error.orig, "sqlstate", None) or "")
        return not state.startswith(("22", "23", "54"))
    return isinstance(error, SQLAlchemyError | ownership.OwnershipLost | OSError | TimeoutError)
