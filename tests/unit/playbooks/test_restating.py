"""What waits to be sent says how the account stands when it is sent."""

from datetime import timedelta

import pytest

from services.playbooks.core.reasons import distinct
from tests.support.desk import Office
from tests.support.playbooks import DAY, HOUR, MONDAY

PEOPLE = "csms: [{id: own, name: Owner, email: owner@example.com}]"
SEATS = """
id: seats
when: account.seats < 10
steps:
  - alert: '{{ account.name }} has {{ account.seats }} seats'
  - task: Call about {{ account.seats }} seats
"""
MINUTE = timedelta(minutes=1)


def office() -> Office:
    made = Office(SEATS, people=PEOPLE)
    made.assess(MONDAY, {"account.seats": 5})
    return made


def test_what_waits_says_how_it_is_now() -> None:
    made = office()
    (said,) = made.assess(MONDAY + HOUR, {"account.seats": 2})
    assert (said.action_id, said.revision, said.title) == (made.sent[0].action_id, 1, "Northwind has 2 seats")
    assert said.task is not None
    assert (said.task.title, said.task.task_id) == ("Call about 2 seats", made.only("task").id)
    assert "2" in said.why[0]
    assert made.assess(MONDAY + 2 * HOUR, {"account.seats": 2}) == []


def test_what_was_delivered_is_left() -> None:
    made = office()
    made.settle()
    assert made.assess(MONDAY + HOUR, {"account.seats": 2}) == []


def test_it_is_said_anew_once_in_ten_minutes() -> None:
    made = office()
    assert made.assess(MONDAY + MINUTE, {"account.seats": 4}) == []
    assert made.assess(MONDAY + 2 * MINUTE, {"account.seats": 3}) == []
    assert made.timers["account:northwind"] == MONDAY + 10 * MINUTE
    (said,) = made.wait(MONDAY + 10 * MINUTE)
    assert said.title == "Northwind has 3 seats"


@pytest.mark.parametrize("ahead", [2 * HOUR, 40 * DAY])
def test_what_was_said_while_the_clock_was_ahead_keeps_nothing_from_being_said(ahead: timedelta) -> None:
    made = office()
    alert = made.only("alert")
    made.items[alert.id] = alert._replace(said_at=MONDAY + ahead)
    (said,) = made.assess(MONDAY + MINUTE, {"account.seats": 2})
    assert said.title == "Northwind has 2 seats"


def test_a_change_of_band_is_news() -> None:
    made = office()
    (said,) = made.assess(MONDAY + HOUR, {"account.seats": 5}, band="red")
    assert (said.revision, said.account.band) == (1, "red")


def test_what_else_is_wrong_by_now_is_news() -> None:
    made = office()
    (said,) = made.assess(MONDAY + HOUR, {"account.seats": 5, "support.urgent": 1})
    assert (said.revision, said.trouble, said.title) == (1, ["an urgent ticket open"], made.sent[0].title)
    (mended,) = made.assess(MONDAY + 2 * HOUR, {"account.seats": 5})
    assert (mended.revision, mended.trouble) == (2, [])


def test_what_an_event_was_is_told_as_it_was() -> None:
    made = Office("id: nps\non_event: feedback.nps\nsteps: [alert: 'A {{ event.score }}']", people=PEOPLE)
    made.event(MONDAY, "feedback.nps", contact_id="kim", score=2)
    assert made.assess(MONDAY + HOUR, {"account.seats": 2}) == []


