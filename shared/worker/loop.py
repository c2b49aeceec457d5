"""The consume loop that every service shares: take partitions, read batches, commit each with its offsets.

Its parts: `taking` (epochs and places), `reading` (decoding), `committing` (the one transaction of a batch), `timing`
(timers when their time has been read through, and marks).
"""

import asyncio
import logging
from contextlib import suppress
from datetime import timedelta

from shared.clock import Clock
from shared.log.protocol import GROUP, BrokerUnavailable, Consumer, Record, Stream, TopicPartition
from shared.pg.uow import UnitOfWork
from shared.telemetry.metrics import Metrics
from shared.worker.committing import Committing
from shared.worker.handler import Handler
from shared.worker.partition import Held
from shared.worker.plan import Plan
from shared.worker.relay import Relay
from shared.worker.taking import Taking
from shared.worker.timing import Timing

__all__ = ["Plan", "Worker"]

_LOG = logging.getLogger(__name__)
_SIDE_BY_SIDE = 4
"""How many partitions' batches are in a transaction at once: fewer than the engine keeps connections."""
_COMMIT_EVERY = 5.0
_STALLED = timedelta(seconds=30)
_SHORTLY = 0.02
"""Seconds that a worker with work of its own waits for records: those that are on their way come first."""


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
        self._stream = stream
        self._clock = clock
        self._held: dict[int, Held] = {}
        self._ending = asyncio.Event()
        self._side_by_side = asyncio.Semaphore(_SIDE_BY_SIDE)
        self._behind = False
        self._told: dict[TopicPartition, int] = {}
        self._consumer: Consumer | None = None
        self.relay = Relay(uow, stream, self.owned)
        self._committing = Committing(plan, handler, uow=uow, clock=clock, relay=self.relay, metrics=metrics)
        self._timing = Timing(
            plan,
            handler,
            self._held,
            committing=self._committing,
            uow=uow,
            clock=clock,
            relay=self.relay,
            metrics=metrics,
        )
        self._taking = Taking(
            plan,
            handler,
            self._held,
            stream=stream,
            uow=uow,
            clock=clock,
            owner=owner,
            mend=mend,
            taken=self._note_taken,
        )

    def owned(self) -> frozenset[int]:
        """The partition numbers that this worker has taken."""
        return frozenset(number for number, held in self._held.items() if held.was_taken)

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
            await asyncio.wait_for(self._timing.look(consumer), 2)
        return dict(self._timing.lag)

    async def commit_places(self) -> None:
        """Tell the log how far is committed, where that has changed since it was told; what fails is told next time."""
        consumer = self._consumer
        places = {
            TopicPartition(topic, held.partition): place
            for held in self._held.values()
            if held.was_taken
            for topic, place in held.places.items()
        }
        if consumer is None or places == self._told:
            return
        try:
            await asyncio.wait_for(consumer.commit(places), 2)
            self._told = places
        except (BrokerUnavailable, TimeoutError) as error:
            _LOG.warning("The log could not be told how far was read (%s).", str(error) or "no answer within 2 s")

    async def _keep_committing(self) -> None:
        while True:
            await asyncio.sleep(_COMMIT_EVERY)
            await self.commit_places()

    async def run(self) -> None:
        """Work until stopped. Raises `LogMismatch` when the log is not the one that the offsets speak of."""
        tasks = [asyncio.create_task(self.relay.run()), asyncio.create_task(self._keep_committing())]
        try:
            while not self._ending.is_set():
                consumer = self._stream.consumer(f"{GROUP}{self._plan.service}", self._plan.topics)
                try:
                    await consumer.start()
                    self._consumer = consumer
                    await self._consume(consumer)
                    await self.commit_places()
                except BrokerUnavailable as error:
                    _LOG.warning("The broker can't be reached (%s); again in 1 s.", error)
                    await asyncio.sleep(1)
                finally:
                    self._consumer = None
                    self._taking.release(frozenset())
                    await consumer.stop()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _consume(self, consumer: Consumer) -> None:
        """Read with one consumer until stopped, or until it has stalled."""
        self._taking.new_consumer()
        while not self._ending.is_set():
            if stalled := self._stalled():
                _LOG.error("%s The worker joins again.", stalled)
                return
            await self._taking.retake(consumer)
            asked = self._clock.now()
            found = await self._poll(consumer)
            self._note_polled({at.partition for at in found}, self._clock.now() - asked)
            self._behind = sum(len(records) for records in found.values()) >= self._plan.behind_at
            by_number: dict[int, list[list[Record]]] = {}
            for topic in self._plan.topics:
                for at in [at for at in found if at.topic == topic]:
                    by_number.setdefault(at.partition, []).append(found[at])
            await asyncio.gather(*(self._in_turn(consumer, number, lists) for number, lists in by_number.items()))
            self._timing.noted(bool(found))
            await self._timing.do_put_off(consumer, self._behind)
            if self._clock.now() >= self._timing.at:
                await self._timing.tick(consumer)
            elif self._timing.more:
                await self._timing.go_on(consumer)

    async def _in_turn(self, consumer: Consumer, number: int, lists: list[list[Record]]) -> None:
        async with self._side_by_side:
            if (held := self._held.get(number)) is not None:
                await self._committing.batch(consumer, held, lists, self._behind)

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
        if self._timing.more or self._timing.has_put_off():
            return _SHORTLY
        retries = [held.retry_at for held in self._held.values() if held.retry_at is not None]
        wait = (min([self._timing.at, *retries]) - self._clock.now()).total_seconds()
        return min(5.0, max(0.0, wait))

    def _note_polled(self, found: set[int], waited: timedelta) -> None:
        for held in self._held.values():
            held.polled(held.partition in found, waited)

    def _stalled(self) -> str | None:
        """A consumer that gets nothing of a partition for 30 s while there is something to get has stalled."""
        starved = [held.partition for held in self._held.values() if held.starved >= _STALLED]
        if not starved:
            return None
        return f"Nothing was read of partitions {starved} for {_STALLED.seconds} s though records wait there."

    def _note_taken(self) -> None:
        self._timing.soon()
        self.relay.wake()
