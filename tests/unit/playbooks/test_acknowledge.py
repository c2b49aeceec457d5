"""Alerts that nobody acknowledges go to whoever answers for their reader, once, and the reader hears of it."""

from datetime import UTC, datetime, timedelta

import pytest

from services.playbooks.core.item import Item
from tests.support.desk import Office
from tests.support.playbooks import DAY, HIGH, HOUR, LOW, MONDAY

TOLD = "id: told\nwhen: usage.breadth < 40 %\nsteps: [{alert: Few features, severity: SEVERITY}]"
WITH_TASK = "id: told\nwhen: usage.breadth < 40 %\nsteps: [{alert: Few, severity: critical}, {task: Call, due: 5d}]"
OWNED = {**LOW, "account.owner": "ana@example.com"}
HERE = """
csms:
  - {id: ana, name: Ana, email: ana@example.com, manager: lee, hours: 09:00-17:00}
  - {id: ben, name: Ben, email: ben@example.com, manager: lee, hours: 09:00-17:00}
  - {id: lee, name: Lee, email: lee@example.com, manager: max, hours: 09:00-17:00, away: AWAY}
  - {id: max, name: Max, email: max@example.com, hours: 09:00-17:00}
"""


def office(severity: str = "critical", away: str = "[]", people: str = HERE) -> Office:
    made = Office(TOLD.replace("SEVERITY", severity), people=people.replace("AWAY", away))
    made.assess(MONDAY, OWNED)
    made.settle()
    return made


def alert(made: Office) -> Item:
    return made.only("alert")


def test_it_goes_up_once_and_whoever_had_it_hears_where_it_is() -> None:
    made = office()
    assert alert(made).due_at == MONDAY + 4 * HOUR
    assert made.wait(MONDAY + 4 * HOUR - timedelta(seconds=1)) == []
    told, gone = made.wait(MONDAY + 4 * HOUR)
    assert (told.recipient and told.recipient.id, told.severity) == ("lee", "critical")
    assert told.why[0] == "Ana was told, and has not acknowledged it"
    assert (gone.recipient and gone.recipient.id, gone.title) == ("ana", "Lee has it now: Few features")
    assert (gone.item_id, gone.about, told.item_id) == ("", alert(made).id, alert(made).id)
    assert (gone.severity, gone.not_before) == ("low", datetime(2026, 3, 3, 8, 30, tzinfo=UTC))
    assert (alert(made).assignee, alert(made).state) == ("lee", "open")
    assert made.moves[-1].reason == (
        "not acknowledged by Mon 2 Mar 2026, 14:00 UTC: goes to Lee, manager of the assignee"
    )
    assert made.wait(MONDAY + 9 * DAY) == []


@pytest.mark.parametrize("move", ["acknowledge", "snooze", "close", "false_alarm"])
def test_who_has_seen_it_keeps_it(move: str) -> None:
    made = office()
    made.do(alert(made), move, MONDAY + HOUR)
    assert made.wait(MONDAY + 5 * HOUR) == []
    assert alert(made).assignee == "ana"


def test_what_is_told_again_after_a_snooze_has_its_time_again() -> None:
    made = office()
    made.do(alert(made), "snooze", MONDAY + HOUR, until=MONDAY + DAY)
    (again,) = made.wait(MONDAY + DAY)
    assert again.recipient is not None
    assert (again.recipient.id, alert(made).due_at) == ("ana", MONDAY + DAY + 4 * HOUR)


def test_who_is_given_it_has_as_long_as_the_first_had() -> None:
    made = office()
    made.do(alert(made), "reassign", MONDAY + 3 * HOUR, to="ben")
    assert alert(made).due_at == MONDAY + 7 * HOUR
    assert made.wait(MONDAY + 5 * HOUR) == []


def test_who_is_away_is_passed_over() -> None:
    made = office(away="[{from: 2026-03-02, to: 2026-03-18}]")
    told, gone = made.wait(MONDAY + 4 * HOUR)
    assert told.recipient is not None
    assert (told.recipient.id, gone.title) == ("max", "Max has it now: Few features")


def test_where_nobody_answers_for_them_it_stays_and_its_history_says_so() -> None:
    made = office(people="csms: [{id: ana, name: Ana, email: ana@example.com}]")
    assert made.wait(MONDAY + 4 * HOUR) == []
    assert alert(made).assignee == "ana"
    assert made.moves[-1].reason == "not acknowledged by Mon 2 Mar 2026, 14:00 UTC; nobody answers for Ana"
    assert made.wait(MONDAY + 9 * DAY) == []


@pytest.mark.parametrize(
    ("severity", "due"),
    [
        ("high", MONDAY + DAY),
        ("medium", None),
        ("medium, acknowledge_within: 2h", datetime(2026, 3, 3, 10, 30, tzinfo=UTC)),
        ("critical, acknowledge_within: never", None),
    ],
)
def test_how_long_that_is_goes_by_severity_unless_the_playbook_says(severity: str, due: datetime | None) -> None:
    assert alert(office(severity)).due_at == due


def test_of_an_alert_with_a_task_in_it_the_task_says_when() -> None:
    made = Office(WITH_TASK, people=HERE.replace("AWAY", "[]"))
    made.assess(MONDAY, OWNED)
    made.settle()
    assert made.wait(MONDAY + 5 * HOUR) == []
    assert alert(made).assignee == "ana"


def test_what_is_over_goes_to_nobody() -> None:
    made = office()
    made.do(alert(made), "comment", MONDAY + HOUR, note="Looking.")
    made.assess(MONDAY + 2 * HOUR, {**OWNED, **HIGH})
    assert alert(made).over_since is not None
    assert made.wait(MONDAY + 5 * HOUR) == []


def test_of_two_that_go_up_at_once_none_is_lost() -> None:
    few = TOLD.replace("SEVERITY", "critical") + "\nmatter: usage"
    to_lee = few.replace("told", "upper").replace("severity", "assign: [person: lee], severity")
    made = Office(few, to_lee, people=HERE.replace("AWAY", "[]"))
    made.assess(MONDAY, OWNED)
    made.settle()
    mine, theirs = (next(one for one in made.items.values() if one.assignee == id) for id in ("ana", "lee"))
    told = made.wait(MONDAY + 4 * HOUR)
    (left,) = made.open("alert")
    assert set(left.feeders) == {mine.episode_id, theirs.episode_id}
    assert (left.assignee, left.due_at) == ("lee", MONDAY + DAY)
    assert [one.recipient and one.recipient.id for one in told] == ["lee", "ana"]


def test_what_passes_in_the_second_in_which_it_would_go_up_goes_to_nobody() -> None:
    asked = TOLD.replace("usage.breadth < 40 %", "days_since account.signed_at < 5 days").replace(
        "SEVERITY", "critical"
    )
    made = Office(asked, people=HERE.replace("AWAY", "[]"))
    made.assess(MONDAY, {**OWNED, "account.signed_at": (MONDAY - 5 * DAY + 4 * HOUR).isoformat()})
    made.settle()
    assert alert(made).due_at == MONDAY + 4 * HOUR
    assert made.wait(MONDAY + 4 * HOUR) == []
    assert alert(made).state == "closed"
