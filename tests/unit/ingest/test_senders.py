"""In whose name events may come, and what takes more than the right to send."""

import json
from typing import Any

import msgspec
import pytest

from services.ingest.core.checking import check
from services.ingest.core.reading import read
from services.ingest.core.senders import NEEDS_OPERATE, Sender
from shared.messages.registry import CUSTOMER_EVENTS
from tests.support.ingest import an_event, judged
from tests.support.stream import NOON

NAMES = frozenset({"app", "crm", "Billing"})


def codes(*events: Any, **sender: Any) -> list[str | None]:
    """Why each of the events is refused; None where it isn't."""
    good, refused = judged(*events, name="app", taken=NAMES, **sender)
    found: dict[int, str] = {refusal.index: refusal.code for refusal in refused}
    assert {event.index for event in good} | set(found) == set(range(len(events)))
    return [found.get(index) for index in range(len(events))]


@pytest.mark.parametrize(
    "source",
    [
        *("stripe", "Stripe", " stripe", "stripe\u00a0", "STRIPE ", "str\u200bipe", "\uff53\uff54\uff52ipe"),
        *("stri pe", "\ufeffstripe"),
        *("keepwell", "keepwell/ingest", "KeepWell/Scoring", " keepwell /x", "keepwell/", "keepwell\uff0fingest"),
        *("crm", "CRM", "crm ", "billing", "BILLING"),
    ],
)
def test_nobody_sends_in_the_name_of_a_webhook_of_keepwell_or_of_another_key(source: str) -> None:
    assert codes(an_event(source=source)) == ["reserved_source"]


@pytest.mark.parametrize("source", ["app", "App", "shop", "stripes", "keepwells", "urn:crm", "crm/2", "über-crm"])
def test_any_other_source_is_taken(source: str) -> None:
    assert codes(an_event(source=source)) == [None]


def test_a_key_has_its_own_source_and_what_looks_like_it_and_no_others_that_does() -> None:
    sources = ("Till", "till", "App", "APP", "CRM")
    found = [
        refused
        for source in sources
        for refused in judged(an_event(source=source), name="app", source="till", taken=NAMES | {"till", "App"})[1]
    ]
    assert [refused.message.split("'")[1] for refused in found] == ["App", "CRM"]


def test_a_refusal_says_which_event_and_what_to_do() -> None:
    _, refused = judged(an_event("e1"), an_event("e2", source="stripe"), an_event("e3", source="crm"), taken=NAMES)
    assert [(r.index, r.id, r.code) for r in refused] == [(1, "e2", "reserved_source"), (2, "e3", "reserved_source")]
    assert all("Leave it out" in r.message for r in refused)


def test_a_narrowed_key_sends_as_what_it_is_narrowed_to_even_where_that_is_a_keys_name() -> None:
    narrow = {"source": "shop", "sources": frozenset({"shop", "crm"})}
    events = [an_event(source=source) for source in ("shop", "crm", "till", "app", "stripe")]
    assert codes(*events, **narrow) == [None, None, "source_not_allowed", "source_not_allowed", "reserved_source"]


ERASING = {
    "account.erased": {},
    "contact.erased": {"contact_id": "c1"},
    "account.merged": {"into": "contoso"},
}


@pytest.mark.parametrize("type", sorted(NEEDS_OPERATE))
@pytest.mark.parametrize("history", [None, "imp_1"])
def test_what_cannot_be_taken_back_needs_operate_in_history_too(type: str, history: str | None) -> None:
    more = {"history": history, "time": "2026-01-01T00:00:00Z"} if history else {}
    event = an_event(type=type, data=ERASING[type], **more)
    assert codes(event) == ["scope_missing"]
    assert codes(event, operates=True) == [None]


def test_every_type_that_cannot_be_taken_back_is_known_here() -> None:
    assert {type for type in CUSTOMER_EVENTS if type.endswith((".erased", ".merged"))} == NEEDS_OPERATE


def in_mode(mode: str, source: str, type: str) -> tuple[dict[str, str], bytes]:
    event = {"specversion": "1.0", "id": "e1", "source": source, "type": type, "subject": "northwind"}
    whole = {**event, "data": {"feature": "reports"}}
    match mode:
        case "binary":
            return {f"ce-{name}": value for name, value in event.items()}, b'{"feature": "reports"}'
        case "structured":
            return {"content-type": "application/cloudevents+json"}, json.dumps(whole).encode()
        case "batch":
            return {"content-type": "application/cloudevents-batch+json"}, json.dumps([whole]).encode()
        case _:
            return {}, msgspec.json.encode([whole])


@pytest.mark.parametrize("mode", ["binary", "structured", "batch", "plain"])
@pytest.mark.parametrize(
    ("source", "type", "code"),
    [
        ("stripe", "usage.recorded", "reserved_source"),
        ("app", "account.erased", "scope_missing"),
        ("app", "usage.recorded", None),
    ],
)
def test_it_is_the_same_in_every_mode(mode: str, source: str, type: str, code: str | None) -> None:
    good, refused = check(read(*in_mode(mode, source, type)), NOON, Sender("app", "app", taken=NAMES))
    assert [r.code for r in refused] == ([code] if code else [])
    assert len(good) == (0 if code else 1)


def test_a_header_that_is_percent_encoded_hides_nothing() -> None:
    headers, body = in_mode("binary", "%73tripe", "usage.recorded")
    _, refused = check(read(headers, body), NOON, Sender("app"))
    assert [r.code for r in refused] == ["reserved_source"]
