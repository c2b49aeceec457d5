"""Reads an event's data as its type has it, and refuses with a sentence what can't be meant.

Fields that Keepwell doesn't know are kept, byte for byte.
"""

import base64
import binascii
import re
from collections.abc import Collection
from datetime import datetime
from operator import attrgetter
from typing import Any, Final

import msgspec

from services.ingest.core.attributes import (
    CONTROL,
    LONGEST_SOURCE,
    Attributes,
    Refused,
    any_json,
    check_plain,
    name_of,
    text,
)
from services.ingest.core.mending import FIELDS, Change, Undated, may_be_fine, mended, times_in
from services.ingest.core.reading import json_fault
from services.ingest.core.sentences import about_data
from shared.conditions import why_no_goal
from shared.messages.accounts import AccountUpdated, GoalSet
from shared.messages.dates import is_no_date
from shared.messages.registry import CUSTOMER_EVENTS
from shared.messages.traits import LONGEST_NAME, too_many, why_not_kept

MOST_ALIASES: Final = 100
_data = {name: msgspec.json.Decoder(struct) for name, (_, struct) in CUSTOMER_EVENTS.items()}
_TIMES: Final = {type: tuple(map(attrgetter, times_in(fields))) for type, fields in FIELDS.items()}


class _WithTraits(msgspec.Struct):
    traits: dict[str, msgspec.Raw] = {}


_with_traits = msgspec.json.Decoder(_WithTraits)
_PLAINLY_SMALL: Final = 200
"""Bytes. Written otherwise, as `1e20` may be, it has no more than is kept."""
_WORDS: Final = frozenset({b'"', b"t", b"f", b"n"})
_LONG: Final = re.compile(rb"\d{16}")
_ALIAS: Final = re.compile(r"[a-z][a-z0-9._-]{0,31}:.+", re.DOTALL)
_ADDRESS: Final = re.compile(r"\s*(?:[^<>@]*<\s*([^\s<>@,;]+@[^\s<>@,;]+)\s*>|[^\s<>@,;]+@[^\s<>@,;]+)\s*")
"""One e-mail address, with blanks around it, or in angle brackets after a name."""
_JSON: Final = re.compile(r"(application|text)/([\w.+-]+\+)?json\s*(;.*)?", re.IGNORECASE)
_EMPTY: Final = msgspec.Raw(b"{}")


def is_alias(subject: str) -> bool:
    """Whether a subject has an alias's form, `system:name`, such as `stripe:cus_1`."""
    return ":" in subject and _ALIAS.fullmatch(subject) is not None


def data_of(attributes: Attributes, type: str, struct: Any) -> tuple[Any, list[Change]]:
    """The data as its type's struct, and what was changed in it to be read. Raises `Refused`."""
    if "datacontenttype" in attributes and not _JSON.fullmatch(name_of(attributes, "datacontenttype", LONGEST_SOURCE)):
        raise Refused("unsupported_data", "datacontenttype must be application/json: data is read as JSON only.")
    if "data_base64" in attributes:
        _unpack_base64(attributes)
    raw = attributes.setdefault("data", _EMPTY)
    try:
        data = _data[type].decode(raw)
    except msgspec.ValidationError as error:
        return _put_right(attributes, type, struct, error)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Refused("invalid_data", f"data is not valid JSON: {json_fault(error)}.") from None
    for time_of in _TIMES[type]:
        time = time_of(data)
        if isinstance(time, datetime) and (is_no_date(time) or may_be_fine(time, bytes(raw))):
            return _put_right(attributes, type, struct, None)
    return data, []


def _put_right(attributes: Attributes, type: str, struct: Any, fault: Exception | None) -> tuple[Any, list[Change]]:
    """Data that its type doesn't have, or that says what nobody means. Raises `Refused`."""
    sent = bytes(attributes["data"])
    try:
        right, changes = mended(sent, type)
        if right == sent and fault is not None:
            raise Refused("invalid_data", about_data(fault, type, struct))
        data = _data[type].decode(right)
    except Undated as error:
        raise Refused("invalid_data", str(error)) from None
    except msgspec.ValidationError as error:
        raise Refused("invalid_data", about_data(error, type, struct)) from None
    attributes["data"] = msgspec.Raw(right)
    return data, changes


def _unpack_base64(attributes: Attributes) -> None:
    packed = attributes.pop("data_base64")
    if "data" in attributes:
        raise Refused("invalid_data", "The event has both data and data_base64. Send one of them.")
    try:
        data = base64.b64decode(text.decode(packed), validate=True)
        check_plain(any_json.decode(data.decode()), 0)
    except (msgspec.DecodeError, binascii.Error, RecursionError, UnicodeError):
        raise Refused("invalid_data", "data_base64 must be Base64 of JSON in UTF-8. Or send data as it is.") from None
    attributes["data"] = msgspec.Raw(data)


def aliases_of(data: AccountUpdated) -> tuple[str, ...]:
    """The aliases that it sets. Raises `Refused`."""
    names = data.traits.aliases
    if not isinstance(names, list):
        return ()
    if len(names) > MOST_ALIASES:
        raise Refused("invalid_data", f"data.traits.aliases has {len(names)} names; at most {MOST_ALIASES} are taken.")
    for name in names:
        if not is_alias(name) or CONTROL.search(name):
            words = f"data.traits.aliases: {name!r} is no alias. It looks like system:name, such as stripe:cus_1."
            raise Refused("invalid_data", words)
    return tuple(dict.fromkeys(names))


def check_traits(attributes: Attributes, most: int, known: Collection[str] = ()) -> None:
    """All that is said of an account or a contact is kept as it is, or none of it. Raises `Refused`.

    Those that are `known` have bounds of their own.
    """
    data = bytes(attributes["data"])
    if len(data) <= LONGEST_NAME and not _LONG.search(data):
        return
    traits = _with_traits.decode(data).traits
    if len(traits) > most:
        raise Refused("invalid_data", too_many(len(traits), most))
    traits = {name: raw for name, raw in traits.items() if name not in known}
    if not any(_may_be_much(name, bytes(raw)) for name, raw in traits.items()):
        return
    try:
        read = {name: any_json.decode(raw) for name, raw in traits.items()}
    except msgspec.ValidationError as error:
        raise Refused("invalid_data", f"data.traits can't be read: {json_fault(error)}.") from None
    if (why := why_not_kept(read, most)) is not None:
        raise Refused("invalid_data", why)


def _may_be_much(name: str, raw: bytes) -> bool:
    """Whether a trait must be looked at to say that it is kept as it is; of as good as all it is plain to see."""
    return len(name) > LONGEST_NAME or len(raw) > _PLAINLY_SMALL or (raw[:1] not in _WORDS and bool(_LONG.search(raw)))


def check_owner(owner: object) -> None:
    """An owner is asked for by e-mail. A name alone is let be: whoever it is, no message will go astray."""
    if isinstance(owner, str) and (CONTROL.search(owner) or ("@" in owner and not _ADDRESS.fullmatch(owner))):
        words = f"data.traits.owner is {owner!r}, which is not one e-mail address. Send one, such as ana@example.com."
        raise Refused("invalid_data", words)


def check_goal(goal: GoalSet) -> None:
    """A goal is measured by a fact that there is; what a catalogue may declare is for scoring to know."""
    if (why := why_no_goal(goal.fact, goal.op, goal.target, None)) is not None:
        raise Refused("invalid_data", f"The goal can't be measured so: {why}")
