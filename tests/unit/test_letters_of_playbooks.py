"""From a playbook that ships to what the customer reads: decided by playbooks, written by the notifier, with the
message between them."""

from datetime import datetime
from typing import Any

import msgspec
import pytest

from services.notifier.files import read_texts, shipped
from services.notifier.writing.composing import write
from services.playbooks.files import SHIPPED
from shared.messages.actions import ActionRequested
from shared.messages.assessments import Cause
from tests.support.desk import Office
from tests.support.playbooks import HOUR, MONDAY

TEMPLATES = read_texts(shipped())
PEOPLE = "csms: [{id: own, name: Olive Owen, email: owner@example.com}]"
LANGUAGES = {
    "en": "call you",
    "de": "rufen",
    "es": "llamar",
    "pl": "zadzwoni",
    "ru": "позвон",
    "sv": "ringer",
    "zh": "致电",
}


def the_letter(playbook: str, type: str, at: datetime, facts: dict[str, Any], **data: Any) -> ActionRequested:
    text = (SHIPPED / f"{playbook}.yaml").read_text(encoding="utf-8").replace("mode: off", "mode: live")
    office = Office(text, people=PEOPLE)
    office.assess(MONDAY, facts)
    cause = Cause(kind="event", source="app", id="e", type=type, time=at, data=data, contact_name="Kim Fox")
    (asked,) = office.assess(at, facts, cause=cause)
    return msgspec.json.decode(msgspec.json.encode(asked), type=ActionRequested)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_detractor_reads_in_their_language_that_the_owner_will_call(language: str) -> None:
    asked = the_letter("detractor-acknowledged", "feedback.nps", MONDAY + HOUR, {}, contact_id="kim", score=2)
    assert asked.message is not None
    said = write(TEMPLATES[asked.message.template], asked, None, "kim", MONDAY, language)
    assert said.letter is not None
    body = "\n".join(said.letter.paragraphs)
    assert said.letter.language == language
    assert "Olive Owen" in body
    assert said.letter.reply_to == "owner@example.com"
    assert said.letter.kind == "service"
    assert LANGUAGES[language] in f"{said.subject}\n{body}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_who_pays_reads_how_much_and_where_it_can_be_paid(language: str) -> None:
    data: dict[str, Any] = {"invoice_id": "I-1", "amount_minor": 9900, "currency": "EUR", "attempt": 1}
    asked = the_letter(
        *("payment-dunning", "invoice.payment_failed", MONDAY + HOUR, {"billing.failing_invoices": ["I-1"]}),
        **data,
        url="https://pay.example.com/i/1",
    )
    assert asked.message is not None
    said = write(TEMPLATES[asked.message.template], asked, None, "kim", MONDAY, language)
    assert said.letter is not None
    assert "https://pay.example.com/i/1" in "\n".join(said.letter.paragraphs)
    assert "99" in said.subject
    assert said.letter.kind == "billing"
