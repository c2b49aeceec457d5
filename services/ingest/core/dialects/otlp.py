"""What spans and log records of OpenTelemetry come to: those that carry an account are uses of what they name.

Any other is none of ours: it is left out, and no fault.
"""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from services.ingest.core.dialects import otlp_json, otlp_wire
from services.ingest.core.dialects.fields import user_in
from services.ingest.core.dialects.otlp_json import Odd
from services.ingest.core.dialects.otlp_wire import Told
from services.ingest.core.dialects.ruling import Seen, name_in, ruled
from services.ingest.core.mapping import Mapping, Path
from services.ingest.core.reading import Unreadable, json_fault
from services.ingest.core.sent import Record

TRACES: Final = "otlp/traces"
LOGS: Final = "otlp/logs"
"""The doors."""
_told = msgspec.json.Decoder(Told)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TRACE: Final = re.compile(r"(?!0{32})[0-9a-f]{32}")
_SPAN: Final = re.compile(r"(?!0{16})[0-9a-f]{16}")
_SHORT: Final = 128
"""Characters of a log record's body that is taken for a feature's name."""


def traces(body: bytes, mapping: Mapping, *, as_json: bool) -> list[Record]:
    """The entry spans that carry an account. Raises `Unreadable`."""
    return list(_ours((otlp_json if as_json else otlp_wire).spans_in(body), mapping, _span))


def logs(body: bytes, mapping: Mapping, *, as_json: bool) -> list[Record]:
    """The log records that carry an account. Raises `Unreadable`."""
    return list(_ours((otlp_json if as_json else otlp_wire).logs_in(body), mapping, _log))


def span_again(sent: bytes, mapping: Mapping, _: datetime) -> list[Record]:
    """The record of a span, from what was kept of it. Raises `Unreadable`."""
    return [_again(sent, mapping, _span)]


def log_again(sent: bytes, mapping: Mapping, _: datetime) -> list[Record]:
    """The record of a log record, from what was kept of it. Raises `Unreadable`."""
    return [_again(sent, mapping, _log)]


def _again(sent: bytes, mapping: Mapping, read: Callable[[Told, str, Mapping], Record]) -> Record:
    try:
        told = _told.decode(sent)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable("invalid_json", f"It is no record that was kept here: {json_fault(error)}.") from None
    account = _first(told, mapping.otel_account)
    return Record(sent=sent, why="it carries no account") if account is None else read(told, account, mapping)


def _ours(
    all: Iterator[Told | Odd], mapping: Mapping, read: Callable[[Told, str, Mapping], Record]
) -> Iterator[Record]:
    for told in all:
        if isinstance(told, Odd):
            yield Record(sent=told.sent, refused=(told.code, told.words))
        elif (account := _first(told, mapping.otel_account)) is not None:
            yield read(told, account, mapping)


def _span(told: Told, account: str, mapping: Mapping) -> Record:
    sent = msgspec.json.encode(told)
    id = f"{told.trace_id}/{told.span_id}"
    if not (_TRACE.fullmatch(told.trace_id) and _SPAN.fullmatch(told.span_id)):
        words = "A span needs a trace id of 16 bytes and a span id of 8, in hex in JSON: by them it is counted once."
        return Record(sent=sent, refused=("invalid_id", words))
    return _record(told, sent, id, "span", told.name or "span", account, mapping)


def _log(told: Told, account: str, mapping: Mapping) -> Record:
    sent = msgspec.json.encode(told)
    # A log record has no id of its own: what is sent again is the same to the last byte.
    id = "log-" + hashlib.sha256(sent).hexdigest()[:40]
    name = told.name or _text(told.attributes.get("event.name")) or _short(told.body) or "log record"
    return _record(told, sent, id, "log", name, account, mapping)


def _record(told: Told, sent: bytes, id: str, kind: str, name: str, account: str, mapping: Mapping) -> Record:
    seen = Seen(
        id=id,
        kind=kind,
        name=name,
        look=lambda path: _look(told, path),
        time=_time(told.nanos or told.observed),
        account=account,
        user=user_in(_first(told, mapping.otel_user)),
        feature=_first(told, mapping.otel_feature),
    )
    said, why = ruled(seen, mapping)
    return Record(sent=sent, id=id, said=(said,) if said else (), why=why)


def _look(told: Told, path: Path) -> Any:
    """A mapping's path is an attribute's name here; names of attributes have dots in them."""
    name = ".".join(path)
    for attributes in (told.attributes, told.scope, told.resource):
        if (value := attributes.get(name)) is not None:
            return value
    return None


def _first(told: Told, names: Sequence[str]) -> str | None:
    """The first of these attributes that is there and no empty name: of the record, its scope or its resource."""
    for name in names:
        for attributes in (told.attributes, told.scope, told.resource):
            if name in attributes and (found := name_in(attributes[name])) is not None:
                return found
    return None


def _time(nanos: int) -> datetime | None:
    return _EPOCH + timedelta(microseconds=nanos // 1000) if nanos else None


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else ""


def _short(body: Any) -> str:
    text = _text(body)
    return text if len(text) <= _SHORT and text.isprintable() else ""
