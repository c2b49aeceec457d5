"""The local log's statements, made from its tables for asyncpg itself: a publish and a read pay for nothing else."""

from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Executable,
    FromClause,
    Integer,
    Interval,
    Text,
    and_,
    bindparam,
    column,
    delete,
    func,
    literal_column,
    not_,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, asyncpg, insert

from shared.log.tables import counters, identity, readers, records
from shared.pg import bulk
from shared.pg.literals import Literal, literal

FIELDS = ("topic", "partition", "mark", "key", "value", "headers", "place")
"""What a publish gives of each message, in this order; `place` is its place among those of its partition."""
_ONE = literal_column("1", Integer)


class Statement(NamedTuple):
    """SQL as asyncpg takes it, and the names of its parameters in the order of their places."""

    sql: str
    names: tuple[str, ...]
    literals: frozenset[str]
    """Those of them that are lists and travel as text."""

    def arguments(self, parameters: dict[str, Any]) -> list[Any]:
        """The parameters in the order of their places, as the driver takes them."""
        return [literal(parameters[name]) if name in self.literals else parameters[name] for name in self.names]


def _made(statement: Executable) -> Statement:
    """Compile it once, with the log's schema before its tables: the connection's own schema is its service's."""
    compiled = statement.compile(  # type: ignore[attr-defined]
        dialect=asyncpg.dialect(),  # type: ignore[no-untyped-call]
        schema_translate_map={None: "log"},
        render_schema_translate=True,
    )
    literals = frozenset(name for name, bind in compiled.binds.items() if isinstance(bind.type, Literal))
    return Statement(compiled.string, tuple(compiled.positiontup), literals)


def _same(one: FromClause, other: FromClause) -> ColumnElement[bool]:
    return and_(one.c.topic == other.c.topic, one.c.partition == other.c.partition)


def _locked(which: FromClause, *more: ColumnElement[Any]) -> Any:
    """Counter rows, locked in the order in which every writer locks them: so none waits for another in a circle."""
    return (
        select(counters.c.topic, counters.c.partition, *more)
        .join(which, _same(which, counters))
        .order_by(counters.c.topic, counters.c.partition)
        .with_for_update(key_share=True, of=counters)
        .cte("locked")
    )


def _append() -> Executable:
    """Move the counters by as many as come, and write the messages behind where they were.

    Returns a row for each counter that was moved, with where it stands now and how many messages were written in all.
    """
    wanted = select(
        bulk.given(counters.c.topic, counters.c.partition, column("n", counters.c.next.type), name="wanted")
    ).cte("wanted")
    locked = _locked(wanted)
    moved = (
        update(counters)
        .values(next=counters.c.next + wanted.c.n)
        .where(_same(wanted, locked), _same(counters, wanted))
        .returning(
            counters.c.topic, counters.c.partition, counters.c.next, (counters.c.next - wanted.c.n).label("base")
        )
        .cte("moved")
    )
    given = bulk.given(*(records.c[name] for name in FIELDS[:-1]), column(FIELDS[-1], counters.c.next.type))
    now = func.date_trunc(literal_column("'milliseconds'"), func.clock_timestamp())
    rows = select(*(given.c[name] for name in FIELDS[:-1]), moved.c.base + given.c.place, now)
    appended = (
        insert(records)
        .from_select([*FIELDS[:-1], "offset", "time"], rows.join(moved, _same(moved, given)), include_defaults=False)
        .returning(_ONE)
        .cte("appended")
    )
    told = func.pg_notify(bindparam("channel", type_=Text), bindparam("told", type_=Text))
    written = select(func.count()).select_from(appended).scalar_subquery().label("appended")
    return select(moved.c.topic, moved.c.partition, moved.c.next, written, told)


def _read() -> Executable:
    """Records from several places on, in the order of these, and no more of one than of all.

    The order is the function's own `ORDINALITY`, of which PostgreSQL knows that it is sorted: so it stops when it has
    enough. By a column that is given it would read from every place first.
    """
    places = (records.c.topic, records.c.partition, records.c.offset)
    lists = (bindparam(f"asked_{c.name}", type_=ARRAY(c.type, dimensions=1)) for c in places)
    columns = (column(c.name, c.type) for c in places)
    asked = func.unnest(*lists).table_valued(*columns, with_ordinality="turn").render_derived(name="asked")
    most = bindparam("most", type_=Integer)
    found = (
        select(*_FOUND)
        .where(_same(records, asked), records.c.offset >= asked.c.offset)
        .order_by(records.c.offset)
        .limit(most)
        .lateral("found")
    )
    return select(found).select_from(asked).join(found, true()).order_by(asked.c.turn, found.c.offset).limit(most)


