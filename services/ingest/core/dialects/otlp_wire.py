"""Reads what OpenTelemetry's exporters send over HTTP as protobuf into spans and log records.

https://opentelemetry.io/docs/specs/otlp/#otlphttp. What is nested deeper than anybody means is left out.
"""

import base64
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from services.ingest.core.attributes import DEEPEST
from services.ingest.core.reading import Unreadable

Attributes = dict[str, Any]
ENTRIES: Final = frozenset({2, 5})
"""Kinds of spans by which something enters a service: server and consumer."""


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


def spans_in(body: bytes) -> Iterator[Told]:
    """The entry spans of an export as protobuf. Raises `Unreadable`."""
    return _spans(_parsed(ExportTraceServiceRequest(), body))


def logs_in(body: bytes) -> Iterator[Told]:
    """The log records of one. Raises `Unreadable`."""
    return _logs(_parsed(ExportLogsServiceRequest(), body))


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
    if kind is None or depth > DEEPEST:
        return None
    found = getattr(value, kind)
    if kind == "array_value":
        return [_value(one, depth + 1) for one in found.values]
    if kind == "kvlist_value":
        return _pairs(found.values, depth + 1)
    return base64.b64encode(found).decode() if kind == "bytes_value" else found
