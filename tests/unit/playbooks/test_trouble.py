"""A message tells all that is open in trouble at the account: what a caller must not be blind to."""

from typing import Any

import pytest

from services.playbooks.core.trouble import held_back, troubles
from shared.conditions import Facts
from tests.support.desk import Office
from tests.support.playbooks import DAY, HOUR, MONDAY

PEOPLE = "csms: [{id: own, name: Owner, email: owner@example.com}, {id: kim, name: Kim, inbox: true}]"
SINCE = "2026-02-20T08:00:00Z"


def said(**facts: Any) -> list[str]:
    return [one.words for one in troubles(Facts.of({k.replace("__", "."): v for k, v in facts.items()}), MONDAY)]


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"account__leaving": True, "account__leaves_at": SINCE}, "they leave on 20 Feb 2026"),
        ({"support__urgent": 1, "support__urgent_since": SINCE}, "an urgent ticket open since 20 Feb 2026"),
        ({"support__urgent": 3, "support__urgent_since": SINCE}, "3 urgent tickets open, the oldest since 20 Feb 2026"),
        ({"billing__payment_failed_at": SINCE}, "a payment has been failing since 20 Feb 2026"),
        (
            {"billing__overdue_since": SINCE, "billing__overdue_minor": 310_000, "account__currency": "EUR"},
            "€3,100 overdue since 20 Feb 2026",
        ),
        ({"contract__lapsed": True}, "the contract has lapsed"),
        (
            {"contract__renewal_forecast": "at_risk", "contract__ends_at": SINCE},
            "their renewal on 20 Feb 2026 is at risk",
        ),
        ({"contract__renewal_forecast": "lost"}, "their renewal is forecast as lost"),
        ({"feedback__worst_decision_maker": 3}, "a decision maker scored us 3"),
        ({"usage__silence": 12}, "no use for 12 working days"),
        ({"usage__never": 40}, "they pay, and never used it"),
        ({"usage__active_share": 25.0, "usage__active_users": 7, "account__seats": 28}, "7 of 28 seats in use"),
        ({"usage__trend": -45.2}, "usage down 45 %"),
        ({"contract__change": -25.0, "contract__contracted_at": SINCE}, "revenue down 25 % in 90 days"),
        ({"contract__contracted_at": SINCE}, "contracted on 20 Feb 2026"),
        ({"contacts__champion_left_at": SINCE}, "their champion left on 20 Feb 2026"),
        ({"contacts__key_user_silence": 15}, "a key user unseen for 15 working days"),
        (
            {"account__stage": "onboarding", "onboarding__progress": 40.0},
            "onboarding is behind: 40 % of what is expected by now",
        ),
        ({"relationship__pulse": 3}, "pulse 3 of 10"),
    ],
)
def test_each_trouble_is_said_in_a_short_line(facts: dict[str, Any], words: str) -> None:
    assert said(**facts) == [words]


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"support__urgent": 0, "billing__overdue_minor": 0, "usage__silence": 2, "usage__active_share": 90},
        {"onboarding__progress": 40, "account__stage": "mature", "usage__trend": -10, "relationship__pulse": 8},
    ],
)
def test_what_is_well_or_not_known_is_no_trouble(facts: dict[str, Any]) -> None:
    assert said(**facts) == []


def test_nothing_is_sold_to_the_angry() -> None:
    def held(**facts: Any) -> str | None:
        return held_back(Facts.of({k.replace("__", "."): v for k, v in facts.items()}), MONDAY)

    assert held(health__band="green", usage__trend=-50) is None
    assert held(health__band="unknown") == "the account's health is unknown"
    assert held(account__stage="onboarding") == "the account is in onboarding"
    assert held(contract__contracted_at=SINCE) == "contracted on 20 Feb 2026"
    at_risk = {"contract__renewal_forecast": "at_risk"}
    assert held(**at_risk) == "their renewal is at risk"
    assert held(**at_risk, contract__renewal_outcome="renewed") is held(contract__renewal_forecast="commit") is None


def test_who_settles_in_on_more_seats_than_they_pay_for_is_told() -> None:
    def held(kind: str | None, **facts: Any) -> str | None:
        settling_in = {"account.stage": "onboarding", "usage.active_share": 125.0, **facts}
        return held_back(Facts.of({k.replace("__", "."): v for k, v in settling_in.items()}), MONDAY, kind)

    assert held("seats") is None
    assert held("plan") == held(None) == "the account is in onboarding"
    assert held("seats", health__band="red") == "the account's health is red"
    assert held("seats", **{"usage.active_share": 100.0}) == "the account is in onboarding"


SILENT = """
id: silent
matter: usage
when: usage.silence >= 10
steps: [{task: Ask why, due: 2 business days}, alert: No use]
"""
OVERDUE = """
id: overdue
matter: money
when: billing.overdue >= 7 days
steps: [{task: Agree a date, assign: [{person: kim}]}]
"""
GROW = "id: grow\nwhen: usage.active_share >= 90 %\nsteps: [flag: More seats]"
FULL: dict[str, Any] = {"usage.active_share": 95.0, "health.band": "green"}
ANGRY = {**FULL, "support.urgent": 1}
TROUBLED = {
    "billing.overdue_since": SINCE,
    "support.urgent": 1,
    "usage.active_share": 25.0,
    "usage.active_users": 7,
    "account.seats": 28,
    "relationship.last_interaction_at": "2025-12-02T08:00:00Z",
}


