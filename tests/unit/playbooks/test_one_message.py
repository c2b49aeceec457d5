"""One cause, one message a person: the task is in the alert, and what people answer moves the task."""

from datetime import datetime
from typing import Any

import pytest

from shared.messages.deliveries import DeliveryResponded
from tests.support.desk import Office
from tests.support.playbooks import DAY, HOUR, LOW, MONDAY

PEOPLE = "csms: [{id: own, name: Owner, email: owner@example.com}, {id: kim, name: Kim}]"
FINE = {"usage.breadth": 75.0}


def office(task: str = "{task: Call them, due: 8h}", alert: str = "{alert: Few features, severity: high}") -> Office:
    made = Office(f"id: few\nwhen: usage.breadth < 40 %\nsteps: [{task}, {alert}]", people=PEOPLE)
    made.assess(MONDAY, LOW)
    return made


def test_an_alert_and_its_task_are_one_message() -> None:
    made = office()
    (said,), task, alert = made.sent, made.only("task"), made.only("alert")
    assert (said.kind, said.title, said.severity) == ("alert", "Few features", "high")
    assert said.task is not None
    assert (said.task.task_id, said.task.title, said.task.due_at) == (task.id, "Call them", task.due_at)
    assert task.action_id == alert.action_id == said.action_id


@pytest.mark.parametrize(
    ("task", "alert", "waits"),
    [("low", "high", False), ("high", "low", False), ("low", "medium", True)],
)
def test_they_go_when_the_earlier_of_them_would(task: str, alert: str, waits: bool) -> None:
    made = office(f"{{task: Call them, severity: {task}}}", f"{{alert: Few features, severity: {alert}}}")
    (said,) = made.sent
    times = {said.not_before, made.only("task").not_before, made.only("alert").not_before}
    assert times == {MONDAY.replace(day=3, hour=8, minute=30) if waits else None}


def test_what_the_alert_asks_for_and_how_to_do_the_task_are_both_said() -> None:
    made = office("{task: Call them, do: Say sorry}", "{alert: Few features, do: Read what they wrote.}")
    assert made.sent[0].do == "Read what they wrote. Say sorry."
    assert made.only("task").request.do == "Say sorry"
    assert office("{task: Call, do: Call.}", "{alert: Few, do: Call}").sent[0].do == "Call."


@pytest.mark.parametrize(
    "task",
    ["{task: Call them, assign: [{person: kim}]}", "{task: Call them, channel: email}", "{task: Call, after: 1h}"],
)
def test_what_goes_another_way_is_a_message_of_its_own(task: str) -> None:
    made = office(task)
    made.wait(MONDAY + HOUR)
    assert sorted(one.kind for one in made.sent) == ["alert", "task"]
    assert all((one.task is not None) is (one.kind == "task") for one in made.sent)


def test_two_tasks_of_one_firing_for_the_same_person_are_one_and_neither_is_lost() -> None:
    two = "{task: Call them, due: 8h}, {task: Write to them, severity: high}"
    for made in (office(two), Office(f"id: few\nwhen: usage.breadth < 40 %\nsteps: [{two}]", people=PEOPLE)):
        made.assess(MONDAY + HOUR, LOW)
        (said,), task = made.sent, made.only("task")
        assert said.task is not None
        assert (said.task.title, said.task.task_id, said.do) == ("Write to them", task.id, "Also: Call them.")
        assert (task.action_id, made.cancelled) == (said.action_id, [])


def test_what_ends_before_it_is_sent_is_cancelled_once() -> None:
    made = office()
    made.assess(MONDAY + HOUR, FINE)
    assert [one.action_id for one in made.cancelled] == [made.sent[0].action_id]
    assert len(made.sent) == 1


def test_an_alert_goes_without_a_task_that_is_done_or_in_other_hands() -> None:
    for move, more in (("done", {}), ("reassign", {"to": "kim"})):
        made = office()
        made.do(made.only("task"), move, MONDAY + HOUR, **more)
        (first, *then) = made.sent
        (alone,) = [one for one in then if one.kind == "alert"]
        assert (alone.action_id, alone.revision, alone.task, made.cancelled) == (first.action_id, 1, None, [])


def test_each_time_that_it_is_said_anew_has_a_revision_of_its_own() -> None:
    made = office()
    made.assess(MONDAY + HOUR, {"usage.breadth": 10.0})
    made.do(made.only("task"), "done", MONDAY + 2 * HOUR)
    assert {one.action_id for one in made.sent} == {made.sent[0].action_id}
    assert [(one.revision, one.task is None) for one in made.sent] == [(0, False), (1, False), (2, True)]


