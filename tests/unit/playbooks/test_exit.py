"""A playbook has an exit side: what it asked for ends with what it was about, and says why."""

from typing import Any, Final

import pytest

from services.playbooks.core.step import STILL
from shared.conditions import Refused
from tests.support.desk import Office
from tests.support.playbooks import DAY, HOUR, LOW, MONDAY, a_playbook

OVERDUE = """
id: invoice-overdue
when: billing.overdue_since is known
exit_words: paid
steps:
  - task: Agree a payment date
  - alert: An invoice is overdue
"""
PEOPLE = "csms: [{id: own, name: Owner, email: owner@example.com, manager: lead}, {id: lead, name: Lead, inbox: true}]"
LATE, PAID = {"billing.overdue_since": MONDAY.isoformat()}, dict[str, Any]()
QUIET = {"support.open": 0}


def overdue(**more: str) -> Office:
    office = Office(OVERDUE + "".join(f"{name}: {value}\n" for name, value in more.items()), people=PEOPLE)
    office.assess(MONDAY, LATE)
    return office


def pay(office: Office, at: Any = MONDAY + HOUR, **facts: Any) -> None:
    office.assess(at, facts)


def test_paid_closes_task_and_alert_with_the_reason_where_it_was_told() -> None:
    office = overdue(exit_when="support.open == 0")
    office.settle()
    pay(office, **LATE, **QUIET)
    assert [(one.state, one.note) for one in office.items.values()] == [("closed", "paid")] * 2
    assert [(one.state, one.words) for one in office.changed] == [("closed", "paid")] * 2
    assert office.cancelled == []


def test_what_waits_to_be_sent_is_cancelled() -> None:
    office = overdue(exit_when="support.open == 0")
    pay(office, **LATE, **QUIET)
    assert {one.action_id for one in office.cancelled} == {one.action_id for one in office.sent}
    assert {one.reason for one in office.cancelled} == {"paid"}


def test_without_exit_words_the_leaf_says_it() -> None:
    office = Office("id: x\nwhen: usage.breadth < 40 %\nsteps: [task: Call]")
    office.assess(MONDAY, LOW)
    office.assess(MONDAY + HOUR, {"usage.breadth": 75.0})
    assert office.only("task").note == "usage breadth is 75 %, at least 40 %"


class TestBesideItsBeginning:
    """The words of an exit can name facts as they were at firing."""

    TEXT = """
id: x
when: usage.breadth < 40 %
exit_words: "{{ usage.breadth }} % by now, after {{ fired.usage.breadth }} % on {{ fired.account.signed_at }}"
steps: [task: Call]
"""
    THEN: Final = {"usage.breadth": 25.0, "account.signed_at": MONDAY.isoformat()}

    def test_as_it_was_when_it_first_fired(self) -> None:
        office = Office(self.TEXT, "id: y\nwhen: support.open > 3\nsteps: [task: Help]")
        office.assess(MONDAY, self.THEN)
        office.assess(MONDAY + HOUR, {"usage.breadth": 30.0, "support.open": 5})
        assert {one.playbook: one.at_firing for one in office.episodes.values()} == {"x": self.THEN, "y": {}}
        office.do(office.open("task")[0], "done", MONDAY + DAY)
        office.wait(MONDAY + DAY + STILL)
        office.assess(MONDAY + 40 * DAY, {"usage.breadth": 75.0})
        said = "75 % by now, after 25 % on 2 Mar 2026"
        assert [one.outcome for one in office.episodes.values() if one.playbook == "x"] == [said]
        assert said in [one.note for one in office.items.values()]

    def test_what_never_fired_ends_with_what_was_seen(self) -> None:
        office = Office(self.TEXT + "held_for: 7d\n")
        office.assess(MONDAY, self.THEN)
        office.assess(MONDAY + HOUR, {"usage.breadth": 75.0})
        said = "it did not hold for 7 days: usage breadth is 75 %, at least 40 %"
        assert office.moves[-1].reason == said

    def test_what_was_not_known_is_said_to_be_unknown(self) -> None:
        office = Office(self.TEXT)
        office.assess(MONDAY, LOW)
        office.assess(MONDAY + HOUR, {"usage.breadth": 75.0})
        assert office.only("task").note == "75 % by now, after 25 % on unknown"

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            ("{{ fired.usage.bredth }}", "There is no fact `fired.usage.bredth`. Did you mean `fired.usage.breadth`?"),
            ("{{ usage.breadth | frist }}", "there is no filter `frist`"),
            ("{{ event.score }}", "`event.score` is known only in the conditions of an `on_event`."),
        ],
    )
    def test_words_that_cannot_be_right_are_refused(self, words: str, said: str) -> None:
        with pytest.raises(Refused) as caught:
            a_playbook(f'id: x\nwhen: usage.breadth < 40 %\nexit_words: "{words}"\nsteps: [task: Call]')
        assert said in str(caught.value).replace("\n", " ")


