"""What OpenTelemetry's exporters send, made by OpenTelemetry's own definitions."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from services.ingest.core.dialects.otlp import log_again, logs, span_again, traces
from services.ingest.core.dialects.otlp_answers import failed, taken
from services.ingest.core.mapping import DEFAULT, Mapping, Rule
from services.ingest.core.reading import Unreadable

TRACE, SPAN = "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174"
AT = 1_779_278_400_000_000_123
WHEN = datetime(2026, 5, 20, 12, tzinfo=UTC)


def attributes(values: dict[str, Any]) -> list[KeyValue]:
    def any_value(value: Any) -> AnyValue:
        if isinstance(value, list):
            return AnyValue(array_value=ArrayValue(values=[any_value(one) for one in value]))
        kind = {bool: "bool_value", int: "int_value", float: "double_value", bytes: "bytes_value"}
        return AnyValue(**{kind.get(type(value), "string_value"): value})

    return [KeyValue(key=key, value=any_value(value)) for key, value in values.items()]


def an_export(
    of: dict[str, Any] | None = None,
    *,
    kind: int = Span.SPAN_KIND_SERVER,
    name: str = "GET /reports",
    resource: dict[str, Any] | None = None,
    scope: dict[str, Any] | None = None,
    span_id: str = SPAN,
) -> ExportTraceServiceRequest:
    export = ExportTraceServiceRequest()
    of_resource = export.resource_spans.add()
    of_resource.resource.attributes.extend(attributes(resource or {}))
    of_scope = of_resource.scope_spans.add()
    of_scope.scope.attributes.extend(attributes(scope or {}))
    of_scope.spans.add(
        trace_id=bytes.fromhex(TRACE),
        span_id=bytes.fromhex(span_id),
        name=name,
        kind=kind,  # type: ignore[arg-type, unused-ignore]
        start_time_unix_nano=AT,
        attributes=attributes({"account.id": "northwind"} if of is None else of),
    )
    return export


def as_json(export: Any) -> bytes:
    """The JSON of OTLP, which is protobuf's with ids in hex and enums as numbers."""
    found = MessageToDict(export, use_integers_for_enums=True)
    for of_resource in found.get("resourceSpans", found.get("resourceLogs", [])):
        for of_scope in of_resource.get("scopeSpans", of_resource.get("scopeLogs", [])):
            for one in of_scope.get("spans", of_scope.get("logRecords", [])):
                one |= {name: base64.b64decode(one[name]).hex() for name in ("traceId", "spanId") if name in one}
                one["aFieldOfTomorrow"] = {"x": 1}
    return json.dumps(found).encode()


def read(export: ExportTraceServiceRequest, mapping: Mapping = DEFAULT) -> Any:
    """What becomes of it, the same in both encodings."""
    ours = traces(export.SerializeToString(), mapping, as_json=False)
    assert traces(as_json(export), mapping, as_json=True) == ours
    return ours


def test_an_entry_span_with_an_account_is_a_use_of_what_it_names() -> None:
    [record] = read(an_export({"account.id": "northwind", "enduser.id": "u-17", "deep": ["a", ["b", 1, True]]}))
    [said] = record.said
    assert (said.id, said.type, said.account, said.user) == (f"{TRACE}/{SPAN}", "usage.recorded", "northwind", "u-17")
    assert (said.data, said.source) == ({"feature": "GET /reports", "user_id": "u-17"}, None)
    assert said.time == WHEN
    assert json.loads(record.sent)["attributes"]["deep"] == ["a", ["b", 1, True]]


@pytest.mark.parametrize("kind", [0, 1, 3, 4])
def test_what_enters_nothing_is_none_of_ours(kind: int) -> None:
    assert read(an_export(kind=kind)) == []


def test_without_an_account_it_is_none_of_ours() -> None:
    assert read(an_export({"http.route": "/reports", "account.id": " "})) == []


