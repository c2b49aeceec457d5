"""Calls endpoints: leases what is due, sends it, records what came of it.

No transaction is open while something is sent. Each endpoint has a lane of its own, so one that hangs holds up no
other. What was cut off is sent again under the same webhook-id, by which receivers know it. Results that could not be
recorded are kept, and recorded before anything else is leased.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from services.notifier.hooks.lane import LEASE, MOST, Lane
from services.notifier.hooks.line import Line
from services.notifier.sending.rounds import LOST, Rounds, wound_down
from services.notifier.store import calling, calls, endpoints
from services.notifier.store.calling import CallResult
from shared.clock import Clock
from shared.figures import Figures
from shared.pg.uow import UnitOfWork

_LOG: Final = logging.getLogger(__name__)
_IDLE: Final = 5.0
_BUSY: Final = 0.5
_SOON: Final = 0.005
_RECORD_WITHIN: Final = 0.03
_GRACE: Final = 5.0
_A_MINUTE: Final = timedelta(minutes=1)


@dataclass(eq=False)
class Caller:
    """Calls endpoints. `dice` is uniform in [0, 1), `token` is new at every call."""

    open: Callable[[str], Line]
    """Makes a line to a URL."""
    uow: UnitOfWork
    clock: Clock
    dice: Callable[[], float]
    token: Callable[[], str]
    figures: Figures
    on_settled: Callable[[], None] = lambda: None
    """Is told that something was staged for playbooks."""
    _rounds: Rounds = field(init=False)
    _lanes: dict[str, Lane] = field(default_factory=dict, init=False)
    _closing: set[asyncio.Task[None]] = field(default_factory=set, init=False)
    _ended: list[CallResult] = field(default_factory=list, init=False)
    _new: bool = field(default=False, init=False)
    """Whether something may be due that the last look did not see."""
    _due_at: datetime | None = field(default=None, init=False)
    """When the next of what is known comes due."""
    _ask_at: datetime | None = field(default=None, init=False)
    """When to ask again whether that is still so: others write, too."""
    _changed_at: datetime | None = field(default=None, init=False)
    """When an endpoint was changed last, as far as is known here."""
    _tidied_at: datetime | None = field(default=None, init=False)
    _soon: asyncio.TimerHandle | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self._rounds = Rounds(lambda why: _LOG.warning("Webhooks must wait (%s).", why))
        self._attempts = self.figures.count("keepwell_webhook_attempts_total", "Attempts to call endpoints.", "outcome")
        self._calls = self.figures.count("keepwell_webhooks_total", "Calls of endpoints that came to an end.", "state")

    def wake(self) -> None:
        """There may be something to send."""
        self._new = True
        self._rounds.wake()

    def changed(self) -> None:
        """An endpoint is another: what waits here for its turn may have to go elsewhere, or nowhere."""
        self._ask_at = None
        self.wake()

    def stop(self) -> None:
        """Lease no more; let what is being sent end."""
        self._rounds.stop()

    async def run(self) -> None:
        """Call until stopped, then wait up to 5 s for what is under way, and record it."""
        await self._rounds.run(self._round)
        for lane in self._lanes.values():
            lane.release()
        running = set[asyncio.Task[None]]().union(*(lane.running for lane in self._lanes.values()))
        await wound_down(running, _GRACE)
        try:
            await self._record()
        except LOST as error:
            _LOG.warning("%s calls could not be recorded (%s).", len(self._ended), type(error).__name__)
        for lane in self._lanes.values():
            self._close(lane)
        await asyncio.gather(*self._closing, return_exceptions=True)
        self._lanes.clear()

    async def _round(self) -> float:
        """Record what has ended and lease what is due, and say how long to wait if nothing wakes us."""
        await self._record()
        now = self.clock.now()
        await self._tidy(now)
        # A clock that was ahead when it was set asks at once.
        if self._ask_at is None or not now < self._ask_at <= now + timedelta(seconds=_IDLE):
            await self._ask(now)
        if self._new or (self._due_at is not None and self._due_at <= now):
            await self._lease(now)
        waits = min(filter(None, (self._due_at, self._ask_at)), default=now)
        if waits <= now:
            return _BUSY
        return min(_IDLE, max(_SOON, (waits - now).total_seconds()))

    async def _tidy(self, now: datetime) -> None:
        """Once a minute, let nothing wait for who is not there, and close what nobody uses: not at once, when all begin
        and what came meanwhile is in a hurry."""
        if self._tidied_at is None:
            self._tidied_at = now
        if not now - _A_MINUTE < self._tidied_at <= now:
            await self._sweep(now)

    async def _sweep(self, now: datetime) -> None:
        async with self.uow.begin() as c:
            await calls.sweep(c, now)
        self._tidied_at = now
        for lane in [one for one in self._lanes.values() if not one.size and one.is_noted]:
            self._close(self._lanes.pop(lane.id))

    async def _ask(self, now: datetime) -> None:
        """Learn when the next comes due, and whether endpoints are as they were. Where one is not, what was leased and
        has not begun is given back, to be leased as they are now."""
        [row] = await self.uow.once(*calling.next_due(now))
        self._due_at, changed_at = tuple(row)
        self._ask_at = now + timedelta(seconds=_IDLE)
        if changed_at != self._changed_at:
            for lane in self._lanes.values():
                lane.release()
            await self._record()
            await self._sweep(now)
            self._changed_at = changed_at

    async def _lease(self, now: datetime) -> None:
        self._new = False
        room = {lane.id: lane.room for lane in self._lanes.values() if lane.size}
        try:
            rows = await self.uow.once(*calling.lease(room, MOST, self.token(), now, now + LEASE))
        except BaseException:
            self._new = True
            raise
        taken: dict[str, int] = {}
        for row in rows:
            taken[row.endpoint_id] = taken.get(row.endpoint_id, 0) + 1
            self._lane(row.endpoint_id, row.url).take(row, now)
        if any(number >= room.get(id, MOST) for id, number in taken.items()):
            # There is more, most likely: it is looked for when there is room.
            self._due_at, self._ask_at = now, now + timedelta(seconds=_IDLE)
        else:
            await self._ask(now)

    def _lane(self, id: str, url: str) -> Lane:
        lane = self._lanes.get(id)
        if lane is None:
            lane = self._lanes[id] = Lane(id, self.open(url), self.clock, self.dice, self._note)
        elif lane.line.url != url:
            self._close(lane)
            lane.line = self.open(url)
        return lane

    def _close(self, lane: Lane) -> None:
        """Close a lane's line, when what is under way has ended."""
        task = asyncio.create_task(_closed(lane.line, list(lane.running)))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    def _note(self, result: CallResult) -> None:
        self._ended.append(result)
        if self._soon is None:
            # What ends within the next moment is recorded with it.
            self._soon = asyncio.get_running_loop().call_later(_RECORD_WITHIN, self._now)

    def _now(self) -> None:
        self._soon = None
        self._rounds.wake()

    async def _record(self) -> None:
        troubled = [lane for lane in self._lanes.values() if not lane.is_noted]
        if not self._ended and not troubled:
            return
        ended, self._ended = self._ended, []
        try:
            recorded = await self._write(ended, troubled)
        except BaseException:
            self._ended = [*ended, *self._ended]
            raise
        self._count(one for one in ended if one.id in recorded)
        for one in ended:
            self._comes_due(one.due_at)
        if any(one.value is not None for one in ended):
            self.on_settled()

    async def _write(self, ended: Sequence[CallResult], troubled: Sequence[Lane]) -> set[str]:
        """Record what ended, and how these endpoints do. Returns the ids of what still had its lease."""
        if not troubled:
            return {id for (id,) in await self.uow.once(*calling.record(ended))}
        now = self.clock.now()
        conditions = [(lane, lane.condition) for lane in troubled]
        lost = {lane.id: _why(lane) for lane in troubled if lane.is_gone or lane.is_hopeless(now)}
        async with self.uow.begin() as c:
            rows = (await c.execute(*calling.record(ended))).all() if ended else []
            await endpoints.note(c, [condition for _, condition in conditions])
            for id, because in lost.items():
                await endpoints.disable(c, id, because, now)
        for lane, condition in conditions:
            lane.was_noted(condition)
            self._comes_due(condition.held_until)
        for id, because in lost.items():
            _LOG.error("An endpoint was disabled: %s.", because, extra={"endpoint": id})
        if lost:
            self.on_settled()
        return {id for (id,) in rows}

    def _comes_due(self, at: datetime | None) -> None:
        self._due_at = min(filter(None, (self._due_at, at)), default=None)

    def _count(self, recorded: Iterable[CallResult]) -> None:
        for one in recorded:
            if one.counted:
                self._attempts.add(1, one.outcome)
            if one.settled_at is not None:
                self._calls.add(1, one.state)
                if one.state != "delivered":
                    _LOG.warning("a webhook was not delivered: %s", one.reason, extra={"call": one.id})


async def _closed(line: Line, running: Sequence[asyncio.Task[None]]) -> None:
    if running:
        await asyncio.wait(running)
    await line.close()


def _why(lane: Lane) -> str:
    last = lane.condition.last_failure
    return last if lane.is_gone else f"it has only failed for 5 days; the last: {last}"
