"""The consume loop that every service shares: take partitions, read batches, commit each with its offsets.

It decodes, sends to the dead letters what can't be read, opens the one transaction of a batch, checks the epoch, calls
the handler, moves the offsets, commits and wakes the relay; it runs timers when their time has been read through, and
sends marks.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import merge

import msgspec
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from shared.clock import Clock
from shared.db import dead_letters, offsets, ownership, timers
from shared.db.relay import Relay
from shared.db.uow import UnitOfWork
from shared.messages import envelope, registry
from shared.messages.assessments import PartitionMark
from shared.metrics import Metrics
from shared.stream.handler import Handler, Incoming, Poison
from shared.stream.held import Held
from shared.stream.protocol import BrokerUnavailable, Consumer, Outgoing, Record, Stream, TopicPartition, Unconfirmed

_LOG = logging.getLogger(__name__)
_MOST_TIMERS = 500
_SIDE_BY_SIDE = 4
"""How many partitions' batches are in a transaction at once: fewer than the engine keeps connections."""
_BUSY_TICK = timedelta(seconds=1)
_IDLE_TICK = timedelta(seconds=5)
_PUT_OFF_AT_MOST = timedelta(seconds=30)
_STALLED = timedelta(seconds=30)
_TRIES_ALONE = 3
_MARK = "partition.mark"

_OUTBOX_OF = text("SELECT DISTINCT partition FROM outbox WHERE partition = ANY(CAST(:partitions AS int[]))")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a service's worker reads, and by what its timers may run."""

    service: str
    topics: tuple[str, ...]
    """In the order in which events that ingest took at once are handled."""
    gate: tuple[str, ...]
    """A timer due at T runs only when these topics were read up to an end looked up after T."""
    by_marks: bool = False
    """… and, where this is set, when a mark of T or later was read."""
    sends_marks: bool = False
    stages: bool = True
    """Whether a batch stages messages, so that the relay has work after it."""
    max_records: int = 500
    """How many records are read at once, over all partitions."""
    behind_at: int = 500
    """A worker that gets as many at once is behind: what can wait is put off."""


