"""Work that lies with nobody, or with somebody who is not there, and how it comes to somebody who is."""

from datetime import UTC, datetime, timedelta

import pytest

from services.playbooks.core.item import Item
from services.playbooks.files import read_people
from tests.support.desk import Office
from tests.support.playbooks import DAY, HOUR, LOW, MONDAY

FEW = "id: few\nwhen: usage.breadth < 40 %\nsteps: [{task: Few features, assign: ASSIGN, severity: high, due: 2d}]"
OWNED = {**LOW, "account.owner": "ana@example.com"}
NOBODYS = {**LOW, "account.owner": "Ana Unlisted"}
HERE = """
roles: {last_resort: lee}
csms:
  - {id: ana, name: Ana, email: ana@example.com, manager: lee, away: ANA}
  - {id: ben, name: Ben, email: ben@example.com, manager: lee}
  - {id: lee, name: Lee, email: lee@example.com, manager: max, away: LEE}
  - {id: max, name: Max, email: max@example.com}
"""
THIS_WEEK = "[{from: 2026-03-02, to: 2026-03-08}]"
BACK = datetime(2026, 3, 9, tzinfo=UTC)


def office(assign: str = "owner", ana: str = "[]", lee: str = "[]") -> Office:
    return Office(FEW.replace("ASSIGN", assign), people=people(ana, lee))


def people(ana: str = "[]", lee: str = "[]") -> str:
    return HERE.replace("ANA", ana).replace("LEE", lee)


def task(made: Office) -> Item:
    return made.only("task")


def told(made: Office) -> str | None:
    last = made.sent[-1].recipient
    return last.id if last is not None else None


def test_what_has_no_owner_lies_with_the_last_resort_until_one_is_set() -> None:
    made = office()
    made.assess(MONDAY, NOBODYS)
    assert (task(made).assignee, task(made).last_resort) == ("lee", True)
    assert task(made).passed_over == ("the owner 'Ana Unlisted' is not in the directory",)
    made.assess(MONDAY + HOUR, OWNED)
    assert (task(made).assignee, task(made).last_resort, task(made).passed_over) == ("ana", False, ())
    assert told(made) == "ana"
    last = made.moves[-1].reason
    assert last == "given to Ana: owner of the account; until now: the owner 'Ana Unlisted' is not in the directory"
    assert (made.loads["ana"].open_tasks, made.loads["lee"].open_tasks) == (1, 0)


def test_what_somebody_took_stays_theirs() -> None:
    made = office()
    made.assess(MONDAY, NOBODYS)
    made.do(task(made), "take", MONDAY + HOUR, actor="lee")
    made.assess(MONDAY + 2 * HOUR, OWNED)
    assert task(made).assignee == "lee"


def test_who_is_back_gets_what_lay_with_the_last_resort() -> None:
    made = office(ana=THIS_WEEK)
    made.assess(MONDAY, OWNED)
    assert (task(made).assignee, task(made).because) == ("lee", "last resort; the owner is away until 8 Mar 2026")
    assert min(made.timers.values()) <= BACK
    made.wait(MONDAY + DAY)
    assert task(made).assignee == "lee"
    made.wait(BACK)
    assert (task(made).assignee, made.sent[-2].kind, told(made)) == ("ana", "alert", "ana")


def test_a_last_resort_who_is_away_stands_for_their_manager() -> None:
    made = office(lee=THIS_WEEK)
    made.assess(MONDAY, NOBODYS)
    assert task(made).assignee == "max"


def test_what_comes_on_saturday_is_not_for_whom_monday_finds_away() -> None:
    made = office(ana="[{from: 2026-03-09, to: 2026-03-20}]", assign="[owner, {person: ben}]")
    made.assess(MONDAY + 5 * DAY, OWNED)
    assert (task(made).assignee, task(made).passed_over) == ("ben", ("the owner is away until 20 Mar 2026",))


def test_an_overdue_task_is_told_to_whom_is_there_above_the_assignee() -> None:
    made = office(lee="[{from: 2026-03-03, to: 2026-03-20}]")
    made.assess(MONDAY, OWNED)
    made.wait(MONDAY + 2 * DAY)
    alert = made.only("alert")
    assert (alert.assignee, told(made)) == ("max", "max")
    assert alert.because == "manager of the assignee; Lee is away until 20 Mar 2026"


