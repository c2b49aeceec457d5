"""What is asked for is brought within its recipient's working hours, or with the digest; what is due says when."""

from datetime import UTC, datetime, timedelta

import pytest

from services.notifier.core.composing import compose
from tests.support.desk import Office
from tests.support.playbooks import LOW

PEOPLE = """
time_zone: Europe/Berlin
csms:
  - {id: own, name: Owner, email: owner@example.com, hours: 09:00-17:00, manager: lead}
  - {id: lead, name: Lead, email: lead@example.com}
"""


def on(day: int, clock: str) -> datetime:
    """In March 2026, on Berlin's clock before summer time; the 2nd is a Monday."""
    hour, minute = clock.split(":")
    return datetime(2026, 3, day, int(hour), int(minute), tzinfo=UTC) - timedelta(hours=1)


def office(step: str, more: str = "") -> Office:
    return Office(f"id: few\nwhen: usage.breadth < 40 %\n{more}steps: [{step}]", people=PEOPLE)


@pytest.mark.parametrize(
    ("severity", "decided", "brought"),
    [
        ("high", on(2, "11:00"), None),
        ("high", on(2, "20:00"), on(3, "08:30")),
        ("critical", on(7, "12:00"), on(9, "08:30")),
        ("medium", on(2, "11:00"), on(3, "08:30")),
        ("info", on(6, "11:00"), on(9, "08:30")),
    ],
)
@pytest.mark.parametrize("kind", ["alert", "task", "flag"])
def test_whatever_caused_it(kind: str, severity: str, decided: datetime, brought: datetime | None) -> None:
    made = office(f"{{{kind}: Look, severity: {severity}}}")
    (said,) = made.assess(decided, LOW)
    assert said.not_before == brought
    assert made.only(kind).opened_at == decided, "it is decided on the second all the same"


def test_what_is_urgent_goes_at_any_time() -> None:
    (said,) = office("{alert: Look, severity: low}", "urgent: true\n").assess(on(7, "03:00"), LOW)
    assert said.not_before is None


def test_a_day_by_the_clock_ends_a_day_later_and_says_so() -> None:
    thursday = on(5, "17:05")
    (said,) = office("{task: Call them, due: 24h}").assess(thursday, LOW)
    assert said.task is not None
    assert (said.task.due_at, said.not_before) == (on(6, "17:05"), on(6, "08:30"))
    assert compose(said, thursday).label == "Task · due tomorrow 17:05"
    assert compose(said, on(6, "08:30")).label == "Task · due today 17:05"


@pytest.mark.parametrize(("due", "brought"), [("24h", None), ("3d", on(9, "08:30"))])
def test_what_nobody_can_do_in_time_goes_to_the_last_resort_at_once(due: str, brought: datetime | None) -> None:
    people = "roles: {last_resort: lead, ops: lead}\n" + PEOPLE.replace("id: lead,", "id: lead, hours: 09:00-17:00,")
    made = Office(f"id: few\nwhen: usage.breadth < 40 %\nsteps: [{{task: Call them, due: {due}}}]", people=people)
    (said,) = made.assess(on(7, "12:00"), LOW)
    assert said.recipient is not None
    assert (said.recipient.id, said.not_before) == ("own" if brought else "lead", brought)


def test_days_of_work_are_the_assignees() -> None:
    (said,) = office("{task: Call them, due: 2 business days}").assess(on(5, "17:05"), LOW)
    assert said.task is not None
    # Two days of work from Friday morning.
    assert said.task.due_at == on(10, "09:00")
    assert compose(said, on(6, "08:30")).label == "Task · due Tuesday 09:00"


def test_what_could_wait_from_the_first_is_told_with_the_digest_when_it_is_late() -> None:
    made = office("{task: Call them, due: 24h, severity: low}")
    made.assess(on(5, "17:05"), LOW)
    (late,) = made.wait(on(6, "17:05"))
    assert (late.severity, late.title, late.not_before is None) == ("low", "Overdue: Call them", False)


def test_what_is_late_reaches_the_manager_who_has_no_hours_at_once() -> None:
    made = office("{task: Call them, due: 24h}")
    made.assess(on(5, "17:05"), LOW)
    (late,) = made.wait(on(6, "17:05"))
    assert late.recipient is not None
    assert (late.recipient.id, late.not_before) == ("lead", None)