@pytest.mark.parametrize("move", ["take", "comment", "snooze"])
def test_what_somebody_took_up_stays_and_says_that_it_is_over(move: str) -> None:
    office = overdue(exit_when="support.open == 0")
    office.do(office.only("task"), move, MONDAY, note="I am on it")
    pay(office, **LATE, **QUIET)
    task, alert = office.only("task"), office.only("alert")
    assert task.state == {"take": "taken", "comment": "open", "snooze": "snoozed"}[move]
    assert (task.over_since, task.over_because) == (MONDAY + HOUR, "paid")
    assert alert.state == "closed"
    assert ("paid" in office.changed[-1].words) or ("paid" in office.changed[-2].words)


def test_where_it_was_told_can_be_told_since_when_it_is_over() -> None:
    office = overdue(exit_when="support.open == 0")
    office.settle()
    pay(office, **LATE, **QUIET)
    told = {one.action_id for one in office.sent}
    assert {(one.action_id, one.over_since, one.words) for one in office.changed} == {
        (action, MONDAY + HOUR, "paid") for action in told
    }


def test_who_heard_of_it_by_on_exit_or_said_so_themselves_is_not_told_twice() -> None:
    exits = overdue(exit_when="support.open == 0", on_exit="[alert: Paid]")
    exits.settle()
    pay(exits, **LATE, **QUIET)
    by_hand = overdue()
    by_hand.settle()
    by_hand.do(by_hand.only("task"), "false_alarm", MONDAY)
    assert len(exits.changed) == len(by_hand.changed) == 2
    assert {one.over_since for one in (*exits.changed, *by_hand.changed)} == {None}


def test_what_waits_and_stays_is_sent_as_over() -> None:
    office = overdue(exit_when="support.open == 0")
    office.do(office.only("task"), "take", MONDAY)
    pay(office, **LATE, **QUIET)
    told = office.sent[-1]
    assert told.action_id == office.sent[0].action_id
    assert told.revision == 1
    assert told.title == "Over: Agree a payment date"
    assert told.why[0] == "was so, and is over since Mon 2 Mar 2026, 11:00 UTC: paid"
    assert office.only("task").request.title == "Agree a payment date"
    office.do(office.only("task"), "reassign", MONDAY + DAY, to="kim@example.com")
    assert office.sent[-1].title == "Over: Agree a payment date"
    delivered = overdue(exit_when="support.open == 0")
    delivered.do(delivered.only("task"), "take", MONDAY)
    delivered.settle()
    pay(delivered, **LATE, **QUIET)
    assert len(delivered.sent) == 1


def test_an_alert_and_its_task_that_both_stay_are_said_as_over_once() -> None:
    office = overdue(exit_when="support.open == 0")
    for kind in ("alert", "task"):
        office.do(office.only(kind), "snooze", MONDAY)
    pay(office, **LATE, **QUIET)
    first, told = office.sent
    assert (told.action_id, told.revision, told.title) == (first.action_id, 1, "Over: An invoice is overdue")
    assert told.task is not None
    assert told.task.title == "Over: Agree a payment date"


def test_an_alert_that_stays_is_said_as_over_without_its_task_that_closed() -> None:
    office = overdue(exit_when="support.open == 0")
    office.do(office.only("alert"), "acknowledge", MONDAY)
    pay(office, **LATE, **QUIET)
    first, told = office.sent
    assert (told.action_id, told.revision, told.title, told.task) == (
        *(first.action_id, 1, "Over: An invoice is overdue"),
        None,
    )


