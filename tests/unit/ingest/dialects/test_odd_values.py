"""Times, numbers and traits of other tools' clients are read by the rules that hold for all (`docs/events.md`)."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from services.ingest.core.dialects import openmeter, posthog, segment
from services.ingest.core.mapping import DEFAULT
from services.ingest.core.sent import Record
from shared.messages.traits import MOST, MOST_OF_CONTACT, why_not_kept
from tests.support.ingest import judged
from tests.support.stream import NOON

FINE = "2026-05-19T23:59:59.9999999Z"
CUT = datetime(2026, 5, 19, 23, 59, 59, 999999, tzinfo=UTC)
TRAITS: dict[str, Any] = {
    **{"plan": "pro", "seats": 7.0, "renews_at": "9999-12-31T23:59:59.9999999Z", "signed_at": FINE},
    **{"big": 2**60, "long": "x" * 2000, "list": ["y" * 300] * 5, **{f"own_{n:02}": n for n in range(120)}},
}


def of_segment(**record: Any) -> Record:
    [found] = segment.records(
        msgspec.json.encode({"messageId": "m", "userId": "u", **record}), record["type"], DEFAULT, NOON
    )
    return found


def of_posthog(**record: Any) -> Record:
    event = {"uuid": "m", "distinct_id": "u", "event": "Used", **record}
    [found] = posthog.records(msgspec.json.encode(event), DEFAULT, NOON)
    return found


def of_openmeter(**record: Any) -> Record:
    event = {"specversion": "1.0", "id": "m", "source": "s", "type": "used", "subject": "acme", **record}
    [found] = openmeter.records([msgspec.Raw(msgspec.json.encode(event))], DEFAULT)
    return found


@pytest.mark.parametrize(
    "record",
    [
        of_segment(type="track", event="Used", groupId="acme", timestamp=FINE),
        of_posthog(timestamp=FINE),
        of_openmeter(time=FINE),
    ],
    ids=["segment", "posthog", "openmeter"],
)
def test_a_time_is_cut_and_not_rounded(record: Record) -> None:
    assert [said.time for said in record.said] == [CUT]


def test_a_leap_second_is_the_one_before() -> None:
    assert of_openmeter(time="2026-05-19T23:59:60Z").said[0].time == datetime(2026, 5, 19, 23, 59, 59, tzinfo=UTC)
    assert of_posthog(timestamp="2026-05-19T23:59:60Z").said[0].time is not None


def test_an_accounts_traits_are_taken_as_far_as_they_can_be_kept_and_the_rest_is_named() -> None:
    record = of_segment(type="group", groupId="acme", traits=TRAITS)
    traits = record.said[0].data["traits"]
    assert (traits["seats"], traits["renews_at"], traits["plan"]) == (7, None, "pro")
    assert {"big", "long", "list"}.isdisjoint(traits)
    assert "big" in record.why
    assert why_not_kept(traits, MOST) is None


def test_so_are_a_persons() -> None:
    record = of_segment(type="identify", traits={"email": "kim@acme.example", "company_id": "acme", **TRAITS})
    contact = next(said for said in record.said if said.type == "contact.updated")
    assert why_not_kept(contact.data["traits"], MOST_OF_CONTACT + 2) is None
    event = {"id": "c", "type": "contact.updated", "account": "acme", "data": contact.data}
    assert judged(event)[1] == []


@pytest.mark.parametrize("raw", [b'{"id":"m","x":"\xff"}', rb'{"id":"m","x":"\ud83d"}', b'{"id":NaN}'])
def test_a_broken_record_is_refused_alone(raw: bytes) -> None:
    records = [
        *openmeter.records([msgspec.Raw(raw)], DEFAULT),
        *segment.records(b'{"batch":[' + raw + b"]}", "batch", DEFAULT, NOON),
        *posthog.records(b'{"batch":[' + raw + b"]}", DEFAULT, NOON),
    ]
    assert [record.refused[0] for record in records if record.refused is not None] == ["invalid_json"] * 3
    assert [record.sent for record in records] == [raw] * 3
