"""The consume loop that every service shares: it polls, and carries out what each `Partition` says may be done.

A turn takes what is new, reads, handles what was read, does what was put off, and once a second looks at the time:
timers that may run, and marks that are true. What is done to a partition is in `transactions`.

Two things are to be kept when it is changed. Other tasks (`commit`, `lag`, `owned`) come in between any two awaits of
this one. They read what partitions know, and `lag` tells them ends that it looked up, which is true whenever it is
told; all else is done by this task and by what it gathers. And what was polled is either handled or read again: an
offset moves only in the transaction that handled its record, and a partition that failed is paused, taken again and
read from its places. So a turn may be left at any point, and nothing is skipped.
"""

import asyncio
import logging
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from contextvars import ContextVar
from datetime import datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError

from shared.clock import Clock
from shared.figures import Figures, set_all
from shared.log.protocol import (
    GROUP,
    BrokerUnavailable,
    Consumer,
    Record,
    Stream,
    TopicPartition,
    Unconfirmed,
)
from shared.pauses import pause
from shared.pg.uow import UnitOfWork
from shared.worker import marks, timers
from shared.worker.handler import Handler
from shared.worker.partition import Partition
from shared.worker.plan import Plan
from shared.worker.relay import Relay
from shared.worker.transactions import Transactions

__all__ = ["Plan", "Worker"]

_LOG = logging.getLogger(__name__)
_SIDE_BY_SIDE = 4
"""How many partitions are in a transaction at once: fewer than the engine keeps connections; one more takes 3 MB."""
_SHORTLY = 0.02
"""Seconds that a worker with work of its own waits for records: those that are on their way come first."""
_BUSY_TICK = timedelta(seconds=1)
_IDLE_TICK = timedelta(seconds=5)
_COMMIT_EVERY = 5.0
_STORE_EVERY = timedelta(seconds=5)
"""How often it is written how far marks were read: whoever has a partition next reads as many again."""
_QUICKLY = 2.0
_PASSING = (SQLAlchemyError, OSError, TimeoutError, Unconfirmed, BrokerUnavailable)

