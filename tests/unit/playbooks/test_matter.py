"""One open item of a kind for one matter of an account: what fires again joins it."""

import pytest

from shared.conditions import Refused
from shared.messages.assessments import Driver
from tests.support.desk import Office
from tests.support.playbooks import DAY, HIGH, HOUR, LOW, MONDAY, a_playbook

PEOPLE = """
csms:
  - {id: own, name: Owner, email: owner@example.com}
  - {id: east, name: East, inbox: true, tier: senior}
  - {id: west, name: West, inbox: true, tier: senior}
"""
FEW = "id: few\nwhen: usage.breadth < 40 %\nsteps: [task: Few features]"
FALLING = "id: falling\nwhen: usage.trend <= -40 %\nsteps: [{task: Usage falls, severity: SEVERITY}]"
DETRACTOR = "id: detractor\non_event: feedback.nps\nsteps: [{task: 'Call {{ event.contact_id }}', assign: ASSIGN}]"
BOTH = {**LOW, "usage.trend": -60.0}


def two(severity: str = "medium") -> Office:
    office = Office(FEW, FALLING.replace("SEVERITY", severity), people=PEOPLE)
    office.assess(MONDAY, LOW)
    return office


@pytest.mark.parametrize(
    ("when", "matter"),
    [
        ("when: usage.breadth < 40 %", "usage"),
        ("when: billing.overdue_since is known", "money"),
        ("on_event: feedback.nps", "voice"),
        ("when: relationship.silence >= 30 days", "people"),
        ("when: contract.lapsed == true", "renewal"),
        ("when: account.leaving == true", "leaving"),
        ("matter: growth\nwhen: usage.breadth < 40 %", "growth"),
        ("when: health.band == red", None),
        ("when: account.seats > 3", "x"),
    ],
)
def test_a_playbook_names_its_matter_or_its_facts_do(when: str, matter: str | None) -> None:
    assert a_playbook(f"id: x\n{when}\nsteps: [task: Call]").matter == matter


def test_two_playbooks_on_one_matter_are_one_task_with_both_reasons_and_one_message() -> None:
    office = two()
    office.settle()
    office.assess(MONDAY + HOUR, BOTH)
    task = office.only("task")
    assert len(office.sent) == 1
    assert task.request.title == "Usage falls"
    assert len(task.request.why) == 2
    assert len(task.feeders) == 2


def test_it_closes_with_the_last_that_feeds_it() -> None:
    office = two()
    office.assess(MONDAY + HOUR, BOTH)
    office.assess(MONDAY + 2 * HOUR, {"usage.breadth": 75.0, "usage.trend": -60.0})
    assert office.only("task").state == "open"
    office.assess(MONDAY + 3 * HOUR, {"usage.breadth": 75.0, "usage.trend": 1.0})
    assert (office.only("task").state, office.loads["own"].open_tasks) == ("closed", 0)


def test_it_is_told_again_when_it_is_worse_though_it_was_snoozed() -> None:
    office = two("high")
    office.settle()
    office.do(office.only("task"), "snooze", MONDAY, until=MONDAY + 5 * DAY)
    (told,) = office.assess(MONDAY + HOUR, BOTH)
    task = office.only("task")
    assert (told.severity, task.state, task.action_id) == ("high", "open", told.action_id)
    assert told.task is not None
    assert told.task.task_id == task.id


@pytest.mark.parametrize("done", ["take", "snooze"])
def test_what_was_said_to_be_over_and_comes_back_is_told_again(done: str) -> None:
    office = Office(f"{FEW}\nrepeat: {{after: 1d}}", people=PEOPLE)
    office.assess(MONDAY, LOW)
    office.settle()
    office.do(office.only("task"), done, MONDAY + HOUR)
    office.assess(MONDAY + 2 * HOUR, HIGH)
    assert office.only("task").over_since is not None
    said = len(office.changed)
    (told,) = office.assess(MONDAY + 2 * DAY, LOW)
    task = office.only("task")
    assert (task.over_since, task.action_id) == (None, told.action_id)
    assert {one.over_since for one in office.changed[said:]} == {None}


def test_closing_the_task_closes_it_for_every_episode() -> None:
    office = two()
    office.assess(MONDAY + HOUR, BOTH)
    office.do(office.only("task"), "false_alarm", MONDAY + 2 * HOUR)
    assert {one.state for one in office.episodes.values()} == {"over"}


