"""The doors of OpenMeter's, Customer.io's and OpenTelemetry's clients: what each takes for success, by the book."""

import base64
import gzip
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from shared.log.protocol import Unconfirmed
from tests.support.ingest import ADMIN_KEY, House, a_house
from tests.support.stream import NOON

METER = {"specversion": "1.0", "id": "m-1", "source": "billing", "type": "api-calls", "subject": "northwind"}
ONE, MANY = ({"content-type": f"application/cloudevents{batch}+json"} for batch in ("", "-batch"))
SAMPLES = Path(__file__).parents[1] / "golden" / "clients"
PROTOBUF = {"content-type": "application/x-protobuf"}


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with a_house(database_url) as made:
        yield made


def told(house: House) -> list[tuple[str, str, str, Any]]:
    return [(e.type, e.subject, e.id, msgspec.json.decode(e.data)) for e in house.broker.events()]


async def test_openmeter_is_answered_204_and_events_keep_their_id_and_source(house: House) -> None:
    first = await house.http.post("/api/v1/events", json=METER, headers=ONE)
    events = [{**METER, "id": "m-2", "data": {"value": 2}}, {**METER, "id": "m-3", "source": "stripe"}, 7]
    second = await house.http.post("/api/v1/events", json=events, headers=MANY)
    third = await house.http.post("/api/v1/events", json=[{**METER, "id": "m-4"}])
    assert [(a.status_code, a.content) for a in (first, second, third)] == [(204, b"")] * 3
    assert [(event.id, event.source) for event in house.broker.events()] == [
        ("m-1", "billing"),
        ("m-2", "billing"),
        ("m-4", "billing"),
    ]
    assert told(house)[1][3] == {"feature": "api-calls", "quantity": 2}


@pytest.mark.parametrize(("body", "status"), [(b"{", 400), (b"", 400)])
async def test_openmeter_is_told_of_a_body_that_is_none(house: House, body: bytes, status: int) -> None:
    answer = await house.http.post("/api/v1/events", content=body, headers=ONE)
    assert answer.status_code == status
    assert {"code", "message"} <= answer.json().keys()


async def test_customer_io_identifies_tracks_and_deletes(house: House) -> None:
    site = {"authorization": "Basic " + base64.b64encode(f"site:{ADMIN_KEY}".encode()).decode()}
    http = house.http
    answers = [
        await http.put("/api/v1/customers/u%2F1", json={"account_id": "northwind", "name": "Ana"}, headers=site),
        await http.post(
            "/api/v1/customers/u%2F1/events",
            json={"name": "exported", "data": {"account_id": "northwind"}, "id": "e-1"},
            headers=site,
        ),
        await http.post(
            "/api/v1/events", json={"name": "watched", "data": {"company_id": 4}, "id": "e-2"}, headers=site
        ),
        await http.request("DELETE", "/api/v1/customers/u%2F1", json={}, headers=site),
        await http.post("/api/v1/customers/u/events", json={"data": {}}, headers=site),
        await http.put("/api/v1/customers/u/devices", json={"device": {}}, headers=site),
    ]
    assert [(a.status_code, a.content) for a in answers] == [(200, b"{}")] * 6
    contact, use, unknown = told(house)
    assert contact[:2] == ("contact.updated", "northwind")
    assert contact[3] == {
        "contact_id": "u/1",
        "user_ids": ["u/1"],
        "traits": {"name": "Ana"},
    }
    assert use == ("usage.recorded", "northwind", "e-1", {"feature": "exported", "user_id": "u/1"})
    assert unknown == ("usage.recorded", "4", "e-2", {"feature": "watched"})


async def test_customer_io_batches_are_answered_for_one_by_one(house: House) -> None:
    event = {"type": "person", "identifiers": {"id": "u"}, "action": "event", "name": "x"}
    good = {**event, "attributes": {"account_id": "a"}}
    answer = await house.http.post("/api/v2/batch", json={"batch": [good, good]})
    assert (answer.status_code, answer.json()) == (200, {})
    answer = await house.http.post("/api/v2/batch", json={"batch": [good, {"type": "person"}]})
    assert answer.status_code == 207
    assert [(one["batch_index"], one["reason"]) for one in answer.json()["errors"]] == [(1, "invalid_operation")]
    assert len(told(house)) == 3
    assert (await house.http.post("/api/v2/batch", json={"batch": 4})).json()["code"] == "no_batch"


def some_spans(*span_ids: str) -> ExportTraceServiceRequest:
    export = ExportTraceServiceRequest()
    of_resource = export.resource_spans.add()
    pair = of_resource.resource.attributes.add(key="account.id")
    pair.value.string_value = "northwind"
    of_scope = of_resource.scope_spans.add()
    for span_id in span_ids:
        of_scope.spans.add(
            trace_id=b"t" * 16, span_id=span_id.encode(), name="GET /reports", kind=Span.SPAN_KIND_SERVER
        )
    return export


