"""Statements over many rows, on real PostgreSQL."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest
from sqlalchemy import BigInteger, Column, DateTime, Identity, LargeBinary, MetaData, Table, Text, join, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from shared.pg import bulk
from shared.pg.pool import async_url

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
THINGS = Table(
    "things",
    MetaData(),
    Column("shelf", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("size", BigInteger),
    Column("at", DateTime(timezone=True)),
    Column("body", LargeBinary),
    Column("labels", JSONB),
    Column("place", BigInteger, Identity(always=True)),
)


class Thing(NamedTuple):
    shelf: str
    id: str
    size: int | None = None
    at: datetime | None = None
    body: bytes | None = None
    labels: dict[str, str] | None = None


@pytest.fixture
async def c(database_url: str) -> AsyncIterator[AsyncConnection]:
    """A connection with the table, which only the database's owner may make."""
    engine = create_async_engine(async_url(database_url))
    async with engine.connect() as connection:
        await connection.run_sync(THINGS.metadata.create_all)
        yield connection
    await engine.dispose()


async def _all(c: AsyncConnection) -> list[Thing]:
    rows = await c.execute(select(*(THINGS.c[name] for name in Thing._fields)).order_by(THINGS.c.place))
    return [Thing(*row) for row in rows]


async def test_rows_of_every_type_are_inserted_in_the_order_given(c: AsyncConnection) -> None:
    things = [Thing("b", "2", 2**40, NOON, b"\0\xff", {"ü": '"x"'}), Thing("a", "1"), Thing("b", "1", 0, None, b"", {})]
    assert await bulk.Insert(THINGS, Thing._fields)(c, things) == []
    assert await _all(c) == things


ODD: tuple[str, ...] = (
    *("", " ", "NULL", "null", "{}", "{a,b}", ",", "'", '"', '""', "\\", '\\"', "\\\\n", "\\u0041", "\\x41"),
    *("a\nb", "\t\r\b\f", "\x01\x1f\x7f", "\u2028", "ü", "\U0001f600", "]", "a" * 5000),
)


async def test_texts_come_back_as_they_were_given_whatever_is_in_them(c: AsyncConnection) -> None:
    put, given = bulk.Insert(THINGS, ("shelf", "id")), bulk.given(THINGS.c.id, THINGS.c.size, THINGS.c.at)
    for shelf, ids in [("one by one", [one]) for one in ODD] + [("together", list(ODD))]:
        await put(c, [(shelf, id) for id in ids])
        found = await c.execute(
            select(THINGS.c.id).where(bulk.among(THINGS.c.id, "ids"), THINGS.c.shelf == shelf), {"ids": ids}
        )
        assert set(ids) <= set(found.scalars())
    rows = [(id, n - 3, NOON + n * timedelta(microseconds=1)) for n, id in enumerate(ODD)] + [("none", None, None)]
    assert list(await c.execute(select(given), bulk.arrays(("id", "size", "at"), rows))) == rows


async def test_text_that_the_database_does_not_take_is_refused(c: AsyncConnection) -> None:
    with pytest.raises(DBAPIError, match="0x00"):
        await bulk.Insert(THINGS, ("shelf", "id"))(c, [("s", "a\0b")])


async def test_what_is_the_same_in_every_row_is_given_once(c: AsyncConnection) -> None:
    put = bulk.Insert(THINGS, ("id", "size"), same=("shelf", "at"))
    await put(c, [("1", 1), ("2", 2)], shelf="s", at=NOON)
    assert await _all(c) == [Thing("s", "1", 1, NOON), Thing("s", "2", 2, NOON)]


async def test_no_rows_send_nothing(c: AsyncConnection) -> None:
    await c.close()
    assert await bulk.Insert(THINGS, ("shelf", "id"))(c, []) == []
    assert await bulk.Update(THINGS, ("shelf", "id"), ("size",))(c, []) == []
    assert await bulk.Delete(THINGS, ("shelf", "id"))(c, []) == []


