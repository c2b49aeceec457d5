"""Lease, send, record: one sender for each channel, so that one that hangs holds up no other.

No transaction is open while something is sent. A lease outlives the send's timeout and has a token, which is checked
when the result is recorded; results that could not be recorded are kept and recorded before anything else is leased.
"""

import asyncio
import logging
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier import leases
from services.notifier.channels.protocol import Channel, Dispatch
from services.notifier.core import grouping
from services.notifier.core.message import Message
from services.notifier.core.retry import Later, Never, Outcome, Sent, Verdict, judge, judge_parcel
from services.notifier.core.routing import joint_id
from services.notifier.core.together import compose_group
from services.notifier.leases import Leased, Result
from services.notifier.settled import stage_settled
from services.notifier.store import Settled
from shared.clock import Clock
from shared.messages import tracing
from shared.messages.actions import ActionRequested
from shared.pg.uow import UnitOfWork
from shared.telemetry import logs
from shared.telemetry.metrics import Metrics

_LOG = logging.getLogger(__name__)
_LEASE_MARGIN: Final = timedelta(seconds=20)
_IDLE: Final = 5.0
_BUSY: Final = 0.5
_SOON: Final = 0.005
_RECORD_WITHIN: Final = 0.05
_LOOK_AT: Final = 5_000
_PAUSES: Final = (0.1, 0.5, 2.0, 5.0)
_GRACE: Final = 6.0
_decode = msgspec.json.Decoder(ActionRequested).decode


@dataclass(frozen=True, slots=True)
class _Parcel:
    """What goes as one message under one id, in one attempt."""

    id: str
    members: Sequence[Leased]
    at: datetime

    @property
    def target(self) -> str:
        return self.members[0].target

    def message(self) -> Message:
        actions = [_decode(member.action) for member in self.members]
        return compose_group(actions, self.at, shared=self.members[0].shared)

    def dispatch(self, message: Message) -> Dispatch:
        return Dispatch(
            message=message,
            delivery_id=self.id,
            target=self.target,
            attempt=max(member.attempts for member in self.members),
            at=self.at,
            repeat=any(member.uncertain for member in self.members),
            traceparent=self.members[0].traceparent,
        )


@dataclass(frozen=True, slots=True)
class _Ended:
    parcel: _Parcel
    message: Message | None
    outcome: Outcome
    at: datetime


