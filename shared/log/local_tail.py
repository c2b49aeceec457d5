"""Looks on at the end of the local log."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

from shared.log import statements as sql
from shared.log.protocol import Record, TopicPartition
from shared.pg import bulk

_EVERY: Final = 0.25
_MOST: Final = 1_000


class _Log(Protocol):
    async def fetch(self, statement: sql.Statement, **parameters: object) -> list[Any]: ...
    def every(self, topics: Sequence[str]) -> list[TopicPartition]: ...


class LocalTail:
    """What comes from now on. It holds no lock, and retention knows nothing of it."""

    def __init__(self, log: _Log, topics: Sequence[str], record: Callable[[Any], Record]) -> None:
        self._log, self._topics, self._record = log, tuple(topics), record
        self._places: dict[TopicPartition, int] = {}

    async def start(self) -> None:
        """Begin at the ends, as they are now. Raises `BrokerUnavailable`."""
        asked = bulk.arrays(("topic", "partition"), self._log.every(self._topics), name="asked")
        rows = await self._log.fetch(sql.BOUNDS, **asked)
        self._places = {TopicPartition(row["topic"], row["partition"]): row["next"] for row in rows}

    async def stop(self) -> None:
        """Nothing to do: the pool is the stream's."""

    async def read(self, timeout: float) -> list[Record]:
        """What came, or nothing after `timeout` seconds. Raises `BrokerUnavailable`."""
        loop = asyncio.get_running_loop()
        until = loop.time() + timeout
        while True:
            asked = bulk.arrays(("topic", "partition", "offset"), [(*at, n) for at, n in self._places.items()], "asked")
            found = [self._record(row) for row in await self._log.fetch(sql.READ, **asked, most=_MOST)]
            for one in found:
                self._places[TopicPartition(one.topic, one.partition)] = one.offset + 1
            if found or loop.time() >= until:
                return found
            await asyncio.sleep(min(_EVERY, timeout))