async def test_a_plain_insert_fails_over_a_row_that_is_there(c: AsyncConnection) -> None:
    put = bulk.Insert(THINGS, ("shelf", "id"))
    await put(c, [("s", "1")])
    with pytest.raises(IntegrityError):
        await put(c, [("s", "1")])


async def test_a_row_that_is_there_stays_as_it_is_or_is_replaced(c: AsyncConnection) -> None:
    await bulk.Insert(THINGS, ("shelf", "id", "size"))(c, [("s", "1", 1)])
    fresh = bulk.Insert(THINGS, ("shelf", "id", "size"), nothing=True, returning=[THINGS.c.id])
    assert [row.id for row in await fresh(c, [("s", "1", 9), ("s", "2", 2)])] == ["2"]
    await bulk.Insert(THINGS, ("shelf", "id", "size", "body"), update=("size",))(c, [("s", "2", 3, b"x")])
    assert await _all(c) == [Thing("s", "1", 1), Thing("s", "2", 3)]


async def test_what_else_changes_and_which_rows_may_is_said_from_both_rows(c: AsyncConnection) -> None:
    await bulk.Insert(THINGS, ("shelf", "id", "size"))(c, [("s", "1", 5), ("s", "2", 5)])
    add = bulk.Insert(
        THINGS,
        ("shelf", "id", "size"),
        set=lambda new: {"size": THINGS.c.size + new.size},
        where=lambda new: new.size > 0,
    )
    await add(c, [("s", "1", 2), ("s", "2", -2)])
    assert {thing.id: thing.size for thing in await _all(c)} == {"1": 7, "2": 5}


async def test_rows_are_updated_by_key(c: AsyncConnection) -> None:
    await bulk.Insert(THINGS, ("shelf", "id", "size"))(c, [("s", "1", 1), ("s", "2", 2), ("s", "3", 3)])
    grow = bulk.Update(
        THINGS,
        ("shelf", "id"),
        ("size",),
        same=("shelf",),
        also=lambda given: {"body": THINGS.c.body},
        where=lambda given: THINGS.c.size < given.size,
        returning=[THINGS.c.id],
    )
    grown = await grow(c, [("1", 10), ("2", 0), ("4", 10)], shelf="s")
    assert [row.id for row in grown] == ["1"]
    assert {thing.id: thing.size for thing in await _all(c)} == {"1": 10, "2": 2, "3": 3}


async def test_rows_are_deleted_by_key(c: AsyncConnection) -> None:
    await bulk.Insert(THINGS, ("shelf", "id", "size"))(c, [("s", "1", 1), ("s", "2", 2), ("t", "1", 3)])
    gone = await bulk.Delete(THINGS, ("shelf", "id"), returning=[THINGS.c.size])(c, [("s", "1"), ("s", "9")])
    assert [row.size for row in gone] == [1]
    assert [(thing.shelf, thing.id) for thing in await _all(c)] == [("s", "2"), ("t", "1")]


async def test_rows_are_read_by_their_keys(c: AsyncConnection) -> None:
    await bulk.Insert(THINGS, ("shelf", "id", "size"))(c, [("s", "1", 1), ("s", "2", 2), ("t", "1", 3)])
    keys = bulk.given(THINGS.c.shelf, THINGS.c.id)
    found = join(THINGS, keys, (THINGS.c.shelf == keys.c.shelf) & (THINGS.c.id == keys.c.id))
    wanted = bulk.arrays(("shelf", "id"), [("s", "2"), ("t", "1"), ("t", "9")])
    rows = await c.execute(select(THINGS.c.size).select_from(found).order_by(THINGS.c.size), wanted)
    assert list(rows.scalars()) == [2, 3]
    one = await c.execute(select(THINGS.c.size).where(bulk.among(THINGS.c.shelf, "shelves")), {"shelves": ["t", "u"]})
    assert list(one.scalars()) == [3]
    assert bulk.arrays(("shelf", "id"), []) == {"given_shelf": [], "given_id": []}
