"""What a dialect has read is kept so that it can be read once more: by the same mapping it comes to the same."""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import msgspec
import pytest

from services.ingest.core.dialects import customerio, openmeter, otlp, posthog, segment
from services.ingest.core.mapping import DEFAULT, Mapping, Rule
from services.ingest.core.reading import Unreadable
from services.ingest.core.sent import Record
from services.ingest.receiving.rereading import DIALECTS
from tests.support.stream import NOON

Read = Callable[[bytes, Mapping, datetime], Sequence[Record]]
TRACK = {"type": "track", "event": "Report Opened", "userId": "u1", "messageId": "m1", "context": {"groupId": "acme"}}
CAPTURE = {"event": "Report Opened", "distinct_id": "u1", "uuid": "m1", "properties": {"$groups": {"company": "acme"}}}
METER = {"id": "m1", "type": "Report Opened", "subject": "acme", "specversion": "1.0", "source": "s"}
OPERATION = {"type": "person", "action": "event", "name": "Report Opened", "identifiers": {"id": "u1"}, "id": "m1"}
SPAN = {
    "resourceSpans": [
        {
            "scopeSpans": [
                {
                    "spans": [
                        {
                            **{"traceId": "0af7651916cd43dd8448eb211c80319c", "spanId": "b7ad6b7169203331", "kind": 2},
                            **{"name": "Report Opened", "startTimeUnixNano": "1779278400000000000"},
                            "attributes": [{"key": "account.id", "value": {"stringValue": "acme"}}],
                        }
                    ]
                }
            ]
        }
    ]
}
LOG = {
    "resourceLogs": [
        {
            "scopeLogs": [
                {
                    "logRecords": [
                        {
                            **{"timeUnixNano": "1779278400000000000", "body": {"stringValue": "Report Opened"}},
                            "attributes": [{"key": "account.id", "value": {"stringValue": "acme"}}],
                        }
                    ]
                }
            ]
        }
    ]
}


def text(value: Any) -> bytes:
    """As a client sends it."""
    return json.dumps(value).encode()


FIRST: dict[str, tuple[Sequence[Record], Read]] = {
    "a track": (segment.records(text({"batch": [TRACK]}), "batch", DEFAULT, NOON), segment.again),
    "a capture": (posthog.records(text({"batch": [CAPTURE]}), DEFAULT, NOON), posthog.again),
    "a meter's event": (openmeter.records([msgspec.Raw(text(METER))], DEFAULT), openmeter.again),
    "what a person did": (
        [customerio.tracked("u1", {"name": "Report Opened", "id": "m1"}, DEFAULT, NOON)],
        customerio.again,
    ),
    "who a person is": (
        [customerio.identified("u1", {"account_id": "acme", "plan": "pro"}, DEFAULT, NOON)],
        customerio.again,
    ),
    "an operation": ([customerio.operation(OPERATION, DEFAULT, NOON)], customerio.again),
    "a suppression": ([customerio.suppressed("u1", NOON)], customerio.again),
    "nothing": ([customerio.nothing("delete", userId="u1")], customerio.again),
    "a span": (otlp.traces(text(SPAN), DEFAULT, as_json=True), otlp.span_again),
    "a log record": (otlp.logs(text(LOG), DEFAULT, as_json=True), otlp.log_again),
}


@pytest.mark.parametrize("name", FIRST)
def test_by_the_same_mapping_it_comes_to_the_same(name: str) -> None:
    (first,), read = FIRST[name]
    (second,) = read(first.sent, DEFAULT, NOON)
    assert first.said or name == "nothing"
    assert [(one.type, one.account, one.user, one.data) for one in second.said] == [
        (one.type, one.account, one.user, one.data) for one in first.said
    ]
    assert (second.why, second.refused) == (first.why, first.refused)


@pytest.mark.parametrize("name", ["a track", "a capture", "a meter's event", "what a person did", "a span"])
def test_by_another_it_comes_to_what_that_says(name: str) -> None:
    (first,), read = FIRST[name]
    (second,) = read(first.sent, Mapping(rules=[Rule(event="Report *", type="")], id="web"), NOON)
    assert (second.said, second.why) == ((), "dropped by web: drop 'Report *'")


@pytest.mark.parametrize("sent", [b"", b"nonsense", b"[]", b"{}", b"null", b"\xff"])
@pytest.mark.parametrize("door", DIALECTS)
def test_what_is_no_record_of_a_client_is_refused_in_words(door: str, sent: bytes) -> None:
    found = list[Record]()
    with suppress(Unreadable):
        found += DIALECTS[door](sent, DEFAULT, NOON)
    assert all(one.refused or one.why for one in found)
