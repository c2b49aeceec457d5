"""Which events get in, and what senders of the others are told."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.core.checking import Checked, check
from services.ingest.core.contents import is_alias
from services.ingest.core.resolving import value_of
from services.ingest.core.senders import LARGEST, Sender
from shared.messages import envelope, registry
from tests.support.ingest import an_event, judged, refusal_of
from tests.support.stream import NOON


def taken(event: Any, now: datetime = NOON) -> Checked:
    good, refused = judged(event, now=now)
    assert refused == []
    return good[0]


def published(event: Any) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(value_of(taken(event)))
    return found


def nps(**data: Any) -> dict[str, Any]:
    return an_event(type="feedback.nps", data={"contact_id": "c1", "score": 9, **data})


def updated(traits: Any) -> dict[str, Any]:
    return an_event(type="account.updated", data={"traits": traits})


def goal(**measured: Any) -> dict[str, Any]:
    return an_event(type="goal.set", data={"goal_id": "g", "title": "t", "due_at": "2026-12-31T00:00:00Z", **measured})


WRONG = [
    pytest.param(an_event(id=""), "missing_id", "counted once", id="empty id"),
    pytest.param({"type": "usage.recorded", "account": "a"}, "missing_id", "counted once", id="no id"),
    pytest.param({**an_event(), "id": None}, "missing_id", "counted once", id="null id"),
    pytest.param({**an_event(), "id": 7}, "invalid_id", "JSON string", id="number as id"),
    pytest.param(an_event(id="x" * 129), "invalid_id", "at most 128", id="long id"),
    pytest.param(an_event(id="a\nb"), "invalid_id", "control character", id="control character in id"),
    pytest.param({"id": "e1", "type": "usage.recorded"}, "missing_account", "'account'", id="no account"),
    pytest.param(an_event(account=""), "missing_account", "'account'", id="empty account"),
    pytest.param(an_event(account=" "), "missing_account", "'account'", id="blank account"),
    pytest.param(
        an_event(type="account.merged", data={"into": "northwind"}),
        "invalid_data",
        "as itself",
        id="merged into itself",
    ),
    pytest.param(
        goal(fact="usage.bredth", op=">=", target=60),
        "invalid_data",
        "There is no fact `usage.bredth`. Did you mean `usage.breadth`?",
        id="goal by an unknown fact",
    ),
    pytest.param(
        goal(fact="usage.breadth", op=">=", target="lots"),
        "invalid_data",
        "`usage.breadth` is a number (%) and `lots` is text",
        id="goal by another type",
    ),
    pytest.param(goal(fact="goals.open", op="==", target=0), "invalid_data", "other goals", id="goal by goals"),
    pytest.param(goal(fact="usage.breadth"), "invalid_data", "go together", id="goal without target"),
    pytest.param(goal(fact="usage.breadth", op="over", target=6), "invalid_data", "one of", id="goal by no operator"),
    pytest.param(goal(fact="usage.breadth", op=">=", target=[6]), "invalid_data", "data.target", id="goal by a list"),
    pytest.param(goal(fact="x or", op=">=", target=6), "invalid_data", "no fact `x`", id="goal by a condition"),
    pytest.param(an_event(subject="other"), "invalid_account", "they differ", id="two accounts"),
    pytest.param({"id": "e1", "account": "a"}, "missing_type", "usage.recorded", id="no type"),
    pytest.param(an_event(type="usage.record"), "unknown_type", "Did you mean 'usage.recorded'?", id="nearly a type"),
    pytest.param(an_event(type="Zzz"), "unknown_type", "Known: usage.recorded", id="no type at all"),
    pytest.param(an_event(type="history.ended"), "unknown_type", "There is no type", id="a type of our own"),
    pytest.param(an_event(specversion="0.3"), "unknown_specversion", "'1.0'", id="other specversion"),
    pytest.param(an_event(time="2026-05-20 12:00"), "invalid_time", "RFC 3339", id="time without zone"),
    pytest.param(an_event(time=1), "invalid_time", "RFC 3339", id="time as a number"),
    pytest.param(an_event(time="0001-01-01T00:00:00+14:00"), "invalid_time", "empty date", id="time before time"),
    pytest.param(an_event(time="2026-05-21T12:00:01Z"), "in_future", "sender's clock", id="far future"),
    pytest.param(an_event(time="2026-04-15T11:59:59Z"), "too_old", "POST /v1/imports", id="too old"),
    pytest.param(an_event(history="imp_1"), "missing_time", "when it happened", id="history without time"),
    pytest.param(nps(score=11), "invalid_data", "data.score must be at most 10.", id="number too large"),
    pytest.param(nps(score=11.0), "invalid_data", "data.score must be at most 10.", id="whole number too large"),
    pytest.param(nps(score="9"), "invalid_data", "data.score must be a whole number, not text.", id="text for number"),
    pytest.param(an_event(type="feedback.nps"), "invalid_data", "data.contact_id is missing; feedback.nps", id="field"),
    pytest.param(nps(survey_kind="other"), "invalid_data", "one of relational, transactional.", id="not in the list"),
    pytest.param(nps(comment="x" * 8193), "invalid_data", "at most 8192 characters long", id="text too long"),
    pytest.param({**nps(), "data": []}, "invalid_data", "data must be an object, not a list.", id="list for object"),
    pytest.param(updated({"currency": "eur"}), "invalid_data", "ISO 4217", id="currency"),
    pytest.param(
        updated({"signed_at": "soon"}), "invalid_data", "data.traits.signed_at must be an RFC", id="time in data"
    ),
    pytest.param(updated({"aliases": ["cus_1"]}), "invalid_data", "system:name", id="no alias"),
    pytest.param(
        updated({"aliases": [f"a:{n}" for n in range(101)]}), "invalid_data", "at most 100", id="many aliases"
    ),
    pytest.param(updated({"note": "a\0b"}), "invalid_text", "NUL", id="NUL in a trait"),
    pytest.param(an_event(datacontenttype="text/xml"), "unsupported_data", "application/json", id="not JSON"),
    pytest.param(an_event(data_base64="e30="), "invalid_data", "one of them", id="data twice"),
    pytest.param(an_event(comment="x" * LARGEST), "too_large", "at most 65,536", id="too large"),
    pytest.param(7, "invalid_event", "must be a JSON object", id="no object"),
]


@pytest.mark.parametrize(("event", "code", "words"), WRONG)
def test_what_is_wrong_is_refused_with_a_sentence(event: Any, code: str, words: str) -> None:
    refusal = refusal_of(event)
    assert refusal.code == code
    assert words in refusal.message
    assert refusal.message.endswith((".", "?"))


@pytest.mark.parametrize("raw", [b'{"a":1e999}', b'{"a":' + b"[" * 33 + b"]" * 33 + b"}"])
def test_what_no_consumer_could_read_stays_out(raw: bytes) -> None:
    good, refused = check([msgspec.Raw(raw)], NOON, Sender("app"))
    assert good == []
    assert refused[0].code == "invalid_json"


def test_a_refusal_names_the_event() -> None:
    _, refused = judged(an_event("e1"), an_event("e2", type="nope"), {"type": 1})
    assert [(r.index, r.id) for r in refused] == [(1, "e2"), (2, None)]


def test_what_nobody_knows_is_kept_and_what_is_ours_is_set() -> None:
    event = published(
        an_event(partitionkey="p", accepted="x", timeless="x", data={"feature": "f", "mood": {"a": [1.0]}})
    )
    assert event == {
        "specversion": "1.0",
        "id": "e1",
        "source": "app",
        "type": "usage.recorded",
        "subject": "northwind",
        "time": "2026-05-20T12:00:00Z",
        "accepted": "2026-05-20T12:00:00Z",
        "timeless": True,
        "partitionkey": "p",
        "data": {"feature": "f", "mood": {"a": [1.0]}},
    }


def test_a_time_with_an_offset_is_kept_in_utc_and_null_is_as_good_as_nothing() -> None:
    event = published(an_event(time="2026-05-20T13:30:00+02:00", source=None, history=None, dataschema=None))
    assert (event["time"], event["source"]) == ("2026-05-20T11:30:00Z", "app")
    assert not {"timeless", "history", "dataschema"} & set(event)


@pytest.mark.parametrize("time", ["2026-05-21T12:00:00Z", "2026-04-15T12:00:00Z"])
def test_24_hours_ahead_and_35_days_back_are_taken(time: str) -> None:
    assert taken(an_event(time=time)).time == min(datetime.fromisoformat(time), NOON)


def test_history_may_be_of_any_age() -> None:
    assert taken(an_event(time="2019-01-01T00:00:00Z", history="imp_1")).history == "imp_1"


def test_packed_data_is_unpacked() -> None:
    event = an_event(data_base64=base64.b64encode(b'{"feature":"reports"}').decode())
    del event["data"]
    assert published(event)["data"] == {"feature": "reports"}


def test_aliases_of_an_account_are_named_once_each() -> None:
    assert taken(updated({"aliases": ["stripe:1", "stripe:1", "zendesk:2"]})).aliases == ("stripe:1", "zendesk:2")
    assert taken(updated({"aliases": None})).aliases == ()


@pytest.mark.parametrize(
    ("subject", "is_one"), [("stripe:cus_1", True), ("a:b:c", True), ("northwind", False), ("S:1", False)]
)
def test_what_looks_like_an_alias(subject: str, is_one: bool) -> None:
    assert is_alias(subject) is is_one


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from(["id", "type", "account", "subject", "time", "source", "data", "history", "specversion"])
EVENTS = st.dictionaries(NAMES | st.text(max_size=5), JSON, max_size=8) | st.fixed_dictionaries(
    {"id": st.text(), "type": st.sampled_from(sorted(registry.CUSTOMER_EVENTS)), "account": st.text(), "data": JSON}
)


@given(st.lists(EVENTS, max_size=5))
def test_every_event_is_either_refused_or_readable_to_everyone_behind(events: list[Any]) -> None:
    raws = [msgspec.Raw(json.dumps(event, ensure_ascii=False).encode("utf-8", "replace")) for event in events]
    good, refused = check(raws, NOON, Sender("app"))
    assert sorted([e.index for e in good] + [r.index for r in refused]) == list(range(len(events)))
    for event in good:
        read = envelope.decode(value_of(event))
        registry.data_of(read)
        assert (read.id, read.source, read.type, read.subject, read.time) == (
            event.id,
            event.source,
            event.type,
            event.subject,
            event.time,
        )
        assert "\0" not in value_of(event).decode()


@given(st.datetimes(timezones=st.just(UTC)), st.timedeltas(timedelta(days=-60), timedelta(days=3)))
def test_the_window_of_times_is_exact(now: datetime, away: timedelta) -> None:
    if not datetime(1990, 1, 1, tzinfo=UTC) < now < datetime(2100, 1, 1, tzinfo=UTC):
        now = NOON
    good, refused = judged(an_event(time=now + away), now=now)
    if away > timedelta(hours=24):
        assert refused[0].code == "in_future"
    elif away < -timedelta(days=35):
        assert refused[0].code == "too_old"
    else:
        assert good[0].time == (now if away > timedelta(minutes=5) else now + away)


@pytest.mark.parametrize("account", [".", ".."])
def test_an_account_that_no_address_could_name_is_refused(account: str) -> None:
    assert refusal_of(an_event(account=account)).code == "invalid_account"
    assert refusal_of({**an_event(), "account": None, "subject": account}).code == "invalid_account"
    good, refused = judged(an_event(type="account.merged", data={"into": account}), operates=True)
    assert (good, refused[0].code) == ([], "invalid_data")


@pytest.mark.parametrize("id", [".", ".."])
def test_nor_is_a_contact_or_a_goal_taken_that_none_could_name(id: str) -> None:
    for type, data in (
        ("feedback.nps", {"contact_id": id, "score": 3}),
        ("contact.updated", {"contact_id": id}),
        ("goal.reached", {"goal_id": id}),
    ):
        assert f"is {id!r}" in refusal_of(an_event("e", type, data=data)).message
    assert judged(an_event("e", "feedback.nps", data={"contact_id": "...", "score": 3}))[1] == []


def test_the_account_that_stands_for_ourselves_is_refused_as_anything() -> None:
    assert refusal_of(an_event(account="$company")).code == "reserved_account"
    assert refusal_of({**an_event(), "account": None, "subject": "$company"}).code == "reserved_account"
    assert refusal_of(an_event(type="source.interrupted")).code == "unknown_type"
    good, refused = judged(an_event(type="account.merged", data={"into": "$company"}), operates=True)
    assert (good, refused[0].code) == ([], "reserved_account")


@pytest.mark.parametrize(
    "owner",
    [
        "ana@example.com",
        " Ana@Example.COM ",
        "Zoë Müller <zoe@example.com>",
        '"Müller, Zoë" < zoe@example.com >',
        "Ana Unlisted",
        None,
    ],
)
def test_an_owner_is_understood_with_blanks_and_a_name_and_let_be_without_an_address(owner: str | None) -> None:
    good, refused = judged(an_event(type="account.updated", data={"traits": {"owner": owner}}))
    assert (len(good), refused) == (1, [])


@pytest.mark.parametrize(
    "owner",
    [
        *("ana@a.example, bob@b.example", "ana@a.example bob@b.example", "Ana <ana@a.example> <bob@b.example>"),
        *("@", "ana@", "@example.com", "a@b@c", "Ana <>@", "Ana <ana@a.example> x@y"),
        "ana@example.com\nBcc: bob@b.example",
    ],
)
def test_an_owner_that_is_not_one_address_is_refused(owner: str) -> None:
    refusal = refusal_of(an_event(type="account.updated", data={"traits": {"owner": owner}}))
    assert refusal.code == "invalid_data"
    assert "owner" in refusal.message


@pytest.mark.parametrize(
    "measured",
    [
        {},
        {"fact": "usage.breadth", "op": ">=", "target": "60 %"},
        {"fact": "days_since relationship.last_review_at", "op": "<", "target": "90 days"},
        {"fact": "contract.ends_at", "op": ">", "target": "2027-01-01"},
        {"fact": "onboarding.reached", "op": "contains", "target": 'the "first" report'},
        # Whether these are declared, scoring knows, and says it where it shows the goal.
        {"fact": "account.traits.size", "op": ">=", "target": 5},
        {"fact": "usage.feature.exports.days_30", "op": ">=", "target": 5},
    ],
)
def test_a_goal_may_be_measured_by_whatever_conditions_can_name(measured: dict[str, Any]) -> None:
    assert taken(goal(**measured)).type == "goal.set"
