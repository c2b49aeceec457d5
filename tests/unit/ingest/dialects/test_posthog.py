"""What calls of PostHog's clients come to."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.core.dialects import posthog
from services.ingest.core.mapping import DEFAULT
from services.ingest.core.reading import Unreadable
from services.ingest.core.sent import Record, Same
from tests.support.stream import NOON
from tests.unit.ingest.dialects.recorded import RECEIVED, bodies_of, come_to


def read(*captures: Any, **beside: Any) -> list[Record]:
    return posthog.records(msgspec.json.encode({"batch": captures, **beside}), DEFAULT, NOON)


@pytest.mark.parametrize("client", ["posthog-python", "posthog-node"])
def test_what_clients_really_send_is_understood(client: str) -> None:
    records = [record for _, body in bodies_of(client) for record in posthog.records(body, DEFAULT, RECEIVED)]
    assert set(come_to(records)) == {"account.updated", "contact.updated", "usage.recorded"}
    of_groups = [record for record in records for said in record.said if said.type == "account.updated"]
    assert all(record.knows == () and record.said[0].user is None for record in of_groups)


def test_whoever_was_not_named_is_nobody() -> None:
    made_up = {"event": "Report Run", "distinct_id": "b938cedb", "properties": {"$process_person_profile": False}}
    in_group = {**made_up, "properties": {**made_up["properties"], "$groups": {"company": "acme"}}}  # type: ignore[dict-item]
    unplaced, placed = read(made_up, in_group)
    assert (unplaced.said[0].account, unplaced.said[0].user) == (None, None)
    assert (placed.said[0].account, placed.said[0].data, placed.knows) == ("acme", {"feature": "Report Run"}, ())


def test_an_alias_counts_for_less_than_what_is_said_of_either() -> None:
    (record,) = read({"event": "$create_alias", "distinct_id": "anon", "properties": {"alias": "u1"}})
    assert record.same == (Same("u1", "anon", datetime(1970, 1, 1, tzinfo=UTC)),)


def test_an_event_that_says_something_of_its_user_is_two() -> None:
    (record,) = read(
        {
            "event": "Report Run",
            "uuid": "c1",
            "distinct_id": "u1",
            "properties": {
                "$groups": {"company": 7},
                "$set": {"email": "a@b.co"},
                "$set_once": {"email": "old", "plan": "x"},
            },
        }
    )
    assert [(said.id, said.type, said.account) for said in record.said] == [
        ("c1", "usage.recorded", "7"),
        ("c1/2", "contact.updated", "7"),
    ]
    assert record.said[1].data["traits"] == {"email": "a@b.co", "plan": "x"}


def test_what_is_no_account_and_no_use_says_why() -> None:
    group = {"event": "$groupidentify", "properties": {"$group_type": "team", "$group_key": "t1"}}
    assert [record.why for record in read(group, {"event": "$feature_flag_called", "distinct_id": "u1"})] == [
        "groups of the type 'team' are no accounts",
        "dropped by default: drop '$*' of the kind capture",
    ]


@pytest.mark.parametrize("body", [b"", b"7", b'{"batch": 7}', b'{"batch": ['])
def test_what_holds_no_records_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        posthog.records(body, DEFAULT, NOON)


_TEXT = st.text(max_size=5)
_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), _TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_TEXT, inner, max_size=3)),
    max_leaves=6,
)
_EVENTS = st.sampled_from(["$identify", "$set", "$groupidentify", "$create_alias", "$pageview", "Report Run"])
_PROPS = ("$set", "$set_once", "$group_type", "$group_key", "$group_set", "$groups", "alias", "$anon_distinct_id")


@given(
    st.dictionaries(st.sampled_from(["uuid", "distinct_id", "timestamp", "sent_at", "$set", "properties"]), _JSON),
    st.one_of(_EVENTS, _JSON),
    st.dictionaries(st.sampled_from(_PROPS), st.one_of(st.just("company"), _JSON)),
)
def test_no_record_is_too_nasty(fields: dict[str, Any], event: Any, props: dict[str, Any]) -> None:
    (record,) = read({"event": event, "properties": props, **fields})
    assert record.said or record.why or record.refused
    assert not (record.said and record.refused)
    for said in record.said:
        msgspec.json.encode(said)
