"""What only the database and the log can count: messages to send, timers, dead letters, bytes, and who reads how far.

It is looked up when somebody asks for the figures, and at most every few seconds: a scrape is cheap, and waits 2 s at
the longest. While the database is away the last that was known stands, and `keepwell_database_up` is 0.
"""

import asyncio
import logging
from collections.abc import Mapping
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
_KAFKAS_READERS_EVERY = timedelta(seconds=60)
"""Kafka is asked for each group, and for a record of each partition that is behind."""
_PATIENCE = 2.0
_ALARM = timedelta(days=registry.RETENTION_DAYS / 2)
_CLASS = table("pg_class", column("oid"), column("relnamespace"), column("relkind"))
_BYTES = select(cast(func.coalesce(func.sum(func.pg_total_relation_size(_CLASS.c.oid)), 0), BigInteger)).where(
    _CLASS.c.relnamespace == func.to_regnamespace(func.current_schema()), _CLASS.c.relkind == "r"
)


class Counts:
    """One process's, among its figures."""

    def __init__(self, figures: Figures, uow: UnitOfWork, stream: Stream, clock: Clock) -> None:
        self.uow, self.stream, self.service = uow, stream, figures.service
        self.readers: Mapping[str, datetime | None] = {}
        """The services that read the log, each with the time of the oldest record that it has not read."""
        self._figures, self._clock = figures, clock
        self._readers_every = _KAFKAS_READERS_EVERY if stream.kind == "kafka" else timedelta(0)
        self._queries: dict[str, Select[Any]] = {}
        self._levels: dict[str, Figure] = {}
        self._looking: asyncio.Task[None] | None = None
        self._looked_at: datetime | None = None
        self._readers_at: datetime | None = None
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
        now = self._clock.now()
        if self._looking is None and self._looked_at is not None and now - self._looked_at < at_most:
            return
        # One that hangs is waited for again the next time, and nothing piles up behind it.
        self._looking = self._looking or asyncio.create_task(self._look(now))
        done, _ = await asyncio.wait({self._looking}, timeout=_PATIENCE)
        if not done:
            self._up.set(0)
            return
        self._looking = None

    async def _look(self, now: datetime) -> None:
        statement = select(*(query.scalar_subquery().label(name) for name, query in self._queries.items()))
        try:
            [row] = await self.uow.once(statement)
            for name, level in self._levels.items():
                level.set(row._mapping[name])
            self._up.set(1)
            self._looked_at = now
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            self._up.set(0)
            _LOG.warning("The database can't be asked how much there is (%s).", type(error).__name__)
        if self._readers_at is None or now - self._readers_at >= self._readers_every:
            try:
                self.readers, self._readers_at = await self.stream.readers(), now
            except BrokerUnavailable as error:
                _LOG.warning("The log can't be asked who has read how far (%s).", error)
        ages = ((reader, self._clock.now() - oldest) for reader, oldest in self.readers.items() if oldest is not None)
        set_all(self._unread, {reader: max(0.0, age.total_seconds()) for reader, age in ages})

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