def test_what_was_snoozed_and_is_over_is_told_again_as_over() -> None:
    office = Office("id: x\non_event: feedback.nps\nexit_when: support.open == 0\nsteps: [task: Call]", people=PEOPLE)
    office.event(MONDAY, "feedback.nps", contact_id="kim", score=2)
    office.settle()
    office.do(office.only("task"), "snooze", MONDAY, until=MONDAY + DAY)
    office.assess(MONDAY + HOUR, QUIET)
    (told,) = office.wait(MONDAY + DAY)
    assert (told.title, office.only("task").request.title) == ("Over: Again: Call", "Again: Call")


def test_what_a_person_is_owed_stays_open() -> None:
    office = Office("id: x\nwhen: usage.breadth < 40 %\nsteps: [{task: Call them, keep: true}, alert: Hi]")
    office.assess(MONDAY, LOW)
    office.assess(MONDAY + HOUR, {"usage.breadth": 75.0})
    assert (office.only("task").state, office.only("alert").state) == ("open", "closed")


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        ({"account.churned": True}, "the customer left"),
        ({"account.excluded": "internal"}, "it is no customer: internal"),
    ],
)
def test_a_customer_who_leaves_ends_all_but_what_is_for_those_who_left(gone: dict[str, Any], said: str) -> None:
    grow = "id: grow\nwhen: usage.breadth < 50 %\nsteps: [flag: More]"
    back = "id: win-back\nwhen:\n  any: [account.churned == true, account.excluded is known]\nsteps: [task: Ask why]"
    office = Office("id: x\nwhen: usage.breadth < 40 %\nsteps: [task: Call]", grow, back)
    office.assess(MONDAY, LOW)
    office.assess(MONDAY + HOUR, {**LOW, **gone})
    assert {one.note for one in office.items.values() if one.state == "closed"} == {said}
    assert [one.request.title for one in office.items.values() if one.state == "open"] == ["Ask why"]
    assert office.assess(MONDAY + 40 * DAY, {**LOW, **gone}) == []


def test_who_was_told_hears_that_it_is_over() -> None:
    office = overdue(exit_when="support.open == 0", on_exit='[{alert: "{{ account.name }} has paid", severity: info}]')
    office.settle()
    pay(office, **LATE, **QUIET)
    told = office.sent[-1]
    assert (told.title, told.why, told.recipient and told.recipient.id) == ("Northwind has paid", ["paid"], "own")
    assert not office.open("alert")


def test_who_was_told_nothing_before_it_was_over_hears_nothing_of_its_end() -> None:
    office = overdue(exit_when="support.open == 0", on_exit="[alert: Paid]")
    pay(office, **LATE, **QUIET)
    assert "Paid" not in {one.title for one in office.sent}
    assert office.cancelled


def test_a_false_alarm_tells_nobody_that_it_is_over() -> None:
    office = overdue(exit_when="support.open == 0", on_exit="[alert: Paid]")
    office.do(office.only("task"), "false_alarm", MONDAY)
    assert {one.title for one in office.sent} == {"An invoice is overdue"}
    assert (office.only("alert").state, office.only("alert").note) == ("closed", "false alarm")


def test_an_alert_can_be_closed_by_people() -> None:
    office = overdue()
    office.do(office.only("alert"), "close", MONDAY, note="they called")
    assert (office.only("alert").state, office.only("alert").closed_by) == ("closed", "ana")
    assert office.changed[-1].words == "they called"


