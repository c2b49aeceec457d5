"""One sender for each channel, so that one that hangs holds up no other.

No transaction is open while something is sent. A lease outlives the send's timeout and has a token, which is checked
when the result is recorded; results that could not be recorded are kept and recorded before anything else is leased.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier.channels.protocol import Channel
from services.notifier.core import grouping
from services.notifier.core.amending import UPDATE
from services.notifier.core.delivery import Expected
from services.notifier.core.retry import Sent
from services.notifier.core.routing import Setup
from services.notifier.sending.attempt import Attempt, Compose
from services.notifier.sending.coming import IDLE, Coming
from services.notifier.sending.looking import look
from services.notifier.sending.noting import Noting
from services.notifier.sending.recording import write
from services.notifier.sending.rounds import LOST, Rounds, wound_down
from services.notifier.store import alone, leases, updating
from services.notifier.store.endings import Ending
from services.notifier.store.told import compose_rows
from services.notifier.writing.admission import Admission, Pass
from shared.clock import Clock
from shared.figures import Figures
from shared.pg.uow import UnitOfWork

_LOG = logging.getLogger(__name__)
_LEASE_MARGIN: Final = timedelta(seconds=20)
_BUSY: Final = 0.5
_SOON: Final = 0.005
_RECORD_WITHIN: Final = 0.05
_LOOK_AT: Final = 5_000
_GRACE: Final = 6.0
_Rows = Sequence[Row[Any]]
_Told = Mapping[str, Sequence[Any]]
_Passed = Mapping[str, Pass]
_NOTHING: Final[_Told] = {}
_NOBODY: Final[_Passed] = {}


@dataclass(eq=False)
class Sender:
    """Sends what is due on one channel. `dice` is uniform in [0, 1), `token` is new at every call."""

    channel: Channel
    uow: UnitOfWork
    clock: Clock
    dice: Callable[[], float]
    token: Callable[[], str]
    figures: Figures
    on_settled: Callable[[], None] = lambda: None
    setup: Setup | None = None
    """By which what fails finds its next road; None: there is no other."""
    on_failed: Callable[[], None] = lambda: None
    """Other senders may have got what failed here."""
    arrived: Callable[[str, str, datetime], None] = lambda *_: None
    """Is told of each that has arrived: its transport, target and when."""
    compose: Compose = compose_rows
    """What deliveries say."""
    admission: Admission | None = None
    """Of letters to customers' people: whether they may go. All of them are leased in turns."""
    _rounds: Rounds = field(init=False)
    _sending: set[asyncio.Task[None]] = field(default_factory=set, init=False)
    _ended: list[Attempt] = field(default_factory=list, init=False)
    _expected: list[Expected] = field(default_factory=list, init=False)
    """What came since the last look, or was left of it for want of room alone, and is due."""
    _new: bool = field(default=False, init=False)
    """Whether something else may be due that the last look did not see."""
    _left: bool = field(default=False, init=False)
    """Whether the last look left something else that was due."""
    _coming: Coming = field(default_factory=Coming, init=False)
    _soon: asyncio.TimerHandle | None = field(default=None, init=False)
    _noting: Noting = field(init=False)

    def __post_init__(self) -> None:
        self._noting = Noting(self.figures, self.arrived)
        self._rounds = Rounds(lambda why: _LOG.warning("Deliveries by %s must wait (%s).", self.channel.name, why))

    def wake(self) -> None:
        """There may be something to send."""
        self._new = True
        self._rounds.wake()

    def expect(self, new: Sequence[Expected]) -> None:
        """Just these are new: no look is needed to find them."""
        now = self.clock.now()
        if self.admission is not None:
            self.wake()
            return
        self._expected += (one for one in new if one.due_at <= now)
        self._coming.note(*(one.due_at for one in new if one.due_at > now))
        # What was left of the last look is due for longer.
        self._new = self._new or self._left
        self._rounds.wake()

    def stop(self) -> None:
        """Lease no more; let what is being sent end."""
        self._rounds.stop()

    async def run(self) -> None:
        """Send until stopped, then wait up to 6 s for what is under way, and record it."""
        await self._rounds.run(self._round)
        await wound_down(self._sending, _GRACE)
        try:
            await self._turn(look=False)
        except LOST as error:
            _LOG.warning("%s attempts could not be recorded (%s).", len(self._ended), type(error).__name__)

    async def _round(self) -> float:
        """Record what has ended and lease what is due, and say how long to wait if nothing wakes us.

        Nothing is looked for while nothing can have come due but what is expected: that goes the short road.
        """
        now = self.clock.now()
        look = self._new or any(one.leads_on or self._leaves_letters for one in self._ended)
        if look or await self._coming.is_due(now, self._next_due):
            await self._turn(look=True)
        else:
            await self._record_alone()
            await self._lease_alone()
        if self._new or self._free <= 0:
            return _BUSY
        return min(IDLE, max(_SOON, self._coming.seconds(now)))

    async def _next_due(self, now: datetime) -> datetime | None:
        [[due_at]] = await self.uow.once(*leases.next_due(self.channel.name, now))
        found: datetime | None = due_at
        return found

    async def _record_alone(self) -> None:
        """Record what has ended: by one statement as far as it was sent alone, and else in a turn."""
        sent = {one.id: kept for one in self._ended if (kept := one.sent_alone) is not None}
        ended, self._ended = self._ended, []
        recorded: list[str] = []
        if sent:
            try:
                what = alone.record(self.channel.name, list(sent.values()), self.clock.now())
                recorded = [id for (id,) in await self.uow.once(*what)]
            except BaseException:
                self._failed(ended)
                raise
            self._note([sent[id].ending for id in recorded])
        if left := [one for one in ended if one.id not in recorded]:
            # What has ended meanwhile goes with them.
            self._ended = [*left, *self._ended]
            await self._turn(look=False)

    def _failed(self, ended: Sequence[Attempt]) -> None:
        """These are to be recorded, and all to be looked for, again; that it was done may be all the same."""
        self._ended, self._new = [*ended, *self._ended], True
        self.on_settled()

    async def _lease_alone(self) -> None:
        """Lease what is expected as far as there is room, the longest due first."""
        if not self._expected or self._free <= 0:
            return
        self._expected.sort(key=lambda one: one.due_at)
        now, free = self.clock.now(), self._free
        some, self._expected = [one.id for one in self._expected[:free]], self._expected[free:]
        leased: _Rows = ()
        try:
            leased = await self.uow.once(*alone.lease(self.channel.name, some, self.token(), now, self._until(now)))
        finally:
            # What became of the others, a look finds out.
            self._new = self._new or len(leased) < len(some)
        self._begin(leased, now)

    @property
    def _leaves_letters(self) -> bool:
        """Whether letters wait for room: each of them is looked at again before it goes."""
        return self.admission is not None and self._left

    @property
    def _free(self) -> int:
        """How many more messages the channel may send at once."""
        if self.admission is not None and not self.admission.is_open:
            return 0
        return self.channel.at_once - len(self._sending)

    async def _turn(self, *, look: bool) -> None:
        """Record what has ended and, with a look, lease what is due as far as there is room: in one transaction."""
        if not self._ended and not (look and self._free > 0):
            self._new = self._new or look
            return
        ended, self._ended = self._ended, []
        now, endings = self.clock.now(), list[Ending]()
        leased: _Rows = ()
        told, passed = _NOTHING, _NOBODY
        try:
            async with self.uow.begin() as c:
                await leases.lock(c, self.channel.name)
                if ended:
                    endings += await write(c, self.channel.name, ended, now, self.dice, self.setup)
                if self.admission is not None and ended:
                    await self.admission.record(c, [one.letter for one in ended], endings, now)
                if look:
                    # Without room for one more, it is looked for when there is.
                    self._new = self._free <= 0
                if look and not self._new:
                    leased, given_up = await self._lease(c, self._free, now)
                    endings += given_up
                    told = await updating.told(c, [one.amends for one in leased if one.kind == UPDATE])
                    if self.admission is not None:
                        passed = await self.admission.admit(c, leased, now)
        except BaseException:
            self._failed(ended)
            raise
        self._note(endings)
        self._begin(leased, now, told, passed)

    async def _lease(self, c: AsyncConnection, free: int, now: datetime) -> tuple[_Rows, Sequence[Ending]]:
        """Record what was cut off, and lease what is due, each parcel whole; note when to look again if nothing wakes
        us. Returns what is leased, and what ended."""
        self._expected = []
        self._coming.forget()
        parcels, seen, given_up = await look(c, self.channel.name, now, _LOOK_AT, self.setup)
        leased = await leases.lease(c, grouping.message_ids(parcels[:free]), self.token(), now, self._until(now))
        alone = () if self.admission is not None else parcels[free:]
        waits = [Expected(one.id, one.due_at) for one, *others in alone if not others and one.is_new]
        self._expected += waits
        # What else is due waits for another sender's lease, or for room.
        self._left = len(seen) == _LOOK_AT or not seen <= {*(row.id for row in leased), *(one.id for one in waits)}
        busy = now + timedelta(seconds=_BUSY)
        self._coming.asked(now)
        if self._left:
            self._coming.note(busy)
        elif not waits:
            [[due_at]] = await c.execute(*leases.next_due(self.channel.name, now))
            self._coming.note(busy if due_at is not None and due_at <= now else due_at)
        return leased, given_up

    def _until(self, now: datetime) -> datetime:
        """When a lease ends that begins now."""
        return now + timedelta(seconds=self.channel.timeout) + _LEASE_MARGIN

    def _begin(self, leased: _Rows, now: datetime, told: _Told = _NOTHING, passed: _Passed = _NOBODY) -> None:
        by_message: dict[str, list[Row[Any]]] = {}
        for delivery in leased:
            by_message.setdefault(delivery.message_id, []).append(delivery)
        for members in by_message.values():
            first = members[0]
            attempt = Attempt(members, now, told.get(first.amends, ()), self.compose, passed.get(first.id))
            task = asyncio.create_task(self._send(attempt))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _send(self, attempt: Attempt) -> None:
        attempt.outcome = await attempt.send(self.channel)
        attempt.ended_at = self.clock.now()
        self._ended.append(attempt)
        if isinstance(attempt.outcome, Sent) and len(self._sending) < self.channel.at_once:
            # Nothing waits for it to be recorded; what ends within the next moment is recorded with it.
            if self._soon is None:
                self._soon = asyncio.get_running_loop().call_later(_RECORD_WITHIN, self._now)
        else:
            self._rounds.wake()

    def _now(self) -> None:
        self._soon = None
        self._rounds.wake()

    def _note(self, endings: Sequence[Ending]) -> None:
        if endings:
            self._noting.note(endings)
            self.on_settled()
        if any(one.state == "failed" for one in endings):
            self.on_failed()