class Sender:
    """Sends what is due on one channel. `dice` is uniform in [0, 1), `token` is new at every call."""

    def __init__(
        self,
        channel: Channel,
        uow: UnitOfWork,
        *,
        clock: Clock,
        dice: Callable[[], float],
        token: Callable[[], str],
        metrics: Metrics,
        on_settled: Callable[[], None] = lambda: None,
    ) -> None:
        self._channel = channel
        self._uow = uow
        self._clock = clock
        self._dice = dice
        self._token = token
        self._metrics = metrics
        self._on_settled = on_settled
        self._lease_for = timedelta(seconds=channel.timeout) + _LEASE_MARGIN
        self._work = asyncio.Event()
        self._sending: set[asyncio.Task[None]] = set()
        self._ended: list[_Ended] = []
        self._stopping = False

    def wake(self) -> None:
        """There may be something to send."""
        self._work.set()

    def stop(self) -> None:
        """Lease no more; let what is being sent end."""
        self._stopping = True
        self._work.set()

    async def run(self) -> None:
        """Send until stopped, then wait up to 6 s for what is under way, and record it."""
        failures = 0
        while not self._stopping:
            try:
                pause = await self._round()
                failures = 0
            except (SQLAlchemyError, OSError, TimeoutError) as error:
                pause = _PAUSES[min(failures, len(_PAUSES) - 1)]
                failures += 1
                _LOG.warning("Deliveries by %s must wait (%s).", self._channel.name, type(error).__name__)
                await asyncio.sleep(pause)
                continue
            await self._wait(pause)
        await self._finish()

    async def _wait(self, pause: float) -> None:
        try:
            async with asyncio.timeout(pause):
                await self._work.wait()
        except TimeoutError:
            pass
        self._work.clear()

    async def _finish(self) -> None:
        if self._sending:
            _, cut_off = await asyncio.wait(self._sending, timeout=_GRACE)
            for task in cut_off:
                task.cancel()
            await asyncio.gather(*cut_off, return_exceptions=True)
        try:
            await self._record()
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            _LOG.warning("%s attempts could not be recorded (%s).", len(self._ended), type(error).__name__)

    async def _round(self) -> float:
        """Record what has ended, lease what is due, and say how long to wait if nothing wakes us."""
        await self._record()
        free = self._channel.at_once - len(self._sending)
        if free <= 0:
            return _BUSY
        now = self._clock.now()
        async with self._uow.begin() as c:
            leased, given_up = await self._lease(c, free, now)
            next_due = None if leased else await leases.next_due(c, self._channel.name, now)
        self._note(given_up, {}, now)
        self._begin(leased, now)
        if leased:
            return _BUSY
        if next_due is None:
            return _IDLE
        pause = (next_due - now).total_seconds()
        # What is due and yet not leased waits for another sender's lease.
        return min(_IDLE, max(_SOON, pause)) if pause > 0 else _BUSY

    async def _lease(self, c: AsyncConnection, free: int, now: datetime) -> tuple[list[Leased], list[Settled]]:
        await leases.lock_leasing(c, self._channel.name)
        due = await leases.due(c, self._channel.name, now, _LOOK_AT)
        if not due:
            return [], []
        sent_before = {d.message_id for d in due if d.message_id is not None}
        if sent_before:
            due = grouping.complete(due, await leases.company(c, sorted(sent_before)), now)
        hopeless = grouping.hopeless(due)
        given_up = await leases.give_up(c, sorted(hopeless), now) if hopeless else []
        await stage_settled(c, given_up, now)
        message_ids: dict[str, str] = {}
        for members in grouping.parcels((d for d in due if d.id not in hopeless), free):
            joint = members[0].message_id or joint_id([member.id for member in members])
            message_ids |= dict.fromkeys((member.id for member in members), joint)
        if not message_ids:
            return [], given_up
        return await leases.lease(c, message_ids, self._token(), now, now + self._lease_for), given_up

    def _begin(self, leased: Sequence[Leased], now: datetime) -> None:
        by_message: dict[str, list[Leased]] = {}
        for delivery in leased:
            by_message.setdefault(delivery.message_id, []).append(delivery)
        for id, members in by_message.items():
            parcel = _Parcel(id, members, now)
            task = asyncio.create_task(self._send(parcel))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def _send(self, parcel: _Parcel) -> None:
        """One attempt. Whatever happens, its end is noted: an attempt that is not recorded costs a whole lease."""
        message, outcome = None, None
        try:
            message = parcel.message()
            async with asyncio.timeout(self._channel.timeout):
                outcome = await self._channel.send(parcel.dispatch(message))
        except TimeoutError:
            outcome = Later(reason=f"no answer within {self._channel.timeout:.0f} s", uncertain=True)
        except asyncio.CancelledError:
            outcome = Later(reason="the notifier was stopped before an answer came", uncertain=True)
        except Exception as error:
            # Its text may hold a secret, such as a webhook's URL; the type and place say enough.
            _LOG.error("Sending by %s broke: %s", self._channel.name, _where(error))
            reason = f"a fault of ours ({type(error).__name__})"
            outcome = Never(reason=reason) if message is None else Later(reason=reason, uncertain=True)
        self._ended.append(_Ended(parcel, message, outcome, self._clock.now()))
        if isinstance(outcome, Sent) and len(self._sending) < self._channel.at_once:
            # Nothing waits for it to be recorded; what ends within the next moment is recorded with it.
            asyncio.get_running_loop().call_later(_RECORD_WITHIN, self._work.set)
        else:
            self._work.set()

    async def _record(self) -> None:
        ended, self._ended = self._ended, []
        if not ended:
            return
        now = self._clock.now()
        try:
            async with self._uow.begin() as c:
                settled = await self._write(c, ended, now)
        except BaseException:
            self._ended = [*ended, *self._ended]
            raise
        self._note(settled, {member.id: end.at for end in ended for member in end.parcel.members}, now)

    async def _write(self, c: AsyncConnection, ended: Sequence[_Ended], now: datetime) -> list[Settled]:
        await leases.lock_leasing(c, self._channel.name)
        results: list[Result] = []
        for end in ended:
            dice = self._dice()
            members = end.parcel.members
            verdicts = judge_parcel(
                end.outcome, [m.tries for m in members], any(m.uncertain for m in members), end.at, dice
            )
            results += map(partial(_result, end), members, verdicts)
            await self._hold(c, end, dice)
        settled = await leases.record(c, results, now)
        messages = {end.parcel.id: end.message for end in ended if end.message is not None}
        if messages:
            await leases.keep_messages(c, messages, now)
        await stage_settled(c, settled, now)
        return settled

    async def _hold(self, c: AsyncConnection, end: _Ended, dice: float) -> None:
        verdict = judge(end.outcome, 1, end.at, dice)
        if verdict.hold_target is not None:
            await leases.hold(c, self._channel.name, end.parcel.target, verdict.hold_target, verdict.reason)
        if verdict.hold_channel is not None:
            _LOG.error("Nothing gets through by %s: %s.", self._channel.name, verdict.reason)
            await leases.hold(c, self._channel.name, leases.EVERY_TARGET, verdict.hold_channel, verdict.reason)

    def _note(self, settled: Sequence[Settled], ends: Mapping[str, datetime], now: datetime) -> None:
        for delivery in settled:
            self._metrics.deliveries.labels(delivery.transport, delivery.state).inc()
            _tell(delivery)
            if delivery.state == "delivered" and delivery.caused_at is not None:
                seconds = (ends.get(delivery.id, now) - delivery.caused_at).total_seconds()
                self._metrics.event_to_effect.labels("delivered").observe(max(0.0, seconds))
        if settled:
            self._on_settled()


def _tell(delivery: Settled) -> None:
    """Log the end of a delivery, in the trace of the event that caused it."""
    level = logging.INFO if delivery.state == "delivered" else logging.WARNING
    seen = {"delivery": delivery.id, "channel": delivery.transport, "attempts": delivery.attempts}
    with logs.about(delivery.account_id), tracing.within({tracing.HEADER: delivery.traceparent or ""}):
        _LOG.log(level, "%s%s", delivery.state, f": {delivery.reason}" if delivery.reason else "", extra=seen)


def _result(end: _Ended, member: Leased, verdict: Verdict) -> Result:
    outcome = end.outcome
    return Result(
        id=member.id,
        lease=member.lease,
        state=verdict.state,
        due_at=verdict.due_at,
        reason=verdict.reason,
        uncertain=verdict.uncertain,
        message_id=member.message_id,
        attempt=member.attempts,
        began_at=end.parcel.at,
        ended_at=end.at,
        outcome="uncertain" if verdict.uncertain else type(outcome).__name__.lower(),
        reason_of_attempt="" if isinstance(outcome, Sent) else outcome.reason,
        receipt=outcome.receipt if isinstance(outcome, Sent) else "",
    )


def _where(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{place}"