async def test_spans_as_protobuf_are_answered_in_protobuf(house: House) -> None:
    good = gzip.compress(some_spans("s" * 8).SerializeToString())
    for _ in range(2):
        answer = await house.http.post(
            "/v1/otlp/v1/traces", content=good, headers={**PROTOBUF, "content-encoding": "gzip"}
        )
        assert (answer.status_code, answer.headers["content-type"], answer.content) == (
            200,
            PROTOBUF["content-type"],
            b"",
        )
    assert told(house) == [("usage.recorded", "northwind", "74" * 16 + "/" + "73" * 8, {"feature": "GET /reports"})] * 2
    part = await house.http.post(
        "/v1/otlp/v1/traces", content=some_spans("r" * 8, "short").SerializeToString(), headers=PROTOBUF
    )
    found = ExportTraceServiceResponse.FromString(part.content).partial_success
    assert (part.status_code, found.rejected_spans) == (200, 1)
    assert "span id of 8" in found.error_message
    assert len(told(house)) == 3


async def test_spans_as_json_have_ids_in_hex(house: House) -> None:
    span = {"traceId": "AB" * 16, "spanId": "cd" * 8, "kind": 5, "name": "reports.made", "flags": 1}
    span["attributes"] = [{"key": "account.id", "value": {"intValue": "7"}}]
    client = {**span, "kind": 3}
    body = {"resourceSpans": [{"scopeSpans": [{"spans": [span, client]}], "schemaUrl": "x"}]}
    answer = await house.http.post("/v1/otlp/v1/traces", json=body)
    assert (answer.status_code, answer.headers["content-type"], answer.json()) == (200, "application/json", {})
    assert told(house) == [("usage.recorded", "7", "ab" * 16 + "/" + "cd" * 8, {"feature": "reports.made"})]


async def test_log_records_are_taken_and_those_without_an_account_left_out(house: House) -> None:
    export = ExportLogsServiceRequest()
    records = export.resource_logs.add().scope_logs.add().log_records
    records.add(event_name="seen")
    pair = records.add(event_name="exported").attributes.add(key="account.id")
    pair.value.string_value = "northwind"
    answer = await house.http.post("/v1/otlp/v1/logs", content=export.SerializeToString(), headers=PROTOBUF)
    assert (answer.status_code, answer.content) == (200, b"")
    assert [one[3] for one in told(house)] == [{"feature": "exported"}]


async def test_metrics_are_taken_and_left_out(house: House) -> None:
    answer = await house.http.post("/v1/otlp/v1/metrics", content=b"\x0a\x00", headers=PROTOBUF)
    assert (answer.status_code, answer.content, told(house)) == (200, b"", [])
    answer = await house.http.post("/v1/otlp/v1/metrics", json={"resourceMetrics": []})
    assert (answer.status_code, answer.json()) == (200, {})


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        (PROTOBUF, b"\xff", 400),
        ({"content-type": "application/json"}, b"{", 400),
        ({"content-type": "text/plain"}, b"{}", 415),
        ({**PROTOBUF, "authorization": "Bearer no"}, b"", 401),
    ],
)
async def test_what_an_exporter_did_wrong_is_a_status_in_its_encoding(
    house: House, headers: dict[str, str], body: bytes, status: int
) -> None:
    answer = await house.http.post("/v1/otlp/v1/traces", content=body, headers=headers)
    assert answer.status_code == status
    if headers["content-type"] == PROTOBUF["content-type"]:
        assert answer.headers["content-type"] == PROTOBUF["content-type"]
        assert answer.content[:1] == b"\x12"
    else:
        assert json.loads(answer.content)["message"]


async def test_an_exporter_tries_again_while_the_broker_is_away(house: House) -> None:
    house.broker.fails = [Unconfirmed("away")]
    body = some_spans("s" * 8).SerializeToString()
    answer = await house.http.post("/v1/otlp/v1/traces", content=body, headers=PROTOBUF)
    assert (answer.status_code, "retry-after" in answer.headers, answer.content[:1]) == (503, True, b"\x12")
    assert (await house.http.post("/v1/otlp/v1/traces", content=body, headers=PROTOBUF)).status_code == 200


RECORDED = {
    "openmeter-python": (204, {"usage.recorded"}, 6),
    "customerio-python": (200, {"usage.recorded", "contact.updated"}, 2),
    "opentelemetry-python": (200, {"usage.recorded"}, 3),
    "cloudevents-1": (202, {"usage.recorded"}, 2),
    "cloudevents-2": (202, {"usage.recorded"}, 2),
    "cloudevents-node": (202, {"usage.recorded"}, 2),
}


@pytest.mark.parametrize("name", RECORDED)
async def test_what_the_official_client_sent_is_taken_as_it_came(house: House, name: str) -> None:
    status, types, count = RECORDED[name]
    # Their clock is that of the day on which they were recorded.
    house.clock.move(datetime(2026, 11, 28, 12, tzinfo=UTC) - NOON)
    for sample in json.loads((SAMPLES / f"{name}.json").read_text()):
        body = sample["body"]
        content = base64.b64decode(body["base64"]) if "base64" in body else msgspec.json.encode(body)
        headers = {**sample["headers"], "authorization": f"Bearer {ADMIN_KEY}"}
        answer = await house.http.request(sample["method"], sample["path"], content=content, headers=headers)
        assert answer.status_code == status, answer.text
        assert answer.content in {b"", b"{}"} or answer.json()["refused"] == []
    events = house.broker.events()
    assert ({event.type for event in events}, len(events)) == (types, count)
    assert {event.subject.rpartition("-")[0] for event in events} == {name}


