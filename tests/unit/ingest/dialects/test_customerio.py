"""What clients of Customer.io send."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.core.dialects import customerio
from services.ingest.core.mapping import DEFAULT, Mapping, Rule
from services.ingest.core.reading import Unreadable
from services.ingest.core.sent import Knows
from tests.support.stream import NOON

AT = datetime(2026, 5, 20, 12, tzinfo=UTC)


def test_attributes_are_traits_of_a_contact_and_tell_where_they_are() -> None:
    attributes = {"email": "ana@north.example", "account_id": 7, "_update": True}
    record = customerio.identified("u-17", attributes, DEFAULT, NOON)
    [said] = record.said
    assert (said.type, said.account, said.user) == ("contact.updated", "7", "u-17")
    assert said.data == {
        "contact_id": "u-17",
        "user_ids": ["u-17"],
        "traits": {"email": "ana@north.example"},
    }
    assert record.knows == (Knows("u-17", "7", NOON),)


def test_identified_again_it_counts_again_because_it_may_be_the_way_back() -> None:
    first, second = (customerio.identified("u", {}, DEFAULT, NOON + timedelta(seconds=s)) for s in (0, 1))
    assert first.id != second.id


def test_an_object_that_they_are_related_to_is_their_account() -> None:
    related: dict[str, Any] = {"relationships": [{"identifiers": {"object_type_id": "1", "object_id": "acme"}}]}
    record = customerio.identified(
        "u", {"cio_relationships": {**related, "action": "add_relationships"}}, DEFAULT, NOON
    )
    assert (record.said[0].account, record.said[0].data["traits"]) == ("acme", {})


def test_an_event_is_a_use_of_what_it_names() -> None:
    event = {"name": "report exported", "data": {"account_id": "a"}, "timestamp": AT.timestamp(), "id": "e-1"}
    record = customerio.tracked("u", event, DEFAULT, NOON)
    [said] = record.said
    assert (said.id, said.type, said.account, said.user, said.time) == ("e-1", "usage.recorded", "a", "u", AT)
    assert said.data == {"feature": "report exported", "user_id": "u"}
    assert record.knows == (Knows("u", "a", AT),)


def test_without_an_id_its_time_tells_a_repeat_and_without_both_each_counts() -> None:
    def id_of(later: int, **more: Any) -> str | None:
        return customerio.tracked("u", {"name": "x", **more}, DEFAULT, NOON + timedelta(seconds=later)).id

    assert id_of(0, timestamp=1_779_278_400) == id_of(1, timestamp=1_779_278_400) != id_of(0, timestamp=1_779_278_401)
    assert id_of(0) != id_of(1)


def test_pages_and_screens_are_kinds_of_their_own() -> None:
    mapping = Mapping(id="m", rules=[Rule(kind="page", type="")])
    dropped = customerio.tracked("u", {"name": "/", "type": "page"}, mapping, NOON)
    assert dropped.why == "dropped by m: drop '*' of the kind page"
    assert customerio.tracked("u", {"name": "/", "type": "event"}, mapping, NOON).said


def test_an_event_without_a_name_is_refused() -> None:
    refused = customerio.tracked("u", {"data": {}}, DEFAULT, NOON).refused
    assert refused is not None
    assert refused[0] == "missing_name"


def test_who_is_suppressed_gets_no_more_messages_and_who_is_deleted_stays() -> None:
    [said] = customerio.suppressed("u", NOON).said
    assert (said.type, said.data) == ("contact.unsubscribed", {"contact_id": "u", "kind": "all"})
    assert "erase it with contact.erased" in customerio.nothing("delete", userId="u").why


def test_an_object_is_an_account_and_persons_are_known_to_be_there() -> None:
    mapping = Mapping(
        traits={"tier": "plan", "mrr": "mrr_minor"}, times={"mrr": 100}, drop_traits=frozenset({"secret"})
    )
    one = {
        "type": "object",
        "action": "identify",
        "identifiers": {"object_type_id": "1", "object_id": "acme"},
        "attributes": {"tier": "pro", "secret": 1, "mrr": 42, "seats": "many"},
        "cio_relationships": [{"identifiers": {"id": "u"}}, {"identifiers": {"email": "x"}}, 4],
    }
    record = customerio.operation(one, mapping, NOON)
    assert (record.said[0].type, record.said[0].account) == ("account.updated", "acme")
    assert record.said[0].data == {"traits": {"plan": "pro", "mrr_minor": 4200}}
    assert record.why == "left out, as they can't be taken as traits: seats"
    assert record.knows == (Knows("u", "acme", NOON),)


def test_a_batch_keeps_its_order_and_refuses_one_by_one() -> None:
    event = {"type": "person", "identifiers": {"id": "u"}, "action": "event", "name": "x", "attributes": {"n": 1}}
    gone = {"type": "person", "identifiers": {"id": "u"}, "action": "delete"}
    batch = msgspec.json.encode({"batch": [event, event, "x", gone]})
    first, second, third, fourth = customerio.operations(batch, DEFAULT, NOON)
    assert first.said[0].data["feature"] == "x"
    assert first.id != second.id
    assert third.refused is not None
    assert (fourth.said, fourth.refused) == ((), None)


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff", b"[" * 5000, b'{"a": "\xff"}'])
def test_a_body_that_is_no_object_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        customerio.object_in(body)


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["identifiers", "relationships", "id", "object_id"]), inner, max_size=3)
    ),
    max_leaves=8,
)
NAMES = ["type", "action", "identifiers", "attributes", "cio_relationships", "name", "timestamp", "id", "data"]


@given(st.dictionaries(st.sampled_from(NAMES), ANY_JSON | st.sampled_from(["person", "object", "event", "identify"])))
def test_nothing_raises(found: dict[str, Any]) -> None:
    again = customerio.object_in(msgspec.json.encode(found))
    customerio.operation(again, DEFAULT, NOON)
    customerio.tracked("u", again, DEFAULT, NOON)
    customerio.identified("u", again, DEFAULT, NOON)


def test_what_was_kept_of_a_record_reads_as_the_record() -> None:
    of_person: dict[str, Any] = {"type": "person", "identifiers": {"id": "u"}}
    for record in (
        customerio.identified("u", {"name": "Ana", "account_id": 7}, DEFAULT, NOON),
        customerio.tracked("u", {"name": "x", "id": "e", "data": {"account_id": 7}, "type": "page"}, DEFAULT, NOON),
        customerio.tracked(None, {"name": "x", "data": {"account_id": 7}}, DEFAULT, NOON),
        customerio.tracked("u", {"name": "x", "id": "e", "traits": {"a": 1}, "action": "b"}, DEFAULT, NOON),
        customerio.suppressed("u", NOON),
        customerio.operation({**of_person, "action": "event", "name": "x", "id": "e"}, DEFAULT, NOON),
    ):
        [again] = customerio.again(record.sent, DEFAULT, NOON)
        assert (again.said, again.knows) == (record.said, record.knows)
