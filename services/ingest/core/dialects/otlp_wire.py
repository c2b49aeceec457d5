"""Reads what OpenTelemetry's exporters send over HTTP, as protobuf or as JSON, into spans and log records.

https://opentelemetry.io/docs/specs/otlp/#otlphttp: in JSON ids are hex, enums are numbers, unknown fields are ignored.
"""

import base64
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from services.ingest.core.attributes import DEEPEST
from services.ingest.core.reading import Unreadable, json_fault

Attributes = dict[str, Any]
ENTRIES: Final = frozenset({2, 5})
"""Kinds of spans by which something enters a service: server and consumer."""
_Number = int | str | None
"""JSON has numbers of 64 bits as text; senders differ."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A span, or a log record. Ids are hex, times in nanoseconds since 1970; 0: none."""

    trace_id: str
    span_id: str
    name: str
    """The span's, or the log record's event name."""
    nanos: int
    attributes: Attributes
    scope: Attributes
    resource: Attributes
    observed: int = 0
    severity: str = ""
    body: Any = None


def spans_of(body: bytes, *, as_json: bool) -> Iterator[Told]:
    """The entry spans of an export. Raises `Unreadable`."""
    return _json_spans(body) if as_json else _spans(_parsed(ExportTraceServiceRequest(), body))


def logs_of(body: bytes, *, as_json: bool) -> Iterator[Told]:
    """The log records of an export. Raises `Unreadable`."""
    return _json_logs(body) if as_json else _logs(_parsed(ExportLogsServiceRequest(), body))


# --- protobuf ---


def _parsed(message: Any, body: bytes) -> Any:
    try:
        message.ParseFromString(body)
    except (DecodeError, RecursionError):
        words = "The body is not the protobuf of an OTLP export. Send JSON under the content type application/json."
        raise Unreadable("invalid_protobuf", words) from None
    return message


def _spans(export: Any) -> Iterator[Told]:
    for of_resource in export.resource_spans:
        resource = _pairs(of_resource.resource.attributes)
        for of_scope in of_resource.scope_spans:
            scope = _pairs(of_scope.scope.attributes)
            for span in of_scope.spans:
                if span.kind in ENTRIES:
                    yield Told(
                        trace_id=span.trace_id.hex(),
                        span_id=span.span_id.hex(),
                        name=span.name,
                        nanos=span.start_time_unix_nano,
                        attributes=_pairs(span.attributes),
                        scope=scope,
                        resource=resource,
                    )


def _logs(export: Any) -> Iterator[Told]:
    for of_resource in export.resource_logs:
        resource = _pairs(of_resource.resource.attributes)
        for of_scope in of_resource.scope_logs:
            scope = _pairs(of_scope.scope.attributes)
            for log in of_scope.log_records:
                yield Told(
                    trace_id=log.trace_id.hex(),
                    span_id=log.span_id.hex(),
                    name=log.event_name,
                    nanos=log.time_unix_nano,
                    observed=log.observed_time_unix_nano,
                    severity=log.severity_text,
                    body=_value(log.body, 0),
                    attributes=_pairs(log.attributes),
                    scope=scope,
                    resource=resource,
                )


def _pairs(attributes: Any, depth: int = 0) -> Attributes:
    return {pair.key: _value(pair.value, depth) for pair in attributes}


def _value(value: Any, depth: int) -> Any:
    kind = value.WhichOneof("value")
    if kind == "string_value":  # as good as all are
        return value.string_value
    _check(depth)
    if kind is None:
        return None
    found = getattr(value, kind)
    if kind == "array_value":
        return [_value(one, depth + 1) for one in found.values]
    if kind == "kvlist_value":
        return _pairs(found.values, depth + 1)
    return base64.b64encode(found).decode() if kind == "bytes_value" else found


def _check(depth: int) -> None:
    if depth > DEEPEST:
        raise Unreadable("invalid_attributes", f"An attribute is nested deeper than {DEEPEST} levels. Send it flatter.")


# --- JSON ---


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
    spans: list[_Span] | None = None


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
    log_records: list[_Log] | None = None


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


def _decoded(decoder: msgspec.json.Decoder[Any], body: bytes) -> Any:
    try:
        try:
            return decoder.decode(body)
        except msgspec.DecodeError:
            # JavaScript cuts texts in the middle of a pair; one such text is no reason to lose a whole export.
            return decoder.decode(_ESCAPES.sub(_whole, body))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Unreadable("invalid_json", f"The body is not the JSON of an OTLP export: {json_fault(error)}.") from None


def _json_spans(body: bytes) -> Iterator[Told]:
    for of_resource in _decoded(_traces, body).resource_spans or ():
        resource = _held(of_resource.resource)
        for of_scope in of_resource.scope_spans or ():
            scope = _held(of_scope.scope)
            for span in of_scope.spans or ():
                if span.kind in ENTRIES:
                    yield Told(
                        trace_id=(span.trace_id or "").lower(),
                        span_id=(span.span_id or "").lower(),
                        name=span.name or "",
                        nanos=_number(span.start_time_unix_nano),
                        attributes=_json_pairs(span.attributes),
                        scope=scope,
                        resource=resource,
                    )


def _json_logs(body: bytes) -> Iterator[Told]:
    for of_resource in _decoded(_all_logs, body).resource_logs or ():
        resource = _held(of_resource.resource)
        for of_scope in of_resource.scope_logs or ():
            scope = _held(of_scope.scope)
            for log in of_scope.log_records or ():
                yield Told(
                    trace_id=(log.trace_id or "").lower(),
                    span_id=(log.span_id or "").lower(),
                    name=log.event_name or "",
                    nanos=_number(log.time_unix_nano),
                    observed=_number(log.observed_time_unix_nano),
                    severity=log.severity_text or "",
                    body=_json_value(log.body, 0),
                    attributes=_json_pairs(log.attributes),
                    scope=scope,
                    resource=resource,
                )


def _held(holder: _Holder | None) -> Attributes:
    return _json_pairs(holder.attributes) if holder is not None else {}


def _json_pairs(pairs: Sequence[_Pair] | None) -> Attributes:
    return {pair.key or "": _json_value(pair.value, 0) for pair in pairs or ()}


def _json_value(value: Any, depth: int) -> Any:
    """What an `AnyValue` holds."""
    _check(depth)
    if not isinstance(value, dict):
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
                return [_json_value(one, depth + 1) for one in inner]
            pairs = (one for one in inner if isinstance(one, dict))
            return {str(one.get("key", "")): _json_value(one.get("value"), depth + 1) for one in pairs}
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
