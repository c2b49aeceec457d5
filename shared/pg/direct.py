"""The short way to the database, for statements that are executed again and again.

SQLAlchemy makes each statement and decides how it is spelt, but need not be asked anew at every execution. For one
answer of a customer the services execute some seventy statements in some twenty transactions, each over a row or two:
there the way through SQLAlchemy (look the statement up by a key as long as it is, make a context, a cursor and a result
of it) takes two to six times as long as asyncpg itself, and more than all that is decided. So:

- A `Select`, `Insert`, `Update` or `Delete` that stands at a module's level is one object, and is known by that. When
  it comes for the second time it is compiled, once for each set of parameters' names, and from then on its text and the
  parameters go to the driver. What comes once was made for its question; SQLAlchemy executes it as ever.
- What the driver can't be given as it stands goes SQLAlchemy's way too: lists that are spelt out in the text, values
  that Python computes for columns, options, streams, `text()`.
- What a transaction writes at its end goes together (`bulk.together`): the texts become one statement, each a part of
  its `WITH`, in one round trip. All parts see the rows as they were before it; none may touch a row of another's.
- Types are SQLAlchemy's: each parameter and column goes through the processor that its type has for the dialect.
- Connections, the transaction and what an error means are SQLAlchemy's: both ways work on the same connection and in
  the same transaction, one beside the other, and raise the same errors. A connection that was lost, or whose statement
  was cut off, goes from the pool.

What it reaches into are four members of SQLAlchemy 2.1's asyncpg dialect (`_execute_mutex`, `_transaction` with
`_start_transaction`, `_prepare`, `_handle_exception`), and how it tells of errors (`_handle_dbapi_exception`): all that
an execution there does to a connection, in the same order.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from weakref import WeakKeyDictionary

from sqlalchemy import CompoundSelect, CursorResult, Dialect, Executable, RootTransaction, Select, UpdateBase
from sqlalchemy.engine.result import IteratorResult, SimpleResultMetaData
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.util import greenlet_spawn

Parameters = Mapping[str, Any]
_KINDS: Final = (Select, CompoundSelect, UpdateBase)
_PLACE: Final = re.compile(r"\$(\d+)")


class _Rows(IteratorResult[Any]):
    """What a statement returned."""

    def __init__(self, about: SimpleResultMetaData, rows: Sequence[Any], status: str, *, returns_rows: bool) -> None:
        super().__init__(about, iter(rows))
        self._status, self.returns_rows = status, returns_rows

    @property
    def rowcount(self) -> int:
        """How many rows it returned or changed, by what the server said, such as `INSERT 0 3`."""
        number = self._status.rpartition(" ")[2]
        return int(number) if number.isdecimal() else -1


class _Ready:
    """A statement as it is for the driver."""

    def __init__(self, compiled: SQLCompiler, dialect: Dialect) -> None:
        self.sql = str(compiled)
        self._dialect, self._columns = dialect, compiled._result_columns
        self._parameters = [
            (name, compiled.params[name], compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect))
            for name in compiled.positiontup or ()
        ]
        self._about: SimpleResultMetaData | None = None

    def values(self, parameters: Parameters) -> list[Any]:
        """The values by their place, as the driver takes them; what is not given is as it stands in the statement."""
        return [
            process(parameters.get(name, constant)) if process else parameters.get(name, constant)
            for name, constant, process in self._parameters
        ]

    def result(self, rows: Sequence[Any], status: str, attributes: Sequence[Any]) -> Any:
        """What came back, with each value as its column's type has it."""
        if self._about is None:
            processors = [
                column.type.dialect_impl(self._dialect).result_processor(self._dialect, attribute.type.oid)
                for column, attribute in zip(self._columns, attributes, strict=True)
            ]
            self._about = SimpleResultMetaData(
                [column.keyname for column in self._columns],
                [tuple(column.objects or ()) for column in self._columns],
                _processors=processors if any(processors) else None,
            )
        return _Rows(self._about, rows, status, returns_rows=bool(self._columns))


class _Joined:
    """Several statements that write, as one for the driver. What they return is not asked for."""

    def __init__(self, parts: Sequence[_Ready]) -> None:
        texts, shift = list[str](), 0
        for number, part in enumerate(parts):
            texts.append(f"w{number} AS ({_shifted(part.sql, shift)})")
            shift += len(part.values({}))
        self.sql = f"WITH {', '.join(texts)} SELECT"
        self._parts = parts

    def values(self, parameters: Sequence[Parameters]) -> list[Any]:
        """The values of all by their place."""
        return [value for part, own in zip(self._parts, parameters, strict=True) for value in part.values(own)]


def _shifted(sql: str, by: int) -> str:
    return _PLACE.sub(lambda place: f"${int(place[1]) + by}", sql)


class Statements:
    """What one engine's statements are for the driver, by the objects that they are."""

    def __init__(self) -> None:
        self._known: WeakKeyDictionary[Any, dict[frozenset[str], _Ready | None]] = WeakKeyDictionary()
        self._joined: dict[tuple[_Ready, ...], _Joined] = {}

    def ready(self, statement: Executable, parameters: Any, engine: AsyncEngine | AsyncConnection) -> _Ready | None:
        """The statement for the driver; None where SQLAlchemy is to execute it."""
        if not isinstance(statement, _KINDS) or not isinstance(parameters, dict):
            return None
        known = self._known.get(statement)
        if known is None:
            self._known[statement] = {}
            return None
        names = frozenset(parameters)
        if names not in known:
            known[names] = _compiled(statement, names, engine.dialect)
        return known[names]

    def meet(self, statement: Executable) -> None:
        """Know a statement before it comes: the first time is then like the second."""
        self._known.setdefault(statement, {})

    def joined(self, parts: Sequence[_Ready]) -> _Joined:
        """These as one."""
        known = self._joined.get(key := tuple(parts))
        if known is None:
            known = self._joined[key] = _Joined(key)
        return known


