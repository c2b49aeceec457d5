"""Who answers where a message was read, and what is told on to all who have read it."""

from datetime import timedelta
from typing import Any

import pytest

from shared.messages.actions import ItemChanged
from shared.messages.deliveries import DeliveryResponded
from tests.support.desk import Office
from tests.support.playbooks import DAY, HOUR, LOW, MONDAY

PEOPLE = """
csms:
  - {id: own, name: Owner, email: owner@example.com, slack: U0OWN}
  - {id: kim, name: Kim Lee, email: kim@example.com, slack: U0KIM}
  - {id: bea, name: Bea, email: bea@example.com, away: [{from: 2026-03-02, to: 2026-03-06}]}
  - {id: nobody, name: Never Reached}
"""


def office(people: str = PEOPLE) -> Office:
    steps = "[{task: Call them, due: 8h}, {alert: Few features, severity: high}]"
    made = Office(f"id: few\nwhen: usage.breadth < 40 %\nsteps: {steps}", people=people)
    made.assess(MONDAY, LOW)
    made.settle()
    return made


def answer(made: Office, response: Any, actor: str, after: timedelta = HOUR, **more: Any) -> ItemChanged:
    """What is told of what somebody asks for about the task."""
    before, id = len(made.changed), made.only("task").id
    made.answer(
        DeliveryResponded(
            response_id=f"{response} {actor}", item_id=id, response=response, at=MONDAY + after, actor=actor, **more
        )
    )
    return next(one for one in made.changed[before:] if one.item_id == id)


def test_a_message_names_what_can_be_moved_in_it_and_who_else_is_there() -> None:
    made = office()
    (said,) = made.sent
    assert said.item_id == made.only("alert").id
    assert said.task is not None
    assert said.task.task_id == made.only("task").id
    # Neither who is away, nor who is reached by nothing, nor whoever reads it.
    assert [(one.id, one.name) for one in said.colleagues] == [("kim", "Kim Lee")]


def test_what_is_told_again_is_still_the_same_item() -> None:
    made = office()
    alert = made.only("alert")
    made.do(alert, "snooze", MONDAY + HOUR, "own", until=MONDAY + DAY)
    (again,) = (one for one in made.wait(MONDAY + DAY) if one.title == "Again: Few features")
    assert again.action_id != alert.action_id
    assert again.item_id == alert.id


def test_a_message_that_only_tells_moves_nothing() -> None:
    text = "id: few\nwhen: usage.breadth < 40 %\nsteps: [{alert: Few features}]\non_exit: [{alert: Fine again}]"
    made = Office(text, people=PEOPLE)
    made.assess(MONDAY, LOW)
    made.settle()
    (fine,) = made.assess(MONDAY + HOUR, {"usage.breadth": 75.0})
    assert (fine.title, fine.item_id) == ("Fine again", "")
    assert fine.tells_of == (next(one.id for one in made.items.values() if one.request.title == "Fine again"), None)


def test_a_message_names_who_hears_of_it_where_no_road_reaches_its_recipient() -> None:
    people = """
roles: {last_resort: ros}
csms:
  - {id: own, name: Owner, email: owner@example.com, manager: bea}
  - {id: bea, name: Bea, email: bea@example.com, manager: max, away: [{from: 2026-03-02, to: 2026-03-06}]}
  - {id: max, name: Max, slack: U0MAX}
  - {id: ros, name: Ros, inbox: true}
"""
    (said,) = office(people).sent
    # Of those above the owner the first who is there, and the last resort.
    assert [(one.id, one.slack, one.inbox) for one in said.then] == [("max", "U0MAX", False), ("ros", None, True)]
    assert said.then_channel is None


def test_a_last_resort_that_is_a_channel_hears_of_what_reaches_nobody() -> None:
    (said,) = office("roles: {last_resort: 'slack:#last'}" + PEOPLE).sent
    assert (said.then, said.then_channel) == ([], "slack:#last")


@pytest.mark.parametrize(
    "actor", ["slack:U0KIM", "slack:u0kim", "slack:U9 <kim@example.com>", "slack:U0KIM <other@example.com>", "kim"]
)
def test_slacks_users_are_people_by_their_id_or_their_address(actor: str) -> None:
    made = office()
    told = answer(made, "take", actor)
    task = made.only("task")
    assert (told.state, told.by, told.assignee_id, told.assignee) == ("taken", "Kim Lee", "kim", "Kim Lee")
    assert (task.assignee, task.taken_by) == ("kim", "kim")


@pytest.mark.parametrize("actor", ["slack:U9", "slack:U9 <who@example.com>"])
def test_a_strangers_click_is_refused_in_words_and_leaves_no_trace(actor: str) -> None:
    made = office()
    moves = len(made.moves)
    told = answer(made, "take", actor, response_url="https://hooks.example.com/1")
    assert (made.only("task").state, len(made.moves)) == ("open", moves)
    assert told.refused is not None
    assert "directory of people" in told.refused
    assert (told.state, told.actor, told.response_url) == ("open", actor, "https://hooks.example.com/1")


def test_where_no_directory_is_kept_whoever_has_an_address_is_taken_by_it() -> None:
    made = office("csms: []")
    assert answer(made, "take", "slack:U9 <dana@example.com>").by == "dana@example.com"
    assert made.only("task").taken_by == "dana@example.com"
    assert answer(made, "done", "slack:U9").refused is not None


def test_snoozing_tells_until_when() -> None:
    made = office()
    until = MONDAY + DAY
    told = answer(made, "snooze", "slack:U0OWN", until=until)
    assert (told.state, told.by, told.until) == ("snoozed", "Owner", until)


def test_who_gives_it_to_somebody_else_is_told_of_though_its_state_stays() -> None:
    made = office()
    told = answer(made, "reassign", "slack:U0OWN", to="kim")
    assert (told.state, told.by, told.assignee_id, told.assignee) == ("open", "Owner", "kim", "Kim Lee")


def test_another_due_time_is_told() -> None:
    made = office()
    made.do(made.only("task"), "due", MONDAY + HOUR, "own", due_at=MONDAY + DAY)
    assert made.changed[-1].due_at == MONDAY + DAY


def test_whoever_comes_too_late_hears_why_where_they_clicked() -> None:
    made = office()
    answer(made, "take", "slack:U0KIM")
    told = answer(made, "take", "slack:U0OWN", response_url="https://hooks.example.com/2")
    assert told.refused is not None
    assert told.refused.startswith("Kim Lee has taken it already.")
    assert told.response_url == "https://hooks.example.com/2"


def test_what_time_does_is_nobodys_doing() -> None:
    made = office()
    answer(made, "snooze", "slack:U0OWN", until=MONDAY + DAY)
    made.wait(MONDAY + DAY)
    told = made.changed[-1]
    assert (told.state, told.actor, told.by, told.until) == ("open", "time", "", None)