def test_a_message_tells_of_all_other_trouble_and_of_work_on_other_matters() -> None:
    made = Office(SILENT, OVERDUE, people=PEOPLE)
    made.assess(MONDAY, TROUBLED)
    made.settle()
    (told,) = made.assess(MONDAY + HOUR, TROUBLED | {"usage.silence": 12})
    assert told.why == ["time without use is 12 working days, at least 10 working days"]
    assert told.trouble == ["an urgent ticket open", "an invoice overdue since 20 Feb 2026", "7 of 28 seats in use"]
    assert told.open_work == ["task for Kim: Agree a date"]
    assert told.account.last_contact_at is not None


def test_an_answer_that_is_told_is_not_told_as_trouble_again() -> None:
    made = Office("id: nps\non_event: feedback.nps\nsteps: [alert: Read it]", people=PEOPLE)
    made.facts = {"feedback.worst_decision_maker": 2}
    made.event(MONDAY, "feedback.nps", contact_id="kim", score=2)
    assert made.sent[-1].trouble == []
    made.event(MONDAY + DAY, "feedback.nps", contact_id="ada", score=5)
    assert made.sent[-1].trouble == ["a decision maker scored us 2"]


def test_what_is_told_later_tells_of_trouble_as_it_is_then() -> None:
    made = Office(SILENT, people=PEOPLE)
    made.assess(MONDAY, {"usage.silence": 12})
    assert made.sent[0].trouble == []
    (anew,) = made.assess(MONDAY + HOUR, {"usage.silence": 12, "support.urgent": 1}, band="red")
    assert (anew.revision, anew.trouble) == (1, ["an urgent ticket open"])
    made.settle()
    made.assess(MONDAY + DAY, {"usage.silence": 12, "relationship.pulse": 2})
    (late,) = made.wait(MONDAY + 3 * DAY)
    assert (late.title, late.trouble) == ("Overdue: Ask why", ["pulse 2 of 10"])


class TestAnOfferThatWaits:
    """A flag is told in the morning, if it may still be made then."""

    def office(self) -> Office:
        made = Office(GROW, people=PEOPLE)
        made.assess(MONDAY, FULL)
        assert made.sent[0].not_before is not None
        return made

    def test_it_is_taken_back_when_trouble_comes_and_made_when_that_is_over(self) -> None:
        made = self.office()
        made.assess(MONDAY + HOUR, ANGRY)
        flag = made.only("flag")
        assert (flag.state, flag.note) == ("closed", "held back: an urgent ticket open")
        assert [one.action_id for one in made.cancelled] == [flag.action_id]
        assert made.assess(MONDAY + 30 * DAY, ANGRY) == []
        (told,) = made.assess(MONDAY + 31 * DAY, FULL)
        assert told.title == "More seats"
        assert told.action_id not in {one.action_id for one in made.cancelled}
        assert made.assess(MONDAY + 32 * DAY, FULL) == []
        assert len(made.open("flag")) == 1

    def test_it_is_not_made_when_what_it_is_about_has_passed(self) -> None:
        for facts in ({"usage.active_share": 50.0}, {**ANGRY, "usage.active_share": 50.0}):
            made = self.office()
            made.assess(MONDAY + HOUR, facts)
            assert (made.only("flag").state, len(made.cancelled)) == ("closed", 1)
            assert made.assess(MONDAY + 2 * HOUR, {"usage.active_share": 50.0}) == []

    def test_one_that_was_told_or_taken_up_stays(self) -> None:
        told, taken = self.office(), self.office()
        told.settle()
        taken.do(taken.only("flag"), "accept", MONDAY)
        for made in (told, taken):
            made.assess(MONDAY + HOUR, ANGRY)
            made.assess(MONDAY + 2 * HOUR, {"usage.active_share": 50.0})
            assert len(made.open("flag")) == 1

    @pytest.mark.parametrize("more", ["", "repeat: {after: 180d}", "per: contact"])
    def test_of_an_event_it_is_taken_back_and_made_again_too(self, more: str) -> None:
        made = Office(f"id: nps\non_event: feedback.nps\n{more}\nsteps: [flag: Ask for a reference]", people=PEOPLE)
        made.event(MONDAY, "feedback.nps", contact_id="kim", score=10)
        made.assess(MONDAY + HOUR, ANGRY)
        assert (made.only("flag").state, len(made.cancelled)) == ("closed", 1)
        assert made.assess(MONDAY + 30 * DAY, ANGRY) == []
        (told,) = made.assess(MONDAY + 31 * DAY, FULL)
        assert told.title == "Ask for a reference"
        assert made.assess(MONDAY + 32 * DAY, FULL) == []
        assert [one.reason for one in made.moves].count("all steps are done") == 2

    @pytest.mark.parametrize("angry_first", [False, True])
    def test_but_not_when_the_event_is_long_ago(self, angry_first: bool) -> None:
        made = Office("id: nps\non_event: feedback.nps\nsteps: [flag: Ask for a reference]", people=PEOPLE)
        if angry_first:
            made.assess(MONDAY, ANGRY)
        made.event(MONDAY, "feedback.nps", contact_id="kim", score=10)
        made.assess(MONDAY + HOUR, ANGRY)
        made.wait(MONDAY + 90 * DAY)
        assert made.assess(MONDAY + 91 * DAY, FULL) == []
        assert "step 1 was held back for too long" in [one.reason for one in made.moves]
