"""The short way to the database beside SQLAlchemy's own: the same rows, the same errors, the same transaction."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import nullcontext
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    LargeBinary,
    MetaData,
    Numeric,
    Table,
    Text,
    bindparam,
    delete,
    func,
    insert,
    literal,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.exc import DBAPIError, IntegrityError, InvalidRequestError, StatementError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.pool import QueuePool

from shared.pg import bulk
from shared.pg.direct import Direct, notes
from shared.pg.pool import make_engine
from shared.pg.records import Json, Packed
from shared.pg.uow import UnitOfWork
from tests.support.stream import until


class Thing(msgspec.Struct):
    name: str


_MADE = MetaData()
_T = Table(
    "of_all_kinds",
    _MADE,
    Column("id", Text, primary_key=True),
    Column("big", BigInteger),
    Column("yes", Boolean),
    Column("day", Date),
    Column("at", DateTime(timezone=True)),
    Column("raw", LargeBinary),
    Column("exact", Numeric),
    Column("plain", JSONB),
    Column("words", ARRAY(Text)),
    Column("packed", Packed(Thing)),
    Column("thing", Json(Thing)),
    prefixes=["UNLOGGED"],
)
_NAMES = [column.name for column in _T.columns]
_ADD = insert(_T).values({name: bindparam(f"new_{name}") for name in _NAMES})
_READ = select(_T).where(_T.c.id == bindparam("wanted"))
_RENAME = update(_T).where(_T.c.id == bindparam("wanted")).values(big=_T.c.big + 1).returning(_T.c.id, _T.c.big)
_REMOVE = delete(_T).where(_T.c.id == bindparam("wanted"))
_OTHER = Table(
    "another", _MADE, Column("id", Text, primary_key=True), Column("times", BigInteger), prefixes=["UNLOGGED"]
)
_TOUCH = bulk.Insert(_OTHER, ("id",), nothing=True)
_RENAME_OTHER = update(_OTHER).where(_OTHER.c.id == bindparam("wanted")).values(times=1).returning(_OTHER.c.id)
_KEEP = bulk.Insert(_T, ("id", "day", "thing"), update=("day", "thing"))
_COUNT = bulk.Update(_T, ("id",), ("big",), same=("yes",))
_FAILS = update(_T).where(_T.c.id == "nobody", literal(1) / bindparam("divisor", type_=BigInteger) > 5).values(big=1)
_SLEEP = select(func.pg_sleep(bindparam("seconds")))
_ROWS: Sequence[tuple[Any, ...]] = (
    (
        *("full", 2**40, True, date(2026, 3, 1), datetime(2026, 3, 1, tzinfo=UTC), b"\0\xff", 7, {"a": [1, None]}),
        *(["x"], Thing("packed"), Thing("json")),
    ),
    ("bare", *[None] * 10),
)


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """Of the database's owner, who alone may make the table."""
    made = make_engine(database_url, "public")
    async with made.begin() as c:
        await c.run_sync(_MADE.create_all)
    yield made
    await made.dispose()


@pytest.fixture
def uow(engine: AsyncEngine) -> UnitOfWork:
    return UnitOfWork(engine)


def _new(row: Sequence[Any]) -> dict[str, Any]:
    return {f"new_{name}": value for name, value in zip(_NAMES, row, strict=True)}


def _goes_short(c: AsyncConnection, statement: Any, **parameters: Any) -> bool:
    assert isinstance(c, Direct)
    return c._statements.ready(statement, parameters, c) is not None


async def test_every_type_comes_back_by_both_ways_alike(uow: UnitOfWork, engine: AsyncEngine) -> None:
    async with uow.begin() as c:
        for row in _ROWS:
            await c.execute(_ADD, _new(row))
        await c.execute(_READ, {"wanted": "full"})
    for row in _ROWS:
        async with uow.begin() as c:
            assert _goes_short(c, _READ, wanted=row[0])
            [short] = (await c.execute(_READ, {"wanted": row[0]})).all()
        async with engine.connect() as c:
            [long] = (await c.execute(_READ, {"wanted": row[0]})).all()
        assert short == long
        assert short._mapping[_T.c.big] == short.big == row[1]
        assert tuple(short) == row
        assert dict(short._mapping) == dict(long._mapping)


