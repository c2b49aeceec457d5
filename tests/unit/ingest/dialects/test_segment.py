"""What calls of Segment's clients come to, and those of RudderStack and Jitsu."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.core.dialects import segment
from services.ingest.core.mapping import DEFAULT, Mapping, Rule
from services.ingest.core.reading import Unreadable
from services.ingest.core.sent import Knows, Record, Said, Same
from tests.support.ingest import judged
from tests.support.stream import NOON
from tests.unit.ingest.dialects.recorded import RECEIVED, bodies_of, come_to

AT = NOON - timedelta(minutes=1)


def a_call(type: str = "track", **more: Any) -> dict[str, Any]:
    names = {"track": {"event": "Report Run"}, "group": {"groupId": "acme"}}.get(type, {})
    return {"type": type, "messageId": "m1", "userId": "u1", "timestamp": AT.isoformat(), **names, **more}


def read(*calls: Any, mapping: Mapping = DEFAULT, **beside: Any) -> list[Record]:
    return segment.records(msgspec.json.encode({"batch": calls, **beside}), "batch", mapping, NOON)


def one(*calls: Any, **how: Any) -> Record:
    (record,) = read(*calls, **how)
    return record


def come(record: Record) -> list[tuple[str, dict[str, Any]]]:
    """What a record comes to, which intake must take."""
    events = [{"id": s.id, "type": s.type, "account": s.account or "acme", "data": s.data} for s in record.said]
    good, refused = judged(*events)
    assert len(good) == len(events), refused
    return [(said.type, said.data) for said in record.said]


def of_the_spec(event: str, **properties: Any) -> Record:
    return one(a_call(event=event, properties=properties, context={"groupId": "acme"}))


@pytest.mark.parametrize(
    "client", ["segment-python", "segment-node", "rudder-python", "rudder-node", "jitsu-node", "customerio-cdp-python"]
)
def test_what_clients_really_send_is_understood(client: str) -> None:
    records = [
        record
        for path, body in bodies_of(client)
        for record in segment.records(body, path.rpartition("/")[2], DEFAULT, RECEIVED)
    ]
    assert set(come_to(records)) == {"account.updated", "contact.updated", "usage.recorded"}
    uses = [said for record in records for said in record.said if said.type == "usage.recorded"]
    assert {said.data["feature"] for said in uses} <= {"Report Exported", "Dashboard Viewed"}
    assert any(record.knows for record in records)
    people = [said.data["traits"] for record in records for said in record.said if said.type == "contact.updated"]
    assert all(traits["name"] and traits["email"] for traits in people)


def test_a_track_is_a_use_by_its_name_and_its_clock_is_set_right() -> None:
    call = a_call(context={"groupId": "acme"}, timestamp="2026-01-01T10:00:00Z", properties={"x": "y" * 70_000})
    sent_at = NOON + timedelta(hours=3)
    record = one({**call, "originalTimestamp": (sent_at - timedelta(minutes=2)).isoformat()}, sentAt=sent_at)
    at = NOON - timedelta(minutes=2)
    assert record.said == (
        Said(
            id="m1",
            type="usage.recorded",
            data={"feature": "Report Run", "user_id": "u1"},
            time=at,
            account="acme",
            user="u1",
        ),
    )
    assert record.knows == (Knows("u1", "acme", at),)


@pytest.mark.parametrize("sent_at", [None, "", "yesterday", "0001-01-01T00:00:00Z", 5, "2126-01-01T00:00:00Z"])
def test_a_clock_that_says_nothing_sane_is_let_be(sent_at: Any) -> None:
    assert one(a_call(), sentAt=sent_at).said[0].time == AT


def test_a_batch_has_a_context_for_all_its_records() -> None:
    first, second = read(a_call(), a_call(context={"groupId": "globex"}), context={"groupId": "acme", "app": {}})
    assert [first.said[0].account, second.said[0].account] == ["acme", "globex"]


def test_an_id_is_the_same_when_the_record_comes_again() -> None:
    nameless = {key: value for key, value in a_call().items() if key != "messageId"}
    first, again, other = (one({**nameless, **more}).id for more in ({}, {"sentAt": AT.isoformat()}, {"userId": "u2"}))
    assert first == again != other
    long = one(a_call(messageId="m" * 200)).id
    assert long == one(a_call(messageId="m" * 200)).id
    assert len(long or "") == 64


def test_pages_and_screens_are_uses_too() -> None:
    calls = [a_call("page", name="Pricing"), a_call("page"), a_call("screen", userId=None, anonymousId="a1")]
    said = [record.said[0].data for record in read(*calls)]
    assert said == [
        {"feature": "Pricing", "user_id": "u1"},
        {"feature": "page view", "user_id": "u1"},
        {"feature": "screen view", "user_id": "a1"},
    ]


def test_who_is_identified_is_a_contact_and_who_they_were_before() -> None:
    traits = {"email": "ana@acme.example", "firstName": "Ana", "lastName": "Lima", "title": "CTO", "account_id": "acme"}
    record = one(a_call("identify", anonymousId="a1", traits={**traits, "address": {"city": "Porto"}, "tags": [{}]}))
    assert come(record) == [
        (
            "contact.updated",
            {
                "contact_id": "u1",
                "user_ids": ["u1"],
                "traits": {"name": "Ana Lima", "email": "ana@acme.example", "title": "CTO", "address_city": "Porto"},
            },
        )
    ]
    assert (record.said[0].account, record.why) == ("acme", "left out, as they can't be taken as traits: tags")
    assert (record.knows, record.same) == ((Knows("u1", "acme", AT),), (Same("a1", "u1", AT),))


def test_a_group_is_an_account_with_the_traits_that_fit() -> None:
    traits = {
        **{
            "name": "Acme",
            "website": "https://www.Acme.example/about",
            "employees": 320,
            "plan": "team",
            "seats": "many",
        },
        "aliases": ["Acme Incorporated"],
        **{"mrrMinor": 4900, "signedAt": "2026-01-31", "address": {"city": "Porto"}, "logo": "x" * 5000},
    }
    (come_to,) = come(record := one(a_call("group", traits=traits)))
    assert come_to[1]["traits"] == {
        **{"name": "Acme", "domain": "acme.example", "employees": 320, "plan": "team", "address_city": "Porto"},
        **{"mrr_minor": 4900, "signed_at": "2026-01-31T00:00:00+00:00"},
    }
    assert record.why == "left out, as they can't be taken as traits: aliases, logo, seats"


def test_traits_of_ones_own_stay_within_an_event() -> None:
    (come_to,) = come(one(a_call("group", traits={f"t{i:03}": "é" * 500 for i in range(300)} | {"z": 1, "Z": "2"})))
    assert 20 < len(come_to[1]["traits"]) < 60
    ((_, contact),) = come(one(a_call("identify", traits={"name": "Ana"} | {f"t{i}": i for i in range(50)})))
    assert len(contact["traits"]) == 19


@pytest.mark.parametrize(
    ("time", "at"),
    [
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59Z"),
        ("2026-05-20", "2026-05-20T00:00:00Z"),
        ("2025-12-31T23:59:59.9999999Z", "2025-12-31T23:59:59.999999Z"),
    ],
)
def test_times_are_read_as_clients_write_them(time: str, at: str) -> None:
    assert one(a_call(timestamp=time)).said[0].time == datetime.fromisoformat(at)


@pytest.mark.parametrize("time", ["yesterday", 1700000000, "0001-01-01T00:00:00Z", "1970-01-01T00:00:00Z", {}])
def test_what_is_no_time_is_refused(time: Any) -> None:
    refused = one(a_call(timestamp=time)).refused
    assert refused is not None
    assert refused[0] == "invalid_time"


def test_an_alias_says_that_two_names_are_one() -> None:
    assert one(a_call("alias", previousId="old")).same == (Same("old", "u1", AT),)


@pytest.mark.parametrize(
    ("event", "properties", "expected"),
    [
        (
            "Account Created",
            {"account_name": "Initech"},
            [
                ("account.updated", {"traits": {"name": "Initech"}}),
                ("milestone.reached", {"milestone": "account_created"}),
            ],
        ),
        ("Account Deleted", {"account_name": "Initech"}, [("account.churned", {"reason": "account deleted"})]),
        (
            "Signed Up",
            {
                "type": "organic",
                "first_name": "Peter",
                "last_name": "Gibbons",
                "email": "p@initech.example",
                "title": "Mr",
            },
            [
                (
                    "contact.updated",
                    {
                        "contact_id": "u1",
                        "user_ids": ["u1"],
                        "traits": {"name": "Peter Gibbons", "email": "p@initech.example", "title": "Mr"},
                    },
                ),
                ("milestone.reached", {"milestone": "signed_up"}),
            ],
        ),
        ("Signed In", {"username": "pg"}, [("usage.recorded", {"feature": "Signed In", "user_id": "u1"})]),
        ("Signed Out", {"username": "pg"}, []),
        ("Invite Sent", {"invitee_email": "a@b.example"}, [("milestone.reached", {"milestone": "invite_sent"})]),
        (
            "Account Added User",
            {"role": "Billing Owner"},
            [
                ("contact.updated", {"contact_id": "u1", "user_ids": ["u1"], "role": "billing_owner"}),
                ("milestone.reached", {"milestone": "account_added_user"}),
            ],
        ),
        (
            "Account Removed User",
            {},
            [("contact.updated", {"contact_id": "u1", "user_ids": ["u1"], "role": "left"})],
        ),
        (
            "Trial Started",
            {
                "trial_start_date": "2026-08-28T04:09:47Z",
                "trial_end_date": "2026-09-20",
                "trial_plan_name": "Business",
            },
            [
                (
                    "subscription.changed",
                    {
                        "status": "trialing",
                        "plan": "Business",
                        "started_at": datetime(2026, 8, 28, 4, 9, 47, tzinfo=UTC),
                        "renews_at": datetime(2026, 9, 20, tzinfo=UTC),
                    },
                ),
                ("milestone.reached", {"milestone": "trial_started"}),
            ],
        ),
        (
            "Trial Ended",
            {"trial_plan_name": "Business"},
            [("subscription.changed", {"status": "active", "plan": "Business", "renews_at": None})],
        ),
    ],
)
def test_the_b2b_spec_needs_no_mapping(event: str, properties: Any, expected: list[tuple[str, Any]]) -> None:
    record = of_the_spec(event, **properties)
    assert come(record) == expected
    assert [said.id for said in record.said] == ["m1", "m1/2"][: len(expected)]
    assert all("stage" not in said.data.get("traits", {}) for said in record.said)
    assert bool(record.knows) == (event not in {"Account Deleted", "Account Removed User"})


def test_a_mapping_comes_before_the_spec_and_may_drop_anything() -> None:
    mapping = Mapping(
        id="web",
        account=DEFAULT.account,
        rules=[
            Rule(event="Signed Up", feature="joined"),
            Rule(event="Heartbeat*", type=""),
            Rule(kind="identify", type=""),
        ],
    )
    calls = a_call(event="Signed Up"), a_call(event="Heartbeat 1"), a_call("identify", traits={"email": "a@b.co"})
    joined, dropped, unnamed = read(*calls, mapping=mapping)
    assert joined.said[0].data == {"feature": "joined", "user_id": "u1"}
    assert (dropped.said, bool(dropped.why), unnamed.said, bool(unnamed.why)) == ((), True, (), True)


def test_a_bad_record_is_refused_alone() -> None:
    good = msgspec.json.encode(a_call())
    bad = [b'{"type": "track", "event": NaN}', b'{"type":"dance"}', b"7", b'{"event":"crash \\ud83d","type":"track"}']
    huge = msgspec.json.encode(a_call(properties={"x": "y" * 1_100_000}))
    body = b'{"batch":[' + b",".join([good, *bad, huge, good]) + b'],"sentAt":null}'
    records = segment.records(body, "batch", DEFAULT, NOON)
    assert [record.refused and record.refused[0] for record in records] == [
        *(None, "invalid_json", "unknown_type", "invalid_event", "invalid_json", "too_large", None),
    ]


@pytest.mark.parametrize("body", [b"", b"7", b"{}", b'{"batch": 7}', b'{"batch": [', b"\xff\xfe"])
def test_what_holds_no_records_is_unreadable(body: bytes) -> None:
    with pytest.raises(Unreadable):
        segment.records(body, "batch", DEFAULT, NOON)


_TEXT = st.text(max_size=5)
_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), _TEXT, st.just("a\0b")),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_TEXT, inner, max_size=3)),
    max_leaves=6,
)
_FIELDS = (
    *("type", "event", "name", "messageId", "userId", "anonymousId", "groupId", "previousId", "timestamp"),
    *("originalTimestamp", "sentAt", "context", "properties", "traits"),
)
_EVENTS = st.sampled_from(["Trial Started", "Signed Up", "Account Added User", "Report Run"])
_KINDS = st.sampled_from(segment.KINDS)


@given(
    st.dictionaries(st.sampled_from(_FIELDS), _JSON, max_size=8),
    _KINDS,
    st.one_of(_EVENTS, _JSON),
    st.dictionaries(st.sampled_from(["trial_end_date", "role", "email", "name", "seats", "owner", "$x"]), _JSON),
)
def test_no_record_is_too_nasty(fields: dict[str, Any], kind: str, event: Any, given: dict[str, Any]) -> None:
    record = one({"event": event, "properties": given, "traits": given, **fields, "type": kind})
    assert record.said or record.why or record.refused
    assert not (record.said and record.refused)
    for said in record.said:
        msgspec.json.encode(said)