class Worker:
    """One service's worker. `owner` names this process in the epoch rows; `mend` mends a log mismatch."""

    def __init__(
        self,
        plan: Plan,
        handler: Handler,
        *,
        stream: Stream,
        uow: UnitOfWork,
        clock: Clock,
        owner: str,
        mend: str,
        metrics: Metrics,
    ) -> None:
        self._plan = plan
        self._handler = handler
        self._stream = stream
        self._uow = uow
        self._clock = clock
        self._owner = owner
        self._mend = mend
        self._metrics = metrics
        self._held: dict[int, Held] = {}
        self._epochs: dict[int, int] = {}
        self._suspect: set[int] = set()
        self._generation = -1
        self._ending = asyncio.Event()
        self._side_by_side = asyncio.Semaphore(_SIDE_BY_SIDE)
        self._tick_at = clock.now()
        self._next_due: datetime | None = None
        self._active = False
        self._behind = False
        self._progress_at = clock.now()
        self._consumer: Consumer | None = None
        self._lag: dict[str, int] = dict.fromkeys(plan.topics, 0)
        self.relay = Relay(uow, stream, self.owned)

    def owned(self) -> frozenset[int]:
        """The partition numbers that this worker has taken."""
        return frozenset(self._held)

    def stop(self) -> None:
        """Finish the batch at hand, then end."""
        self._ending.set()

    async def lag(self) -> dict[str, int]:
        """Records that wait to be handled, by topic, as of now; as of the last look while the broker doesn't answer."""
        if self._consumer is not None:
            with suppress(BrokerUnavailable, TimeoutError):
                await asyncio.wait_for(self._look(self._consumer), 2)
        return dict(self._lag)

    async def run(self) -> None:
        """Work until stopped. Raises `LogMismatch` when the log is not the one that the offsets speak of."""
        relay = asyncio.create_task(self.relay.run())
        try:
            while not self._ending.is_set():
                consumer = self._stream.consumer(f"keepwell.{self._plan.service}", self._plan.topics)
                try:
                    await consumer.start()
                    self._consumer = consumer
                    await self._consume(consumer)
                except BrokerUnavailable as error:
                    _LOG.warning("The broker can't be reached (%s); again in 1 s.", error)
                    await asyncio.sleep(1)
                finally:
                    self._consumer = None
                    self._release(frozenset())
                    await consumer.stop()
        finally:
            relay.cancel()
            await asyncio.gather(relay, return_exceptions=True)

    async def _consume(self, consumer: Consumer) -> None:
        """Read with one consumer until stopped, or until it has stalled."""
        self._generation = -1
        self._progress_at = self._clock.now()
        while not self._ending.is_set():
            if relay_error := self._stalled(consumer):
                _LOG.error("%s The worker joins again.", relay_error)
                return
            await self._retake(consumer)
            found = await self._poll(consumer)
            if found:
                self._progress_at = self._clock.now()
            self._behind = sum(len(records) for records in found.values()) >= self._plan.behind_at
            by_number: dict[int, list[list[Record]]] = {}
            for topic in self._plan.topics:
                for at in [at for at in found if at.topic == topic]:
                    by_number.setdefault(at.partition, []).append(found[at])
            await asyncio.gather(*(self._in_turn(consumer, number, lists) for number, lists in by_number.items()))
            self._active = self._active or bool(found)
            await self._put_off_work(consumer)
            if self._clock.now() >= self._tick_at:
                await self._tick(consumer)

    async def _poll(self, consumer: Consumer) -> dict[TopicPartition, list[Record]]:
        """Poll, but not on when the worker shall end: what was read then is read again by the next."""
        polling = asyncio.ensure_future(consumer.poll(self._plan.max_records, self._patience()))
        ending = asyncio.ensure_future(self._ending.wait())
        try:
            await asyncio.wait([polling, ending], return_when=asyncio.FIRST_COMPLETED)
            return polling.result() if polling.done() else {}
        finally:
            for task in (polling, ending):
                task.cancel()
            await asyncio.gather(polling, ending, return_exceptions=True)

    def _patience(self) -> float:
        until = self._tick_at
        retries = [held.retry_at for held in self._held.values() if held.retry_at is not None]
        wait = (min([until, *retries]) - self._clock.now()).total_seconds()
        return min(5.0, max(0.0, wait))

    def _stalled(self, consumer: Consumer) -> str | None:
        """A consumer that gets nothing for 30 s while there is something to get has stalled."""
        del consumer
        if any(held.retry_at is not None for held in self._held.values()) or not any(self._lag.values()):
            self._progress_at = max(self._progress_at, self._clock.now() - _BUSY_TICK)
            return None
        if self._clock.now() - self._progress_at < _STALLED:
            return None
        return f"Nothing was read for {_STALLED.seconds} s though {sum(self._lag.values())} records wait."

    # Taking

    def _release(self, kept: frozenset[int]) -> None:
        for number in set(self._held) - kept:
            if self._held.pop(number).unanswered:
                self._suspect.add(number)

    async def _retake(self, consumer: Consumer) -> None:
        """Take partitions that are new, were held through a rebalance, or whose last transaction failed."""
        now = self._clock.now()
        if consumer.generation() != self._generation:
            self._generation = consumer.generation()
            self._release(frozenset())
        held = consumer.held()
        self._release(held)
        due = [n for n, h in self._held.items() if h.retry_at is not None and h.retry_at <= now]
        wanted = sorted((held - set(self._held)) | set(due))
        results = await asyncio.gather(*(self._take(consumer, number) for number in wanted), return_exceptions=True)
        for error in results:
            if error is not None:
                raise error

    async def _take(self, consumer: Consumer, number: int) -> None:
        ats = [TopicPartition(topic, number) for topic in self._plan.topics]
        before = self._held.get(number)
        try:
            async with self._uow.begin() as c:
                last, epoch = await ownership.take(c, number, self._owner)
                places = await offsets.read(c, number)
            sure = last == self._epochs.get(number) and number not in self._suspect
            if not sure or (before is not None and before.unanswered):
                self._handler.forget(number)
            bounds = await consumer.bounds(ats)
            for at in ats:
                if (place := places.get(at.topic)) is not None:
                    record = None
                    if place.last_digest is not None and bounds[at].begin < place.next <= bounds[at].end:
                        record = await consumer.read_at(at, place.next - 1)
                    offsets.check(at, place, self._stream.cluster, bounds[at], record, self._mend)
            first = {at.topic: bounds[at].begin for at in ats if at.topic not in places}
            now = self._clock.now()
            async with self._uow.begin() as c:
                await ownership.check(c, number, epoch)
                await offsets.begin(c, number, self._stream.cluster, first)
                await self._handler.taken(c, number, now)
        except (SQLAlchemyError, ownership.OwnershipLost, OSError, TimeoutError) as error:
            _LOG.warning("Partition %s could not be taken (%s).", number, type(error).__name__)
            held = before or Held(number, -1, {})
            held.failed(self._clock.now())
            self._held[number] = held
            return
        taken = Held(number, epoch, {**first, **{topic: place.next for topic, place in places.items()}})
        if before is not None:
            taken.failures, taken.poison, taken.alone = before.failures, before.poison, before.alone
            taken.marked_out = before.marked_out
        self._held[number], self._epochs[number] = taken, epoch
        self._suspect.discard(number)
        consumer.seek({at: taken.places[at.topic] for at in ats})
        consumer.resume(ats)
        self._tick_at = min(self._tick_at, self._clock.now())
        self.relay.wake()

    # One batch

    async def _in_turn(self, consumer: Consumer, number: int, lists: list[list[Record]]) -> None:
        async with self._side_by_side:
            await self._batch(consumer, number, lists)

    async def _batch(self, consumer: Consumer, number: int, lists: list[list[Record]]) -> None:
        held = self._held.get(number)
        if held is None or held.retry_at is not None:
            return
        decoded = [
            [_read(record) for record in records if record.offset >= held.places[record.topic]] for records in lists
        ]
        # Each topic in its own order; among topics, by when ingest took the event, then in the plan's order.
        batch = list(merge(*decoded, key=_taken_at))
        if not held.alone:
            await self._commit_batch(consumer, held, batch)
            return
        for read in batch:
            if held.retry_at is None:
                await self._commit_batch(consumer, held, [read])

    async def _commit_batch(self, consumer: Consumer, held: Held, batch: list["_Read"]) -> None:
        if not batch:
            return
        now = self._clock.now()
        letters = [(read.record, reason) for read in batch if (reason := self._poison(held, read)) is not None]
        poisoned = {(record.topic, record.offset) for record, _ in letters}
        good = [r.incoming for r in batch if r.incoming and (r.record.topic, r.record.offset) not in poisoned]
        work = [incoming for incoming in good if not isinstance(incoming.data, PartitionMark)]
        last = {read.record.topic: read.record for read in batch}
        try:
            async with self._uow.begin() as c:
                await ownership.check(c, held.partition, held.epoch)
                await dead_letters.keep(c, letters, now)
                if work:
                    await self._handler.handle(c, held.partition, work, now, self._behind)
                await offsets.move(c, held.partition, held.places, list(last.values()))
        except Exception as error:
            self._note_failure(consumer, held, [read.record for read in batch], error)
            return
        held.moved({record.topic: record.offset + 1 for record in last.values()})
        for read in batch:
            held.alone.pop((read.record.topic, read.record.offset), None)
            held.poison.pop((read.record.topic, read.record.offset), None)
        for incoming in good:
            if isinstance(incoming.data, PartitionMark):
                held.marked_through = incoming.data.through
        self._handler.committed(held.partition)
        if self._plan.stages:
            self.relay.wake()
        self._count(batch, letters, now)

    @staticmethod
    def _poison(held: Held, read: "_Read") -> str | None:
        return held.poison.get((read.record.topic, read.record.offset), read.reason)

    def _count(self, batch: Sequence["_Read"], letters: Sequence[tuple[Record, str]], since: datetime) -> None:
        self._metrics.batch_seconds.observe((self._clock.now() - since).total_seconds())
        for topic, count in Counter(read.record.topic for read in batch).items():
            self._metrics.records.labels(topic).inc(count)
        for record, _ in letters:
            self._metrics.dead_letters.labels(record.topic).inc()

    def _note_failure(self, consumer: Consumer, held: Held, records: Sequence[Record], error: Exception) -> None:
        """Keep the records: pause, then take the partition again. A record that fails alone three times is poison."""
        if isinstance(error, Poison):
            held.poison[error.record.topic, error.record.offset] = error.reason
        elif not _passing(error):
            for record in records:
                place = (record.topic, record.offset)
                held.alone[place] = held.alone.get(place, 0) + (len(records) == 1)
                if held.alone[place] >= _TRIES_ALONE:
                    held.poison[place] = f"It could not be handled: {type(error).__name__}: {error}"[:1000]
        held.failed(self._clock.now())
        self._metrics.batch_failures.inc()
        consumer.pause([TopicPartition(topic, held.partition) for topic in self._plan.topics])
        _LOG.warning(
            "A batch of partition %s failed (%s); again at %s.",
            held.partition,
            type(error).__name__,
            held.retry_at,
            exc_info=None if _passing(error) else error,
        )

    # What was put off, and time

    async def _put_off_work(self, consumer: Consumer) -> None:
        now = self._clock.now()
        for held in list(self._held.values()):
            since = self._handler.waiting(held.partition)
            if since is None or held.retry_at is not None or (self._behind and now - since < _PUT_OFF_AT_MOST):
                continue
            await self._within(consumer, held, lambda c, n=held.partition: self._handler.catch_up(c, n, now))
            self._active = True

    async def _within(self, consumer: Consumer, held: Held, work: Callable[..., object]) -> bool:
        """Do work on a held partition in a transaction of its own. Returns whether it committed."""
        try:
            async with self._uow.begin() as c:
                await ownership.check(c, held.partition, held.epoch)
                await work(c)  # type: ignore[misc]
        except Exception as error:
            self._note_failure(consumer, held, (), error)
            return False
        self._handler.committed(held.partition)
        self.relay.wake()
        return True

    async def _tick(self, consumer: Consumer) -> None:
        """Look up the ends, run the timers that may run, and send the marks that are true."""
        now = self._clock.now()
        self.relay.wake()  # Others stage, too: processes that answer the API, and senders.
        ends = await self._look(consumer)
        working = [held for held in self._held.values() if held.retry_at is None and held.partition in ends]
        for held in working:
            if held.ends is None:
                held.ends = (now, {topic: ends[held.partition][topic] for topic in self._plan.gate})
            held.settle()
        for topic, lag in self._lag.items():
            self._metrics.lag.labels(topic).set(lag)
        self._metrics.held_partitions.set(len(self._held))
        try:
            due = await self._run_timers(consumer, working)
            if self._plan.sends_marks:
                await self._send_marks(working, due)
        except (SQLAlchemyError, OSError, TimeoutError, Unconfirmed, BrokerUnavailable) as error:
            _LOG.warning("Timers and marks must wait (%s).", type(error).__name__)
        self._plan_tick(now)

    async def _look(self, consumer: Consumer) -> dict[int, dict[str, int]]:
        """The ends of every held partition's topics, by number; notes the lag."""
        numbers = sorted(self._held)
        ats = [TopicPartition(topic, number) for number in numbers for topic in self._plan.topics]
        bounds = await consumer.bounds(ats) if ats else {}
        ends = {n: {topic: bounds[TopicPartition(topic, n)].end for topic in self._plan.topics} for n in numbers}
        lag = dict.fromkeys(self._plan.topics, 0)
        for number, by_topic in ends.items():
            if (held := self._held.get(number)) is not None:
                for topic, end in by_topic.items():
                    lag[topic] += max(0, end - held.places.get(topic, 0))
        self._lag = lag
        return ends

    def _plan_tick(self, now: datetime) -> None:
        at = now + (_BUSY_TICK if self._active else _IDLE_TICK)
        if self._next_due is not None and self._next_due > now:
            at = min(at, self._next_due)
        elif self._next_due is not None or any(held.ends is not None for held in self._held.values()):
            at = now + min(_BUSY_TICK, at - now)
        self._tick_at, self._active = at, False

    async def _run_timers(self, consumer: Consumer, working: Sequence[Held]) -> dict[int, datetime]:
        async with self._uow.begin() as c:
            due = await timers.next_due(c, [held.partition for held in working])
        for held in working:
            through = held.through(self._plan.by_marks)
            while through is not None and held.partition in due and due[held.partition] <= through:
                if not await self._within(consumer, held, self._timers_of(held, through)):
                    break
                self._active = True
                async with self._uow.begin() as c:
                    due.pop(held.partition)
                    due.update(await timers.next_due(c, [held.partition]))
        self._next_due = min(due.values(), default=None)
        return due

    def _timers_of(self, held: Held, through: datetime) -> Callable[..., object]:
        async def work(c: object) -> None:
            due = await timers.take_due(c, held.partition, through, _MOST_TIMERS)  # type: ignore[arg-type]
            await self._handler.on_timers(c, held.partition, due, self._clock.now())  # type: ignore[arg-type]

        return work

    async def _send_marks(self, working: Sequence[Held], due: dict[int, datetime]) -> None:
        """Vouch for each partition that is through: nothing put off, no timer due by then, and the outbox confirmed."""
        ready = {
            held.partition: held
            for held in working
            if held.read_through is not None
            and held.retry_at is None
            and held.read_through != held.marked_out
            and self._handler.waiting(held.partition) is None
            and not (held.partition in due and due[held.partition] <= held.read_through)
        }
        if not ready:
            return
        async with self._uow.begin() as c:
            rows = await c.execute(_OUTBOX_OF, {"partitions": list(ready)})
            for row in rows:
                del ready[row.partition]
        marks = {number: held.read_through for number, held in ready.items() if held.read_through is not None}
        if marks:
            await self.relay.publish([_mark(number, through) for number, through in marks.items()])
        for number, through in marks.items():
            ready[number].marked_out = through


