"""An alert ends with the task that it tells of."""

from services.playbooks.core.item import Item
from tests.support.desk import Office
from tests.support.playbooks import DAY, HOUR, LOW, MONDAY

PEOPLE = "csms: [{id: own, name: Owner, email: owner@example.com, manager: lead}, {id: lead, name: Lead, inbox: true}]"
TASK = "{task: Call them, due: 8h}"
DETRACTOR = f"id: detractor\non_event: feedback.nps\nsteps: [{TASK}, alert: Scored us 2"


def an_answer(more: str = "") -> Office:
    office = Office(f"{DETRACTOR}{more}]", people=PEOPLE)
    office.event(MONDAY, "feedback.nps", contact_id="kim", score=2)
    return office


def titled(office: Office, title: str) -> Item:
    (found,) = [one for one in office.items.values() if one.request.title == title]
    return found


def test_of_an_event_it_ends_with_its_task() -> None:
    for move, reason in (("done", "its task is done"), ("no_result", "its task is closed: no result")):
        office = an_answer()
        office.settle()
        office.do(office.only("task"), move, MONDAY + HOUR)
        alert = office.only("alert")
        assert (alert.state, alert.note, alert.closed_by) == ("closed", reason, "ana")
        assert office.changed[-1].words == reason


def test_what_waits_to_be_sent_does_not_go_any_more() -> None:
    office = an_answer()
    office.do(office.only("task"), "done", MONDAY + HOUR)
    assert [one.action_id for one in office.cancelled] == [one.action_id for one in office.sent]


def test_it_stays_while_another_task_is_open() -> None:
    office = an_answer(", {task: Write it down, assign: [{person: lead}]}")
    office.do(titled(office, "Call them"), "done", MONDAY + HOUR)
    assert office.only("alert").state == "open"
    office.do(titled(office, "Write it down"), "done", MONDAY + HOUR)
    assert office.only("alert").state == "closed"


def test_of_a_state_of_affairs_it_stays_while_that_lasts() -> None:
    office = Office(f"id: few\nwhen: usage.breadth < 40 %\nsteps: [{TASK}, alert: Few features]", people=PEOPLE)
    office.assess(MONDAY, LOW)
    office.do(office.only("task"), "done", MONDAY + HOUR)
    assert office.only("alert").state == "open"


def test_one_that_was_snoozed_comes_back_as_over() -> None:
    office = an_answer()
    office.settle()
    office.do(office.only("alert"), "snooze", MONDAY, until=MONDAY + DAY)
    office.do(office.only("task"), "done", MONDAY + HOUR)
    (told,) = office.wait(MONDAY + DAY)
    assert (told.title, told.why[0].endswith(": its task is done")) == ("Over: Again: Scored us 2", True)


class TestOverdue:
    def late(self) -> Office:
        office = an_answer()
        office.settle()
        office.wait(MONDAY + 8 * HOUR)
        office.settle()
        assert titled(office, "Overdue: Call them").assignee == "lead"
        return office

    def test_that_it_is_overdue_ends_with_it_and_the_manager_sees_so(self) -> None:
        office = self.late()
        office.do(office.only("task"), "done", MONDAY + 9 * HOUR)
        alert = titled(office, "Overdue: Call them")
        assert (alert.state, alert.note, alert.over_since) == ("closed", "its task is done", MONDAY + 9 * HOUR)

    def test_more_time_ends_it_too_and_when_that_has_passed_it_is_told_again(self) -> None:
        office = self.late()
        office.do(office.only("task"), "due", MONDAY + 9 * HOUR, due_at=MONDAY + DAY)
        assert titled(office, "Overdue: Call them").state == "closed"
        (told,) = office.wait(MONDAY + DAY)
        assert told.title == "Overdue: Call them"
        assert len({one.action_id for one in office.sent if one.title == told.title}) == 2