async def test_what_is_written_tells_how_many_rows_it_was(uow: UnitOfWork) -> None:
    async with uow.begin() as c:
        for number in range(3):
            added = await c.execute(_ADD, _new((f"t{number}", 0, *[None] * 9)))
        assert added.rowcount == 1
        for _ in range(3):
            moved = await c.execute(_RENAME, {"wanted": "t1"})
        assert [tuple(row) for row in moved] == [("t1", 3)]
        for id in ("t0", "t1", "t1"):
            removed = await c.execute(_REMOVE, {"wanted": id})
        assert (removed.rowcount, removed.returns_rows) == (0, False)
        assert _goes_short(c, _ADD, **_new(_ROWS[1]))
        assert _goes_short(c, _RENAME, wanted="")
        assert _goes_short(c, _REMOVE, wanted="")


async def test_both_ways_work_in_one_transaction_that_is_rolled_back_as_a_whole(uow: UnitOfWork) -> None:
    async def try_in_vain() -> None:
        async with uow.begin() as c:
            for number in range(3):
                await c.execute(_ADD, _new((f"t{number}", 0, *[None] * 9)))
            count = (await c.execute(select(func.count()).select_from(_T))).scalar_one()
            assert count == 3
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await try_in_vain()
    assert await uow.once(select(func.count()).select_from(_T)) == [(0,)]


async def test_an_error_is_the_same_and_ends_the_transaction(uow: UnitOfWork) -> None:
    row = _new(("twice", 0, *[None] * 9))
    async with uow.begin() as c:
        await c.execute(_ADD, row)
        await c.execute(_REMOVE, {"wanted": "nobody"})
        await c.execute(_REMOVE, {"wanted": "nobody"})
    with pytest.raises(IntegrityError, match="duplicate key") as error:
        async with uow.begin() as c:
            await c.execute(_ADD, row)
    assert getattr(error.value.orig, "sqlstate", None) == "23505"

    async def go_on_after_an_error() -> None:
        async with uow.begin() as c:
            with pytest.raises(IntegrityError):
                await c.execute(_ADD, row)
            await c.execute(_REMOVE, {"wanted": "twice"})

    with pytest.raises(DBAPIError, match="current transaction is aborted"):
        await go_on_after_an_error()
    [[count]] = await uow.once(select(func.count()).select_from(_T))
    assert count == 1


async def test_what_the_driver_cannot_be_given_goes_the_long_way(uow: UnitOfWork) -> None:
    listed = select(_T.c.id).where(_T.c.id.in_(bindparam("ids", expanding=True)))
    async with uow.begin() as c:
        for ids in (["a"], ["a", "b"], []):
            assert (await c.execute(listed, {"ids": ids})).all() == []
        for _ in range(2):
            assert (await c.execute(text("SELECT :n"), {"n": "x"})).scalar_one() == "x"
        assert not _goes_short(c, listed, ids=["a"])
        await c.execute(_READ, {"wanted": "a"})
        with pytest.raises((InvalidRequestError, StatementError), match="wanted"):
            await c.execute(_READ)


async def test_a_connection_that_was_lost_goes_from_the_pool(uow: UnitOfWork) -> None:
    pid = select(func.pg_backend_pid())
    seen: list[int] = []

    async def lose_it() -> None:
        async with uow.begin() as c:
            seen.extend([(await c.execute(pid)).scalar_one() for _ in range(2)])
            await uow.once(text(f"SELECT pg_terminate_backend({seen[0]})"))
            await c.execute(pid)

    # Which it is depends on what asyncpg was doing when it heard of it.
    with pytest.raises((DBAPIError, ConnectionError)) as error:
        await lose_it()
    assert getattr(error.value, "connection_invalidated", True)
    async with uow.begin() as c:
        assert (await c.execute(pid)).scalar_one() not in seen


async def test_a_statement_that_was_cut_off_leaves_nothing_behind(uow: UnitOfWork) -> None:
    entered = asyncio.Event()

    async def wait_long() -> None:
        async with uow.begin() as c:
            for _ in range(2):
                await c.execute(_ADD, _new((f"cut{_}", 0, *[None] * 9)))
                await c.execute(_SLEEP, {"seconds": 0.0})
            entered.set()
            await c.execute(_SLEEP, {"seconds": 60.0})

    waiting = asyncio.create_task(wait_long())
    await entered.wait()
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    for _ in range(3):
        assert await uow.once(select(func.count()).select_from(_T)) == [(0,)]


