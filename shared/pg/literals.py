"""Lists of plain values as PostgreSQL writes arrays: `{"acme","globex",null}`.

The driver asks of every element of a list whether it is a list itself, which for a text, a number or an instant takes
up to ten times as long as writing it. So lists of these go as one text, which msgspec writes, and the statement says
of what they are an array. What is no plain value goes as before: bytes are shorter in the driver's form, and JSON has
a form of its own.
"""

import re
from collections.abc import Collection
from typing import Any, Final

import msgspec
from sqlalchemy import BigInteger, Boolean, Date, DateTime, Dialect, Integer, SmallInteger, String, Text, TypeDecorator
from sqlalchemy.types import TypeEngine

_PLAIN: Final[tuple[type[TypeEngine[Any]], ...]] = (
    *(Text, String, Integer, BigInteger, SmallInteger),
    *(Boolean, DateTime, Date),
)
_OTHERWISE: Final = re.compile(rb'\\[^"\\]')
"""What JSON escapes and an array doesn't know: of a quote and of a backslash both have the same idea."""


def is_plain(type: TypeEngine[Any]) -> bool:
    """Whether a list of values of this type can go as a literal."""
    return type.__class__ in _PLAIN


def literal(values: Collection[Any]) -> str:
    """These values as an array. Raises `UnicodeEncodeError` for text that is none."""
    written = msgspec.json.encode(values if isinstance(values, list | tuple) else list(values))
    if b"\\" in written and _OTHERWISE.search(written):
        return "{" + ",".join(map(_element, values)) + "}"
    return "{" + written[1:-1].decode() + "}"


def _element(value: Any) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return msgspec.json.encode(value).decode()


class Literal(TypeDecorator[Collection[Any]]):
    """A parameter that is a list of plain values, and travels as text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Collection[Any] | None, dialect: Dialect) -> str | None:
        """The list as PostgreSQL reads it."""
        del dialect
        return None if value is None else literal(value)
