"""The short way to the database, for statements that are executed again and again.

SQLAlchemy makes each statement and decides how it is spelt, but need not be asked anew at every execution. For one
answer of a customer the services execute some seventy statements in some twenty transactions, each over a row or two:
there the way through SQLAlchemy (look the statement up by a key as long as it is, make a context, a cursor and a result
of it) takes two to six times as long as asyncpg itself, and more than all that is decided. So:

- A `Select`, `Insert`, `Update` or `Delete` that stands at a module's level is one object, and is known by that. When
  it comes for the second time it is compiled, once for each set of parameters' names, and from then on its text and the
  parameters go to the driver. What comes once was made for its question; SQLAlchemy executes it as ever.
- What the driver can't be given as it stands goes SQLAlchemy's way too: lists that are spelt out in the text, options,
  streams, `text()`.
- What a transaction writes at its end goes together (`bulk.together`; `bulk.later` for what its parts note without
  knowing of each other): the texts become one statement, each a part of its `WITH`, in one round trip. All
  parts see the rows as they were before it; none may touch a row of another's.
- Types are SQLAlchemy's: each parameter and column goes through the processor that its type has for the dialect.
- Connections come from SQLAlchemy's pool, in its mode without transactions (`AUTOCOMMIT`); the transaction is
  asyncpg's own. So both ways work on one connection and in one transaction, and raise the same kinds of errors. A
  connection that was lost, or whose statement was cut off, goes from the pool.
"""

import re
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, Self
from weakref import WeakKeyDictionary

import asyncpg
from sqlalchemy import CompoundSelect, CursorResult, Dialect, Executable, Select, UpdateBase, exc
from sqlalchemy.engine.result import IteratorResult, SimpleResultMetaData
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.sql.compiler import SQLCompiler

Parameters = Mapping[str, Any]
_KINDS: Final = (Select, CompoundSelect, UpdateBase)
_PLACE: Final = re.compile(r"\$(\d+)")
_SPELT_OUT: Final = "__[POSTCOMPILE_"
_ERRORS: Final = (
    (asyncpg.IntegrityConstraintViolationError, exc.IntegrityError),
    (asyncpg.SyntaxOrAccessError, exc.ProgrammingError),
    (asyncpg.InterfaceError, exc.InterfaceError),
    (asyncpg.PostgresError, exc.DBAPIError),
)


class _Rows(IteratorResult[Any]):
    """What a statement returned."""

    def __init__(self, about: SimpleResultMetaData, rows: Sequence[Any], status: str, *, returns_rows: bool) -> None:
        super().__init__(about, iter(rows))
        self._number, self.returns_rows = len(rows) if returns_rows else _number(status), returns_rows

    @property
    def rowcount(self) -> int:
        """How many rows it returned or changed."""
        return self._number


def _number(status: str) -> int:
    """By what the server said, such as `INSERT 0 3`."""
    number = status.rpartition(" ")[2]
    return int(number) if number.isdecimal() else -1


class _Ready:
    """A statement as it is for the driver."""

    def __init__(self, statement: Any, compiled: SQLCompiler, dialect: Dialect) -> None:
        self.sql = str(compiled)
        if isinstance(statement, UpdateBase):
            self._columns = [(one["expr"], one["type"]) for one in statement.returning_column_descriptions]
        else:
            self._columns = [(column, column.type) for column in statement.selected_columns]
        self._dialect, given = dialect, compiled.params
        self._parameters = [
            (name, given[name], compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect))
            for name in compiled.positiontup or ()
        ]
        self._about: SimpleResultMetaData | None = None
        self._processors: list[Callable[[Any], Any] | None] = []

    def __len__(self) -> int:
        """How many parameters it has."""
        return len(self._parameters)

    @property
    def returns_rows(self) -> bool:
        """Whether it returns rows."""
        return bool(self._columns)

    def values(self, parameters: Parameters) -> list[Any]:
        """The values by their place, as the driver takes them; what is not given is as it stands in the statement."""
        return [
            process(parameters.get(name, constant)) if process else parameters.get(name, constant)
            for name, constant, process in self._parameters
        ]

    async def execute(self, driver: Any, parameters: Parameters) -> Any:
        """What came back, with each value as its column's type has it. Raises what the driver does."""
        values = self.values(parameters)
        if not self._columns:
            return _Rows(_NOTHING, (), await driver.execute(self.sql, *values), returns_rows=False)
        rows = await driver.fetch(self.sql, *values)
        if self._about is None:
            self._about = self._described((await driver.prepare(self.sql)).get_attributes())
        return _Rows(self._about, [self._processed(row) for row in rows], "", returns_rows=True)

    def _described(self, attributes: Sequence[Any]) -> SimpleResultMetaData:
        processors = [
            type.dialect_impl(self._dialect).result_processor(self._dialect, attribute.type.oid)
            for (_, type), attribute in zip(self._columns, attributes, strict=True)
        ]
        self._processors = processors if any(processors) else []
        return SimpleResultMetaData([one.name for one in attributes], [(column,) for column, _ in self._columns])

    def _processed(self, row: Sequence[Any]) -> tuple[Any, ...]:
        if not self._processors:
            return tuple(row)
        return tuple(process(value) if process else value for process, value in zip(self._processors, row, strict=True))