async def test_one_statement_alone_needs_no_transaction(uow: UnitOfWork, engine: AsyncEngine) -> None:
    said: list[int] = []
    uow.watch(lambda: said.append(1))
    for number in range(3):
        await uow.once(_ADD, _new((f"o{number}", 0, *[None] * 9)))
    async with engine.connect() as c:
        assert (await c.execute(select(func.count()).select_from(_T))).scalar_one() == 3
    assert len(said) == 3


async def test_what_is_written_together_is_one_statement(uow: UnitOfWork) -> None:
    said: list[int] = []
    uow.watch(lambda: said.append(1))
    day, ids = date(2026, 3, 2), ("a", "b")
    async with uow.begin() as c:
        await _KEEP(c, [(id, None, None) for id in ids])
    for number in range(3):
        said.clear()
        async with uow.begin() as c:
            await bulk.together(
                c,
                _KEEP.of([("c", day, Thing(f"c{number}"))]),
                _KEEP.of([]),
                _COUNT.of([(id, number) for id in ids], yes=number > 0),
            )
    # The first time they are new, and SQLAlchemy's.
    assert len(said) == 1
    rows = await uow.once(select(_T.c.id, _T.c.big, _T.c.yes, _T.c.day, _T.c.thing).order_by(_T.c.id))
    assert [tuple(row) for row in rows] == [
        *((id, 2, True, None, None) for id in ids),
        ("c", None, None, day, Thing("c2")),
    ]


async def test_what_is_written_together_is_written_as_a_whole_or_not_at_all(uow: UnitOfWork) -> None:
    async def write(number: int) -> None:
        async with uow.begin() as c:
            await bulk.together(
                c,
                _KEEP.of([(f"k{number}", None, None)]),
                _COUNT.of([("k0", 7 if number else 1)], yes=True),
                (_FAILS, {"divisor": 0 if number > 2 else 1}),
            )

    for number in range(3):
        await write(number)
    with pytest.raises(DBAPIError, match="division by zero"):
        await write(3)
    rows = await uow.once(select(_T.c.id, _T.c.big).order_by(_T.c.id))
    assert [tuple(row) for row in rows] == [("k0", 7), ("k1", None), ("k2", None)]


async def test_what_is_noted_for_later_is_one_statement_at_the_end(uow: UnitOfWork) -> None:
    said, told = list[int](), list[int]()
    uow.watch(lambda: said.append(1))
    async with uow.begin() as c:
        await _KEEP(c, [(id, None, None) for id in ("a", "b", "c")])
        await _TOUCH(c, [("o",)])
    for number in range(3):
        said.clear()
        told.clear()
        async with uow.begin() as c:
            await bulk.later(c, _COUNT.of([("a", number), ("b", number)], yes=True), told=told.append)
            await bulk.later(c, None)
            await bulk.later(c, _TOUCH.of([("p",)]), (_RENAME_OTHER, {"wanted": "o"}), told=told.append)
            assert not said
        # What comes for the first time is SQLAlchemy's.
        assert len(said) == (1 if number else 3)
        # Of what returns no rows there is no number.
        assert told == [0, 0, 1]
    rows = await uow.once(select(_T.c.big).where(_T.c.id.in_(["a", "b"])))
    assert [row.big for row in rows] == [2, 2]


async def test_of_one_table_nothing_overtakes_what_was_noted(uow: UnitOfWork) -> None:
    said = list[int]()
    for write in (_keep_alone, _keep_together, _keep_later):
        for number in range(3):
            async with uow.begin() as c:
                await bulk.later(c, _KEEP.of([("a", None, Thing("first"))]), _TOUCH.of([("o",)]))
                await write(c, number)
        assert await uow.once(select(_T.c.thing)) == [(Thing("second 2"),)]
    uow.watch(lambda: said.append(1))
    async with uow.begin() as c:
        await bulk.later(c, _KEEP.of([("a", None, Thing("first"))]))
        await _TOUCH(c, [("o",)])
        # Another table's waits for nothing.
        assert len(said) == 1
        await bulk.written(c)
        assert len(said) == 2
        assert (await c.execute(select(_T.c.thing))).scalar_one() == Thing("first")
        await bulk.written(c)
    assert len(said) == 3


async def _keep_alone(c: AsyncConnection, number: int) -> None:
    await _KEEP(c, [("a", None, Thing(f"second {number}"))])