def test_the_account_may_stand_on_the_scope_or_the_resource_and_the_nearest_counts() -> None:
    far = {"account.id": "of-the-resource", "user.id": 17}
    [record] = read(an_export({}, kind=Span.SPAN_KIND_CONSUMER, resource=far))
    assert (record.said[0].account, record.said[0].user) == ("of-the-resource", "17")
    [record] = read(an_export({}, resource=far, scope={"account.id": "of-the-scope"}))
    assert record.said[0].account == "of-the-scope"


def test_the_mapping_says_which_attributes_and_what_to_drop() -> None:
    mapping = Mapping(
        id="web",
        otel_account=["tenant"],
        otel_feature=["app.feature"],
        rules=[
            Rule(kind="span", event="GET /health*", type=""),
            Rule(event="POST /done", type="milestone.reached", milestone="went live"),
            Rule(kind="span", event="batch", feature="batch", quantity=("batch", "size")),
        ],
    )
    of = {"tenant": "t-1", "app.feature": "exports", "batch.size": 12}
    assert read(an_export(of), mapping)[0].said[0].data == {"feature": "exports"}
    assert read(an_export(of, name="batch"), mapping)[0].said[0].data == {"feature": "batch", "quantity": 12}
    dropped = read(an_export(of, name="GET /healthz"), mapping)[0]
    assert dropped.why == "dropped by web: drop 'GET /health*' of the kind span"
    [done] = read(an_export(of, name="POST /done"), mapping)[0].said
    assert (done.type, done.data) == ("milestone.reached", {"milestone": "went live"})


@pytest.mark.parametrize("span_id", ["00" * 8, "", "ab"])
def test_a_span_without_its_ids_is_refused_by_itself(span_id: str) -> None:
    [record] = read(an_export(span_id=span_id))
    assert record.refused is not None
    assert record.refused[0] == "invalid_id"


def some_logs(**of: Any) -> ExportLogsServiceRequest:
    export = ExportLogsServiceRequest()
    export.resource_logs.add().scope_logs.add().log_records.add(
        attributes=attributes({"account.id": "northwind", **of.pop("attributes", {})}), **of
    )
    return export


@pytest.mark.parametrize(
    ("of", "feature"),
    [
        ({"event_name": "report.exported", "body": AnyValue(string_value="x")}, "report.exported"),
        ({"attributes": {"event.name": "report.exported"}}, "report.exported"),
        ({"body": AnyValue(string_value="Report exported")}, "Report exported"),
        ({"body": AnyValue(string_value="x" * 200)}, "log record"),
        ({"body": AnyValue(int_value=4)}, "log record"),
        ({}, "log record"),
    ],
)
def test_a_log_record_is_a_use_of_its_event(of: dict[str, Any], feature: str) -> None:
    export = some_logs(**of, observed_time_unix_nano=AT)
    [record] = logs(export.SerializeToString(), DEFAULT, as_json=False)
    assert record.said[0].data == {"feature": feature}
    assert record.said[0].time == WHEN
    assert logs(as_json(export), DEFAULT, as_json=True) == [record]


def test_log_records_are_told_apart_by_all_that_they_hold() -> None:
    ids = {
        logs(some_logs(**of).SerializeToString(), DEFAULT, as_json=False)[0].id
        for of in ({"time_unix_nano": AT}, {"time_unix_nano": AT + 1}, {"time_unix_nano": AT, "event_name": "x"})
    }
    assert len(ids) == 3


NESTED: Any = {"stringValue": "x"}
for _ in range(60):
    NESTED = {"arrayValue": {"values": [NESTED]}}


@pytest.mark.parametrize(
    ("body", "encoding_is_json"),
    [
        (b"\xff\xff\xff", False),
        (b"\x0a" * 5000, False),
        (b"{", True),
        (b'{"resourceSpans": 4}', True),
        (b'{"resourceSpans": ' + b"[" * 5000, True),
        (b'{"resourceSpans": [{"resource": {"attributes": [{"key": "a", "value": {"intValue": "1e9"}}]}}]}', True),
        (b'{"resourceSpans": [{"resource": {"attributes": [{"key": "\xff"}]}}]}', True),
    ],
)
def test_what_is_no_export_is_unreadable(body: bytes, encoding_is_json: bool) -> None:
    with pytest.raises(Unreadable):
        traces(body, DEFAULT, as_json=encoding_is_json)


