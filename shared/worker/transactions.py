"""What a worker does to a partition, each in the one transaction of its own: all of it happens, or nothing of it.

Each locks the partition's row and checks the epoch first, so a worker that has lost its partition can't write,
whichever path it comes by. What fails is told to the partition, which says how to go on; nothing is raised.
"""

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.clock import Clock
from shared.figures import Figures
from shared.log.protocol import Consumer, Record, Stream, TopicPartition
from shared.messages import tracing
from shared.pg.uow import UnitOfWork
from shared.worker import dead_letters, offsets, outbox, ownership, timers
from shared.worker.handler import Handler, Poison
from shared.worker.partition import Failure, Partition
from shared.worker.reading import Letter, Mark, Read, in_order, place_of, reached, read, sort

_LOG = logging.getLogger(__name__)


class Transactions:
    """One worker's. `owner` names this process in the epoch rows; `mend` mends a log mismatch; `on_staged` is called
    when messages were staged and their transaction has committed."""

    def __init__(
        self,
        handler: Handler,
        *,
        stream: Stream,
        uow: UnitOfWork,
        clock: Clock,
        owner: str,
        mend: str,
        figures: Figures,
        on_staged: Callable[[], None],
    ) -> None:
        self._handler, self._stream, self._uow, self._clock = handler, stream, uow, clock
        self._owner, self._mend, self._on_staged = owner, mend, on_staged
        self._records = figures.count("keepwell_records_total", "Records handled.", "topic")
        self._letters = figures.count("keepwell_dead_letters_total", "Records that could not be handled.", "topic")
        self._failures = figures.count("keepwell_batch_failures_total", "Transactions rolled back and tried again.")
        self._seconds = figures.times("keepwell_batch_seconds", "One batch: from the read to the commit.")

    async def take(self, consumer: Consumer, partition: Partition) -> bool:
        """Make a partition this worker's, to be read on from what its last owner committed. Returns whether it is.

        Raises `LogMismatch` where the log is not the one that the offsets speak of.
        """
        number = partition.number
        ats = [TopicPartition(topic, number) for topic in partition.plan.topics]
        try:
            # The epoch first, and the offsets under its lock: whoever had the partition has committed by then, or can't
            # any more. So what is read here is the last that anyone wrote.
            async with self._uow.begin() as c:
                last, epoch = await ownership.take(c, number, self._owner)
                places = await offsets.read(c, number)
            if not partition.remembers(last):
                self._handler.forget(number)
            bounds = await consumer.bounds(ats)
            for at in ats:
                if (place := places.get(at.topic)) is not None:
                    record = None
                    if place.last_digest is not None and bounds[at].begin < place.next <= bounds[at].end:
                        record = await consumer.read_at(at, place.next - 1)
                    offsets.check(at, place, self._stream.cluster, bounds[at], record, self._mend)
            first = {at.topic: bounds[at].begin for at in ats if at.topic not in places}
            async with self._uow.begin() as c:
                await ownership.check(c, number, epoch)
                await offsets.begin(c, number, self._stream.cluster, first)
                await self._handler.taken(c, number, self._clock.now())
        except (SQLAlchemyError, ownership.OwnershipLost, OSError, TimeoutError) as error:
            _LOG.warning("Partition %s could not be taken (%s).", number, type(error).__name__)
            partition.failed(self._clock.now(), Failure(type(error).__name__, passing=True))
            return False
        partition.take(epoch, first | {topic: place.next for topic, place in places.items()})
        return True

    async def batch(self, partition: Partition, lists: Sequence[Sequence[Record]], behind: bool) -> None:
        """Handle what was read of a partition, a list a topic, in as many transactions as it takes."""
        batch = in_order([read(partition.unread(records)) for records in lists])
        while batch and partition.may_work:
            some, batch = batch[: partition.most], batch[partition.most :]
            await self._commit(partition, some, behind)

    async def run_timers(self, partition: Partition, until: datetime, as_of: datetime) -> bool:
        """Run some of the timers that are due by `until`. Returns whether it went well."""
        began, most, ran = self._clock.now(), partition.most_timers, 0

        async def work(c: AsyncConnection) -> None:
            nonlocal ran
            async with timers.run_due(c, partition.number, until, most) as due:
                ran = len(due)
                await self._handler.on_timers(c, partition.number, due, as_of)

        # What failed may have failed before they were counted: then as many count as were allowed.
        if not await self._within(partition, work, size=most):
            return False
        partition.committed(ran, self._clock.now() - began)
        return True

    async def look(self, partition: Partition, through: datetime) -> None:
        """Look beyond accounts, after all that was accepted by `through`."""
        now = self._clock.now()
        await self._within(partition, lambda c: self._handler.look(c, partition.number, through, now))

    async def catch_up(self, partition: Partition, now: datetime) -> None:
        """Do some of what was put off."""
        partition.caught_up(now)
        await self._within(partition, lambda c: self._handler.catch_up(c, partition.number, now))

    async def store(self, partitions: Collection[Partition]) -> None:
        """Write how far was read where that took no transaction, of all of these at once."""
        some = [partition for partition in partitions if partition.unstored and partition.may_work]
        if not some:
            return
        heard = [
            offsets.Heard(p.number, p.epoch or 0, p.stored[last.topic], last)
            for p in some
            for last in p.unstored.values()
        ]
        try:
            stored = await offsets.store(self._uow, heard)
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            # It may have happened: then these are not where they are thought to be.
            for partition in some:
                partition.failed(self._clock.now(), Failure(type(error).__name__, passing=True))
            _LOG.warning("How far marks were read was not written (%s).", type(error).__name__)
            return
        for partition in some:
            partition.has_stored(stored.get(partition.number, {}))

    async def _commit(self, partition: Partition, batch: Sequence[Read], behind: bool) -> None:
        """One batch. What can't be read or handled goes to the dead letters, and the rest goes on."""
        now = self._clock.now()
        good, marks, letters = sort(batch, partition.poison if partition.knows_poison else None)
        handed = good if partition.plan.by_marks or not marks else [one for one in good if not isinstance(one, Mark)]
        last, counts = reached(batch)
        if len(marks) == len(batch) and self._handler.hears(partition.number, marks):
            partition.heard(last, marks[-1].data.through)
            self._count(counts, letters, self._clock.now() - now)
            return
        last = partition.unstored | last

        async def work_on_all(c: AsyncConnection) -> None:
            await dead_letters.keep(c, letters, now)
            if handed:
                await self._handler.handle(c, partition.number, handed, now, behind)
            # Each offset moves *from* where this worker left it: where another has been, nothing of this happens.
            await offsets.move(c, partition.number, partition.stored, list(last.values()))

        if not await self._within(partition, work_on_all, batch):
            return
        after = {topic: record.offset + 1 for topic, record in last.items()}
        worked = len(good) > len(marks)
        partition.moved(after, map(place_of, batch), now if worked else None, marks[-1].data.through if marks else None)
        partition.committed(len(batch), self._clock.now() - now)
        self._count(counts, letters, self._clock.now() - now)

    async def _within(
        self,
        partition: Partition,
        work: Callable[[AsyncConnection], Awaitable[None]],
        batch: Sequence[Read] = (),
        size: int = 0,
    ) -> bool:
        """Do work on a partition that is still ours, in a transaction. Returns whether it committed."""
        try:
            async with self._uow.begin() as c:
                assert partition.epoch is not None
                await ownership.check(c, partition.number, partition.epoch)
                await work(c)
                staged = outbox.has_staged(c)
        except Exception as error:
            failure = _failure(error)
            partition.failed(self._clock.now(), failure, list(map(place_of, batch)), size)
            self._failures.add()
            _LOG.warning(
                "A batch of partition %s failed (%s); again at %s.",
                partition.number,
                type(error).__name__,
                partition.retry_at,
                exc_info=None if failure.passing else error,
            )
            return False
        if staged:
            self._on_staged()
        self._handler.committed(partition.number)
        return True

    def _count(self, counts: Mapping[str, int], letters: Sequence[Letter], took: timedelta) -> None:
        self._seconds.observe(took.total_seconds())
        for topic, count in counts.items():
            self._records.add(count, topic)
        for record, reason in letters:
            self._letters.add(1, record.topic)
            place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
            with tracing.about(record.key), tracing.within(record.headers):
                _LOG.warning("kept with the dead letters: %s", reason, extra=place)


def _failure(error: Exception) -> Failure:
    """What an error says of the next try: it may help but for data that PostgreSQL refuses and for our own faults."""
    if isinstance(error, Poison):
        return Failure(error.reason, passing=False, poison=(error.record.topic, error.record.offset))
    passing = isinstance(error, SQLAlchemyError | ownership.OwnershipLost | OSError | TimeoutError)
    if isinstance(error, DBAPIError):
        passing = not str(getattr(error.orig, "sqlstate", None) or "").startswith(("22", "23", "54"))
    return Failure(f"{type(error).__name__}: {error}", passing)