@dataclass(frozen=True, slots=True)
class _Read:
    """A record, and what could be made of it: something to handle, or the reason why not."""

    record: Record
    incoming: Incoming | None
    reason: str | None


def _read(record: Record) -> _Read:
    try:
        event = envelope.decode(record.value)
        return _Read(record, Incoming(record, event, registry.data_of(event)), None)
    except (msgspec.DecodeError, registry.UnknownType, UnicodeDecodeError) as error:
        return _Read(record, None, str(error))


def _taken_at(read: _Read) -> datetime:
    accepted = read.incoming.event.accepted if read.incoming is not None else None
    return accepted or read.record.time


def _mark(number: int, through: datetime) -> Outgoing:
    event = envelope.wrap(
        PartitionMark(through=through),
        id=f"{number}-{through.isoformat()}",
        source="keepwell/scoring",
        type=_MARK,
        subject=str(number),
        time=through,
    )
    return Outgoing(registry.ASSESSMENTS, "", envelope.encode(event), {"ce_type": _MARK}, partition=number)


def _passing(error: Exception) -> bool:
    """Whether trying the same again may help: yes but for data that PostgreSQL refuses and for our own faults."""
    if isinstance(error, DBAPIError):
        state = str(getattr(error.orig, "sqlstate", None) or "")
        return not state.startswith(("22", "23"))
    return isinstance(error, SQLAlchemyError | ownership.OwnershipLost | OSError | TimeoutError)
