"""Events in every HTTP mode."""

from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.core.reading import Unreadable, read

DATA = b'{"feature":"reports"}'
BINARY = {
    "ce-id": "e1",
    "ce-type": "usage.recorded",
    "ce-subject": "northwind",
    "ce-specversion": "1.0",
    "ce-source": "app",
}


def events(headers: dict[str, str], body: bytes) -> list[Any]:
    return [msgspec.json.decode(raw) for raw in read(headers, body)]


def refused(headers: dict[str, str], body: bytes) -> Unreadable:
    with pytest.raises(Unreadable) as caught:
        read(headers, body)
    return caught.value


@pytest.mark.parametrize(
    "content_type",
    [
        "application/cloudevents+json",
        "application/cloudevents+json; charset=utf-8",
        'Application/CloudEvents+JSON; charset="UTF-8"',
        "application/json",
        "application/x-www-form-urlencoded",
        "",
    ],
)
def test_one_event_as_an_object(content_type: str) -> None:
    assert events({"content-type": content_type}, b' {"id":"e1"}') == [{"id": "e1"}]


@pytest.mark.parametrize("content_type", ["application/cloudevents-batch+json", "application/json; charset=UTF-8"])
def test_a_list_of_events(content_type: str) -> None:
    assert events({"content-type": content_type}, b'[{"id":"e1"},{"id":"e2"}]') == [{"id": "e1"}, {"id": "e2"}]


def test_an_empty_batch_is_nothing_wrong() -> None:
    assert events({"content-type": "application/cloudevents-batch+json"}, b"[]") == []


@pytest.mark.parametrize("content_type", [None, "application/json", "application/x-www-form-urlencoded"])
def test_binary_mode_has_the_attributes_in_headers(content_type: str | None) -> None:
    headers = BINARY if content_type is None else {**BINARY, "content-type": content_type}
    [event] = events(headers, DATA)
    assert event.pop("datacontenttype", "application/json") == "application/json"
    assert event == {name[3:]: value for name, value in BINARY.items()} | {"data": {"feature": "reports"}}


def test_header_values_are_unquoted_and_percent_decoded_once() -> None:
    headers = {**BINARY, "ce-subject": "Euro%20%E2%82%AC%20%2525", "ce-team": '"say \\"hi\\""'}
    [event] = events(headers, b"")
    assert (event["subject"], event["team"]) == ("Euro € %25", 'say "hi"')
    assert "data" not in event


def test_a_header_that_is_not_utf8_is_refused() -> None:
    assert refused({**BINARY, "ce-subject": "%FF"}, DATA).code == "invalid_header"


@pytest.mark.parametrize(
    ("headers", "body", "status", "code", "words"),
    [
        ({}, b"", 400, "invalid_json", "empty"),
        ({}, b"  \n", 400, "invalid_json", "empty"),
        ({}, b"hello", 400, "invalid_json", "object"),
        ({}, b'{"id":', 400, "invalid_json", "not valid JSON"),
        ({}, b'[{"id":1},{"id":', 400, "invalid_json", "the whole of it"),
        ({}, b'[{"id":1}]]', 400, "invalid_json", "trailing characters"),
        ({}, b'{"id":"\xff"}', 400, "invalid_json", "UTF-8"),
        ({}, b"[" * 100_000, 400, "invalid_json", "nested"),
        ({}, b'{"id":1} {"id":2}', 400, "invalid_json", "not valid JSON"),
        (BINARY, b"<xml/>", 400, "invalid_json", "data"),
        ({"content-type": "application/cloudevents+avro"}, b"x", 415, "unsupported_format", "JSON"),
        ({"content-type": "application/json; charset=utf-16"}, b"{}", 415, "unsupported_charset", "UTF-8"),
        ({}, b"[" + b"{}," * 1000 + b"{}]", 413, "too_many", "1,001"),
    ],
)
def test_what_can_not_be_read_is_refused_in_words(
    headers: dict[str, str], body: bytes, status: int, code: str, words: str
) -> None:
    error = refused(headers, body)
    assert (error.status, error.code) == (status, code)
    assert words in str(error)


def test_a_byte_order_mark_does_no_harm() -> None:
    assert events({}, b'\xef\xbb\xbf{"id":"e1"}') == [{"id": "e1"}]


@given(
    st.binary(max_size=60), st.dictionaries(st.sampled_from(["content-type", "ce-type", "ce-id"]), st.text(max_size=9))
)
def test_no_body_breaks_the_reader(body: bytes, headers: dict[str, str]) -> None:
    with suppress(Unreadable):
        for raw in read(headers, body):
            bytes(raw)
