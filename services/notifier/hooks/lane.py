"""One endpoint's lane: what was leased for it, eight at once, or one at a time while it only fails."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import Row

from services.notifier.core.calls import Answer, hold, judge
from services.notifier.core.endpoints import DISABLED_AFTER, FAILING_FROM, PROBES
from services.notifier.hooks.line import AT_ONCE, TIMEOUT, Line, headers_of
from services.notifier.store import calls
from services.notifier.store.calling import CallResult
from services.notifier.store.calls import Settling
from services.notifier.store.endpoints import Condition
from shared.clock import Clock
from shared.log.protocol import Outgoing

_LOG: Final = logging.getLogger(__name__)
MOST: Final = 128
"""Calls of one endpoint that are in hand at once."""
LEASE: Final = timedelta(seconds=60)
_TO_BEGIN: Final = LEASE - timedelta(seconds=TIMEOUT + 10)
"""What has not begun by then is given back: its attempt could outlast its lease."""
_JITTER: Final = 0.2
_TEST: Final = "test"
_json: Final = msgspec.json.Encoder().encode


class Lane:
    """Calls of one endpoint. `ended` is told of each that has ended, or was given back; `dice` is uniform in [0, 1)."""

    def __init__(
        self, id: str, line: Line, clock: Clock, dice: Callable[[], float], ended: Callable[[CallResult], None]
    ) -> None:
        self.id, self.line = id, line
        self._clock, self._dice, self._ended = clock, dice, ended
        self._queue: deque[tuple[Row[Any], datetime]] = deque()
        self.running: set[asyncio.Task[None]] = set()
        """What is under way."""
        self.is_noted = True
        """Whether how it does is kept as it is here."""
        self.is_gone = False
        """It says that nobody is to come again."""
        self._failures = 0
        self._failing_since: datetime | None = None
        self._last_failure = ""
        self._held_since: datetime | None = None
        self._held_until: datetime | None = None

    @property
    def size(self) -> int:
        """How many it has in hand."""
        return len(self._queue) + len(self.running)

    @property
    def room(self) -> int:
        """How many more it takes: some at a time."""
        most = 1 if self._fails else MOST
        return most - self.size if self.size <= most // 2 else 0

    @property
    def condition(self) -> Condition:
        """How the endpoint does."""
        how = (self._failures, self._failing_since, self._last_failure, self._held_since, self._held_until)
        return Condition(self.id, *how)

    def is_hopeless(self, now: datetime) -> bool:
        """Whether it has only failed for days."""
        return self._failing_since is not None and now - self._failing_since >= DISABLED_AFTER

    def was_noted(self, condition: Condition) -> None:
        """That is kept now, and how long it is held goes by what is kept."""
        if self.condition == condition:
            self.is_noted, self.is_gone = True, False
            self._held_since = self._held_until = None

    def take(self, row: Row[Any], leased_at: datetime) -> None:
        """Call it with what was leased."""
        if not self.size and self.is_noted:
            # Somebody else may know better by now.
            self._failures, self._failing_since = row.failures, row.failing_since
        self._queue.append((row, leased_at))
        if len(self.running) < self._width:
            task = asyncio.create_task(self._work())
            self.running.add(task)
            task.add_done_callback(self.running.discard)

    def release(self) -> None:
        """Give back what has not begun."""
        now = self._clock.now()
        while self._queue:
            self._ended(_released(self._queue.popleft()[0], now))

    @property
    def _fails(self) -> bool:
        return self._failures >= FAILING_FROM

    @property
    def _width(self) -> int:
        return 1 if self._fails else AT_ONCE

    async def _work(self) -> None:
        while self._queue:
            row, leased_at = self._queue.popleft()
            now = self._clock.now()
            if now > leased_at + _TO_BEGIN:
                self._ended(_released(row, now))
            else:
                await self._call(row, now)

    async def _call(self, row: Row[Any], began_at: datetime) -> None:
        headers: dict[str, str] = {}
        try:
            headers = headers_of(row.id, began_at, row.body, _secrets(row, began_at), row.traceparent)
            answer = await self.line.post(headers, row.body, began_at)
        except Exception as error:
            # Its text may hold what is nobody's business.
            _LOG.error("Calling an endpoint broke (%s).", type(error).__name__, extra={"endpoint": self.id})
            answer = Answer(f"a fault of ours ({type(error).__name__})", uncertain=True)
        now = self._clock.now()
        self._learn(answer, now)
        self._ended(self._result(row, answer, began_at, now, headers))
        if self._held_until is not None or self._fails or self.is_gone:
            self.release()

    def _learn(self, answer: Answer, now: datetime) -> None:
        """How the endpoint does, as of this answer."""
        if not answer.reason:
            self.is_noted = self.is_noted and not self._failures
            self._failures, self._failing_since = 0, None
            return
        self.is_noted = False
        self.is_gone = self.is_gone or answer.is_gone
        self._failures += 1
        self._failing_since = self._failing_since or now
        self._last_failure = answer.reason
        until = hold(answer, now)
        if until is None and self._fails:
            wait = PROBES[min(self._failures - FAILING_FROM, len(PROBES) - 1)]
            until = now + wait * (1 - _JITTER + 2 * _JITTER * self._dice())
        if until is not None:
            self._held_since, self._held_until = now, max(until, self._held_until or until)

    def _result(
        self, row: Row[Any], answer: Answer, began_at: datetime, now: datetime, headers: dict[str, str]
    ) -> CallResult:
        verdict = judge(answer, row.tries + 1, now, self._dice(), once=row.type == _TEST)
        outcome = "uncertain" if answer.uncertain else "failed" if answer.reason else "delivered"
        has_ended, uncertain = verdict.due_at is None, int(answer.uncertain)
        told: Outgoing | None = None
        if has_ended and row.action_id is not None:
            place = (row.id, row.action_id, row.account_id, row.partition, row.name or row.endpoint_id)
            how = (verdict.state, row.attempts + 1, row.uncertain + uncertain, verdict.reason)
            told = calls.settled(Settling(*place, *how, row.traceparent, row.caused_at), now)
        return CallResult(
            *(row.id, row.lease, row.partition, verdict.state, began_at, now),
            due_at=verdict.due_at,
            settled_at=now if has_ended else None,
            reason=verdict.reason,
            uncertain=uncertain,
            outcome=outcome,
            failure=answer.reason,
            status=answer.status,
            sent=_json(headers).decode(),
            answer_headers=_json(answer.headers).decode(),
            answer=answer.body,
            **({} if told is None else _staged(told)),
        )


def _staged(told: Outgoing) -> dict[str, Any]:
    return {"topic": told.topic, "key": told.key, "value": told.value, "told": _json(told.headers).decode()}


def _secrets(row: Row[Any], at: datetime) -> tuple[str, ...]:
    """Those that sign: for a day after a rotation, the one before as well."""
    if row.former_until is None or row.former_until <= at:
        return (row.secret,)
    return row.secret, row.former_secret


def _released(row: Row[Any], now: datetime) -> CallResult:
    """What was leased and has not begun waits again."""
    return CallResult(row.id, row.lease, row.partition, "waiting", now, now, due_at=now, counted=0)
