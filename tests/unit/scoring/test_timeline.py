"""Rows of the timeline, and what they say."""

import json
from typing import Any

import msgspec
import pytest

from services.scoring.core.sentences import sentence
from services.scoring.core.state import Account
from services.scoring.core.timeline import row_of
from services.scoring.queries.timeline import TYPES
from shared.messages import registry
from shared.messages.envelope import Event, decode
from tests.support.scoring import DAY, NOW, an_event, nps
from tests.support.verify import SAMPLES, type_of


def _row(event: Event) -> Any:
    return row_of(Account("acme"), event, registry.data_of(event), NOW)


@pytest.mark.parametrize("sample", [one for one in SAMPLES if type_of(one) in TYPES], ids=type_of)
def test_every_type_says_something(sample: Any) -> None:
    event = decode(sample.read_bytes())
    words = sentence(event.type, msgspec.json.decode(event.data), "Kim", "admin")
    assert words
    assert "None" not in words


_SAID = {
    'ticket T-1 was closed (high): "It fails"': (
        "ticket.closed",
        {"ticket_id": "T-1", "priority": "high", "title": "It fails"},
    ),
    'ticket T-1 goes on in T-2 (high): "It fails"': (
        "ticket.closed",
        {"ticket_id": "T-1", "priority": "high", "title": "It fails", "merged_into": "T-2"},
    ),
    "invoice I-1 was paid: €840": ("invoice.paid", {"invoice_id": "I-1", "amount_minor": 84_000, "currency": "EUR"}),
    "invoice I-1 is disputed": ("payment.disputed", {"invoice_id": "I-1", "state": "open"}),
    "subscription s1: revenue €4,200/month and seats 10": (
        "subscription.changed",
        {"subscription_id": "s1", "mrr_minor": 420_000, "currency": "EUR", "seats": 10},
    ),
    "the account has another plan pro and segment no longer": (
        "account.updated",
        {"traits": {"plan": "pro", "segment": None}},
    ),
    'they left: "price"': ("account.churned", {"reason": "price", "voluntary": True}),
    "Kim has left them": ("contact.updated", {"contact_id": "c1", "role": "left"}),
    "we talked with Kim (admin): call": ("interaction.logged", {"kind": "call", "contact_id": "c1"}),
    'CSM Pro One talked with them: call: "They train on Monday."': (
        "interaction.logged",
        {"kind": "call", "author": "CSM Pro One", "note": "They train on Monday."},
    ),
    "health went from green to amber, 72 → 55": (
        "account.assessed",
        {"score": 5500, "previous_score": 7200, "band": "amber", "previous_band": "green"},
    ),
}


@pytest.mark.parametrize(("words", "type", "data"), [(words, *said) for words, said in _SAID.items()])
def test_what_is_told_is_told_in_words(words: str, type: str, data: dict[str, Any]) -> None:
    assert sentence(type, data, "Kim", "admin") == words


def test_a_note_stands_where_it_belongs_and_what_is_older_than_two_years_nowhere() -> None:
    said: dict[str, Any] = {"text": "x", "author": "a"}
    assert _row(an_event("note.added", **said)).at == NOW
    earlier = msgspec.Raw(msgspec.json.encode({**said, "at": NOW - 9 * DAY}))
    assert _row(msgspec.structs.replace(an_event("note.added"), data=earlier)).at == NOW - 9 * DAY
    assert _row(nps(3, at=NOW - 731 * DAY)) is None


def test_what_was_sent_is_kept_whole() -> None:
    assert json.loads(_row(nps(3, comment="x" * 8000)).data)["comment"] == "x" * 8000
    large = an_event("account.updated", traits={f"t{n}": "y" * 600 for n in range(90)})
    assert len(large.data) > 50_000
    assert _row(large).data == bytes(large.data)


def test_of_traits_that_are_ours_the_timeline_says_nothing() -> None:
    assert _row(an_event("account.updated", traits={"keepwell_score": 3})) is None
    mixed = _row(an_event("account.updated", traits={"keepwell_score": 3, "plan": "pro"}))
    assert json.loads(mixed.data)["traits"] == {"plan": "pro"}
    assert _row(an_event("account.updated", traits={})) is not None
