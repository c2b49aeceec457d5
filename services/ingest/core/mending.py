"""Puts right what senders write otherwise than readers read, and says so where it changes what is meant.

A whole number may be written `7.0`: it is published as `7`. A time finer than microseconds is cut, a leap second is the
second before it. Where vendors write an empty date (0001-01-01, 1970-01-01, 9999-12-31) there is none: null, or a
refusal where the type needs one. All else of the data stays byte for byte.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import inspect

from shared.messages.dates import says_no_date, settled
from shared.messages.registry import CUSTOMER_EVENTS

Fields = Mapping[str, "str | Fields"]
"""What stands in each field that is looked at: `time`, `date` (a time that may be null), `whole`, or further fields."""

_object = msgspec.json.Decoder(dict[str, msgspec.Raw])
_text = msgspec.json.Decoder(str)
_NULL: Final = msgspec.Raw(b"null")
_FINE: Final = re.compile(rb"\.\d{7}")
_NUMBER: Final = re.compile(rb"-?\d{1,20}(\.\d{1,40})?([eE][+-]?\d{1,2})?")


class Change(NamedTuple):
    """A value that was sent, and what it was taken for; `time` is None where it is no date."""

    field: str
    """Such as `data.renews_at`."""
    sent: str
    time: datetime | None
    message: str


class Undated(Exception):
    """A time that is needed means that there is none; the text says which."""


def _bare(type: inspect.Type) -> inspect.Type:
    return _bare(type.type) if isinstance(type, inspect.Metadata) else type


def _fields_of(struct: Any) -> Fields:
    found: dict[str, str | Fields] = {}
    info = inspect.type_info(struct)
    for field in info.fields if isinstance(info, inspect.StructType) else ():
        of = _bare(field.type)
        kinds = {type(_bare(one)) for one in of.types} if isinstance(of, inspect.UnionType) else {type(of)}
        if inspect.DateTimeType in kinds:
            found[field.encode_name] = "date" if inspect.NoneType in kinds else "time"
        elif inspect.IntType in kinds and inspect.FloatType not in kinds:
            found[field.encode_name] = "whole"
        elif isinstance(of, inspect.StructType) and (deeper := _fields_of(of.cls)):
            found[field.encode_name] = deeper
    return found


FIELDS: Final[Mapping[str, Fields]] = {name: _fields_of(struct) for name, (_, struct) in CUSTOMER_EVENTS.items()}
"""By type of event. Made from the types themselves, so that no time and no whole number is left out."""


def mended(data: bytes, type: str) -> tuple[bytes, list[Change]]:
    """An event's data, put right. Raises `Undated`, and what msgspec does where it is no JSON object."""
    changes: list[Change] = []
    return _mend(data, FIELDS[type], "data", changes), changes


def _mend(raw: bytes, fields: Fields, path: str, changes: list[Change]) -> bytes:
    values = _object.decode(raw)
    new: dict[str, msgspec.Raw] = {}
    for name, kind in fields.items():
        if (value := values.get(name)) is None or value == _NULL:
            continue
        sent = bytes(value)
        if not isinstance(kind, str):
            right = _mend(sent, kind, f"{path}.{name}", changes) if sent[:1] == b"{" else sent
        elif kind == "whole":
            right = whole(sent)
        else:
            right = _time(sent, f"{path}.{name}", changes, nullable=kind == "date")
        if right != sent:
            new[name] = msgspec.Raw(right)
    return msgspec.json.encode({**values, **new}) if new else raw


def whole(raw: bytes) -> bytes:
    """A JSON number that is whole without a fraction or an exponent; anything else as it is."""
    if raw.isdigit() or not _NUMBER.fullmatch(raw):
        return raw
    try:
        number = Decimal(raw.decode())
    except InvalidOperation:
        return raw
    return str(int(number)).encode() if number == number.to_integral_value() else raw


def _time(raw: bytes, path: str, changes: list[Change], *, nullable: bool) -> bytes:
    if raw[:1] != b'"':
        return raw
    text = _text.decode(raw)
    if says_no_date(text):
        if not nullable:
            raise Undated(f"{path} is {text}, which looks like an empty date. Send the real time.")
        changes.append(Change(path, text, None, f"{path} is {text}: that is taken for no date."))
        return bytes(_NULL)
    right = settled(text)
    return raw if right == text else msgspec.json.encode(right)


def may_be_fine(time: datetime, raw: bytes) -> bool:
    """Whether a time that was read from this may be finer than microseconds: then it was rounded.

    One without a fraction had one that was rounded to a whole second, or none; that is most, and asked the quick way.
    """
    return (time.microsecond != 0 or b".999999" in raw) and _FINE.search(raw) is not None


def times_in(fields: Fields, path: str = "") -> Iterator[str]:
    """Where the times stand: `traits.signed_at`."""
    for name, kind in fields.items():
        if not isinstance(kind, str):
            yield from times_in(kind, f"{path}{name}.")
        elif kind != "whole":
            yield f"{path}{name}"
