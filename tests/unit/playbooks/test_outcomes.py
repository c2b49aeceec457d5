"""What is noted while playbooks work: firings, touches, how episodes ended, renewals."""

from typing import Any

import pytest

from services.playbooks.core.outcomes import Outcome
from tests.support.desk import Office
from tests.support.playbooks import DAY, HIGH, HOUR, LOW, MONDAY

PEOPLE = """
csms:
  - {id: own, name: Owner, email: owner@example.com}
  - {id: east, name: East, email: east@example.com}
"""
CALL = "id: call\nwhen: usage.breadth < 40 %\nrepeat: {after: 1d}\nsteps: [{task: Call, due: 1d}]"
ALERT = "id: look\nwhen: usage.breadth < 40 %\nsteps: [{alert: Look at it}]"
MAIL = "id: mail\nwhen: usage.breadth < 40 %\nsteps: [{message: tips, to: champion}]"


def an_office(*playbooks: str) -> Office:
    return Office(*playbooks, people=PEOPLE)


def test_a_firing_notes_how_the_account_stood_and_once_an_episode() -> None:
    office = an_office(CALL)
    known = {**LOW, "account.stage": "mature", "account.leaving": True}
    office.assess(MONDAY, known, score=3150, band="red")
    office.do(office.only("task"), "done", MONDAY + HOUR)
    office.assess(MONDAY + 2 * DAY, known, score=4000, band="red")
    (noted,) = office.firings
    assert (noted.score, noted.band, noted.stage, noted.leaving) == (3150, "red", "mature", True)
    assert (noted.playbook, noted.fired_at, noted.shadow, noted.held_out) == ("call", MONDAY, False, False)


@pytest.mark.parametrize("event", ["take", "comment", "snooze", "done", "no_result", "false_alarm", "due"])
def test_what_somebody_does_first_is_the_touch(event: str) -> None:
    office = an_office(CALL)
    office.assess(MONDAY, LOW)
    task = office.only("task")
    said: dict[str, Any] = {"due_at": MONDAY + 3 * DAY} if event == "due" else {"note": "On holiday."}
    office.do(task, event, MONDAY + HOUR, "ana", **said)
    office.do(task, "comment", MONDAY + DAY, "ben", note="Back.") if event in ("take", "comment") else None
    touched = office.items[task.id]
    assert (touched.touched_at, touched.touched_by) == (MONDAY + HOUR, "ana")
    assert office.touches[0] == (task.episode_id, "ana", MONDAY + HOUR)


def test_to_hand_it_on_is_no_touch() -> None:
    office = an_office(CALL)
    office.assess(MONDAY, LOW)
    task = office.only("task")
    office.do(task, "reassign", MONDAY + HOUR, to="east")
    assert office.touches == []
    assert office.items[task.id].touched_at is None


def test_a_touch_counts_for_every_episode_that_feeds_the_item() -> None:
    office = an_office(CALL, CALL.replace("id: call", "id: also"))
    office.assess(MONDAY, LOW)
    office.do(office.only("task"), "take", MONDAY + HOUR)
    assert {episode for episode, _, _ in office.touches} == {one.episode_id for one in office.firings}
    assert len(office.firings) == 2


def test_an_episode_says_as_what_it_ended() -> None:
    def ended(office: Office) -> str:
        (episode,) = office.episodes.values()
        return episode.ended_as

    office = an_office(CALL)
    office.assess(MONDAY, LOW)
    assert ended(office) == ""
    office.assess(MONDAY + DAY, HIGH)
    assert ended(office) == "itself"
    office = an_office(CALL)
    office.assess(MONDAY, LOW)
    office.do(office.only("task"), "false_alarm", MONDAY + HOUR)
    assert ended(office) == "false_alarm"
    office = an_office(ALERT)
    office.assess(MONDAY, LOW)
    office.do(office.only("alert"), "false_alarm", MONDAY + HOUR)
    assert ended(office) == "false_alarm"
    office = an_office(CALL)
    office.assess(MONDAY, LOW)
    office.assess(MONDAY + DAY, {**LOW, "account.churned": True})
    assert ended(office) == "left"
    office = an_office(
        CALL,
        CALL.replace("id: call", "id: closer").replace("usage.breadth < 40", "usage.breadth > 60") + "\ncloses: [call]",
    )
    office.assess(MONDAY, LOW)
    office.assess(MONDAY + DAY, HIGH)
    assert next(one for one in office.episodes.values() if one.playbook == "call").ended_as == "itself"
    office = an_office("id: answer\non_event: feedback.nps\nsteps: [{task: Call, due: 1d}]")
    office.event(MONDAY, "feedback.nps", contact_id="kim", score=2)
    office.do(office.only("task"), "done", MONDAY + HOUR)
    assert ended(office) == "done"


def test_what_is_sent_to_contacts_is_noted() -> None:
    office = an_office(MAIL)
    office.assess(MONDAY, LOW)
    (sent,) = office.sendings
    assert (sent.playbook, sent.action_id, sent.at) == ("mail", office.sent[0].action_id, MONDAY)


DUE, PAYS = "2026-03-31T00:00:00Z", {"account.currency": "EUR", "account.mrr_minor": 900}