def test_what_was_snoozed_by_somebody_who_is_away_then_goes_to_who_is_there() -> None:
    made = office(ana="[{from: 2026-03-04, to: 2026-03-08}]", assign="[owner, {person: ben}]")
    made.assess(MONDAY, OWNED)
    made.do(task(made), "snooze", MONDAY + HOUR, until=MONDAY + 2 * DAY)
    made.wait(MONDAY + 2 * DAY)
    assert (task(made).assignee, task(made).state, told(made)) == ("ben", "open", "ben")


def test_the_work_of_somebody_who_left_goes_down_the_list() -> None:
    made = office(assign="[owner, {person: ben}]")
    made.assess(MONDAY, OWNED)
    without = "\n".join(line for line in people().splitlines() if "id: ana" not in line)
    made.rules = made.rules._replace(directory=read_people(without, "csms.yaml"))
    made.wait(MONDAY + HOUR)
    assert (task(made).assignee, told(made)) == ("ben", "ben")
    assert "'ana@example.com' is not in the directory" in made.moves[-1].reason


def test_the_manager_hears_once_that_somebody_is_full() -> None:
    full = people().replace("manager: lee, away: []}", "manager: lee, capacity: 1}")
    more = FEW.replace("few", "more").replace("ASSIGN", "owner").replace("Few", "More") + "\nmatter: money"
    made = Office(FEW.replace("ASSIGN", "owner"), more, people=full)
    made.assess(MONDAY, OWNED)
    assert [one.assignee for one in made.open("task")] == ["ana", "ana"]
    alert = made.only("alert")
    assert (alert.assignee, alert.request.why[0]) == ("lee", "Ana has more than 1 open task")


@pytest.mark.parametrize("kind", ["task", "alert", "flag"])
def test_everything_that_is_open_can_be_given_to_somebody_else(kind: str) -> None:
    text = FEW.replace("task: Few", f"{kind}: Few").replace("ASSIGN", "owner").replace(", due: 2d", "")
    made = Office(text, people=people())
    made.assess(MONDAY, {**OWNED, "health.band": "green"})
    made.do(made.only(kind), "reassign", MONDAY + HOUR, to=" Ben <BEN@example.com>")
    assert (made.only(kind).assignee, told(made)) == ("ben", "ben")
    assert made.only(kind).because == "reassigned by ana"


def test_a_channel_is_a_last_resort_too() -> None:
    here = people().replace("last_resort: lee", 'last_resort: "slack:#cs"')
    made = Office(FEW.replace("ASSIGN", "owner"), people=here)
    made.assess(MONDAY, NOBODYS)
    assert (task(made).assignee, made.sent[-1].channel) == (None, "slack:#cs")
    made.assess(MONDAY + timedelta(minutes=5), OWNED)
    assert (task(made).assignee, told(made), made.sent[-1].channel) == ("ana", "ana", None)


def test_what_was_closed_can_be_opened_again() -> None:
    made = office()
    made.assess(MONDAY, OWNED)
    made.do(task(made), "done", MONDAY + HOUR)
    made.do(task(made), "reopen", MONDAY + 2 * HOUR, note="it was not")
    again = task(made)
    assert (again.state, again.closed_at, again.closed_by, made.moves[-1].reason) == ("open", None, None, "it was not")
    assert made.loads["ana"].open_tasks == 1
    assert made.do(again, "reopen", MONDAY + 3 * HOUR) == []


def test_a_task_can_be_given_more_time() -> None:
    made = office()
    made.assess(MONDAY, OWNED)
    made.do(task(made), "due", MONDAY + HOUR, due_at=MONDAY + 5 * DAY)
    made.wait(MONDAY + 2 * DAY)
    assert made.open("alert") == []
    made.wait(MONDAY + 5 * DAY)
    assert made.only("alert").assignee == "lee"


def test_who_does_not_work_before_it_is_due_gets_it_when_that_has_passed() -> None:
    weekly = people().replace("manager: lee, away: []}", "manager: lee, hours: 09:00-17:00}")
    made = Office(FEW.replace("ASSIGN", "owner").replace("2d", "24h"), people=weekly)
    saturday = MONDAY + 5 * DAY
    made.assess(saturday, OWNED)
    assert (task(made).assignee, task(made).last_resort) == ("lee", True)
    made.wait(saturday + HOUR)
    assert task(made).assignee == "lee"
    made.wait(saturday + DAY)
    assert task(made).assignee == "ana"