def test_what_fires_again_while_its_task_is_open_is_no_second_task() -> None:
    office = Office(DETRACTOR.replace("ASSIGN", "owner"), people=PEOPLE)
    office.event(MONDAY, "feedback.nps", contact_id="kim", score=2)
    office.settle()
    office.event(MONDAY + HOUR, "feedback.nps", contact_id="kim", score=1)
    assert len(office.open("task")) == 1
    assert len(office.sent) == 1


def test_a_new_person_is_told() -> None:
    office = Office(DETRACTOR.replace("ASSIGN", "owner"), people=PEOPLE)
    office.event(MONDAY, "feedback.nps", contact_id="kim", score=2)
    (told,) = office.event(MONDAY + HOUR, "feedback.nps", contact_id="lee", score=1)
    assert (told.title, len(office.open("task"))) == ("Call lee", 1)


def test_who_holds_one_is_chosen_where_the_rule_may() -> None:
    office = Office(DETRACTOR.replace("ASSIGN", "[round_robin: {tier: senior}]"), people=PEOPLE)
    for number, contact in enumerate(("kim", "lee", "sam")):
        office.event(MONDAY + number * HOUR, "feedback.nps", contact_id=contact, score=2)
    assert [one.assignee for one in office.open("task")] == ["east"]
    assert office.loads["east"].open_tasks == 1


def test_a_playbook_on_the_score_joins_what_moved_it() -> None:
    office = Office(FEW, "id: red\nwhen: health.band == red\nsteps: [task: It is red]", people=PEOPLE)
    office.assess(MONDAY, LOW)
    moved = [Driver(kind="measure", name="usage.breadth", points=-2000, reason="1 of 4 features used")]
    office.assess(MONDAY + HOUR, {**LOW, "health.band": "red"}, drivers=moved)
    # What was asked for one thing in it says better what to do.
    assert office.only("task").request.title == "Few features"
    assert "1 of 4 features used" in office.only("task").request.why
    money = [Driver(kind="measure", name="billing.overdue", points=-2000, reason="60 days overdue")]
    other = Office(FEW, "id: red\nwhen: health.band == red\nsteps: [task: It is red]", people=PEOPLE)
    other.assess(MONDAY, LOW)
    other.assess(MONDAY + HOUR, {**LOW, "health.band": "red"}, drivers=money)
    assert [one.matter for one in other.open("task")] == ["usage", "money"]


def test_good_news_joins_no_trouble() -> None:
    office = Office(
        "id: few\nwhen: usage.breadth < 40 %\nsteps: [alert: Few features]",
        "id: up\nmatter: usage\nwhen: support.open == 0\nsteps: [{alert: All answered, severity: info}]",
        people=PEOPLE,
    )
    office.assess(MONDAY, LOW)
    assert [one.title for one in office.assess(MONDAY + HOUR, {**LOW, "support.open": 0})] == ["All answered"]


def test_two_that_meet_by_changing_hands_become_one() -> None:
    seniors = FALLING.replace("severity: SEVERITY", "assign: [{person: east}]")
    office = Office(FEW, seniors, people=PEOPLE)
    office.assess(MONDAY, BOTH)
    mine, theirs = sorted(office.open("task"), key=lambda one: one.assignee == "east")
    office.do(mine, "reassign", MONDAY + HOUR, to="east")
    (task,) = office.open("task")
    assert (task.id, len(task.feeders), len(task.request.why)) == (theirs.id, 2, 2)
    assert (office.loads["own"].open_tasks, office.loads["east"].open_tasks) == (0, 1)
    office.do(task, "false_alarm", MONDAY + 2 * HOUR)
    assert {one.state for one in office.episodes.values()} == {"over"}


