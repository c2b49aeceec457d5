"""Messages to whom an event names: who gets them, and what they carry."""

from typing import Any

import msgspec
import pytest

from services.playbooks.files import load_playbook
from shared.conditions import Refused
from shared.messages.actions import ActionRequested, ContactCard
from shared.messages.assessments import Cause
from tests.support.desk import Office
from tests.support.playbooks import DAY, HIGH, HOUR, LOW, MONDAY

ANSWERED = """
id: thanked
on_event: feedback.nps
per: contact
when: event.score <= 6
repeat: {after: 7d}
steps: [{message: call-promised, to: contact}]
"""
PEOPLE = "csms: [{id: own, name: Olive, email: owner@example.com, slack: U012AB3CD}]"
KNOWN: dict[str, Any] = {
    **HIGH,
    "account.plan": "pro",
    "account.stage": "renewal",
    "account.traits.region": "emea",
    "account.traits.keepwell_score": 12,
    "health.score": 20.0,
    "points.usage.trend": 5.0,
    "relationship.pulse": 2,
    "contacts.main": "Kim (champion)",
    "feedback.worst_decision_maker": 1,
    "usage.used_features": ["reports"],
}


def an_office(*playbooks: str) -> Office:
    made = Office(*playbooks or (ANSWERED,), people=PEOPLE)
    made.assess(MONDAY, KNOWN)
    return made


def answered(made: Office, contact: str = "kim", score: int = 3, after: Any = HOUR) -> list[ActionRequested]:
    data = {"contact_id": contact, "score": score, "comment": "slow", "answers": {"why": "exports"}}
    cause = Cause(
        kind="event",
        source="survey",
        id=f"{contact} {after}",
        type="feedback.nps",
        time=MONDAY + after,
        data=data,
        contact_name="Kim Miller",
        contact_role="decision_maker",
    )
    return made.assess(MONDAY + after, made.facts, cause=cause)


def card_of(message: ActionRequested) -> ContactCard:
    assert message.message is not None
    return message.message


def test_whoever_answered_is_written_to_in_the_owners_name() -> None:
    made = an_office()
    (said,) = answered(made)
    card = card_of(said)
    assert (card.template, card.contact_id, card.roles, card.consent) == ("call-promised", "kim", [], "service")
    assert card.sender is not None
    assert (card.sender.id, card.sender.email) == ("own", "owner@example.com")
    assert said.title == "write to whoever answered by the template call-promised"
    assert f"asked to {said.title}" in {move.reason for move in made.moves}


def test_it_carries_what_they_may_read_and_not_how_they_are_judged() -> None:
    (said,) = answered(an_office())
    assert card_of(said).facts == {
        "account.id": "northwind",
        "account.name": "Northwind",
        "account.owner": "owner@example.com",
        "account.plan": "pro",
        "account.traits.region": "emea",
        "usage.breadth": 75.0,
        "usage.used_features": ["reports"],
        "event.type": "feedback.nps",
        "event.source": "survey",
        "event.id": "kim 1:00:00",
        "event.time": "2026-03-02T11:00:00Z",
        "event.contact_name": "Kim Miller",
        "event.contact_id": "kim",
        "event.score": 3,
        "event.comment": "slow",
        "event.answers.why": "exports",
    }
    assert msgspec.json.decode(msgspec.json.encode(said), type=ActionRequested) == said


def test_what_one_said_is_told_to_no_colleague() -> None:
    by_role = ANSWERED.replace("to: contact", "to: [champion, admin]")
    (said,) = answered(an_office(by_role))
    assert card_of(said).contact_id is None
    events = {name for name in card_of(said).facts if name.startswith("event.")}
    assert events == {"event.type", "event.time"}


def test_what_an_invoice_says_everybody_who_is_written_to_may_read() -> None:
    steps = "[{message: payment-failed, to: billing, consent: billing}]"
    text = f"id: dunned\non_event: invoice.payment_failed\nsteps: {steps}"
    made = an_office(text)
    (said,) = made.event(
        MONDAY + HOUR, "invoice.payment_failed", invoice_id="I-1", amount_minor=900, currency="EUR", url="https://pay"
    )
    facts = card_of(said).facts
    assert (facts["event.url"], facts["event.amount_minor"], facts["event.currency"]) == ("https://pay", 900, "EUR")
    assert card_of(said).consent == "billing"


def test_nobody_is_written_to_twice_within_a_week_and_another_is() -> None:
    made = an_office()
    assert len(answered(made)) == 1
    assert answered(made, after=2 * DAY) == []
    assert [card_of(one).contact_id for one in answered(made, "lee", after=2 * DAY + HOUR)] == ["lee"]
    assert len(answered(made, after=8 * DAY)) == 1


def test_where_the_event_names_nobody_nothing_is_written() -> None:
    made = an_office("id: talked\non_event: interaction.logged\nsteps: [{message: thanks, to: contact}]")
    assert made.event(MONDAY + HOUR, "interaction.logged", kind="call") == []
    assert any("did not write to whom it is about" in move.reason for move in made.moves)


def test_what_was_not_sent_when_it_ended_is_called_back() -> None:
    text = ANSWERED.replace("repeat: {after: 7d}", "exit_when: usage.breadth < 40 %")
    made = an_office(text)
    (said,) = answered(made)
    made.assess(MONDAY + DAY, {**KNOWN, **LOW})
    assert [one.action_id for one in made.cancelled] == [said.action_id]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "id: x\nwhen: usage.breadth < 40 %\nsteps:\n  - {message: m, to: contact}",
            "test.yaml:4:22: `to: contact` needs an `on_event` whose events name a contact.",
        ),
        ("id: x\non_event: invoice.paid\nsteps:\n  - {message: m, to: contact}", "whose events name a contact"),
        (
            "id: x\non_event: feedback.nps\nsteps:\n  - {message: m, to: contact, after: 1d}",
            "By then another event may have come, of somebody else. Say `per: contact`",
        ),
        (
            "id: x\non_event: feedback.nps\nsteps:\n  - {message: m, to: [contact]}",
            "test.yaml:4:23: `to` is never `contact`",
        ),
        ("id: x\non_event: feedback.nps\nsteps:\n  - {survey: m, ask: contact}", "test.yaml:4:"),
        ("id: x\nwhen: usage.breadth < 40 %\nsteps:\n  - trait: {keepwell_tier: a}", "it is read nowhere here"),
    ],
)
def test_what_could_not_be_sent_is_refused_in_words(text: str, said: str) -> None:
    with pytest.raises(Refused) as refused:
        load_playbook(text, "test.yaml")
    assert said in str(refused.value)


def test_later_it_may_go_where_each_person_has_an_episode() -> None:
    later = ANSWERED.replace("to: contact}", "to: contact, after: 2d}")
    made = an_office(later)
    answered(made)
    answered(made, "lee", after=DAY)
    assert [card_of(one).contact_id for one in made.wait(MONDAY + 2 * DAY + HOUR)] == ["kim"]
    assert [card_of(one).contact_id for one in made.wait(MONDAY + 3 * DAY)] == ["lee"]
