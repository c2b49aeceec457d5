"""The unit of work: one transaction a batch or request. Nothing else in the code base commits."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from asyncpg import InternalClientError
from sqlalchemy import CursorResult, Executable, Row
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine


class _Watched(AsyncConnection):
    """A connection that says after each statement that it got on.

    SQLAlchemy's events say it too, at twenty times the cost: once there is a listener, each step of each statement
    looks for more.
    """

    __slots__ = ("_got_on",)

    def __init__(self, engine: AsyncEngine, got_on: Callable[[], None]) -> None:
        super().__init__(engine)
        self._got_on = got_on

    async def execute(self, *args: Any, **options: Any) -> CursorResult[Any]:
        result = await super().execute(*args, **options)
        self._got_on()
        return result

    async def exec_driver_sql(self, *args: Any, **options: Any) -> CursorResult[Any]:
        result = await super().exec_driver_sql(*args, **options)
        self._got_on()
        return result


class UnitOfWork:
    """Begins transactions on one engine."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._alone = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._got_on: Callable[[], None] = lambda: None

    def watch(self, got_on: Callable[[], None]) -> None:
        """Call `got_on` after each statement, in the context of whoever executed it."""
        self._got_on = got_on

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that commits when the block ends, and rolls back when it raises.

        A commit whose answer is lost raises too: the caller can't know whether it happened, and must look again.
        """
        with lost_connections():
            async with _Watched(self._engine, self._got_on) as connection:
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
            async with _Watched(self._alone, self._got_on) as connection:
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