class TestSnoozed:
    def test_it_is_told_again_as_it_is_now_and_restated_while_that_waits(self) -> None:
        made = Office(SEATS.rpartition("  - task")[0], people=PEOPLE)
        made.assess(MONDAY, {"account.seats": 5})
        made.settle()
        made.do(made.only("alert"), "snooze", MONDAY, until=MONDAY + HOUR)
        made.assess(MONDAY + MINUTE, {"account.seats": 2})
        (told,) = made.wait(MONDAY + HOUR)
        assert told.title == "Again: Northwind has 2 seats"
        (anew,) = made.assess(MONDAY + 2 * HOUR, {"account.seats": 1})
        assert (anew.action_id, anew.title) == (told.action_id, "Again: Northwind has 1 seats")

    def test_what_is_still_so_says_so(self) -> None:
        made = Office(SEATS + "repeat: {after: 7d}", people=PEOPLE)
        made.assess(MONDAY, {"account.seats": 5})
        made.do(made.only("task"), "done", MONDAY)
        made.wait(MONDAY + 7 * DAY)
        made.settle()
        (task,) = made.open("task")
        made.do(task, "snooze", MONDAY + 7 * DAY, until=MONDAY + 7 * DAY + HOUR)
        (told,) = made.wait(MONDAY + 7 * DAY + HOUR)
        assert (told.title, told.task and told.task.title) == ("Still: Call about 5 seats",) * 2


class TestOverdue:
    """What tells that a task is late tells of the task as it is."""

    PEOPLE = """csms:
  - {id: own, name: Owner, email: owner@example.com, manager: lead}
  - {id: lead, name: Lead, inbox: true, hours: "14:00-17:00"}"""
    TASK = "id: x\nwhen: account.seats < 10\nsteps:\n"
    TASK += "  - {task: 'Call about {{ account.seats }} seats', due: 2h, severity: high}"

    def late(self) -> Office:
        made = Office(self.TASK, people=self.PEOPLE)
        made.assess(MONDAY, {"account.seats": 5})
        made.settle()
        made.assess(MONDAY + HOUR, {"account.seats": 2})
        return made

    def test_by_its_present_title(self) -> None:
        made = self.late()
        (told,) = made.wait(MONDAY + 2 * HOUR)
        assert told.title == "Overdue: Call about 2 seats"
        assert told.why[0].startswith("was due Mon 2 Mar 2026, 12:00 UTC, assigned to Owner")
        assert "2 seats" in told.why[1]
        assert made.only("task").request.title == "Call about 2 seats"

    def test_and_while_that_waits_it_stays_what_it_is(self) -> None:
        made = self.late()
        (told,) = made.wait(MONDAY + 2 * HOUR)
        (anew,) = made.assess(MONDAY + 3 * HOUR, {"account.seats": 1}, band="red")
        assert (anew.action_id, anew.title, anew.do) == (told.action_id, "Overdue: Call about 1 seats", told.do)
        assert (anew.why[0], anew.account.band) == (told.why[0], "red")

    def test_that_somebody_was_asked_too_often_stays_as_it_was_told(self) -> None:
        made = Office(f"{self.TASK}\nrepeat: {{after: 1d}}", people=self.PEOPLE)
        made.assess(MONDAY, {"account.seats": 5})
        for day in range(2):
            (task,) = made.open("task")
            made.do(task, "done", MONDAY + day * DAY + HOUR)
            told = made.wait(MONDAY + (day + 1) * DAY + HOUR)
        asked = next(one for one in told if one.title.startswith("Asked 3 times"))
        anew = made.assess(MONDAY + 2 * DAY + 2 * HOUR, {"account.seats": 1}, band="red")
        assert [(one.title, one.why[0]) for one in anew if one.action_id == asked.action_id] == [
            (asked.title, asked.why[0])
        ]


@pytest.mark.parametrize(
    ("told", "left"),
    [
        (["at most amber: contracted by 75 %", "contracted by 75 %"], ["at most amber: contracted by 75 %"]),
        (["usage fell by 90 %, from 6.4 to 0.6 uses a day", "usage fell by 80 %, from 6 to 1.3 uses a day"], [0]),
        (["Kim scored us 2", "Kim scored us 4", "", "Kim scored us 2"], ["Kim scored us 2", "Kim scored us 4"]),
        (["invoice I-1 is 9 days overdue", "invoice I-2 is 3 days overdue"], [0, 1]),
    ],
)
def test_no_reason_is_told_twice(told: list[str], left: list[str | int]) -> None:
    assert distinct(told) == [told[one] if isinstance(one, int) else one for one in left]
