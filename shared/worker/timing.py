"""Time on the partitions that a worker holds: how far all was read, the timers that may run, the marks that hold."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.clock import Clock
from shared.log.protocol import BrokerUnavailable, Consumer, Outgoing, TopicPartition, Unconfirmed
from shared.messages import envelope, registry
from shared.messages.assessments import PartitionMark
from shared.pg.uow import UnitOfWork
from shared.telemetry.metrics import Metrics
from shared.worker import timers
from shared.worker.committing import Committing
from shared.worker.handler import Handler
from shared.worker.partition import Held
from shared.worker.plan import Plan
from shared.worker.relay import Relay

_LOG = logging.getLogger(__name__)
_MOST_TIMERS = 500
_BUSY_TICK = timedelta(seconds=1)
_IDLE_TICK = timedelta(seconds=5)
_PUT_OFF_AT_MOST = timedelta(seconds=30)
_MARK = "partition.mark"

_OUTBOX_OF = text("SELECT DISTINCT partition FROM outbox WHERE partition = ANY(CAST(:partitions AS int[]))")


class Timing:
    """Ticks every second while there is work, every five when idle, and when the next timer is due."""

    def __init__(
        self,
        plan: Plan,
        handler: Handler,
        held: dict[int, Held],
        *,
        committing: Committing,
        uow: UnitOfWork,
        clock: Clock,
        relay: Relay,
        metrics: Metrics,
    ) -> None:
        self._plan = plan
        self._handler = handler
        self._held = held
        self._committing = committing
        self._uow = uow
        self._clock = clock
        self._relay = relay
        self._metrics = metrics
        self._next_due: datetime | None = None
        self._working: list[Held] = []
        self.more = False
        """Timers that may run are left: to be gone on with as soon as what can be read was read."""
        self._active = False
        self.at = clock.now()
        """When to tick next."""
        self.lag: dict[str, int] = dict.fromkeys(plan.topics, 0)
        """Records that waited at the last look, by topic."""

    def soon(self) -> None:
        """Something changed: tick now."""
        self.at = min(self.at, self._clock.now())

    def noted(self, active: bool) -> None:
        """Whether there was work since the last tick."""
        self._active = self._active or active

    async def tick(self, consumer: Consumer) -> None:
        """Look up the ends, run the timers that may run, and send the marks that are true."""
        now = self._clock.now()
        self._relay.wake()  # Others stage, too: processes that answer the API, and senders.
        ends = await self.look(consumer)
        working = self._working = [held for held in self._held.values() if held.partition in ends and not held.retry_at]
        for held in working:
            if held.ends is None:
                held.ends = (now, {topic: ends[held.partition][topic] for topic in self._plan.gate})
            held.settle()
        for topic, lag in self.lag.items():
            self._metrics.lag.labels(topic).set(lag)
        self._metrics.held_partitions.set(len(ends))
        await self._run(consumer, self._plan.sends_marks)
        self._plan_next(now)

    async def go_on(self, consumer: Consumer) -> None:
        """Run more of the timers that may run."""
        await self._run(consumer, False)

    async def _run(self, consumer: Consumer, and_mark: bool) -> None:
        self.more = False
        try:
            due = await self._run_timers(consumer)
            if and_mark:
                await self.send_marks(self._working, due)
        except (SQLAlchemyError, OSError, TimeoutError, Unconfirmed, BrokerUnavailable) as error:
            _LOG.warning("Timers and marks must wait (%s).", type(error).__name__)

    async def look(self, consumer: Consumer) -> dict[int, dict[str, int]]:
        """The ends of every held partition's topics, by number; notes the lag."""
        numbers = sorted(number for number, held in self._held.items() if held.was_taken)
        ats = [TopicPartition(topic, number) for number in numbers for topic in self._plan.topics]
        bounds = await consumer.bounds(ats) if ats else {}
        ends = {n: {topic: bounds[TopicPartition(topic, n)].end for topic in self._plan.topics} for n in numbers}
        lag = dict.fromkeys(self._plan.topics, 0)
        for number, by_topic in ends.items():
            if (held := self._held.get(number)) is not None:
                held.log_ends = by_topic
                for topic, end in by_topic.items():
                    lag[topic] += max(0, end - held.places.get(topic, 0))
        self.lag = lag
        return ends

    def has_put_off(self) -> bool:
        """Whether there is work that was put off, and that could be done."""
        return any(h.retry_at is None and self._handler.waiting(h.partition) for h in self._held.values())

    async def do_put_off(self, consumer: Consumer, behind: bool) -> None:
        """Do what was put off, once the worker has caught up, or when it has waited for 30 s."""
        now = self._clock.now()
        for held in list(self._held.values()):
            since = self._handler.waiting(held.partition)
            if since is None or held.retry_at is not None or (behind and now - since < _PUT_OFF_AT_MOST):
                continue
            held.handled_at = now
            await self._committing.within(
                consumer,
                held,
                lambda c, n=held.partition: self._handler.catch_up(c, n, now),  # type: ignore[misc]
            )
            self._active = True

    def _plan_next(self, now: datetime) -> None:
        at = now + (_BUSY_TICK if self._active else _IDLE_TICK)
        if self._next_due is not None and self._next_due > now:
            at = min(at, self._next_due)
        elif self._next_due is not None or any(held.ends is not None for held in self._held.values()):
            at = now + min(_BUSY_TICK, at - now)
        self.at, self._active = at, False

    async def _run_timers(self, consumer: Consumer) -> dict[int, datetime]:
        """Run a chunk of each partition's timers. Returns the earliest that is left of each."""
        working = [held for held in self._working if self._held.get(held.partition) is held and not held.retry_at]
        async with self._uow.begin() as c:
            due = await timers.next_due(c, [held.partition for held in working])
        ran = [held for held in working if self._may_run(held, due) and await self._run_chunk(consumer, held)]
        if ran:
            self._active = True
            async with self._uow.begin() as c:
                left = await timers.next_due(c, [held.partition for held in ran])
            due = {number: at for number, at in due.items() if number not in {held.partition for held in ran}} | left
            self.more = any(self._may_run(held, due) for held in ran)
        self._next_due = min(due.values(), default=None)
        return due

    def _may_run(self, held: Held, due: Mapping[int, datetime]) -> bool:
        through = held.through(self._plan.by_marks)
        return through is not None and held.partition in due and due[held.partition] <= through

    async def _run_chunk(self, consumer: Consumer, held: Held) -> bool:
        # As of `through`, not of the clock: what flips between the two may be changed by something not yet read. But
        # never as of an instant before the one at which the last batch was handled.
        through = held.through(self._plan.by_marks)
        assert through is not None
        now, most = max(through, held.handled_at or through), min(_MOST_TIMERS, held.most)

        async def work(c: AsyncConnection) -> None:
            async with timers.run_due(c, held.partition, through, most) as due:
                await self._handler.on_timers(c, held.partition, due, now)

        began = self._clock.now()
        if await self._committing.within(consumer, held, work):
            held.fitted(most, self._clock.now() - began)
            return True
        held.shrink(most)
        return False

    async def send_marks(self, working: Sequence[Held], due: dict[int, datetime]) -> None:
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
            await self._relay.publish([_mark(number, through) for number, through in marks.items()])
        for number, through in marks.items():
            ready[number].marked_out = through


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