async def _keep_together(c: AsyncConnection, number: int) -> None:
    await bulk.together(c, _KEEP.of([("a", None, Thing(f"second {number}"))]))


async def _keep_later(c: AsyncConnection, number: int) -> None:
    await bulk.later(c, _KEEP.of([("a", None, Thing(f"second {number}"))]))


async def test_what_is_noted_goes_with_its_transaction_or_not_at_all(uow: UnitOfWork) -> None:
    def refuse(number: int) -> None:
        raise RuntimeError(number)

    async def fail_inside() -> None:
        async with uow.begin() as c:
            await bulk.later(c, _KEEP.of([("inside", None, None)]))
            raise KeyError

    async def fail_at_the_end(told: bulk.Told | None, divisor: int) -> None:
        async with uow.begin() as c:
            await bulk.later(c, _KEEP.of([("at the end", None, None)]), told=told)
            await bulk.later(c, (_FAILS, {"divisor": divisor}))

    for _ in range(3):
        with pytest.raises(KeyError):
            await fail_inside()
        with pytest.raises(RuntimeError, match="0"):
            await fail_at_the_end(refuse, 1)
        with pytest.raises(DBAPIError, match="division by zero"):
            await fail_at_the_end(None, 0)
        assert await uow.once(select(_T.c.id)) == []


async def test_what_is_warm_goes_the_short_way_at_once(uow: UnitOfWork) -> None:
    async with uow.begin() as c:
        assert not _goes_short(c, _READ, wanted="a")
    await uow.warm(2)
    write = _KEEP.of([("warm", None, None)])
    assert write is not None
    async with uow.begin() as c:
        assert _goes_short(c, write[0], **write[1])
        await bulk.together(c, write)
    assert await uow.once(select(_T.c.id)) == [("warm",)]
    await uow.close()


_PID = select(func.pg_backend_pid())
_CUT_OFF = select(func.pg_terminate_backend(bindparam("pid")))


async def _pid(uow: UnitOfWork) -> int:
    [(pid,)] = await uow.once(_PID)
    return int(pid)


def _taken(engine: AsyncEngine) -> int:
    pool = engine.pool
    assert isinstance(pool, QueuePool)
    return pool.checkedout()


async def test_what_is_warm_keeps_connections_at_hand_until_it_is_closed(uow: UnitOfWork, engine: AsyncEngine) -> None:
    await uow.once(_PID)
    assert _taken(engine) == 0
    await uow.warm(2)
    pids = {await _pid(uow) for _ in range(5)}
    async with uow.begin() as c:
        assert {(await c.execute(_PID)).scalar_one()} == pids
        # Whoever comes meanwhile gets another.
        assert {await _pid(uow)}.isdisjoint(pids)
    assert _taken(engine) == 2
    await uow.close()
    assert _taken(engine) == 0
    await uow.once(_PID)
    assert _taken(engine) == 0


async def test_a_crowd_gets_connections_and_leaves_a_few_at_hand(uow: UnitOfWork, engine: AsyncEngine) -> None:
    await uow.warm(2)
    together = asyncio.Barrier(10)

    async def meet() -> None:
        async with uow.begin() as c:
            await c.execute(_PID)
            await together.wait()

    await asyncio.gather(*(meet() for _ in range(10)))
    assert _taken(engine) == 4
    await uow.close()


async def test_what_failed_or_was_left_otherwise_is_not_kept(uow: UnitOfWork, engine: AsyncEngine) -> None:
    async def fail() -> None:
        async with uow.begin() as c:
            notes(c)["of"] = "this transaction"
            await c.execute(_PID)
            raise RuntimeError

    async def spell_out() -> None:
        async with uow.begin() as c:
            await c.execute(text("SELECT 1"))

    async def set_options() -> None:
        async with uow.begin() as c:
            await c.execute(_PID)
            await c.execution_options(odd=True)

    await uow.once(_PID)
    await uow.warm(1)
    for use, error in ((fail, RuntimeError), (spell_out, None), (set_options, None)):
        before = _taken(engine)
        assert before == 1
        with pytest.raises(error) if error else nullcontext():
            await use()
        assert _taken(engine) == 0
        async with uow.begin() as c:
            assert notes(c) == {}
            assert "odd" not in c.sync_engine.get_execution_options()
            assert (await c.execute(_PID)).scalar_one()
            notes(c)["of"] = "another"
        async with uow.begin() as c:
            assert notes(c) == {}
            await c.execute(_PID)
    await uow.close()


