"""Many rows in one statement, made from the tables' own description.

Each column travels as one array, and `unnest` makes rows of them again: one round trip, one plan and one parameter a
column, however many rows there are. Make a statement once, at the module's level, and call it with rows:

    _SAVE = bulk.Insert(t.users, ("account_id", "user_id", "last_day"), update=("last_day",))
    await _SAVE(c, [("acme", "u1", 20_000), ("acme", "u2", 20_001)])

Rows are sequences in the order of the columns, a `NamedTuple` among them. What is the same in every row is named in
`same` and given once, by keyword. No rows: nothing is sent.

An `Insert` that may meet a row that is there goes through its rows in the order of the key, as the database orders it,
so that two of them never wait for each other in a circle. `Update` and `Delete` lock in no order: lock first where
others may write the same rows.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final
from weakref import WeakSet

from sqlalchemy import (
    ColumnElement,
    Row,
    Table,
    TableValuedAlias,
    Text,
    UpdateBase,
    any_,
    bindparam,
    cast,
    column,
    delete,
    func,
    literal_column,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.pg.direct import Direct, notes, number_of
from shared.pg.literals import Literal, is_plain

Rows = Iterable[Sequence[Any]]
Write = tuple[UpdateBase, dict[str, Any]]
"""A statement and what it is executed with."""
Told = Callable[[int], None]
"""Is told how many rows a write returned, and may raise."""
_NOTED: Final = "noted"


def among(column: ColumnElement[Any], parameter: str) -> ColumnElement[bool]:
    """`column = ANY(parameter)`: whether it is one of the values in a list, which is given when executed."""
    return column == any_(_list(parameter, column))


def word(value: str) -> ColumnElement[str]:
    """A word of ours that stands in the statement itself, where a parameter would be made anew at each execution."""
    assert value.replace("_", "").isalnum(), value
    return literal_column(f"'{value}'", Text)


def one_of(column: ColumnElement[Any], values: Iterable[str]) -> ColumnElement[bool]:
    """Whether it is one of these words; the planner sees them, so that a partial index serves."""
    return column.in_([word(value) for value in values])


def given(*columns: ColumnElement[Any], name: str = "given") -> TableValuedAlias:
    """The rows that are given when executed, as something to select from or to join; see `arrays`.

    It has these columns' names and types. A parameter, named `NAME_COLUMN`, is a list of one column's values.
    """
    # PostgreSQL looks into a list that stands there bare, finds it shorter than it thought, and plans a join anew at
    # every execution, which takes longer than the join.
    return _unnested(columns, [select(_list(f"{name}_{c.name}", c)).scalar_subquery() for c in columns], name)


def _unnested(
    columns: Sequence[ColumnElement[Any]], lists: Sequence[ColumnElement[Any]], name: str = "given"
) -> TableValuedAlias:
    return func.unnest(*lists).table_valued(*(column(c.name, c.type) for c in columns)).render_derived(name=name)


def _list(parameter: str, column: ColumnElement[Any]) -> ColumnElement[Any]:
    """A parameter that is a list of a column's values."""
    of = ARRAY(column.type, dimensions=1)
    if is_plain(column.type):
        return cast(bindparam(parameter, type_=Literal()), of)
    return bindparam(parameter, type_=of)


def arrays(columns: Sequence[str], rows: Rows, name: str = "given") -> dict[str, Sequence[Any]]:
    """The parameters for `given`: rows turned into a list a column."""
    turned = list(zip(*rows, strict=True))
    return {f"{name}_{c}": turned[i] if turned else [] for i, c in enumerate(columns)}


def delete_some(table: Table, *where: ColumnElement[bool], most: int) -> UpdateBase:
    """A statement that deletes at most so many of the rows of which this holds, so that no lock is held for long."""
    key = list(table.primary_key.columns)
    return delete(table).where(tuple_(*key).in_(select(*key).where(*where).limit(most)))


def every() -> list[UpdateBase]:
    """Every statement that was made here by now, for who has time to prepare them."""
    return [one.statement for one in _MADE]


async def together(c: AsyncConnection, *writes: Write | None) -> None:
    """Execute statements over given rows as one, in one round trip:

        await bulk.together(c, _SAVE.of(users), _NOTE.of(notes, at=now))

    Each sees the tables as they were before all of them, and no two may touch the same row. They lock in no order among
    each other: lock first where others may write the same rows.
    """
    some = [write for write in writes if write is not None]
    await _go_behind(c, some)
    await _execute(c, [(write, None) for write in some])


async def later(c: AsyncConnection, *writes: Write | None, told: Told | None = None) -> None:
    """Note writes for the end of the transaction: the unit of work executes all that was noted as one, then commits.

    What is said of `together` holds for them. Until then the transaction doesn't see them itself, but of one table
    nothing is overtaken: what is written in bulk goes behind what was noted, and of each table one write is noted at
    most. `told` is called with the number of rows that each returned; what it raises rolls the transaction back.
    """
    some = [write for write in writes if write is not None]
    await _go_behind(c, some)
    if isinstance(c, Direct):
        c.notes.setdefault(_NOTED, []).extend((write, told) for write in some)
    else:
        await _execute(c, [(write, told) for write in some])


async def written(c: AsyncConnection) -> None:
    """Execute now what was noted for later."""
    await _execute(c, notes(c).pop(_NOTED, []))


async def _go_behind(c: AsyncConnection, writes: Iterable[Write]) -> None:
    """Execute what was noted, where one of these writes a table of it."""
    if noted := notes(c).get(_NOTED):
        tables = {statement.table for (statement, _), _ in noted}
        if any(statement.table in tables for statement, _ in writes):
            await written(c)


