"""Appends to the local log: each publish in one statement, and those that wait for each other together in one."""

import asyncio
from collections import Counter, deque
from collections.abc import Sequence
from typing import Any, Final

import asyncpg
import msgspec

from shared.log import statements as sql
from shared.log.partitioner import partition_of
from shared.log.protocol import Outgoing, Places, TopicPartition, Unconfirmed
from shared.pg import bulk

CHANNEL: Final = "keepwell_log"
# The internal error is asyncpg's own, when a connection dies at a moment that it is not prepared for.
GONE: Final = (
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncio.TimeoutError,
)
_MARK: Final = "partition.mark"
_SIDE_BY_SIDE: Final = 2
"""Statements under way at once. Who comes then waits for one to end, and goes with all others who do."""
_MOST: Final = 1_000
"""Messages in one statement, unless one publish alone has more."""

_Waiting = tuple[Sequence[Outgoing], "asyncio.Future[Places]"]


class LocalProducer:
    """Appends in one statement, and so in one transaction: all of a publish is in the log, or none."""

    def __init__(self, pool: "asyncpg.Pool[Any]", partitions: int) -> None:
        self._pool = pool
        self._partitions = partitions
        self._under_way = 0
        self._waiting: deque[_Waiting] = deque()
        self._sending: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Nothing to do: the pool is the stream's."""

    async def stop(self) -> None:
        """Nothing to do: the pool is the stream's."""

    async def publish(self, messages: Sequence[Outgoing]) -> Places:
        """Append messages, in order; returns when PostgreSQL has committed them. Raises `Unconfirmed`."""
        if not messages:
            return {}
        if self._under_way >= _SIDE_BY_SIDE:
            waiting: _Waiting = messages, asyncio.get_running_loop().create_future()
            self._waiting.append(waiting)
            return await waiting[1]
        self._under_way += 1
        try:
            [reached] = await self._append([messages])
            return reached
        finally:
            self._end()

    def _end(self) -> None:
        """One is through; whoever waits goes now."""
        self._under_way -= 1
        if self._waiting:
            self._under_way += 1
            sending = asyncio.create_task(self._send())
            self._sending.add(sending)
            sending.add_done_callback(self._sending.discard)

    async def _send(self) -> None:
        """Append together what waits."""
        try:
            some, size = [self._waiting.popleft()], 0
            while self._waiting and (size := size + len(some[-1][0])) + len(self._waiting[0][0]) <= _MOST:
                some.append(self._waiting.popleft())
            # Who has given up waiting sends nothing.
            some = [(messages, done) for messages, done in some if not done.done()]
            try:
                reached = await self._append([messages for messages, _ in some]) if some else []
            except Exception as error:
                for _, done in some:
                    if not done.done():
                        done.set_exception(Unconfirmed(str(error)))
            else:
                for (_, done), places in zip(some, reached, strict=True):
                    if not done.done():
                        done.set_result(places)
        finally:
            self._end()

    async def _append(self, publishes: Sequence[Sequence[Outgoing]]) -> list[Places]:
        """Append these, one behind the other, and tell how far each reaches. Raises `Unconfirmed`."""
        counts: Counter[tuple[str, int]] = Counter()
        rows, reached = [], list[dict[tuple[str, int], int]]()
        for messages in publishes:
            ends: dict[tuple[str, int], int] = {}
            for m in messages:
                at = m.topic, partition_of(m.key, self._partitions) if m.partition is None else m.partition
                headers = msgspec.json.encode(dict(m.headers)).decode() if m.headers else "{}"
                rows.append((*at, m.headers.get("ce_type") == _MARK, m.key, m.value, headers, counts[at]))
                counts[at] += 1
                ends[at] = counts[at]
            reached.append(ends)
        parameters = bulk.arrays(sql.FIELDS, rows) | bulk.arrays(
            ("topic", "partition", "n"), [(*at, n) for at, n in counts.items()], name="wanted"
        )
        told = ",".join(sorted({topic for topic, _ in counts}))
        arguments = sql.APPEND.arguments({**parameters, "channel": CHANNEL, "told": told})
        try:
            moved = await self._pool.fetch(sql.APPEND.sql, *arguments)
        except GONE as error:
            raise Unconfirmed(f"The local log did not confirm: {type(error).__name__}.") from error
        if not moved or moved[0]["appended"] != len(rows):
            raise Unconfirmed("The local log has no such topic or partition.")
        now = {(row["topic"], row["partition"]): row["next"] for row in moved}
        return [{TopicPartition(*at): now[at] - counts[at] + end for at, end in ends.items()} for ends in reached]