def _trim() -> Executable:
    """Take away what is past its term *and* read by every reader; where nobody reads, the term alone decides.

    The counters are locked only when the records are gone: no writer waits for that. A counter's `begin` never passes a
    reader, since nothing that a reader has yet to read goes.
    """
    old = records.c.time < func.now() - bindparam("term", type_=Interval)
    gone = (
        delete(records)
        .where(_same(records, _floors), records.c.offset < _floors.c.floor, old)
        .returning(records.c.topic, records.c.partition, records.c.offset)
        .cte("gone")
    )
    end = (func.max(gone.c.offset) + _ONE).label("begin")
    ends = select(gone.c.topic, gone.c.partition, end).group_by(gone.c.topic, gone.c.partition).cte("ends")
    locked = _locked(ends, ends.c.begin)
    return update(counters).values(begin=locked.c.begin).where(_same(counters, locked))


def _trim_marks() -> Executable:
    """Take away marks past their term that were read, or that a later one makes needless: it vouches for more.

    So who comes back after days finds the last word, and not one a second. The newest record stays whatever it is:
    without it no reader would ever reach the end.
    """
    last = (
        select(records.c.topic, records.c.partition, func.max(records.c.offset).label("offset"))
        .where(records.c.mark)
        .group_by(records.c.topic, records.c.partition)
        .cte("last")
    )
    return delete(records).where(
        records.c.mark,
        records.c.time < func.now() - bindparam("term", type_=Interval),
        _same(records, _floors),
        _same(records, last),
        records.c.offset < _floors.c.next - _ONE,
        or_(records.c.offset < _floors.c.floor, records.c.offset < last.c.offset),
    )


def _note(where_moved: bool) -> Executable:
    """Write how far a service has read; or, for one that begins, only that it reads."""
    given = bulk.given(readers.c.topic, readers.c.partition, readers.c.next)
    rows = select(bindparam("service", type_=Text), *given.c)
    noted = insert(readers).from_select(["service", *given.c.keys()], rows)
    if not where_moved:
        return noted.on_conflict_do_nothing()
    return noted.on_conflict_do_update(index_elements=readers.primary_key, set_={"next": noted.excluded.next})


def _oldest() -> Executable:
    """Each reader's oldest record that it has not read. Marks don't count: they vouch, and nothing happened."""
    unread = (
        select(records.c.time)
        .where(_same(records, readers), records.c.offset >= readers.c.next, ~records.c.mark)
        .order_by(records.c.offset)
        .limit(_ONE)
        .lateral("unread")
    )
    return (
        select(readers.c.service, func.min(unread.c.time).label("oldest"))
        .outerjoin(unread, true())
        .group_by(readers.c.service)
        .order_by(readers.c.service)
    )


_FOUND = tuple(records.c[name] for name in ("topic", "partition", "offset", "time", "key", "value", "headers"))
_floors = (
    select(
        counters.c.topic,
        counters.c.partition,
        counters.c.next,
        func.coalesce(func.min(readers.c.next), counters.c.next).label("floor"),
    )
    .outerjoin(readers, _same(readers, counters))
    .group_by(counters.c.topic, counters.c.partition)
    .cte("floors")
)
_asked = bulk.given(counters.c.topic, counters.c.partition, name="asked")
_service = readers.c.service == bindparam("service", type_=Text)
_new = bulk.given(counters.c.topic, counters.c.partition, name="new")

APPEND = _made(_append())
READ = _made(_read())
READ_ONE = _made(
    select(*_FOUND).where(
        records.c.topic == bindparam("topic"),
        records.c.partition == bindparam("number"),
        records.c.offset == bindparam("at"),
    )
)
BOUNDS = _made(select(counters).join(_asked, _same(_asked, counters)))
CREATE = _made(
    insert(counters)
    .from_select(
        ["topic", "partition"],
        select(*_new.c).where(~select(counters).where(counters.c.topic == _new.c.topic).correlate(_new).exists()),
        include_defaults=False,
    )
    .on_conflict_do_nothing()
)
COUNTS = _made(select(counters.c.topic, func.count().label("n")).group_by(counters.c.topic))
CLUSTER = _made(select(identity.c.cluster))
TRIM = _made(_trim())
OLDEST = _made(_oldest())
TRIM_MARKS = _made(_trim_marks())
REGISTER = _made(_note(where_moved=False))
NOTE = _made(_note(where_moved=True))
UNREGISTER_OTHERS = _made(delete(readers).where(_service, not_(bulk.among(readers.c.topic, "topics"))))
FORGET = _made(delete(readers).where(_service))
