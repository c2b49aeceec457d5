"""The unit of work: one transaction a batch or request. Nothing else in the code base commits."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import Any, Final

from asyncpg import InternalClientError
from sqlalchemy import Executable, Row
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.pg import bulk
from shared.pg.direct import Direct, Statements, standing

_AT_HAND: Final = 4
"""Connections that stay with whoever uses them all the time; the pool has eight, and four for a rush."""
_MOST_USES: Final = 1_000
"""After so many uses a connection goes back to the pool, which renews those that are old."""


class UnitOfWork:
    """Begins transactions on one engine.

    Taking a connection from SQLAlchemy's pool and giving it back takes longer than a small transaction. So once it is
    warm, and until it is closed, it keeps a few at hand; one that failed, or that SQLAlchemy has begun something on,
    goes back to the pool.
    """

    def __init__(self, engine: AsyncEngine) -> None:
        # Transactions are begun here, and by nobody else.
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._statements = Statements()
        self._got_on: Callable[[], None] = lambda: None
        self._at_hand: list[Direct] = []
        self._keeps = 0

    def watch(self, got_on: Callable[[], None]) -> None:
        """Call `got_on` after each statement, in the context of whoever executed it."""
        self._got_on = got_on

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that commits when the block ends, and rolls back when it raises.

        What was noted for later (`bulk.later`) is written before the commit, and may raise.
        A commit whose answer is lost raises too: the caller can't know whether it happened, and must look again.
        """
        with lost_connections():
            async with self._connection() as connection, connection.transaction():
                yield connection
                await bulk.written(connection)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Direct]:
        connection = await self._taken()
        try:
            yield connection
        except BaseException:
            # Nothing is left to be rolled back, so giving it back waits for nothing: SQLAlchemy's own way of doing it
            # whatever comes between takes a task.
            await connection.close()
            raise
        if len(self._at_hand) < self._keeps and connection.uses < _MOST_USES and connection.is_as_new():
            self._at_hand.append(connection)
        else:
            await connection.close()

    async def _taken(self) -> Direct:
        """One that is open, as far as its driver knows."""
        while True:
            # The one that was used last: the others stay cold.
            connection = self._at_hand.pop() if self._at_hand else await self._new().start()
            if connection.is_open():
                connection.uses += 1
                return connection
            # It was cut off while it lay there. SQLAlchemy would connect again, and forget its mode.
            await connection.invalidate()
            await connection.close()

    def _new(self) -> Direct:
        return Direct(self._engine, self._statements, self._note)

    def _note(self) -> None:
        # Who watches may have changed since the connection was made.
        self._got_on()

    async def close(self) -> None:
        """Give back what is at hand, and keep nothing from here on."""
        self._keeps = 0
        while self._at_hand:
            await self._at_hand.pop().close()

    async def warm(self, connections: int, *packages: str) -> None:
        """Open connections, and prepare on each what is written in bulk, and what stands at the level of modules in
        these packages: whoever comes first waits for neither.

        From here on connections are kept at hand, until `close`.
        """
        self._keeps = _AT_HAND
        with lost_connections():
            async with AsyncExitStack() as held:
                opening = (held.enter_async_context(self._connection()) for _ in range(connections))
                opened = await asyncio.gather(*opening)
                often = [*standing(*packages), *bulk.every()]
                await asyncio.gather(*(connection.expect(often) for connection in opened))

    async def once(self, statement: Executable, parameters: Mapping[str, Any] | None = None) -> Sequence[Row[Any]]:
        """Execute one statement that is a transaction by itself: one round trip instead of three. Returns its rows."""
        with lost_connections():
            async with self._connection() as connection:
                result = await connection.execute(statement, parameters)
                return result.all() if result.returns_rows else []


@contextmanager
def lost_connections() -> Iterator[None]:
    """Raise `ConnectionError` where a server dies at a moment that asyncpg is not prepared for.

    It raises an error of its own inside then, which nobody takes for a lost connection.
    """
    try:
        yield
    except InternalClientError as error:
        raise ConnectionError("The connection to the database was lost.") from error