_NOTHING: Final = SimpleResultMetaData(())


def number_of(result: CursorResult[Any]) -> int:
    """How many rows a statement returned: 0 where it returns none."""
    return len(result.all()) if result.returns_rows else 0


class _Joined:
    """Several statements that write, as one for the driver. Of what they return only the number is asked for."""

    def __init__(self, parts: Sequence[_Ready]) -> None:
        texts, numbers, shift = list[str](), list[str](), 0
        for number, part in enumerate(parts):
            texts.append(f"w{number} AS ({_shifted(part.sql, shift)})")
            counted = f"(SELECT count(*) FROM w{number})"  # noqa: S608 (a number of ours)
            numbers.append(counted if part.returns_rows else "0")
            shift += len(part)
        self.returns_rows = any(part.returns_rows for part in parts)
        self.sql = f"WITH {', '.join(texts)} SELECT{' ' + ', '.join(numbers) if self.returns_rows else ''}"
        self._size = len(parts)

    async def execute(self, driver: Any, values: Sequence[Any]) -> list[int]:
        """How many rows each returned. Raises what the driver does."""
        if self.returns_rows:
            return list(await driver.fetchrow(self.sql, *values))
        await driver.execute(self.sql, *values)
        return [0] * self._size


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

    def expect(self, statement: Executable, engine: AsyncEngine | AsyncConnection) -> str | None:
        """Know and compile a statement, for all that it leaves open. Returns its text; None where that isn't enough."""
        self.meet(statement)
        # Each connection expects it; it is compiled for the first.
        if not self._known[statement]:
            try:
                binds = statement.compile(dialect=engine.dialect).binds.values()  # type: ignore[attr-defined]
            except exc.SQLAlchemyError:
                return None
            self.ready(statement, {bind.key: None for bind in binds if bind.required}, engine)
        return next((one.sql for one in self._known[statement].values() if one is not None), None)

    def joined(self, parts: Sequence[_Ready]) -> _Joined:
        """These as one."""
        known = self._joined.get(key := tuple(parts))
        if known is None:
            known = self._joined[key] = _Joined(key)
        return known


def standing(*packages: str) -> Iterator[Executable]:
    """The statements that stand at the level of these packages' modules, as far as they are imported."""
    for name, module in sorted(sys.modules.items()):
        if name.startswith(packages):
            yield from [value for value in vars(module).values() if isinstance(value, _KINDS)]


def _compiled(statement: Any, names: frozenset[str], dialect: Dialect) -> _Ready | None:
    """None where more is needed than the text and its parameters; an error is SQLAlchemy's to tell, too."""
    if statement.get_execution_options():
        return None
    try:
        compiled = statement.compile(dialect=dialect, column_keys=list(names))
        compiled.construct_params(dict.fromkeys(names))
    except exc.SQLAlchemyError:
        return None
    computed = isinstance(statement, UpdateBase) and any(
        column.default is not None or column.onupdate is not None for column in statement.table.columns
    )
    called = any(bind.callable is not None for bind in compiled.binds.values())
    return None if computed or called or _SPELT_OUT in str(compiled) else _Ready(statement, compiled, dialect)


def notes(c: AsyncConnection) -> dict[str, Any]:
    """What the parts of one transaction tell whoever began it. It ends with the connection's use."""
    return c.notes if isinstance(c, Direct) else {}


