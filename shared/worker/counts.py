"""What only the database and the log can count: messages to send, timers, dead letters, bytes, and who reads how far.

It is looked up when somebody asks for the figures, and at most every few seconds: a scrape is cheap, and waits 2 s at
the longest. While the database is away the last that was known stands, and `keepwell_database_up` is 0.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Select, cast, column, func, select, table
from sqlalchemy.exc import SQLAlchemyError

from shared.clock import Clock
from shared.figures import Figure, Figures, set_all
from shared.log.protocol import BrokerUnavailable, Stream
from shared.messages import registry
from shared.pg.uow import UnitOfWork
from shared.worker import dead_letters
from shared.worker import tables as t

_LOG = logging.getLogger(__name__)
_EVERY = timedelta(seconds=5)
_OF_KAFKA = timedelta(seconds=60)
"""Kafka is asked for each group, and for a record of each partition that is behind."""
_PATIENCE = 2.0
_ALARM = timedelta(days=registry.RETENTION_DAYS / 2)
_CLASS = table("pg_class", column("oid"), column("relnamespace"), column("relkind"))
_BYTES = select(cast(func.coalesce(func.sum(func.pg_total_relation_size(_CLASS.c.oid)), 0), BigInteger)).where(
    _CLASS.c.relnamespace == func.to_regnamespace(func.current_schema()), _CLASS.c.relkind == "r"
)


class _Question:
    """Asked at most so often, once at a time; who wants the answer waits 2 s for it at the longest."""

    def __init__(self, ask: Callable[[], Awaitable[None]], clock: Clock) -> None:
        self._ask, self._clock = ask, clock
        self._asking: asyncio.Future[None] | None = None
        self._answered_at: datetime | None = None

    async def answered(self, at_most: timedelta) -> bool:
        """Ask, unless the last answer is not older than that. False where there is none in time."""
        now = self._clock.now()
        if self._asking is None and self._answered_at is not None and now - self._answered_at < at_most:
            return True
        # One that hangs is waited for again the next time, and nothing piles up behind it.
        self._asking = asking = self._asking or asyncio.ensure_future(self._ask())
        if not (await asyncio.wait({asking}, timeout=_PATIENCE))[0]:
            return False
        self._asking = None if self._asking is asking else self._asking
        try:
            asking.result()
        except (SQLAlchemyError, BrokerUnavailable, OSError, TimeoutError) as error:
            _LOG.warning("What the service counts can't be looked up (%s).", type(error).__name__)
            return False
        self._answered_at = now
        return True


class Counts:
    """One process's, among its figures."""

    def __init__(self, figures: Figures, uow: UnitOfWork, stream: Stream, clock: Clock) -> None:
        self.uow, self.stream, self.service = uow, stream, figures.service
        self.readers: Mapping[str, datetime | None] = {}
        """The services that read the log, each with the time of the oldest record that it has not read."""
        self._figures, self._clock = figures, clock
        self._queries: dict[str, Select[Any]] = {}
        self._levels: dict[str, Figure] = {}
        self._database, self._log = _Question(self._ask_database, clock), _Question(self._ask_log, clock)
        self._up = figures.level("keepwell_database_up", "1 where the database answered at the last look, else 0.")
        self._unread = figures.level(
            "keepwell_oldest_unread_seconds", "Age of the oldest record that a service has not read.", "reader"
        )
        self.add("keepwell_database_bytes", "What the service's tables take on the disk.", _BYTES)
        figures.before_reading(self.refresh)

    def add(self, name: str, says: str, query: Select[Any]) -> None:
        """Count this, too: a query for one number."""
        self._levels[name] = self._figures.level(name, says)
        self._queries[name] = query

    def add_outbox(self) -> None:
        """Count what the relay has yet to publish."""
        query = select(func.count()).select_from(t.outbox)
        self.add("keepwell_outbox_messages", "Messages decided and not yet published.", query)

    def add_workers(self) -> None:
        """Count what every worker keeps."""
        self.add_outbox()
        self.add("keepwell_timers", "Timers that are set.", select(func.count()).select_from(t.timers))
        self.add("keepwell_dead_letters_waiting", "Records that wait to be looked at.", dead_letters.COUNT)

    def __call__(self, name: str) -> int:
        """What was last counted by this name; 0 where it isn't counted here."""
        return int(self._levels[name]()) if name in self._levels else 0

    async def refresh(self, at_most: timedelta = _EVERY) -> None:
        """Look again, unless the last look is not older than that. Never fails, and takes 2 s at the longest."""
        of_log = max(at_most, _OF_KAFKA) if self.stream.kind == "kafka" else at_most
        answered, _ = await asyncio.gather(self._database.answered(at_most), self._log.answered(of_log))
        self._up.set(answered)
        now = self._clock.now()
        ages = {reader: (now - at).total_seconds() for reader, at in self.readers.items() if at is not None}
        set_all(self._unread, {reader: max(0.0, age) for reader, age in ages.items()})

    async def _ask_database(self) -> None:
        counted = select(*(query.scalar_subquery().label(name) for name, query in self._queries.items()))
        [row] = await self.uow.once(counted)
        for name, level in self._levels.items():
            level.set(row._mapping[name])

    async def _ask_log(self) -> None:
        self.readers = await self.stream.readers()

    def alarms(self) -> list[str]:
        """What somebody must look at, in sentences."""
        behind = ((reader, self._clock.now() - at) for reader, at in self.readers.items() if at is not None)
        return [
            f"{reader} has not read what was accepted {age.days} days ago. "
            + (
                f"The log keeps it, and grows; if {reader} is gone for good: keepwell readers forget {reader}"
                if self.stream.kind == "local"
                else f"Kafka deletes it after {registry.RETENTION_DAYS} days."
            )
            for reader, age in behind
            if age >= _ALARM
        ]