def test_what_is_nested_deeper_than_anybody_means_is_left_out() -> None:
    pairs = [{"key": "account.id", "value": {"stringValue": "northwind"}}, {"key": "deep", "value": NESTED}]
    body = msgspec.json.encode({"resourceLogs": [{"scopeLogs": [{"logRecords": [{"attributes": pairs}]}]}]})
    [record] = logs(body, DEFAULT, as_json=True)
    assert record.said[0].account == "northwind"


@given(st.binary(max_size=200), st.booleans())
def test_no_bytes_raise_anything_else(body: bytes, encoding_is_json: bool) -> None:
    for reader in (traces, logs):
        try:
            reader(body, DEFAULT, as_json=encoding_is_json)
        except Unreadable:
            continue


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["key", "value", "values", "stringValue", "intValue", "doubleValue", "arrayValue", "kvlistValue"]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@given(ANY_JSON, ANY_JSON)
def test_no_json_raises_anything_else(values: Any, body: Any) -> None:
    held = [{"key": "account.id", "value": {"stringValue": "a"}}, {"key": "x", "value": values}]
    span = {"kind": 2, "traceId": TRACE, "spanId": SPAN, "attributes": held, "startTimeUnixNano": values}
    log = {"attributes": held, "body": body, "observedTimeUnixNano": values}
    for reader, export in (
        (traces, {"resourceSpans": [{"resource": {"attributes": values}, "scopeSpans": [{"spans": [span]}]}]}),
        (traces, {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}),
        (logs, {"resourceLogs": [{"scopeLogs": [{"logRecords": [log]}]}]}),
    ):
        try:
            reader(msgspec.json.encode(export), DEFAULT, as_json=True)
        except Unreadable:
            continue


def test_an_answer_says_how_many_were_refused_and_why() -> None:
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse

    assert taken("spans", 0, "", as_json=False) == b""
    found = ExportLogsServiceResponse.FromString(taken("log records", 2, "no", as_json=False))
    assert (found.partial_success.rejected_log_records, found.partial_success.error_message) == (2, "no")
    assert json.loads(taken("spans", 1, "no", as_json=True)) == {
        "partialSuccess": {"rejectedSpans": "1", "errorMessage": "no"}
    }


def test_an_error_is_a_status_of_two_fields() -> None:
    assert failed("no", as_json=False) == b"\x12\x02no"
    assert json.loads(failed("no", as_json=True)) == {"message": "no"}


def test_what_was_kept_of_a_record_reads_as_the_record() -> None:
    [span] = read(an_export({"account.id": "northwind", "size": 1.5, "deep": ["a", 1]}))
    assert span_again(span.sent, DEFAULT, WHEN) == [span]
    [log] = logs(some_logs(event_name="x", time_unix_nano=AT).SerializeToString(), DEFAULT, as_json=False)
    assert log_again(log.sent, DEFAULT, WHEN) == [log]


@pytest.mark.parametrize(
    ("sent", "read_as"),
    [
        (r"a\ud83d", "a\ufffd"),
        (r"a\ude00b", "a\ufffdb"),
        (r"\ud83d\ud83d\ude00", "\ufffd\U0001f600"),
        (r"a\\ud83d\ud83d", r"a\ud83d" + "\ufffd"),
    ],
)
def test_half_a_character_costs_no_more_than_itself(sent: str, read_as: str) -> None:
    held = '[{"key": "account.id", "value": {"stringValue": "a"}}]'
    body = (
        f'{{"resourceLogs": [{{"scopeLogs": [{{"logRecords": [{{"eventName": "{sent}", "attributes": {held}}}]}}]}}]}}'
    )
    [record] = logs(body.encode(), DEFAULT, as_json=True)
    assert record.said[0].data == {"feature": read_as}