class Direct(AsyncConnection):
    """A connection that takes the short way where there is one, and says after each statement that it got on.

    SQLAlchemy's events say that too, at twenty times the cost: once there is a listener, each step of each statement
    looks for more. Its engine has the isolation level `AUTOCOMMIT`.
    """

    __slots__ = ("_got_on", "_statements", "driver", "notes", "uses")

    def __init__(self, engine: AsyncEngine, statements: Statements, got_on: Callable[[], None]) -> None:
        super().__init__(engine)
        self._statements, self._got_on = statements, got_on
        self.driver: Any = None
        """Asyncpg's connection; None until it is started."""
        self.notes: dict[str, Any] = {}
        self.uses = 0
        """How often it was used since it was taken from the pool."""

    async def start(self, is_ctxmanager: bool = False) -> Self:
        """Take one from the pool."""
        await super().start(is_ctxmanager)
        try:
            self.driver = (await self.get_raw_connection()).driver_connection
        except BaseException:
            await self.close()
            raise
        return self

    def is_open(self) -> bool:
        """Whether it can be used again, as far as the driver knows."""
        return not self.driver.is_closed()

    def is_as_new(self) -> bool:
        """Whether nothing is left of how it was used: no transaction of SQLAlchemy's, and no options.

        What the parts of a transaction have noted is forgotten.
        """
        self.notes.clear()
        if not self.is_open() or self.sync_connection is None or self.in_transaction():
            return False
        return self.sync_connection.get_execution_options() is self.sync_engine.get_execution_options()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        """A transaction of asyncpg's: committed when the block ends, rolled back when it raises."""
        transaction = self.driver.transaction()
        async with self._telling("BEGIN"):
            await transaction.start()
        try:
            yield
        except BaseException:
            if self.is_open():
                async with self._telling("ROLLBACK"):
                    await transaction.rollback()
            raise
        async with self._telling("COMMIT"):
            await transaction.commit()

    async def execute(self, statement: Any, parameters: Any = None, **options: Any) -> CursorResult[Any]:
        """Execute a statement, the short way where there is one."""
        parameters = {} if parameters is None and not options else parameters
        ready = None if options else self._statements.ready(statement, parameters, self)
        if ready is None:
            result: Any = await super().execute(statement, parameters, **options)
        else:
            async with self._telling(ready.sql):
                result = await ready.execute(self.driver, parameters)
        self._got_on()
        return result  # type: ignore[no-any-return]

    async def expect(self, statements: Iterable[Executable]) -> None:
        """Have the driver know statements that will come often, and their types, as far as they are of this schema."""
        for statement in statements:
            sql = self._statements.expect(statement, self)
            if sql is not None:
                # Not every table that is known to the code is there in each service's schema.
                with suppress(asyncpg.PostgresError, asyncpg.InterfaceError):
                    await self.driver.prepare(sql)

    async def execute_together(self, writes: Sequence[tuple[UpdateBase, dict[str, Any]]]) -> list[int]:
        """Execute these as one statement, as far as they are ready for the driver. Returns how many rows each did."""
        ready = [(self._statements.ready(statement, own, self), statement, own) for statement, own in writes]
        parts = [(part, own) for part, _, own in ready if part is not None]
        numbers = [
            number_of(await self.execute(statement, own)) if part is None or len(parts) == 1 else 0
            for part, statement, own in ready
        ]
        if len(parts) > 1:
            joined = self._statements.joined([part for part, _ in parts])
            values = [value for part, own in parts for value in part.values(own)]
            async with self._telling(joined.sql):
                found = iter(await joined.execute(self.driver, values))
            self._got_on()
            numbers = [alone if part is None else next(found) for alone, (part, *_) in zip(numbers, ready, strict=True)]
        return numbers

    async def exec_driver_sql(self, *args: Any, **options: Any) -> CursorResult[Any]:
        """Execute text as it is for the driver."""
        result = await super().exec_driver_sql(*args, **options)
        self._got_on()
        return result

    @asynccontextmanager
    async def _telling(self, sql: str) -> AsyncIterator[None]:
        """Raise what SQLAlchemy raises where the driver fails; part with a connection that was lost or is in doubt."""
        try:
            yield
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            lost = self.driver.is_closed()
            if lost:
                await self.invalidate()
            kind = next(ours for theirs, ours in _ERRORS if isinstance(error, theirs))
            raise kind(sql, None, error, hide_parameters=True, connection_invalidated=lost) from error
        except BaseException as error:
            in_doubt = isinstance(error, asyncpg.InternalClientError) or not isinstance(error, Exception)
            if self.driver.is_closed() or in_doubt:
                await self.invalidate(error)
            raise