_at_work: ContextVar["Worker | None"] = ContextVar("keepwell_worker", default=None)
"""The worker whose loop this is."""


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
        figures: Figures,
    ) -> None:
        self._plan, self._handler, self._stream, self._uow, self._clock = plan, handler, stream, uow, clock
        self._partitions: dict[int, Partition] = {}
        self.relay = Relay(uow, stream, self.owned)
        self._transactions = Transactions(
            handler,
            stream=stream,
            uow=uow,
            clock=clock,
            owner=owner,
            mend=mend,
            figures=figures,
            on_staged=self.relay.wake,
        )
        self._consumer: Consumer | None = None
        self._generation = -1
        self._ending = asyncio.Event()
        self._side_by_side = asyncio.Semaphore(_SIDE_BY_SIDE)
        self._tick_at = self._store_at = clock.now()
        self._next_due: datetime | None = None
        self._more_timers = False
        """Timers that may run are left: to be gone on with as soon as what can be read was read."""
        self._active = False
        """Whether there was work since the last tick."""
        self._committed: Mapping[TopicPartition, int] = {}
        self.turned_at: datetime | None = None
        """When the loop last got on with something, be it one statement of a long batch; None while it doesn't run."""
        uow.watch(self._got_on)
        self._lag = figures.level("keepwell_lag_records", "Records not yet handled, in what is held.", "topic")
        self._held = figures.level("keepwell_held_partitions", "Partition numbers that this worker owns.")
        figures.before_reading(self._refresh)
        self._uncommitted = figures.count("keepwell_commit_failures_total", "Commits of offsets that the log refused.")

    def owned(self) -> frozenset[int]:
        """The partition numbers that this worker has taken."""
        return frozenset(number for number, partition in self._partitions.items() if partition.taken)

    def _got_on(self) -> None:
        if _at_work.get() is self:
            self.turned_at = self._clock.now()

    async def _refresh(self) -> None:
        self._held.set(len(self.owned()))

    def stop(self) -> None:
        """Finish the batch at hand, then end."""
        self._ending.set()

    async def lag(self) -> dict[str, int] | None:
        """Records that wait to be handled, by topic, as of now; as of the last look while the broker doesn't answer.

        None while it is not known: nothing is held yet, or not all that is to be held was taken.
        """
        consumer = self._consumer
        if consumer is None or not self.owned() or self.owned() != consumer.held():
            return None
        with suppress(BrokerUnavailable, TimeoutError):
            async with asyncio.timeout(_QUICKLY):
                await self._look(consumer)
        return {topic: int(self._lag(topic)) for topic in self._plan.topics}

    async def commit(self) -> None:
        """Tell the log how far is committed, where that has changed; what it doesn't take is told next time."""
        consumer = self._consumer
        places = {
            TopicPartition(topic, partition.number): place
            for partition in self._partitions.values()
            if partition.taken
            for topic, place in partition.stored.items()
        }
        if consumer is None or places == self._committed:
            return
        try:
            async with asyncio.timeout(_QUICKLY):
                await consumer.commit(places)
            self._committed = places
        except (BrokerUnavailable, TimeoutError) as error:
            self._uncommitted.add()
            _LOG.warning("The log was not told how far was read (%s).", str(error) or "no answer within 2 s")

    async def run(self) -> None:
        """Work until stopped. Raises `LogMismatch` when the log is not the one that the offsets speak of."""
        beside = [asyncio.create_task(self.relay.run()), asyncio.create_task(self._commit_now_and_then())]
        # From here on, and in what is begun from here, statements are the loop's own.
        _at_work.set(self)
        try:
            while not self._ending.is_set():
                self._got_on()
                consumer = self._stream.consumer(f"{GROUP}{self._plan.service}", self._plan.topics)
                try:
                    await consumer.start()
                    self._consumer = consumer
                    await self._consume(consumer)
                    await self._transactions.store(self._partitions.values())
                    await self.commit()
                except BrokerUnavailable as error:
                    _LOG.warning("The broker can't be reached (%s); again in 1 s.", error)
                    await asyncio.sleep(1)
                finally:
                    self._consumer = None
                    self._lose(self._partitions)
                    await consumer.stop()
        finally:
            self.turned_at = None
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)

    async def _commit_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(_COMMIT_EVERY)
            await self.commit()

    async def _consume(self, consumer: Consumer) -> None:
        """Read with one consumer until stopped, or until it has stalled."""
        # Generations of another consumer say nothing, and while there was none nothing could come back.
        self._generation = -1
        self._lose(self._partitions)
        while not self._ending.is_set():
            self._got_on()
            if stalled := [p.number for p in self._partitions.values() if p.has_stalled]:
                _LOG.error("Nothing was read of partitions %s though records wait there; it joins again.", stalled)
                return
            await self._take(consumer)
            found = await self._poll(consumer)
            behind = sum(map(len, found.values())) >= self._plan.behind_at
            self._active = self._active or bool(found)
            await asyncio.gather(
                *(self._handle(consumer, number, found, behind) for number in {at.partition for at in found})
            )
            await self._catch_up(consumer, behind)
            if self._clock.now() >= self._tick_at:
                await self._tick(consumer)
            elif self._more_timers:
                await self._mind_time(consumer, and_mark=False)
            await self._let_gather(found)

    # Taking.

    def _lose(self, numbers: Iterable[int]) -> None:
        now = self._clock.now()
        for number in numbers:
            self._partitions[number].lose(now)

    async def _take(self, consumer: Consumer) -> None:
        """Take partitions that are new, were held through a rebalance, or whose last transaction failed."""
        now, held = self._clock.now(), consumer.held()
        if consumer.generation() != self._generation:
            self._generation = consumer.generation()
            self._lose(self._partitions)
            # What was told while nothing was held may not have been taken down.
            self._committed = {}
        self._lose(n for n, partition in self._partitions.items() if n not in held and partition.is_here)
        for number in [n for n, partition in self._partitions.items() if n not in held and partition.is_gone(now)]:
            del self._partitions[number]
            self._handler.forget(number)
        for number in held - set(self._partitions):
            self._partitions[number] = Partition(number, self._plan)
        wanted = [self._partitions[number] for number in sorted(held) if self._partitions[number].must_take(now)]
        for taken in await asyncio.gather(*(self._take_one(consumer, p) for p in wanted), return_exceptions=True):
            if taken is not None:
                raise taken

    async def _take_one(self, consumer: Consumer, partition: Partition) -> None:
        async with self._side_by_side:
            taken = await self._transactions.take(consumer, partition)
        if taken:
            consumer.seek({TopicPartition(topic, partition.number): at for topic, at in partition.places.items()})
            consumer.resume(self._ats(partition))
            self._tick_at = min(self._tick_at, self._clock.now())
            self.relay.wake()

    def _ats(self, partition: Partition) -> list[TopicPartition]:
        return [TopicPartition(topic, partition.number) for topic in self._plan.topics]

    # Reading and handling.

    async def _let_gather(self, found: Mapping[TopicPartition, list[Record]]) -> None:
        """Before more is read, let it come together, where the handler has time and there was not much at once."""
        seconds = self._handler.gathers() if found else 0.0
        if seconds and sum(map(len, found.values())) < self._plan.max_records // 2:
            await pause(seconds, unless=self._ending)

    async def _poll(self, consumer: Consumer) -> dict[TopicPartition, list[Record]]:
        """Poll, but not on when the worker shall end: what was read then is read again by the next."""
        began = self._clock.now()
        polling = asyncio.ensure_future(consumer.poll(self._plan.max_records, self._patience()))
        ending = asyncio.ensure_future(self._ending.wait())
        try:
            await asyncio.wait([polling, ending], return_when=asyncio.FIRST_COMPLETED)
            found = polling.result() if polling.done() else {}
        finally:
            for task in (polling, ending):
                task.cancel()
            await asyncio.gather(polling, ending, return_exceptions=True)
        numbers, waited = {at.partition for at in found}, self._clock.now() - began
        for partition in self._partitions.values():
            partition.polled(partition.number in numbers, waited)
        return found

    def _patience(self) -> float:
        if self._more_timers or any(p.may_work and self._handler.waiting(p.number) for p in self._partitions.values()):
            return _SHORTLY
        retries = [p.retry_at for p in self._partitions.values() if p.retry_at is not None]
        wait = (min([self._tick_at, *retries]) - self._clock.now()).total_seconds()
        return min(5.0, max(0.0, wait))

    async def _handle(
        self, consumer: Consumer, number: int, found: Mapping[TopicPartition, list[Record]], behind: bool
    ) -> None:
        partition = self._partitions[number]
        lists = [found[at] for at in self._ats(partition) if at in found]
        async with self._side_by_side:
            await self._transactions.batch(partition, lists, behind)
        self._done(consumer, [partition])

    async def _catch_up(self, consumer: Consumer, behind: bool) -> None:
        now = self._clock.now()
        for partition in self._partitions.values():
            if partition.may_catch_up(self._handler.waiting(partition.number), now, behind):
                await self._transactions.catch_up(partition, now)
                self._done(consumer, [partition])
                self._active = True

    def _done(self, consumer: Consumer, worked: Collection[Partition]) -> None:
        """What failed is not read on before it was taken again."""
        for partition in worked:
            if not partition.may_work:
                consumer.pause(self._ats(partition))

    # Time.

    async def _look(self, consumer: Consumer) -> None:
        """Look up the ends of every held partition's topics."""
        asked_at, held = self._clock.now(), [p for p in self._partitions.values() if p.taken]
        ats = [at for partition in held for at in self._ats(partition)]
        bounds = await consumer.bounds(ats) if ats else {}
        for partition in held:
            partition.looked(asked_at, {at.topic: bounds[at].end for at in self._ats(partition)})
        set_all(self._lag, {topic: sum(p.lag[topic] for p in held) for topic in self._plan.topics})

    async def _tick(self, consumer: Consumer) -> None:
        """Every second while there is work, every five when idle, and when the next timer is due."""
        now = self._clock.now()
        self.relay.wake()  # Others stage, too: processes that answer the API, and senders.
        await self._look(consumer)
        if now >= self._store_at:
            self._store_at = now + _STORE_EVERY
            await self._transactions.store(self._partitions.values())
            self._done(consumer, [partition for partition in self._partitions.values() if partition.taken])
        await self._mind_time(consumer, and_mark=self._plan.sends_marks)
        waits = (p.taken and not p.is_read_up for p in self._partitions.values())
        if self._next_due is not None and self._next_due > now:
            self._tick_at = min(self._next_due, now + (_BUSY_TICK if self._active else _IDLE_TICK))
        else:
            soon = self._active or self._next_due is not None or any(waits)
            self._tick_at = now + (_BUSY_TICK if soon else _IDLE_TICK)
        self._active = False

    async def _mind_time(self, consumer: Consumer, and_mark: bool) -> None:
        """Run timers that may run, and vouch for what is through."""
        self._more_timers = False
        try:
            await self._look_beyond(consumer)
            due = await self._run_timers(consumer)
            if and_mark:
                await self._send_marks(due)
        except _PASSING as error:
            _LOG.warning("Timers and marks must wait (%s).", type(error).__name__)

    async def _look_beyond(self, consumer: Consumer) -> None:
        for partition in self._partitions.values():
            through = partition.through
            if partition.may_work and through is not None and self._handler.looks(partition.number, through):
                await self._transactions.look(partition, through)
                self._done(consumer, [partition])

    async def _run_timers(self, consumer: Consumer) -> dict[int, datetime]:
        """Run a chunk of each partition's timers. Returns the earliest that is left of each."""
        due = await self._due([p.number for p in self._partitions.values() if p.may_work])
        ran = []
        for partition in self._partitions.values():
            may = partition.timers_until(due.get(partition.number))
            if may is not None and self._handler.turns(may[0], self._clock.now()):
                if await self._transactions.run_timers(partition, *may):
                    ran.append(partition)
                self._done(consumer, [partition])
        if ran:
            self._active = True
            for partition in ran:
                due.pop(partition.number, None)
            due |= await self._due([partition.number for partition in ran])
            self._more_timers = any(partition.timers_until(due.get(partition.number)) for partition in ran)
        self._next_due = min(due.values(), default=None)
        return due

    async def _due(self, numbers: Collection[int]) -> dict[int, datetime]:
        return await timers.next_due(self._uow, list(numbers))

    async def _send_marks(self, due: Mapping[int, datetime]) -> None:
        """Vouch for each partition that is through."""
        ready = {
            p.number: through
            for p in self._partitions.values()
            if (through := p.mark_due(self._handler.waiting(p.number) is not None, due.get(p.number))) is not None
            and self._handler.turns(through, self._clock.now())
        }
        for number in await marks.send(ready, self._uow, self.relay, self._handler.interrupted):
            self._partitions[number].marked(ready[number])
