"""When digests are due: at somebody's hour, on days on which they work, each day's once."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.playbooks.core.directory import Absence, Csm
from services.playbooks.core.turns import (
    AHEAD,
    KINDS,
    Kind,
    Turn,
    at_work,
    digest_at,
    first_turn,
    planned,
    replanned,
    taken,
)
from services.playbooks.core.workinghours import Hours

MONDAY = date(2026, 3, 2)
DAY = timedelta(days=1)
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Auckland", "Australia/Lord_Howe")


def a_csm(time_zone: str = "Europe/Berlin", hours: dict[str, Any] | None = None, **others: Any) -> Csm:
    week = Hours(time_zone=time_zone, any_time=True, **(hours or {}))
    return Csm(id="ana", name="Ana", email="ana@example.com", hours=week, **others)


def at(day: date, clock: str = "08:30", zone: str = "Europe/Berlin") -> datetime:
    return datetime.combine(day, time.fromisoformat(clock), ZoneInfo(zone)).astimezone(UTC)


def days_of(csm: Csm, kind: Kind, days: int = 14) -> list[date]:
    return [day for n in range(days) if digest_at(csm, kind, day := MONDAY + n * DAY) is not None]


def test_the_week_comes_on_monday_in_place_of_the_day() -> None:
    assert [one.isoweekday() for one in days_of(a_csm(), "day", 7)] == [2, 3, 4, 5]
    assert days_of(a_csm(), "week") == [MONDAY, MONDAY + 7 * DAY]


def test_a_week_at_another_hour_comes_beside_the_day() -> None:
    csm = a_csm(weekly=(4, time(16)))
    assert [one.isoweekday() for one in days_of(csm, "day", 7)] == [1, 2, 3, 4, 5]
    assert digest_at(csm, "week", MONDAY + 4 * DAY) == at(MONDAY + 4 * DAY, "16:00")


def test_a_week_whose_day_is_a_holiday_comes_on_the_next_working_day() -> None:
    csm = a_csm(hours={"holidays": [MONDAY]})
    assert days_of(csm, "week", 7) == [MONDAY + DAY]
    assert MONDAY + DAY not in days_of(csm, "day", 7)


@pytest.mark.parametrize(
    ("others", "first"),
    [
        ({}, MONDAY + DAY),
        ({"away": (Absence(MONDAY + DAY, MONDAY + 2 * DAY),)}, MONDAY + 3 * DAY),
        ({"hours": {"holidays": [MONDAY + DAY]}}, MONDAY + 2 * DAY),
        ({"hours": {"days": (0, 4)}}, MONDAY + 4 * DAY),
    ],
)
def test_who_is_not_at_work_has_theirs_on_the_next_day_on_which_they_are(others: Any, first: date) -> None:
    turn = first_turn(a_csm(**others), "day", at(MONDAY, "12:00"))
    assert turn is not None
    assert turn.due_at == at(first) - AHEAD


@pytest.mark.parametrize("others", [{"daily": None}, {"email": None}])
def test_who_wants_none_or_is_not_reached_has_no_turn(others: Any) -> None:
    assert first_turn(msgspec.structs.replace(a_csm(), **others), "day", at(MONDAY)) is None


def test_who_has_left_has_none_any_more() -> None:
    assert days_of(a_csm(left=MONDAY + 2 * DAY), "day") == [MONDAY + DAY]


def test_one_that_is_late_is_made_until_work_ends_and_then_left_to_the_next() -> None:
    turn = Turn("ana", "day", MONDAY, at(MONDAY), at(MONDAY + DAY) - AHEAD, 0)
    late = at(MONDAY + DAY, "15:00")
    made, after = taken(turn, a_csm(), late)
    assert made is not None
    assert after is not None
    assert (made.at, made.since) == (late, at(MONDAY))
    too_late = at(MONDAY + DAY, "18:00")
    made, after = taken(turn, a_csm(), too_late)
    assert made is None
    assert after is not None
    assert (after.due_at, after.told_at) == (at(MONDAY + 2 * DAY) - AHEAD, at(MONDAY))


def test_who_wants_theirs_otherwise_after_the_week_came_has_not_the_day_as_well() -> None:
    friday = MONDAY - 3 * DAY
    turn = Turn("ana", "day", friday, at(friday), at(MONDAY + DAY) - AHEAD, 0)
    midweek = a_csm(weekly=(2, time(8, 30)))
    after = replanned(turn, midweek, at(MONDAY, "10:25"))
    assert after is not None
    assert (after.done, after.due_at) == (MONDAY, at(MONDAY + DAY) - AHEAD)
    # Before the day's hour it is still to come; and what was late already is made up for.
    early = replanned(turn, midweek, at(MONDAY, "08:00"))
    assert early is not None
    assert early.due_at == at(MONDAY) - AHEAD
    late = replanned(turn._replace(due_at=at(MONDAY) - AHEAD), midweek, at(MONDAY, "10:25"))
    assert late is not None
    assert late.due_at == at(MONDAY) - AHEAD


def test_three_days_of_outage_come_as_one_that_tells_of_all() -> None:
    turn = Turn("ana", "day", MONDAY, at(MONDAY), at(MONDAY + DAY) - AHEAD, 0)
    made, after = taken(turn, a_csm(), at(MONDAY + 3 * DAY, "09:00"))
    assert made is not None
    assert (made.day, made.since) == (MONDAY + 3 * DAY, at(MONDAY))
    assert after is not None
    assert after.due_at == at(MONDAY + 4 * DAY) - AHEAD


def test_a_turn_of_a_clock_that_ran_ahead_is_not_believed() -> None:
    ahead = Turn("ana", "day", MONDAY + 400 * DAY, at(MONDAY + 400 * DAY), at(MONDAY + 401 * DAY), 0)
    made, _ = taken(ahead, a_csm(), at(MONDAY + DAY))
    assert made is not None
    assert made.since == at(MONDAY)


@given(
    zone=st.sampled_from(ZONES),
    start=st.dates(date(2025, 1, 1), date(2027, 12, 31)),
    clock=st.times().map(lambda one: one.replace(second=0, microsecond=0)),
    looks=st.lists(st.integers(1, 60 * 30), min_size=1, max_size=40),
    kind=st.sampled_from(KINDS),
)
def test_each_day_has_one_on_days_at_work_whatever_the_zone_and_the_clocks_changes(
    zone: str, start: date, clock: time, looks: list[int], kind: Kind
) -> None:
    csm = a_csm(zone, daily=clock, weekly=(2, clock))
    now = datetime.combine(start, time(), UTC)
    turn = first_turn(csm, kind, now)
    seen = list[date]()
    for minutes in looks:
        now += timedelta(minutes=minutes)
        assert turn is not None
        if turn.due_at > now:
            continue
        made, turn = taken(turn, csm, now)
        if made is not None:
            assert at_work(csm, made.day)
            assert now >= made.at - AHEAD
            assert made.since < now
            seen.append(made.day)
        assert turn is not None
        assert turn.due_at > now
        assert planned(turn, csm, now) == turn
    assert len(seen) == len(set(seen))