@pytest.mark.parametrize("statement", [_PID, text("SELECT pg_backend_pid()")], ids=["the short way", "SQLAlchemy's"])
async def test_those_that_were_cut_off_are_not_used(uow: UnitOfWork, engine: AsyncEngine, statement: Any) -> None:
    await uow.once(_PID)
    await uow.warm(2)
    held = list(uow._at_hand)
    pids = []
    for one in held:
        pids.append((await one.execute(_PID)).scalar_one())
    # One more lies in the pool, and that one is used from here.
    async with engine.connect() as c:
        pids.append((await c.execute(_PID)).scalar_one())
        for pid in pids[:2]:
            await c.execute(_CUT_OFF, {"pid": pid})
        await until(lambda: not any(one.is_open() for one in held))
    for number in range(3):
        [(pid,)] = await uow.once(statement)
        assert pid not in pids[:2], number
    await uow.close()
    assert _taken(engine) == 0


async def _cut_off_in_the_pool(engine: AsyncEngine) -> int:
    """The process of a connection that was cut off while it lay in the pool; it is the next to be taken."""
    plain = engine.execution_options(isolation_level="AUTOCOMMIT")
    # The one that is given back last is taken first.
    async with plain.connect() as another, plain.connect() as c:
        pid: int = (await another.execute(_PID)).scalar_one()
        await c.execute(_CUT_OFF, {"pid": pid})
        driver = (await another.get_raw_connection()).driver_connection
        assert driver is not None
        await until(driver.is_closed)
    return pid


async def test_what_was_cut_off_in_the_pool_is_not_used_either_way(uow: UnitOfWork, engine: AsyncEngine) -> None:
    for statement in (_PID, text("SELECT pg_backend_pid()")):
        pid = await _cut_off_in_the_pool(engine)
        for _ in range(2):
            [(used,)] = await uow.once(statement)
            assert used != pid


async def test_what_takes_the_place_of_one_that_was_cut_off_begins_nothing_by_itself(
    uow: UnitOfWork, engine: AsyncEngine
) -> None:
    for statement in (_PID, text("SELECT pg_backend_pid()")):
        pid = await _cut_off_in_the_pool(engine)
        for _ in range(2):
            # What SQLAlchemy executes begins nothing inside our transaction.
            async with uow.begin() as c:
                assert (await c.execute(statement)).scalar_one() != pid
                assert (await c.execute(text("SELECT count(*) FROM of_all_kinds"))).scalar_one() == 0


async def test_after_many_uses_a_connection_goes_back_to_the_pool(uow: UnitOfWork, engine: AsyncEngine) -> None:
    await uow.once(_PID)
    await uow.warm(1)
    [held] = uow._at_hand
    held.uses = 998
    await uow.once(_PID)
    assert uow._at_hand == [held]
    await uow.once(_PID)
    assert (uow._at_hand, _taken(engine)) == ([], 0)
    await uow.close()


async def test_what_joins_given_rows_is_planned_once(uow: UnitOfWork) -> None:
    plans = text(
        "SELECT sum(generic_plans), sum(custom_plans) FROM pg_prepared_statements WHERE statement LIKE 'UPDATE of_all%'"
    )
    async with uow.begin() as c:
        await _KEEP(c, [(f"k{n}", None, None) for n in range(5_000)])
    async with uow.begin() as c:
        await c.execute(text("ANALYZE of_all_kinds"))
        for number in range(20):
            await _COUNT(c, [("k1", number), ("k2", number)], yes=True)
        once, anew = (await c.execute(plans)).one()
    # PostgreSQL plans anew five times before it compares; the first of all was SQLAlchemy's.
    assert (once, anew) == (20 - anew, min(anew, 6))


_STANDS_HERE = select((literal(41) + bindparam("more", type_=BigInteger)).label("sum"))


async def test_what_stands_at_a_modules_level_goes_the_short_way_when_it_comes_first(uow: UnitOfWork) -> None:
    await uow.warm(1, __name__)
    async with uow.begin() as c:
        assert _goes_short(c, _STANDS_HERE, more=1)
        assert (await c.execute(_STANDS_HERE, {"more": 1})).scalar_one() == 42
    await uow.close()