def renewed(due: str, before: int, after: int) -> dict[str, Any]:
    return {
        **PAYS,
        "contract.renewed_at": due,
        "contract.renewed_from_minor": before,
        "contract.renewed_minor": after,
    }


def noted(*lives: dict[str, Any]) -> list[Outcome]:
    office = an_office(CALL)
    for day, facts in enumerate(lives):
        office.assess(MONDAY + day * DAY, facts)
    return office.outcomes


def test_a_renewal_is_noted_when_it_is_news_with_what_it_brings() -> None:
    assert noted(renewed(DUE, 900, 800)) == []
    (one,) = noted(PAYS, renewed(DUE, 900, 800), renewed(DUE, 900, 800))
    assert (one.kind, one.due_at.isoformat(), one.at) == ("renewed", "2026-03-31T00:00:00+00:00", MONDAY + DAY)
    assert (one.before_minor, one.after_minor, one.currency, one.stands) == (900, 800, "EUR", True)


def test_what_it_brings_may_be_said_later_and_a_renewal_be_taken_back() -> None:
    first, then = noted(PAYS, renewed(DUE, 900, 900), renewed(DUE, 900, 700))
    assert (first.due_at, then.due_at, then.after_minor) == (then.due_at, first.due_at, 700)
    first, then = noted(PAYS, renewed(DUE, 900, 900), PAYS)
    assert (first.due_at, first.stands, then.due_at, then.stands) == (then.due_at, True, first.due_at, False)
    back = noted(renewed("2025-03-31T00:00:00Z", 1, 1), renewed(DUE, 9, 9), renewed("2025-03-31T00:00:00Z", 1, 1))
    assert [(f"{one.due_at:%Y}", one.stands) for one in back] == [("2026", True), ("2026", False)]


def test_a_contract_of_which_traits_alone_tell_renews_when_its_end_moves_on() -> None:
    ends = {**PAYS, "contract.ends_at": DUE}
    later = {**PAYS, "account.mrr_minor": 500, "contract.ends_at": "2027-03-31T00:00:00Z"}
    (one,) = noted(ends, later)
    assert (f"{one.due_at:%Y-%m}", one.before_minor, one.after_minor) == ("2026-03", 900, 500)
    assert noted(ends, {**later, "contract.ends_at": "2026-04-10T00:00:00Z"}) == []
    # Of several subscriptions, one may just have ended.
    assert noted({**ends, "contract.subscriptions": 2}, {**later, "contract.subscriptions": 1}) == []


def test_traits_forget_what_was_before_and_take_nothing_back() -> None:
    """It renewed by itself, and days later somebody writes the next end into the account."""
    by_itself = {**renewed(DUE, 900, 900), "contract.ends_at": "2027-03-31T00:00:00Z"}
    put = {**PAYS, "contract.ends_at": "2027-03-31T00:00:00Z"}
    (one,) = noted({**PAYS, "contract.ends_at": DUE}, by_itself, put)
    assert (f"{one.due_at:%Y-%m}", one.stands) == ("2026-03", True)
    # And before the next end somebody writes the one after it.
    first, then = noted(PAYS, by_itself, {**PAYS, "contract.ends_at": "2028-03-31T00:00:00Z"})
    assert [(f"{one.due_at:%Y}", one.stands) for one in (first, then)] == [("2026", True), ("2027", True)]


def test_that_a_customer_left_is_noted_once() -> None:
    gone = {**PAYS, "account.churned": True, "account.churned_at": DUE}
    (one,) = noted(PAYS, gone, gone)
    assert (one.kind, one.before_minor, one.after_minor, one.currency) == ("left", 900, 0, "EUR")


def test_that_a_customer_left_is_taken_back_where_that_was_put_right_and_stays_where_they_came_back() -> None:
    gone = {**PAYS, "account.churned": True, "account.churned_at": DUE}
    left, back = noted(PAYS, gone, PAYS)
    assert (back.kind, back.due_at, left.stands, back.stands) == ("left", left.due_at, True, False)
    again = {**PAYS, "account.came_back_at": "2026-06-01T00:00:00Z"}
    assert [one.stands for one in noted(PAYS, gone, again)] == [True]
    # They had come back from something else, long before.
    assert [one.stands for one in noted(PAYS, gone, {**PAYS, "account.came_back_at": "2025-06-01T00:00:00Z"})] == [
        True,
        False,
    ]


def test_contracts_that_are_due_on_one_day_count_once_by_whichever_is_known_to_be_the_last() -> None:
    """One is said to be renewed before the day is over, and the other renews by itself when it is."""
    one, both = renewed("2026-03-31T10:00:00Z", 400, 400), renewed("2026-03-31T15:00:00Z", 900, 900)
    for road, brings in (((PAYS, one, both), 900), ((PAYS, both, one), 400)):
        last = {each.due_at: each for each in noted(*road)}
        assert [each.after_minor for each in last.values() if each.stands] == [brings]


def test_what_was_paid_in_another_currency_is_compared_with_nothing() -> None:
    later = {"account.currency": "USD", "account.mrr_minor": 500, "contract.ends_at": "2027-03-31T00:00:00Z"}
    (one,) = noted({**PAYS, "contract.ends_at": DUE}, later)
    assert (one.before_minor, one.after_minor, one.currency) == (None, 500, "USD")
