"""Reads a request's body as events, in every mode of CloudEvents over HTTP, or as a plain list.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import unquote_to_bytes

import msgspec

from services.ingest.core import splitting

MOST_EVENTS: Final = 1000

_list = msgspec.json.Decoder(list[msgspec.Raw])
_one = msgspec.json.Decoder(msgspec.Raw)
_NO_TYPE: Final = "application/x-www-form-urlencoded"
"""What curl and others send where nobody chose a content type."""
_BOM: Final = b"\xef\xbb\xbf"
_CHARSETS: Final = frozenset({"", "utf-8", "utf8", "us-ascii"})
_CHARSET: Final = re.compile(r";\s*charset\s*=\s*\"?([^\s;\"]*)", re.IGNORECASE)
_QUOTED: Final = re.compile(r"\\(.)")


class Unreadable(Exception):
    """The body as a whole can't be used; the text says what to do."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status, self.code = status, code


def without_bom(body: bytes) -> bytes:
    """The body without the mark that some put before UTF-8."""
    return body.removeprefix(_BOM)


def read(headers: Mapping[str, str], body: bytes) -> Sequence[msgspec.Raw]:
    """Each event's JSON object, unchecked. `headers` have lower-case names. Raises `Unreadable`."""
    content_type = headers.get("content-type", "")
    media = content_type.partition(";")[0].strip().lower()
    structured = media.startswith("application/cloudevents")
    if structured and media not in {
        "application/cloudevents",
        "application/cloudevents+json",
        "application/cloudevents-batch",
        "application/cloudevents-batch+json",
    }:
        raise Unreadable("unsupported_format", f"{media} is not read here. Send CloudEvents as JSON.", 415)
    charset = _CHARSET.search(content_type)
    if charset and charset[1].lower() not in _CHARSETS:
        raise Unreadable("unsupported_charset", f"The charset {charset[1]!r} is not read here. Send UTF-8.", 415)
    body = without_bom(body)
    if not structured and any(name in headers for name in ("ce-type", "ce-id", "ce-specversion")):
        if (byte := not_utf8(body)) is not None:
            raise Unreadable("invalid_json", f"The body is not UTF-8 text: see byte {byte}.")
        return [_binary(headers, media, body)]
    return objects(body)


def not_utf8(text: bytes) -> int | None:
    """The first byte that is no UTF-8; None where all is.

    msgspec doesn't look into text that it keeps raw; what gets in must be readable to everyone behind.
    """
    if not text.isascii():
        try:
            text.decode()
        except UnicodeDecodeError as error:
            return error.start
    return None


def objects(body: bytes) -> Sequence[msgspec.Raw]:
    """The elements of a JSON list, or one object, unchecked. Raises `Unreadable`.

    An element that is broken in itself (a lone surrogate, NaN, a byte that is no UTF-8) is among them as it stands:
    whoever reads it, as `object_of` does, refuses it alone. What is refused here is a body that ends too early.
    """
    start = body.lstrip(b" \t\r\n")[:1]
    if not start:
        raise Unreadable("invalid_json", "The body is empty. Send one event as a JSON object, or a list of them.")
    if start not in b"[{":
        raise Unreadable("invalid_json", "The body must be a JSON object (one event) or a list of them.")
    broken = not_utf8(body)
    try:
        found: Sequence[msgspec.Raw] = _list.decode(body) if start == b"[" else [_one.decode(body)]
    except (msgspec.DecodeError, RecursionError) as error:
        found = _apart(body, start, json_fault(error))
    else:
        if broken is not None and start != b"[":
            raise Unreadable("invalid_json", f"The body is not UTF-8 text: see byte {broken}.")
    if len(found) > MOST_EVENTS:
        words = f"{len(found):,} events are too many for one request. Send at most {MOST_EVENTS:,} at a time."
        raise Unreadable("too_many", words, 413)
    return found


def _apart(body: bytes, start: bytes, fault: str) -> Sequence[msgspec.Raw]:
    """The elements of a list of which some are broken. Raises `Unreadable` where it is not whole, or no list."""
    if start != b"[":
        raise Unreadable("invalid_json", f"The body is not valid JSON: {fault}.")
    try:
        return [msgspec.Raw(one) for one in splitting.elements(body)]
    except splitting.Unfinished:
        raise Unreadable("invalid_json", f"The body is not valid JSON: {fault}. Send the whole of it again.") from None


def json_fault(error: Exception) -> str:
    """What a JSON decoder found wrong, in words."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return f"it is not UTF-8 text, see byte {error.start}"
    text = str(error).removeprefix("JSON is malformed: ")
    return re.sub(r" \((byte \d+)\)", r" at \1", text[:1].lower() + text[1:])


def _binary(headers: Mapping[str, str], media: str, body: bytes) -> msgspec.Raw:
    """Binary mode: the attributes in `ce-` headers, the data in the body, which is JSON also where nothing says so."""
    attributes: dict[str, object] = {
        name[3:]: _header_value(name, value) for name, value in headers.items() if name.startswith("ce-")
    }
    attributes.pop("data", None)
    if media not in {"", _NO_TYPE}:
        attributes["datacontenttype"] = media
    if body.strip():
        try:
            attributes["data"] = _one.decode(body)
        except (msgspec.DecodeError, RecursionError) as error:
            raise Unreadable("invalid_json", f"The event's data is not valid JSON: {json_fault(error)}.") from None
    return msgspec.Raw(msgspec.json.encode(attributes))


def _header_value(name: str, value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] == '"':
        value = _QUOTED.sub(r"\1", value[1:-1])
    try:
        # Servers hand header bytes over as Latin-1; percent-encoding hides UTF-8 in them.
        return unquote_to_bytes(value.encode("latin-1")).decode()
    except UnicodeError:
        words = (
            f"The header {name} is not percent-encoded UTF-8. Encode it as CloudEvents says (HTTP binding, 3.1.3.2)."
        )
        raise Unreadable("invalid_header", words) from None
