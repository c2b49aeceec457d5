"""Alerts that nobody acknowledges go to whoever answers for their reader, and on; the reader hears of it."""

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


def test_it_goes_up_and_whoever_had_it_hears_where_it_is() -> None:
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


def to_whom(made: Office, until: datetime) -> list[str]:
    """Who is told of what by then, all of it delivered."""
    told = made.wait(until)
    made.settle()
    return [f"{one.recipient.id if one.recipient else one.channel}: {one.title}" for one in told]


def test_it_goes_on_up_with_the_same_time_for_each_until_nobody_is_left() -> None:
    made = office()
    assert to_whom(made, MONDAY + 4 * HOUR) == ["lee: Few features", "ana: Lee has it now: Few features"]
    tuesday_ten = MONDAY + DAY
    assert alert(made).due_at == tuesday_ten
    assert to_whom(made, tuesday_ten - timedelta(seconds=1)) == []
    assert to_whom(made, tuesday_ten) == ["max: Few features", "lee: Max has it now: Few features"]
    assert alert(made).request.why[:2] == [
        "Lee was told, and has not acknowledged it",
        "Ana was told, and has not acknowledged it",
    ]
    assert to_whom(made, tuesday_ten + 4 * HOUR) == []
    assert (alert(made).assignee, alert(made).due_at, alert(made).went_by) == ("max", None, ("ana", "lee"))
    assert made.moves[-1].reason == "not acknowledged by Tue 3 Mar 2026, 14:00 UTC; nobody answers for Max"
    assert to_whom(made, MONDAY + 30 * DAY) == []


def test_who_has_it_then_and_has_seen_it_keeps_it() -> None:
    made = office()
    to_whom(made, MONDAY + 4 * HOUR)
    made.do(alert(made), "acknowledge", MONDAY + 5 * HOUR, actor="lee")
    assert to_whom(made, MONDAY + 9 * DAY) == []
    assert alert(made).assignee == "lee"


def test_on_its_way_up_it_never_comes_back_to_who_had_it() -> None:
    people = HERE.replace("AWAY", "[]").replace(", manager: max", "") + "roles: {last_resort: ben}\n"
    made = office(people=people)
    to_whom(made, MONDAY + 4 * HOUR)
    assert to_whom(made, MONDAY + 9 * DAY) == []
    assert alert(made).assignee == "lee"


def test_after_the_last_manager_comes_the_lead() -> None:
    made = office(people=HERE.replace("AWAY", "[]") + 'roles: {lead: "slack:#leads"}\n')
    to_whom(made, MONDAY + 4 * HOUR)
    to_whom(made, MONDAY + DAY)
    assert to_whom(made, MONDAY + DAY + 4 * HOUR) == [
        "slack:#leads: Few features",
        "max: slack:#leads has it now: Few features",
    ]
    assert to_whom(made, MONDAY + 30 * DAY) == []


def test_who_is_away_when_it_would_go_on_is_passed_over_then() -> None:
    people = HERE.replace("AWAY", "[]").replace(
        "name: Max,", "name: Max, manager: zoe, away: [{from: 2026-03-03, to: 2026-03-05}],"
    )
    made = office(people=people + "  - {id: zoe, name: Zoe, email: zoe@example.com}\n")
    to_whom(made, MONDAY + 4 * HOUR)
    assert to_whom(made, MONDAY + DAY)[0] == "zoe: Few features"


@pytest.mark.parametrize(
    ("within", "first", "second"),
    [
        # By the clock it goes on at night and on Saturdays, though whoever gets it hears within their hours.
        ("24h", datetime(2026, 3, 7, 16, tzinfo=UTC), datetime(2026, 3, 10, 8, 30, tzinfo=UTC)),
        ("4 business hours", datetime(2026, 3, 9, 12, tzinfo=UTC), datetime(2026, 3, 9, 16, tzinfo=UTC)),
    ],
)
def test_each_has_as_long_by_the_clock_or_by_their_working_time(within: str, first: datetime, second: datetime) -> None:
    made = Office(TOLD.replace("SEVERITY", f"high, acknowledge_within: {within}"), people=HERE.replace("AWAY", "[]"))
    made.assess(datetime(2026, 3, 6, 16, tzinfo=UTC), OWNED)
    made.settle()
    assert alert(made).due_at == first
    assert to_whom(made, first)[0] == "lee: Few features"
    assert alert(made).due_at == second
    assert to_whom(made, second)[0] == "max: Few features"


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