def test_what_joins_while_it_waits_is_said_with_both() -> None:
    falling = "id: falling\nwhen: usage.trend <= -40 %\nsteps: [{task: Usage falls, due: 1h}]"
    made = Office(office().rules.library.loaded[0].source, falling, people=PEOPLE)
    made.assess(MONDAY, LOW)
    made.assess(MONDAY + HOUR, {**LOW, "usage.trend": -60.0})
    first, again = made.sent
    assert (again.action_id, again.kind, again.title, again.revision) == (first.action_id, "alert", "Few features", 1)
    assert again.task is not None
    assert again.task.title == "Usage falls"


@pytest.mark.parametrize(
    ("response", "task", "alert"),
    [
        ("acknowledged", "open", "acknowledged"),
        ("snoozed", "snoozed", "open"),
        ("false_alarm", "false_alarm", "closed"),
        ("reassigned", "open", "open"),
    ],
)
def test_answers_move_the_task(response: Any, task: str, alert: str) -> None:
    made = office()
    made.settle()
    id, at = made.sent[0].action_id, MONDAY + HOUR
    more: dict[str, Any] = {"to": "kim"} if response == "reassigned" else {"until": at + DAY}
    made.answer(DeliveryResponded(delivery_id="d", action_id=id, response=response, at=at, actor="own", **more))
    assert (made.only("task").state, made.only("alert").state) == (task, alert)
    assert made.only("task").assignee == ("kim" if response == "reassigned" else "own")


DONE = "The task is done, by ana at Mon 2 Mar 2026, 10:00 UTC"


class TestMoves:
    """Buttons and links name the item and the move."""

    @staticmethod
    def press(made: Office, kind: str, response: Any, **more: Any) -> None:
        answer = DeliveryResponded(
            response_id="r", item_id=made.only(kind).id, response=response, at=MONDAY + HOUR, actor="own", **more
        )
        made.answer(answer)

    @pytest.mark.parametrize(
        ("kind", "response", "state"),
        [
            ("task", "take", "taken"),
            ("task", "done", "done"),
            ("task", "no_result", "no_result"),
            ("alert", "acknowledge", "acknowledged"),
            ("alert", "close", "closed"),
            ("alert", "snooze", "snoozed"),
        ],
    )
    def test_the_item_that_is_named_moves(self, kind: str, response: Any, state: str) -> None:
        made = office()
        made.settle()
        self.press(made, kind, response, note="as agreed")
        item = made.only(kind)
        assert (item.state, item.note) == (state, "as agreed")

    def test_an_alert_goes_to_somebody_else(self) -> None:
        made = office()
        made.settle()
        self.press(made, "alert", "reassign", to="kim")
        told = made.sent[-1]
        assert (made.only("alert").assignee, told.recipient and told.recipient.id, told.kind) == ("kim", "kim", "alert")
        assert made.only("task").assignee == "own"

    @pytest.mark.parametrize(
        ("response", "more", "why"),
        [
            ("take", {}, f"{DONE}; it can't be taken now."),
            ("close", {}, f"{DONE}; it can't be closed now."),
            (
                "reassign",
                {"to": "nobody"},
                f"{DONE}; it can't be reassigned now.",
            ),
            ("won", {}, f"{DONE}; it can't be won now."),
        ],
    )
    def test_who_comes_too_late_hears_why(self, response: Any, more: dict[str, Any], why: str) -> None:
        made = office()
        made.do(made.only("task"), "done", MONDAY)
        self.press(made, "task", response, **more)
        told = made.changed[-1]
        assert (made.only("task").state, told.state, told.refused) == ("done", "done", why)
        assert told.action_id == made.only("task").action_id, "where it was told"

    @pytest.mark.parametrize("until", [MONDAY, MONDAY + HOUR, MONDAY + HOUR + 91 * DAY])
    def test_nobody_snoozes_into_the_past_or_for_longer_than_90_days(self, until: datetime) -> None:
        made = office()
        self.press(made, "task", "snooze", until=until)
        assert (made.only("task").state, made.changed[-1].refused) == (
            *("open", "`until` must lie ahead, by 90 days at most."),
        )

    def test_what_is_of_another_account_or_nowhere_does_not_move_and_who_asked_hears_why(self) -> None:
        made = office()
        for account, id in (("globex", made.only("task").id), ("northwind", "act_nothing")):
            answer = DeliveryResponded(item_id=id, response="done", at=MONDAY + HOUR, actor="own")
            made.answer(answer, account)
            told = made.changed[-1]
            assert (made.only("task").state, told.item_id, told.actor) == ("open", id, "own")
            assert told.refused == "There is no such task, alert or flag at this account."
