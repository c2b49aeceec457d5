"""The playbooks that ship and write to customers: off, and what they do once somebody has them."""

from datetime import timedelta
from typing import Any

import pytest

from services.playbooks.core.rules import Library
from services.playbooks.files import SHIPPED, load_all, load_playbook
from shared.conditions import Refused
from shared.messages.actions import ActionRequested
from tests.support.desk import Office
from tests.support.playbooks import DAY, HOUR, MONDAY

OFF = ("detractor-acknowledged", "payment-dunning")
PEOPLE = "csms: [{id: own, name: Olive, email: owner@example.com}]"
FAILED: dict[str, Any] = {"amount_minor": 9900, "currency": "EUR", "url": "https://pay.example.com/i/1"}


def live(id: str) -> str:
    return (SHIPPED / f"{id}.yaml").read_text(encoding="utf-8").replace("mode: off", "mode: live")


def an_office(id: str) -> Office:
    made = Office(live(id), people=PEOPLE)
    made.assess(MONDAY, {})
    return made


def test_these_are_off_and_no_others() -> None:
    library = Library(load_all())
    assert tuple(sorted(library.every.keys() - library.current.keys())) == OFF
    assert not any(id in library.checksums for id in OFF)


def fail(made: Office, after: timedelta, invoice: str = "I-1", failing: Any = None) -> list[ActionRequested]:
    made.facts = {"billing.failing_invoices": [invoice] if failing is None else failing}
    return made.event(MONDAY + after, "invoice.payment_failed", f"{invoice} {after}", invoice_id=invoice, **FAILED)


def test_a_failing_payment_is_written_about_on_days_0_3_and_7_and_then_no_more() -> None:
    made, at = an_office("payment-dunning"), MONDAY + HOUR
    (first,) = fail(made, HOUR)
    # Each time that the provider tries again is the same case.
    assert fail(made, 2 * DAY) == []
    said = [first, *made.wait(at + 3 * DAY), *made.wait(at + 7 * DAY)]
    assert [one.message and one.message.template for one in said] == ["payment-failed"] * 3
    assert {tuple(one.message.roles) for one in said if one.message} == {("billing", "admin")}
    assert {one.message.facts["event.url"] for one in said if one.message} == {FAILED["url"]}
    assert made.wait(at + 30 * DAY) == []
    assert fail(made, 13 * DAY) == []


def test_when_it_is_paid_what_waits_is_called_back_and_another_invoice_goes_on() -> None:
    made, at = an_office("payment-dunning"), MONDAY + HOUR
    (first,) = fail(made, HOUR)
    (other,) = fail(made, 2 * HOUR, "I-2", ["I-1", "I-2"])
    made.facts = {"billing.failing_invoices": ["I-2"]}
    made.event(MONDAY + DAY, "invoice.paid", invoice_id="I-1", **FAILED)
    assert [one.action_id for one in made.cancelled] == [first.action_id]
    assert first.action_id != other.action_id
    later = made.wait(at + 3 * DAY + HOUR)
    assert [one.message and one.message.facts["event.invoice_id"] for one in later] == ["I-2"]
    assert {one.outcome for one in made.episodes.values() if one.ended_at} == {"the invoice is settled, or in dispute"}


def test_a_failure_that_comes_late_of_what_was_paid_since_is_nobodys_letter() -> None:
    assert fail(an_office("payment-dunning"), HOUR, failing=[]) == []


def test_where_the_source_says_nothing_of_invoices_it_goes_on() -> None:
    made = an_office("payment-dunning")
    fail(made, HOUR)
    made.facts = {}
    made.assess(MONDAY + DAY, {})
    assert len(made.wait(MONDAY + HOUR + 3 * DAY)) == 1


@pytest.mark.parametrize(("score", "written"), [(6, True), (7, False)])
def test_a_detractor_hears_at_once_that_somebody_will_call(score: int, written: bool) -> None:
    made = an_office("detractor-acknowledged")
    said = made.event(MONDAY + HOUR, "feedback.nps", contact_id="kim", score=score)
    assert bool(said) is written
    for one in said:
        assert one.message is not None
        assert (one.message.template, one.message.contact_id, one.message.consent) == (
            "call-promised",
            "kim",
            "service",
        )
        assert one.not_before is None
    assert made.event(MONDAY + 6 * DAY, "feedback.nps", contact_id="kim", score=score) == []


def test_switched_off_a_playbook_opens_nothing_and_on_again_it_finds_what_holds() -> None:
    text = "id: stalled\nwhen: usage.breadth < 40 %\nsteps: [{message: tips, to: champion}]"
    made = Office(f"{text}\nmode: off")
    made.assess(MONDAY, {"usage.breadth": 20.0})
    assert (made.sent, made.episodes, made.timers) == ([], {}, {})
    made.adopt(text)
    made.meet(MONDAY + DAY)
    assert made.sent == []
    assert [one.state for one in made.episodes.values()] == ["found"]


def test_one_that_was_switched_off_is_started_by_no_other() -> None:
    starts = "id: first\nwhen: usage.breadth < 40 %\nsteps: [start: stalled]"
    made = Office(starts, "id: stalled\nwhen: usage.breadth < 50 %\nmode: off\nsteps: [task: Call]")
    made.assess(MONDAY, {"usage.breadth": 20.0})
    assert not made.items
    assert "stalled did not start: it is switched off" in {move.reason for move in made.moves}


def test_what_is_about_one_invoice_is_named_only_where_each_has_an_episode() -> None:
    text = (
        "id: x\non_event: invoice.payment_failed\nper: invoice\nexit_when: invoice.failing == false\nsteps: [alert: Hi]"
    )
    assert load_playbook(text, "test.yaml").playbook.per == "invoice"
    with pytest.raises(Refused, match=r"There is no fact `invoice\.failing`"):
        load_playbook(text.replace("per: invoice\n", ""), "test.yaml")
