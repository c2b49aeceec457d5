"""The unit of work: one transaction a batch or request. Nothing else in the code base commits."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from asyncpg import InternalClientError
from sqlalchemy import Executable, Row, event
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine


class UnitOfWork:
    """Begins transactions on one engine."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._alone = engine.execution_options(isolation_level="AUTOCOMMIT")

    def watch(self, got_on: Callable[[], None]) -> None:
        """Call `got_on` after each statement on the engine, in the context of whoever executed it."""
        event.listen(self._engine.sync_engine, "after_cursor_execute", lambda *_: got_on())

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that commits when the block ends, and rolls back when it raises.

        A commit whose answer is lost raises too: the caller can't know whether it happened, and must look again.
        """
        with lost_connections():
            async with self._engine.connect() as connection:
                transaction = await connection.begin()
                try:
                    yield connection
                except BaseException:
                    await transaction.rollback()
                    raise
                await transaction.commit()

    async def once(self, statement: Executable, parameters: Mapping[str, Any] | None = None) -> Sequence[Row[Any]]:
        """Execute one statement that is a transaction by itself: one round trip instead of three. Returns its rows."""
        with lost_connections():
            async with self._alone.connect() as connection:
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