async def test_what_was_refused_is_listed_as_it_was_sent_and_can_be_sent_again(house: House) -> None:
    await house.http.post("/api/v1/events", json={**METER, "source": "stripe"}, headers=ONE)
    await house.http.post("/api/v1/customers/u/events", json={"data": {"account_id": "a"}})
    content = some_spans("short").SerializeToString()
    await house.http.post("/v1/otlp/v1/traces", content=content, headers=PROTOBUF)
    listed = (await house.http.get("/v1/refused")).json()["items"]
    assert {one["code"] for one in listed} == {"reserved_source", "missing_name", "invalid_id"}
    again = await house.http.post("/v1/refused/replay", json={"ids": [one["id"] for one in listed]})
    assert {one["code"] for one in again.json()["refused"]} == {"reserved_source", "missing_name", "invalid_id"}


async def test_what_a_client_puts_into_the_address_is_let_be(house: House) -> None:
    answer = await house.http.post("/api/v1/events?source=sdk", json=METER, headers=ONE)
    assert answer.status_code == 204


@pytest.mark.parametrize("text", [b"crash \\ud83d", b"a\\u0000b", b"\\ud83d\\ude00", b"x" * 70_000, b"1e999"])
async def test_odd_texts_cost_no_more_than_their_own_record(house: House, text: bytes) -> None:
    good = {**METER, "data": {"value": 1}}
    body = b"[%s,%s]" % (msgspec.json.encode(good).replace(b"api-calls", text), msgspec.json.encode(METER))
    assert (await house.http.post("/api/v1/events", content=body, headers=MANY)).status_code == 204
    assert ("m-1", "api-calls") in [(one[2], one[3]["feature"]) for one in told(house)]
    event = b'{"name": "%s", "data": {"account_id": "a", "x": "%s"}}' % (text, text)
    answer = await house.http.post("/api/v1/customers/u/events", content=event)
    assert answer.status_code in {200, 400}
    pairs = b'{"key": "account.id", "value": {"stringValue": "a"}}, {"key": "x", "value": {"stringValue": "%s"}}' % text
    log = b'{"resourceLogs": [{"scopeLogs": [{"logRecords": [{"eventName": "%s", "attributes": [%s]}]}]}]}'
    answer = await house.http.post(
        "/v1/otlp/v1/logs", content=log % (text, pairs), headers={"content-type": "application/json"}
    )
    assert answer.status_code in {200, 400}


async def test_a_body_that_can_not_be_read_is_listed_whatever_door_it_came_by(house: House) -> None:
    broken = b'{"name": "x", "data": {"note": "cut \\ud83d"}}'
    assert (await house.http.put("/api/v1/customers/u", content=broken)).status_code == 200
    assert (await house.http.post("/api/v1/customers/u/events", content=broken)).status_code == 200
    assert (await house.http.post("/api/v2/entity", content=broken)).status_code == 200
    assert (await house.http.post("/api/v2/batch", content=b'{"batch": [')).status_code == 400
    assert (await house.http.post("/api/v1/events", content=broken, headers=ONE)).status_code == 400
    assert (await house.http.post("/v1/otlp/v1/traces", content=b"\xff", headers=PROTOBUF)).status_code == 400
    listed = (await house.http.get("/v1/refused")).json()["items"]
    assert sorted((one["door"], one["code"]) for one in listed) == [
        ("customerio", "invalid_json"),
        ("customerio", "no_batch"),
        ("openmeter", "invalid_json"),
        ("otlp/traces", "invalid_protobuf"),
    ]


async def test_one_odd_record_of_an_export_costs_no_more_than_itself(house: House) -> None:
    pair = {"key": "account.id", "value": {"stringValue": "northwind"}}
    log = {"eventName": "exported", "attributes": [pair]}
    odd = [
        {**log, "timeUnixNano": "soon"},
        {**log, "attributes": [pair, {"key": "n", "value": {"intValue": "many"}}]},
        {**log, "attributes": [pair, {"key": 5}]},
        {**log, "traceId": 7},
        "no record",
    ]
    export = {"resourceLogs": [{"scopeLogs": [{"logRecords": [*odd, log]}]}]}
    answer = await house.http.post("/v1/otlp/v1/logs", json=export)
    assert (answer.status_code, answer.json()["partialSuccess"]["rejectedLogRecords"]) == (200, "5")
    assert [one[3] for one in told(house)] == [{"feature": "exported"}]
    span = {"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "name": "GET", "kind": 2}
    spans = [{**span, "attributes": [pair]}, {**span, "kind": "SPAN_KIND_SERVER", "attributes": [pair]}]
    answer = await house.http.post("/v1/otlp/v1/traces", json={"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]})
    assert (answer.status_code, answer.json()["partialSuccess"]["rejectedSpans"]) == (200, "1")
