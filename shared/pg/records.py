"""Columns for records: values of msgspec types in one column, and a column for each field of a record."""

from collections.abc import Callable, Iterator
from datetime import datetime
from types import NoneType, UnionType
from typing import Any, Final, get_args, get_type_hints

import msgspec
from sqlalchemy import BigInteger, Boolean, Column, DateTime, LargeBinary, Text, TypeDecorator, cast, type_coerce
from sqlalchemy.dialects.postgresql import JSONB


class _Packed(TypeDecorator[Any]):
    """A value of a msgspec type, encoded as it is written and decoded once, as what it is; NULL is None."""

    codec: Any

    def __init__(self, type: Any) -> None:
        super().__init__()
        self.type = type

    def bind_processor(self, dialect: Any) -> Callable[[Any], Any]:
        """Encode it."""
        del dialect
        return lambda value: None if value is None else self.codec.encode(value)

    def result_processor(self, dialect: Any, coltype: Any) -> Callable[[Any], Any]:
        """Decode it."""
        del dialect, coltype
        decode = self.codec.Decoder(self.type).decode
        return lambda value: None if value is None else decode(value)


class Packed(_Packed):
    """As MessagePack."""

    impl, codec, cache_ok = LargeBinary, msgspec.msgpack, True


class Json(_Packed):
    """As JSON, which is read as text: else it would be decoded twice."""

    impl, codec, cache_ok = JSONB, msgspec.json, True

    def bind_processor(self, dialect: Any) -> Callable[[Any], Any]:
        """Encode it."""
        encode = super().bind_processor(dialect)
        return lambda value: None if value is None else encode(value).decode()

    def column_expression(self, column: Any) -> Any:
        """Read it as text."""
        return type_coerce(cast(column, Text), self)


_TYPES: Final[dict[Any, Any]] = {bool: Boolean(), str: Text(), int: BigInteger(), datetime: DateTime(timezone=True)}


def columns_of(record: type, *key: str) -> Iterator[Column[Any]]:
    """A column for each field of a record, by its type; one that may be None may be NULL. What has no type of its own
    here is kept as JSON. `key` names the primary key."""
    for name, hint in get_type_hints(record).items():
        kinds = get_args(hint) if isinstance(hint, UnionType) else (hint,)
        yield Column(name, _TYPES.get(kinds[0]) or Json(kinds[0]), primary_key=name in key, nullable=NoneType in kinds)
