"""What a service gives to the consume loop."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.log.protocol import Record
from shared.messages import tracing
from shared.messages.envelope import Event


class Incoming(msgspec.Struct, frozen=True, gc=False):
    """A record that could be read: its envelope, and its data as its type's definition."""

    record: Record
    event: Event
    data: Any

    @property
    def trace(self) -> str | None:
        """The trace that it belongs to, as its `traceparent` says."""
        return self.record.headers.get(tracing.HEADER)


class Poison(Exception):
    """This one record can't be handled, now or ever; it goes to the dead letters and the rest goes on."""

    def __init__(self, record: Record, reason: str) -> None:
        super().__init__(reason)
        self.record = record
        self.reason = reason


class Handler(ABC):
    """One service's work on the partitions that it owns.

    Every method that gets a connection runs inside the one transaction of its batch, under the partition's lock: what
    it writes commits with the offsets, or not at all. Calls for different partitions may overlap; for one they don't.
    """

    @abstractmethod
    async def handle(
        self, c: AsyncConnection, partition: int, batch: Sequence[Incoming], now: datetime, behind: bool
    ) -> None:
        """Claim, load, decide, save and stage one batch. `behind`: more is waiting, so put off what can wait."""

    async def on_timers(
        self, c: AsyncConnection, partition: int, due: Sequence[tuple[str, datetime]], now: datetime
    ) -> None:
        """Look again at these keys, whose timers came due; the timers are gone, so set new ones as needed."""
        del c, partition, due, now

    async def taken(self, c: AsyncConnection, partition: int, now: datetime) -> None:
        """The partition was just taken: find out what its last owner put off."""
        del c, partition, now

    def looks(self, partition: int, through: datetime) -> bool:
        """Whether to look beyond accounts, now that all that was accepted by `through` has been handled."""
        del partition, through
        return False

    async def look(self, c: AsyncConnection, partition: int, through: datetime, now: datetime) -> None:
        """Look beyond accounts."""
        del c, partition, through, now

    def turns(self, through: datetime, now: datetime) -> bool:
        """Whether timers may run, and marks be sent, up to `through`; False: not yet. Events never wait for it."""
        del through, now
        return True

    @property
    def interrupted(self) -> Mapping[str, datetime]:
        """What marks say of sources that are interrupted."""
        return {}

    def hears(self, partition: int, marks: Sequence[Incoming]) -> bool:
        """Marks came, and nothing else. Whether taking them down is all that is to be done, and was done.

        Then no transaction is begun for them, and whoever has the partition next may be handed them again. False: they
        are handed to `handle`.
        """
        del partition, marks
        return False

    def gathers(self) -> float:
        """How many seconds what comes next may take to come together, by what was handled since this was last asked."""
        return 0.0

    def waiting(self, partition: int) -> datetime | None:
        """Since when work that was put off waits, or None when there is none."""
        del partition
        return None

    async def catch_up(self, c: AsyncConnection, partition: int, now: datetime) -> None:
        """Do some of what was put off."""
        del c, partition, now

    def forget(self, partition: int) -> None:
        """Drop what is remembered: a commit failed, or another worker may have written."""
        del partition

    def committed(self, partition: int) -> None:
        """The last call for this partition has committed."""
        del partition