async def _execute(c: AsyncConnection, writes: Sequence[tuple[Write, Told | None]]) -> None:
    if isinstance(c, Direct):
        numbers = await c.execute_together([write for write, _ in writes])
    else:
        numbers = [number_of(await c.execute(*write)) for write, _ in writes]
    for (_, told), number in zip(writes, numbers, strict=True):
        if told is not None:
            told(number)


class _Bulk:
    """A statement over given rows of a table, and what it needs to be executed."""

    def __init__(self, table: Table, columns: Sequence[str], same: Sequence[str]) -> None:
        self._columns = tuple(columns)
        self._given = self._rows([table.c[name] for name in columns])
        self._same = {name: bindparam(f"same_{name}", type_=table.c[name].type) for name in same}

    def _rows(self, columns: Sequence[ColumnElement[Any]]) -> TableValuedAlias:
        return given(*columns)

    def _set(self, statement: UpdateBase, returning: Sequence[ColumnElement[Any]]) -> None:
        self.statement = statement.returning(*returning) if returning else statement
        self._returns = bool(returning)
        _MADE.add(self)

    def _value(self, name: str) -> ColumnElement[Any]:
        return self._same[name] if name in self._same else self._given.c[name]

    def _where(self, table: Table, key: Sequence[str]) -> list[ColumnElement[bool]]:
        return [table.c[name] == self._value(name) for name in key]

    def of(self, rows: Rows, **same: Any) -> "Write | None":
        """The statement with these rows, to be executed together with others; None where there is none."""
        parameters = arrays(self._columns, rows)
        if not parameters[f"given_{self._columns[0]}"]:
            return None
        return self.statement, parameters | {f"same_{name}": value for name, value in same.items()}

    async def __call__(self, c: AsyncConnection, rows: Rows, **same: Any) -> Sequence[Row[Any]]:
        """Execute it. Returns the rows that `returning` names; raises what the database does."""
        write = self.of(rows, **same)
        if write is None:
            return []
        _, parameters = write
        await _go_behind(c, [write])
        result = await c.execute(self.statement, parameters)
        return result.all() if self._returns else []


_MADE: "WeakSet[_Bulk]" = WeakSet()


class Insert(_Bulk):
    """Inserts rows: plainly, in the order given; or with `nothing` or `update` where the key is there already.

    `key` is the primary key unless said. `update` names what the new row replaces; `set` says what else changes, from
    the row that is refused (`excluded`); `where`, likewise, which rows that are there may be changed at all.
    """

    def __init__(
        self,
        table: Table,
        columns: Sequence[str],
        *,
        same: Sequence[str] = (),
        nothing: bool = False,
        update: Sequence[str] = (),
        set: Callable[[Any], Mapping[str, Any]] | None = None,
        where: Callable[[Any], ColumnElement[bool]] | None = None,
        key: Sequence[str] = (),
        returning: Sequence[ColumnElement[Any]] = (),
    ) -> None:
        super().__init__(table, columns, same)
        names = (*columns, *same)
        key = tuple(key) or tuple(c.name for c in table.primary_key)
        rows = select(*(self._value(name).label(name) for name in names)).select_from(self._given)
        if nothing or update or set:
            rows = rows.order_by(*(self._given.c[name] for name in key if name in self._columns))
        statement = insert(table).from_select(names, rows, include_defaults=False)
        if update or set:
            new = statement.excluded
            changes = {name: new[name] for name in update} | dict(set(new) if set else {})
            statement = statement.on_conflict_do_update(
                index_elements=key, set_=changes, where=where(new) if where else None
            )
        elif nothing:
            statement = statement.on_conflict_do_nothing()
        self._set(statement, returning)

    def _rows(self, columns: Sequence[ColumnElement[Any]]) -> TableValuedAlias:
        # Nothing is joined, so nothing is planned anew.
        return _unnested(columns, [_list(f"given_{c.name}", c) for c in columns])


class Update(_Bulk):
    """Updates the rows with these keys: `set` names columns that get the given values.

    `also` says what else changes, and `where` which rows may change, both from the given row.
    """

    def __init__(
        self,
        table: Table,
        key: Sequence[str],
        set: Sequence[str],
        *,
        same: Sequence[str] = (),
        also: Callable[[Any], Mapping[str, Any]] | None = None,
        where: Callable[[Any], ColumnElement[bool]] | None = None,
        returning: Sequence[ColumnElement[Any]] = (),
    ) -> None:
        super().__init__(table, [name for name in (*key, *set) if name not in same], same)
        given = self._given
        changes = {name: self._value(name) for name in (*set, *same) if name not in key}
        statement = (
            update(table)
            .values({**changes, **dict(also(given.c) if also else {})})
            .where(*self._where(table, key), *([where(given.c)] if where else []))
        )
        self._set(statement, returning)


class Delete(_Bulk):
    """Deletes the rows with these keys; `where` says which of them, from the given row."""

    def __init__(
        self,
        table: Table,
        key: Sequence[str],
        *,
        same: Sequence[str] = (),
        where: Callable[[Any], ColumnElement[bool]] | None = None,
        returning: Sequence[ColumnElement[Any]] = (),
    ) -> None:
        super().__init__(table, [name for name in key if name not in same], same)
        statement = delete(table).where(*self._where(table, key), *([where(self._given.c)] if where else []))
        self._set(statement, returning)
