"""Tells whoever listens what comes in, and what becomes of it further on: live, from rows and from the log's end.

Nothing is read while nobody listens. One reader a process serves all that listen there; who takes too little is told
how much was left out.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from typing import Any, Final, NamedTuple

import msgspec
from pydantic import BaseModel
from sqlalchemy import Row
from sqlalchemy.exc import SQLAlchemyError

from services.ingest.receiving.lately import Lately
from services.ingest.store import recent
from services.ingest.views import Assessed, LeftOut, Recent
from shared.log.protocol import BrokerUnavailable, Tail
from shared.log.protocol import Record as Logged
from shared.messages import registry
from shared.pg.uow import UnitOfWork

_LOG = logging.getLogger("keepwell.ingest")
MOST: Final = 50
"""Listeners of a process at once."""
AT_HAND: Final = 1_000
"""What one may leave untaken."""
_OVERLAP: Final = 500
"""Rows whose ids are looked at again: another process may have committed an earlier id later."""
_EVERY: Final = 0.5
_KEEP_ALIVE: Final = 15.0
_ACCOUNTS: Final = 1_000
_SKEW: Final = timedelta(seconds=0.5)
"""By how much the clock of the log may be behind."""
_ASSESSED: Final = "account.assessed"
_PASSING: Final = (SQLAlchemyError, BrokerUnavailable, OSError, TimeoutError)


class Full(Exception):
    """So many listen that there is no room for one more."""


class Told(NamedTuple):
    """One thing that is told: `record`, `assessed` or `left_out`; of a record its id."""

    event: str
    body: BaseModel
    id: int | None = None


class Listener:
    """Somebody who listens, and what waits for them."""

    def __init__(self, wanted: recent.Wanted) -> None:
        self.wanted = wanted
        self.waiting = deque[Told]()
        self.woken = asyncio.Event()
        self.left_out = 0
        self._accounts = dict[str, int]()
        """Of what they were told, the latest last; of each the number of the last assessment that they were told of."""

    def takes(self, row: Row[Any]) -> bool:
        """Whether a row is for them; its accounts are theirs from then on."""
        if not self.wanted.has(row):
            return False
        for account in accounts_of(row):
            self._accounts[account] = self._accounts.pop(account, 0)
        while len(self._accounts) > _ACCOUNTS:
            del self._accounts[next(iter(self._accounts))]
        return True

    def heard_of(self, account: str) -> int | None:
        """The number of the last assessment of an account that they were told of; None: it is none of theirs."""
        if self.wanted.test:
            return None
        known = self._accounts.get(account)
        return 0 if known is None and account == self.wanted.account else known

    def hear(self, number: int, account: str, told: "Told") -> None:
        """Tell them of an assessment."""
        self._accounts[account] = number
        self.tell(told)

    def tell(self, told: Told) -> None:
        """Keep it for them, while there is room."""
        if len(self.waiting) >= AT_HAND:
            self.left_out += 1
        else:
            self.waiting.append(told)
        self.woken.set()


class Listening:
    """All who listen at one process."""

    def __init__(self, uow: UnitOfWork, tail: Callable[[], Tail], keep_alive: float = _KEEP_ALIVE) -> None:
        self._uow, self._tail, self._keep_alive = uow, tail, keep_alive
        self._listeners: list[Listener] = []
        self._lately = Lately()
        self._some, self._ending = asyncio.Event(), asyncio.Event()

    def join(self, wanted: recent.Wanted) -> Listener:
        """Begin to listen. Raises `Full`."""
        if len(self._listeners) >= MOST or self._ending.is_set():
            raise Full
        listener = Listener(wanted)
        self._listeners.append(listener)
        self._some.set()
        return listener

    def leave(self, listener: Listener) -> None:
        """Listen no more."""
        if listener in self._listeners:
            self._listeners.remove(listener)
        if not self._listeners:
            self._some.clear()

    async def told(self, listener: Listener, after: int | None, *, stored: bool = False) -> AsyncIterator[Told | None]:
        """What is told from now on, or from behind a row, or with all that is `stored`; None keeps the line open."""
        shown = set[int]()
        if after is not None or stored:
            async with self._uow.begin() as c:
                rows = await recent.after(c, after or 0, 2 * recent.KEPT)
            for row in rows:
                if listener.takes(row):
                    shown.add(row.id)
                    yield _record(row)
        else:
            yield None
        while not self._ending.is_set():
            while listener.waiting:
                if (one := listener.waiting.popleft()).id not in shown:
                    yield one
            if listener.left_out:
                left_out, listener.left_out = listener.left_out, 0
                yield Told("left_out", LeftOut(records=left_out))
            listener.woken.clear()
            try:
                async with asyncio.timeout(self._keep_alive):
                    await listener.woken.wait()
            except TimeoutError:
                yield None

    async def run(self) -> None:
        """Read while anybody listens, until stopped."""
        async with asyncio.TaskGroup() as group:
            ending = group.create_task(self._ending.wait())
            reading = [group.create_task(self._go_on(one)) for one in (self._read_rows, self._read_log)]
            await ending
            for task in reading:
                task.cancel()

    def stop(self) -> None:
        """End, and let all who listen go."""
        self._ending.set()
        for listener in self._listeners:
            listener.woken.set()

    async def _go_on(self, reading: Callable[[], Any]) -> None:
        while True:
            await self._some.wait()
            try:
                await reading()
            except Exception as error:
                words = "What came in lately is told later (%s)."
                _LOG.warning(words, type(error).__name__, exc_info=None if isinstance(error, _PASSING) else error)
                await asyncio.sleep(2 * _EVERY)

    async def _read_rows(self) -> None:
        async with self._uow.begin() as c:
            known = set(await recent.ids(c, max(0, await recent.last_id(c) - _OVERLAP)))
        while self._listeners:
            await asyncio.sleep(_EVERY)
            async with self._uow.begin() as c:
                ids = await recent.ids(c, max(0, max(known, default=0) - _OVERLAP))
                rows = await recent.these(c, [id for id in ids if id not in known])
            known = set(ids)
            for row in rows:
                for listener in self._listeners:
                    if listener.takes(row):
                        listener.tell(_record(row))
                        self._catch_up(listener, row)

    async def _read_log(self) -> None:
        tail = self._tail()
        try:
            await tail.start()
            while self._listeners:
                self._tell_of(await tail.read(_EVERY))
        finally:
            await tail.stop()

    def _tell_of(self, logged: Sequence[Logged]) -> None:
        now = asyncio.get_running_loop().time()
        for one in logged:
            if one.headers.get("ce_type") != _ASSESSED:
                continue
            self._lately.add(one, now)
            wanting = [listener for listener in self._listeners if listener.heard_of(one.key) is not None]
            if wanting and (told := _assessed(one)) is not None:
                for listener in wanting:
                    listener.hear(self._lately.last, one.key, told)

    def _catch_up(self, listener: Listener, row: Row[Any]) -> None:
        """Tell what was said of its accounts between when it came and when it was shown."""
        for account in accounts_of(row):
            if (heard := listener.heard_of(account)) is not None:
                for number, logged in list(self._lately.of(account, heard, row.at - _SKEW)):
                    if (told := _assessed(logged)) is not None:
                        listener.hear(number, account, told)


def accounts_of(row: Row[Any]) -> list[str]:
    """The accounts that a row is about."""
    return [account for one in row.understood if (account := one.get("account"))]


def _assessed(logged: Logged) -> Told | None:
    try:
        event, assessed = registry.read(logged.value)
    except (msgspec.DecodeError, registry.UnknownType):
        return None
    return Told("assessed", Assessed.of(event.subject, assessed))


def _record(row: Row[Any]) -> Told:
    return Told("record", Recent.of(row), row.id)
