"""A clock that ran ahead, and is right again, holds nothing up for longer than it was to wait."""

from datetime import timedelta

import pytest

from tests.support.desk import Office
from tests.support.playbooks import DAY, HIGH, HOUR, LOW, MONDAY, SECOND

AHEAD = [2 * HOUR, 40 * DAY]
STALLED = "id: stalled\nwhen: usage.breadth < 40 %\n"


def states(office: Office) -> list[str]:
    return [episode.state for episode in office.episodes.values()]


@pytest.mark.parametrize("ahead", AHEAD)
def test_what_has_to_hold_holds_from_when_the_clock_is_right(ahead: timedelta) -> None:
    office = Office(STALLED + "held_for: 7d\nsteps: [alert: Hi]")
    office.assess(MONDAY + ahead, LOW)
    office.assess(MONDAY + HOUR, LOW)
    assert office.standings["northwind"].look_at == MONDAY + HOUR + 7 * DAY
    assert office.wait(MONDAY + HOUR + 7 * DAY - SECOND) == []
    assert len(office.wait(MONDAY + HOUR + 7 * DAY)) == 1


@pytest.mark.parametrize("ahead", AHEAD)
def test_it_may_fire_again_as_long_after_as_it_is_to(ahead: timedelta) -> None:
    office = Office(STALLED + "repeat: {after: 3d}\nsteps: [alert: Hi]")
    office.assess(MONDAY + ahead, LOW)
    office.assess(MONDAY + ahead + SECOND, HIGH)
    assert office.assess(MONDAY + HOUR, LOW) == []
    assert states(office)[-1] == "pending"
    assert office.wait(MONDAY + HOUR + 3 * DAY - SECOND) == []
    assert len(office.wait(MONDAY + HOUR + 3 * DAY)) == 1


@pytest.mark.parametrize("ahead", AHEAD)
def test_a_later_step_comes_as_long_after_as_it_is_to(ahead: timedelta) -> None:
    office = Office(STALLED + "steps: [alert: Hi, {after: 2d, task: Call}]")
    office.assess(MONDAY + ahead, LOW)
    office.assess(MONDAY + HOUR, LOW)
    assert office.wait(MONDAY + HOUR + 2 * DAY - SECOND) == []
    assert [one.kind for one in office.wait(MONDAY + HOUR + 2 * DAY)] == ["task"]


def test_clocks_that_differ_a_little_never_turn_a_look_back() -> None:
    office = Office(STALLED + "held_for: 7d\nsteps: [alert: Hi]")
    office.assess(MONDAY, LOW)
    office.assess(MONDAY - 4 * SECOND, LOW)
    assert office.standings["northwind"].at == MONDAY
