"""What OpenMeter's clients send."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.core.dialects.openmeter import again, records
from services.ingest.core.mapping import DEFAULT, Mapping, Rule
from services.ingest.core.sent import Record
from tests.support.stream import NOON

SENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "m-1",
    "source": "billing-service",
    "type": "api-calls",
    "subject": "northwind",
    "time": "2026-05-20T14:00:00+02:00",
    "data": {"value": "3.5", "user_id": 17, "method": "GET"},
}


def read(event: Any, mapping: Mapping = DEFAULT) -> Record:
    [record] = records([msgspec.Raw(msgspec.json.encode(event))], mapping)
    return record


def test_its_type_is_the_feature_and_its_subject_the_account() -> None:
    record = read(SENT)
    [said] = record.said
    assert (record.id, said.id, said.source, said.account) == ("m-1", "m-1", "billing-service", "northwind")
    assert (said.type, said.data) == ("usage.recorded", {"feature": "api-calls", "quantity": 3.5, "user_id": "17"})
    assert said.time == datetime(2026, 5, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize("data", [None, {}, {"value": "GET"}, {"value": True}, {"value": [1]}, "x", {"value": "nan"}])
def test_what_is_no_quantity_counts_once(data: Any) -> None:
    assert read({**SENT, "data": data}).said[0].data == {"feature": "api-calls"}


def test_a_mapping_may_say_otherwise() -> None:
    mapping = Mapping(
        id="m",
        account=[("data", "tenant")],
        rules=[
            Rule(kind="meter", event="cpu-*", feature="compute", quantity=("data", "seconds")),
            Rule(event="debug", type=""),
        ],
    )
    found = read({**SENT, "type": "cpu-small", "data": {"tenant": 7, "seconds": 60}}, mapping).said[0]
    assert (found.account, found.data) == ("7", {"feature": "compute", "quantity": 60})
    assert read({**SENT, "type": "debug"}, mapping).why == "dropped by m: drop 'debug'"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"id": ""}, "missing_id"),
        ({"id": 4}, "missing_id"),
        ({"type": None}, "missing_type"),
        ({"time": "yesterday"}, "invalid_time"),
        ({"time": "0001-01-01T00:00:00+23:00"}, "invalid_time"),
        ({"data": {"x": "y" * 2**20}}, "too_large"),
    ],
)
def test_what_can_not_be_read_is_refused_by_itself(change: dict[str, Any], code: str) -> None:
    refused = read({**SENT, **change}).refused
    assert refused is not None
    assert refused[0] == code


CHANGES = st.dictionaries(st.sampled_from(list(SENT)), st.none() | st.text() | st.integers())


@given(st.lists(st.binary(max_size=40)), CHANGES)
def test_nothing_raises(bodies: list[bytes], change: dict[str, Any]) -> None:
    assert len(records([msgspec.Raw(body) for body in bodies], DEFAULT)) == len(bodies)
    read({**SENT, **change})


def test_names_that_can_be_none_here_are_known_by_their_digest() -> None:
    long = read({**SENT, "id": "x" * 200, "data": {"user_id": "u" * 200}}).said[0]
    assert (len(long.id), len(long.data["user_id"])) == (64, 64)


def test_what_was_kept_of_a_record_reads_as_the_record() -> None:
    record = read(SENT)
    assert again(record.sent, DEFAULT, NOON) == [record]