class TestWhatLeads:
    """Of two asks on one matter the more severe gives title and due time; the other is added to what is to be done."""

    def office(self, first: str, second: str, **others: str) -> Office:
        tasks = (
            f"[{{task: Few features, severity: {first}, due: 8h}}]",
            f"[{{task: Usage falls, severity: {second}, due: 1h}}]",
        )
        few, falling = (
            f"id: {id}\nwhen: {when}\nsteps: {task}"
            for id, when, task in zip(
                ("few", "falling"), ("usage.breadth < 40 %", "usage.trend <= -40 %"), tasks, strict=True
            )
        )
        office = Office(few, falling.replace("1h}", f"1h, {others['more']}}}") if others else falling, people=PEOPLE)
        office.assess(MONDAY, LOW)
        return office

    @pytest.mark.parametrize(
        ("first", "second", "title", "due", "do"),
        [
            ("high", "low", "Few features", 8, "Also: Usage falls."),
            ("low", "high", "Usage falls", 1, "Also: Few features."),
            ("high", "high", "Usage falls", 1, "Also: Few features."),
        ],
    )
    def test_by_joining(self, first: str, second: str, title: str, due: int, do: str) -> None:
        office = self.office(first, second)
        office.assess(MONDAY, BOTH)
        task = office.only("task")
        assert (task.request.title, task.request.do) == (title, do)
        assert task.request.task is not None
        assert task.due_at == task.request.task.due_at == MONDAY + due * HOUR

    def test_it_still_says_so_when_it_is_said_anew_and_says_nothing_twice(self) -> None:
        office = self.office("high", "low")
        office.assess(MONDAY, BOTH)
        office.assess(MONDAY + HOUR, {**BOTH, "usage.breadth": 10.0, "usage.trend": 1.0})
        (told,) = office.assess(MONDAY + 2 * HOUR, {**BOTH, "usage.breadth": 10.0})
        assert (told.title, told.do) == ("Few features", "Also: Usage falls.")

    def test_by_changing_hands_and_who_holds_it_hears(self) -> None:
        office = self.office("low", "high", more="assign: [{person: east}]")
        office.assess(MONDAY, BOTH)
        office.settle()
        theirs = next(one for one in office.open("task") if one.assignee == "east")
        office.do(theirs, "reassign", MONDAY + HOUR, to="own")
        (task,), told = office.open("task"), office.sent[-1]
        assert (told.title, told.severity, told.do, told.recipient and told.recipient.id) == (
            *("Usage falls", "high", "Also: Few features.", "own"),
        )
        assert told.task is not None
        assert (told.action_id, told.task.task_id) == (task.action_id, task.id)


def test_what_waits_is_restated_and_what_was_told_is_not() -> None:
    office = two()
    (said,) = office.assess(MONDAY + HOUR, BOTH)
    assert (said.action_id, said.revision, len(said.why)) == (office.sent[0].action_id, 1, 2)
    told = two()
    told.settle()
    assert told.assess(MONDAY + HOUR, BOTH) == []


def test_what_was_snoozed_is_told_as_it_is_now() -> None:
    few = "id: few\nwhen: account.seats < 10\nsteps: [alert: '{{ account.name }} has {{ account.seats }} seats']"
    office = Office(few, people=PEOPLE)
    office.assess(MONDAY, {"account.seats": 5})
    office.do(office.only("alert"), "snooze", MONDAY, until=MONDAY + DAY)
    office.assess(MONDAY + HOUR, {"account.seats": 2})
    (again,) = office.wait(MONDAY + DAY)
    assert again.title == "Again: Northwind has 2 seats"
    assert "seats is 2" in again.why[0] or "2 seats" in again.why[0]


class TestPer:
    """`per: contact`: each person has their own episode and task."""

    def office(self) -> Office:
        office = Office(DETRACTOR.replace("steps", "per: contact\nsteps").replace("ASSIGN", "owner"), people=PEOPLE)
        office.event(MONDAY, "feedback.nps", contact_id="kim", score=2)
        office.event(MONDAY + HOUR, "feedback.nps", contact_id="lee", score=1)
        return office

    def test_each_has_an_episode_and_a_task_of_their_own(self) -> None:
        office = self.office()
        assert sorted((one.subject, one.state) for one in office.episodes.values()) == [
            ("kim", "active"),
            ("lee", "active"),
        ]
        assert sorted(one.request.title for one in office.open("task")) == ["Call kim", "Call lee"]

    def test_the_same_one_again_joins_theirs(self) -> None:
        office = self.office()
        office.event(MONDAY + 2 * HOUR, "feedback.nps", contact_id="kim", score=0)
        assert len(office.open("task")) == 2

    def test_closing_one_leaves_the_other(self) -> None:
        office = self.office()
        (kim,) = [one for one in office.open("task") if one.subject == "kim"]
        office.do(kim, "done", MONDAY + 2 * HOUR)
        assert [one.subject for one in office.open("task")] == ["lee"]
        assert [one.subject for one in office.episodes.values()] == ["lee"]


def test_per_needs_an_event_that_names_one() -> None:
    for text in ("when: support.open > 3", "on_event: feedback.nps\nper: ticket"):
        with pytest.raises(Refused, match="needs an `on_event` whose events name"):
            a_playbook(f"id: x\n{text}\nsteps: [task: Call]".replace("open > 3", "open > 3\nper: contact"))
