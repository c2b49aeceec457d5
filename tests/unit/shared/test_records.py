"""Records become columns, and values of msgspec types go through one column and come back as what they are."""

from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import BigInteger, Column, DateTime, MetaData, Table, Text, select
from sqlalchemy.dialects import postgresql

from shared.pg.records import Json, Packed, columns_of

POSTGRES: Any = postgresql.dialect


class Point(msgspec.Struct, frozen=True):
    x: int
    at: datetime


class Row(NamedTuple):
    id: str
    at: datetime
    note: str | None
    number: int | None
    points: tuple[Point, ...] | None
    point: Point


def test_a_field_becomes_a_column_of_its_type_and_what_may_be_none_may_be_null() -> None:
    columns = {column.name: column for column in columns_of(Row, "id")}
    assert tuple(columns) == Row._fields
    assert [name for name, column in columns.items() if column.nullable] == ["note", "number", "points"]
    assert [name for name, column in columns.items() if column.primary_key] == ["id"]
    kinds = [Text, DateTime, Text, BigInteger, Json, Json]
    assert [type(column.type) for column in columns.values()] == kinds
    assert columns["at"].type.timezone  # type: ignore[attr-defined]


def test_values_come_back_as_what_they_were_and_nothing_is_null() -> None:
    point = Point(1, datetime(2026, 3, 2, 10, tzinfo=UTC))
    columns: list[tuple[Any, Any]] = [(Json(Point), str), (Packed(Point), bytes)]
    for column, stored in columns:
        write, read = column.bind_processor(POSTGRES()), column.result_processor(POSTGRES(), None)
        assert isinstance(write(point), stored)
        assert read(write(point)) == point
        assert (write(None), read(None)) == (None, None)


def test_json_is_read_as_text_so_that_it_is_decoded_once() -> None:
    table = Table("t", MetaData(), Column("point", Json(Point)))
    assert "CAST(t.point AS TEXT)" in str(select(table).compile(dialect=POSTGRES()))
