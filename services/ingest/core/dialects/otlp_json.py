"""Reads what OpenTelemetry's exporters send over HTTP as JSON into spans and log records.

https://opentelemetry.io/docs/specs/otlp/#otlphttp: ids are hex, enums are numbers, unknown fields are ignored. One span
or log record that is none is odd by itself.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from services.ingest.core.attributes import DEEPEST
from services.ingest.core.dialects.otlp_wire import ENTRIES, Attributes, Told
from services.ingest.core.reading import Unreadable, json_fault

_Number = int | str | None
"""JSON has numbers of 64 bits as text; senders differ."""


class Odd(NamedTuple):
    """One of them that can't be read, as it was sent, with a code and a sentence. The others are none the worse."""

    sent: bytes
    code: str
    words: str


class _Pair(msgspec.Struct):
    key: str | None = None
    value: Any = None


_Pairs = list[_Pair] | None


class _Holder(msgspec.Struct):
    attributes: _Pairs = None


class _Span(msgspec.Struct, rename="camel"):
    trace_id: str | None = None
    span_id: str | None = None
    name: str | None = None
    kind: int | None = None
    start_time_unix_nano: _Number = None
    attributes: _Pairs = None


class _ScopeSpans(msgspec.Struct, rename="camel"):
    scope: _Holder | None = None
    spans: list[msgspec.Raw] | None = None


class _ResourceSpans(msgspec.Struct, rename="camel"):
    resource: _Holder | None = None
    scope_spans: list[_ScopeSpans] | None = None


class _Traces(msgspec.Struct, rename="camel"):
    resource_spans: list[_ResourceSpans] | None = None


class _Log(msgspec.Struct, rename="camel"):
    trace_id: str | None = None
    span_id: str | None = None
    event_name: str | None = None
    time_unix_nano: _Number = None
    observed_time_unix_nano: _Number = None
    severity_text: str | None = None
    body: Any = None
    attributes: _Pairs = None


class _ScopeLogs(msgspec.Struct, rename="camel"):
    scope: _Holder | None = None
    log_records: list[msgspec.Raw] | None = None


class _ResourceLogs(msgspec.Struct, rename="camel"):
    resource: _Holder | None = None
    scope_logs: list[_ScopeLogs] | None = None


class _Logs(msgspec.Struct, rename="camel"):
    resource_logs: list[_ResourceLogs] | None = None


_LOW: Final = rb"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_ESCAPES: Final = re.compile(rb"(\\u[dD][89abAB][0-9a-fA-F]{2})(" + _LOW + rb")?|(" + _LOW + rb")|\\.", re.DOTALL)
"""Each escape of a text, a pair of surrogates together."""


def _whole(escape: re.Match[bytes]) -> bytes:
    high, low, alone = escape.groups()
    return rb"\ufffd" if alone or (high and not low) else escape[0]


_traces = msgspec.json.Decoder(_Traces)
_all_logs = msgspec.json.Decoder(_Logs)
_span = msgspec.json.Decoder(_Span)
_log = msgspec.json.Decoder(_Log)


def _decoded(decoder: msgspec.json.Decoder[Any], body: bytes) -> Any:
    try:
        try:
            return decoder.decode(body)
        except msgspec.DecodeError:
            # JavaScript cuts texts in the middle of a pair; one such text is no reason to lose a whole export.
            return decoder.decode(_ESCAPES.sub(_whole, body))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Unreadable("invalid_json", f"It is not the JSON of an OTLP export: {json_fault(error)}.") from None


def spans_in(body: bytes) -> Iterator[Told | Odd]:
    """The entry spans of an export. Raises `Unreadable`."""
    for of_resource in _decoded(_traces, body).resource_spans or ():
        resource = _held(of_resource.resource)
        for of_scope in of_resource.scope_spans or ():
            scope = _held(of_scope.scope)
            for raw in of_scope.spans or ():
                try:
                    span = _decoded(_span, bytes(raw))
                    if span.kind in ENTRIES:
                        yield _told_span(span, scope, resource)
                except Unreadable as error:
                    yield Odd(bytes(raw), error.code, str(error))


def _told_span(span: _Span, scope: Attributes, resource: Attributes) -> Told:
    return Told(
        trace_id=(span.trace_id or "").lower(),
        span_id=(span.span_id or "").lower(),
        name=span.name or "",
        nanos=_number(span.start_time_unix_nano),
        attributes=_pairs(span.attributes),
        scope=scope,
        resource=resource,
    )


def logs_in(body: bytes) -> Iterator[Told | Odd]:
    """The log records of one. Raises `Unreadable`."""
    for of_resource in _decoded(_all_logs, body).resource_logs or ():
        resource = _held(of_resource.resource)
        for of_scope in of_resource.scope_logs or ():
            scope = _held(of_scope.scope)
            for raw in of_scope.log_records or ():
                try:
                    yield _told_log(_decoded(_log, bytes(raw)), scope, resource)
                except Unreadable as error:
                    yield Odd(bytes(raw), error.code, str(error))


def _told_log(log: _Log, scope: Attributes, resource: Attributes) -> Told:
    return Told(
        trace_id=(log.trace_id or "").lower(),
        span_id=(log.span_id or "").lower(),
        name=log.event_name or "",
        nanos=_number(log.time_unix_nano),
        observed=_number(log.observed_time_unix_nano),
        severity=log.severity_text or "",
        body=_value(log.body, 0),
        attributes=_pairs(log.attributes),
        scope=scope,
        resource=resource,
    )


def _held(holder: _Holder | None) -> Attributes:
    return _pairs(holder.attributes) if holder is not None else {}


def _pairs(pairs: Sequence[_Pair] | None) -> Attributes:
    return {pair.key or "": _value(pair.value, 0) for pair in pairs or ()}


def _value(value: Any, depth: int) -> Any:
    """What an `AnyValue` holds."""
    if not isinstance(value, dict) or depth > DEEPEST:
        return None
    for kind, held in value.items():
        if kind == "intValue":
            return _number(held)
        if kind in {"stringValue", "boolValue", "doubleValue", "bytesValue"}:
            return held
        if kind in {"arrayValue", "kvlistValue"}:
            values = held.get("values") if isinstance(held, dict) else None
            inner = values if isinstance(values, list) else []
            if kind == "arrayValue":
                return [_value(one, depth + 1) for one in inner]
            pairs = (one for one in inner if isinstance(one, dict))
            return {str(one.get("key", "")): _value(one.get("value"), depth + 1) for one in pairs}
    return None


def _number(value: Any) -> int:
    """A number of 64 bits, as a number or as text."""
    if isinstance(value, str) and value.lstrip("-").isascii() and value.lstrip("-").isdigit() and len(value) <= 20:
        value = int(value)
    if value is None or value == "":
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**63) <= value < 2**64:
        raise Unreadable("invalid_json", "A number of the export is none of 64 bits. Send it as OTLP has it.")
    return value