def _compiled(statement: Any, names: frozenset[str], dialect: Dialect) -> _Ready | None:
    """None where more is needed than the text and its parameters; an error is SQLAlchemy's to tell, too."""
    if statement.get_execution_options():
        return None
    compiled = statement.compile(dialect=dialect, column_keys=list(names))
    computed = compiled.insert_prefetch or compiled.update_prefetch if isinstance(statement, UpdateBase) else ()
    spelt_out = compiled.post_compile_params or compiled.literal_execute_params
    implied = isinstance(statement, UpdateBase) and compiled.implicit_returning
    binds = {name: compiled.binds[name] for name in compiled.positiontup or ()}
    missing = any((bind.required and name not in names) or bind.callable for name, bind in binds.items())
    return None if computed or spelt_out or implied or missing else _Ready(compiled, dialect)


def notes(c: AsyncConnection) -> dict[str, Any]:
    """What the parts of one transaction tell whoever began it. It ends with the connection's use."""
    return c.notes if isinstance(c, Direct) else {}


class Direct(AsyncConnection):
    """A connection that takes the short way where there is one, and says after each statement that it got on.

    SQLAlchemy's events say that too, at twenty times the cost: once there is a listener, each step of each statement
    looks for more. `alone`: what takes the short way is no part of a transaction.
    """

    __slots__ = ("_alone", "_got_on", "_statements", "notes")

    def __init__(
        self, engine: AsyncEngine, statements: Statements, got_on: Callable[[], None], *, alone: bool = False
    ) -> None:
        super().__init__(engine)
        self._statements, self._got_on, self._alone = statements, got_on, alone
        self.notes: dict[str, Any] = {}

    def begin_now(self) -> RootTransaction:
        """Begin. Nothing is sent before the first statement."""
        assert self.sync_connection is not None
        return self.sync_connection.begin()

    async def give_back(self) -> None:
        """Let the pool have the connection again, whatever comes between."""
        assert self.sync_connection is not None
        if self.sync_connection.in_transaction():
            await self.__aexit__(None, None, None)
        else:
            # There is nothing to be rolled back, so nothing is waited for.
            await greenlet_spawn(self.sync_connection.close)

    async def execute(self, statement: Any, parameters: Any = None, **options: Any) -> CursorResult[Any]:
        """Execute a statement, the short way where there is one."""
        ready = None
        if not options:
            parameters = {} if parameters is None else parameters
            ready = self._statements.ready(statement, parameters, self)
        if ready is None:
            result = await super().execute(statement, parameters, **options)
        else:
            result = ready.result(*await self._send(ready.sql, ready.values(parameters)))
        self._got_on()
        return result

    async def prepare(self, statement: UpdateBase, parameters: dict[str, Any]) -> None:
        """Have the driver and the server know a statement that will come often, without executing it."""
        self._statements.meet(statement)
        if (ready := self._statements.ready(statement, parameters, self)) is not None:
            assert self.sync_connection is not None
            driver: Any = self.sync_connection.connection.dbapi_connection
            await driver._prepare(ready.sql, 0)

    async def execute_together(self, writes: Sequence[tuple[UpdateBase, dict[str, Any]]]) -> None:
        """Execute these as one statement, as far as they are ready for the driver."""
        ready = [(self._statements.ready(statement, own, self), statement, own) for statement, own in writes]
        parts = [(part, own) for part, _, own in ready if part is not None]
        for part, statement, own in ready:
            if part is None or len(parts) == 1:
                await self.execute(statement, own)
        if len(parts) > 1:
            joined = self._statements.joined([part for part, _ in parts])
            await self._send(joined.sql, joined.values([own for _, own in parts]))
            self._got_on()

    async def exec_driver_sql(self, *args: Any, **options: Any) -> CursorResult[Any]:
        """Execute text as it is for the driver."""
        result = await super().exec_driver_sql(*args, **options)
        self._got_on()
        return result

    async def _send(self, sql: str, values: Sequence[Any]) -> tuple[Sequence[Any], str, Sequence[Any]]:
        """The rows, what the server said of them, and their columns."""
        assert self.sync_connection is not None
        driver: Any = self.sync_connection.connection.dbapi_connection
        dialect: Any = self.dialect
        try:
            async with driver._execute_mutex:
                if driver._transaction is None and not self._alone:
                    await driver._start_transaction()
                prepared, attributes = await driver._prepare(sql, dialect._invalidate_schema_cache_asof)
                rows = await prepared.fetch(*values)
                status = prepared.get_statusmsg() or ""
        except BaseException as error:
            await greenlet_spawn(self._fail, driver, sql, error)
            raise
        return rows, status, attributes or ()

    def _fail(self, driver: Any, sql: str, error: BaseException) -> None:
        """Raise what an execution of SQLAlchemy's raises then, and part with the connection where that does."""
        dialect: Any = self.dialect
        assert self.sync_connection is not None
        try:
            if isinstance(error, Exception):
                driver._handle_exception(error)
            raise error
        except BaseException as told:
            dbapi = dialect.loaded_dbapi
            if isinstance(told, (dbapi.InvalidCachedStatementError, dbapi.InternalServerError)):
                dialect._invalidate_schema_cache()
            text = sql if isinstance(told, dbapi.Error) else None
            self.sync_connection._handle_dbapi_exception(told, text, None, None, None)