class TestStill:
    @pytest.mark.parametrize("move", ["done", "no_result"])
    def test_what_was_closed_and_holds_on_is_asked_again_after_a_month(self, move: str) -> None:
        office = overdue()
        office.do(office.only("task"), move, MONDAY + DAY)
        assert office.wait(MONDAY + DAY + STILL - HOUR) == []
        (told,) = office.wait(MONDAY + DAY + STILL)
        assert (told.title, told.task and told.task.title) == (
            "Still: An invoice is overdue",
            "Still: Agree a payment date",
        )

    def test_nobody_is_asked_again_while_what_a_later_step_asked_for_is_open(self) -> None:
        office = Office(
            f"{OVERDUE}  - {{task: Call their boss, after: 10d, assign: [{{person: lead}}]}}", people=PEOPLE
        )
        office.assess(MONDAY, LATE)
        office.do(office.only("task"), "done", MONDAY + DAY)
        office.wait(MONDAY + 10 * DAY)
        (task,) = office.open("task")
        assert office.wait(MONDAY + 40 * DAY) == []
        office.do(task, "done", MONDAY + 40 * DAY)
        assert {one.title.partition(":")[0] for one in office.wait(MONDAY + 70 * DAY)} == {"Still"}

    def test_nor_while_a_task_is_open_again(self) -> None:
        office = overdue()
        office.do(office.only("task"), "done", MONDAY + DAY)
        office.do(office.only("task"), "reopen", MONDAY + 2 * DAY)
        assert office.wait(MONDAY + 40 * DAY) == []
        office.do(office.only("task"), "done", MONDAY + 40 * DAY)
        assert office.wait(MONDAY + 70 * DAY)

    def test_the_third_time_the_manager_hears_too(self) -> None:
        office = overdue(repeat="{after: 7d}")
        for week in range(2):
            at = MONDAY + 7 * week * DAY + HOUR
            (task,) = office.open("task")
            office.do(task, "done", at)
            told = office.wait(at + 7 * DAY)
        assert "Asked 3 times: Agree a payment date" in [
            one.title for one in told if one.recipient is not None and one.recipient.id == "lead"
        ]

    def test_repeat_says_when(self) -> None:
        office = overdue(repeat="{after: 7d}")
        office.do(office.only("task"), "done", MONDAY + DAY)
        assert office.wait(MONDAY + 8 * DAY - HOUR) == []
        assert office.wait(MONDAY + 8 * DAY)

    def test_after_a_false_alarm_nobody_is_asked_while_it_lasts(self) -> None:
        office = overdue(repeat="{after: 7d}")
        office.do(office.only("task"), "false_alarm", MONDAY + DAY)
        assert office.wait(MONDAY + 90 * DAY) == []


class TestShadow:
    def test_it_lists_what_it_would_ask_for_and_tells_nobody(self) -> None:
        office = overdue(mode="shadow")
        assert (office.sent, office.items) == ([], {})
        assert [one.reason for one in office.moves][1:] == [
            "would ask Owner for a task: Agree a payment date",
            "would ask Owner for an alert: An invoice is overdue",
        ]


def test_a_channel_that_was_told_hears_that_it_is_over_and_where_nobody_was_told_nobody_does() -> None:
    ops = 'roles: {ops: "slack:#ops"}\n' + PEOPLE
    text = "id: x\nwhen: usage.breadth < 40 %\nsteps: [{after: 1d, alert: Hi, assign: ops}]\non_exit: [alert: Over now]"
    for after, told in ((HOUR, []), (DAY, [("Hi", "slack:#ops"), ("Over now", "slack:#ops")])):
        office = Office(text, people=ops)
        office.assess(MONDAY, LOW)
        office.wait(MONDAY + after)
        office.settle()
        office.assess(MONDAY + after + HOUR, {"usage.breadth": 75.0})
        assert [(one.title, one.channel) for one in office.sent] == told


def test_what_was_asked_for_before_it_ended_joins_what_ends_with_it() -> None:
    office = Office("id: x\nwhen: usage.breadth < 40 %\nsteps: [task: Call, {after: 1d, task: Ask}]")
    office.assess(MONDAY, LOW)
    office.assess(MONDAY + DAY, {"usage.breadth": 75.0})
    assert [(one.kind, one.state) for one in office.items.values()] == [("task", "closed")]


GROW = "id: grow\nwhen: usage.breadth < 40 %\nsteps: [task: Call, alert: Look, flag: More]"


@pytest.mark.parametrize(
    ("gone", "reason", "is_told"),
    [
        ({"gone": "merged", "merged_into": "contoso"}, "merged into contoso", True),
        ({"gone": "erased"}, "the account was erased", False),
    ],
)
def test_all_that_is_open_of_an_account_that_has_gone_ends_and_what_was_told_of_a_merged_one_says_so(
    gone: Any, reason: str, is_told: bool
) -> None:
    office = Office(GROW, people=PEOPLE)
    office.assess(MONDAY, LOW)
    office.settle()
    office.do(office.only("flag"), "accept", MONDAY + HOUR)
    office.do(office.only("task"), "take", MONDAY + HOUR)
    office.changed.clear()
    office.assess(MONDAY + DAY, {}, **gone)
    assert {(one.kind, one.state, one.note) for one in office.items.values()} == {
        (kind, "closed", reason) for kind in ("task", "alert", "flag")
    }
    assert {(one.words, one.over_since is not None) for one in office.changed} == {(reason, is_told)}
    assert {one.state for one in office.episodes.values()} == {"idle"}
