from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.playbooks.core.workinghours import OFFICE, Duration, Hours, add, due, next_working, parse_duration

BERLIN = Hours(time_zone="Europe/Berlin")
FRIDAY = datetime(2026, 3, 6, 15, tzinfo=UTC)
DAYS = {
    "24h": parse_duration("24h"),
    "2 business days": parse_duration("2 business days"),
    "4 business hours": parse_duration("4 business hours"),
}


def test_a_call_within_24_hours_is_due_at_the_same_time_tomorrow() -> None:
    monday = datetime(2026, 3, 2, 15, tzinfo=UTC)
    assert due(OFFICE, monday, DAYS["24h"]) == monday + timedelta(days=1)


@pytest.mark.parametrize(
    ("asked", "duration", "wanted"),
    [
        ("Tue 3 15:00", "24h", "Wed 4 15:00"),
        ("Fri 6 16:00", "24h", "Mon 9 16:00"),
        ("Fri 6 17:30", "24h", "Tue 10 09:00"),
        ("Tue 3 18:00", "24h", "Thu 5 09:00"),
        ("Sun 8 21:49", "24h", "Tue 10 09:00"),
        ("Thu 5 16:00", "48h", "Mon 9 16:00"),
        ("Tue 3 07:00", "4h", "Tue 3 13:00"),
        ("Tue 3 15:00", "4h", "Wed 4 09:00"),
        ("Tue 3 15:00", "2h", "Tue 3 17:00"),
        ("Fri 6 15:00", "4h", "Mon 9 09:00"),
        ("Fri 6 18:00", "1 business day", "Tue 10 09:00"),
    ],
)
def test_due_times_are_counted_in_days_that_are_worked(asked: str, duration: str, wanted: str) -> None:
    zone = ZoneInfo("Europe/Berlin")
    at = datetime.strptime(f"{asked} 2026 3", "%a %d %H:%M %Y %m").replace(tzinfo=zone)
    found = due(BERLIN, at.astimezone(UTC), parse_duration(duration)).astimezone(zone)
    assert f"{found:%a} {found.day} {found:%H:%M}" == wanted


def test_a_holiday_is_no_day_to_be_due_on() -> None:
    monday_off = Hours(holidays=(date(2026, 3, 9),))
    assert due(monday_off, FRIDAY, DAYS["24h"]) == datetime(2026, 3, 10, 15, tzinfo=UTC)


def test_business_days_keep_the_time_of_day_and_skip_the_weekend() -> None:
    assert due(OFFICE, FRIDAY, DAYS["2 business days"]) == datetime(2026, 3, 10, 15, tzinfo=UTC)


def test_holidays_do_not_count() -> None:
    monday_off = Hours(holidays=(date(2026, 3, 9),))
    assert due(monday_off, FRIDAY, DAYS["2 business days"]) == datetime(2026, 3, 11, 15, tzinfo=UTC)


def test_business_hours_are_used_up_day_by_day() -> None:
    assert due(OFFICE, FRIDAY, DAYS["4 business hours"]) == datetime(2026, 3, 9, 11, tzinfo=UTC)


def test_what_comes_at_night_counts_from_the_morning() -> None:
    night = datetime(2026, 3, 3, 23, tzinfo=UTC)
    assert due(OFFICE, night, parse_duration("1 business day")) == datetime(2026, 3, 5, 9, tzinfo=UTC)


def test_hours_are_local_and_follow_summer_time() -> None:
    winter, summer = datetime(2026, 3, 27, 20, tzinfo=UTC), datetime(2026, 3, 29, 20, tzinfo=UTC)
    assert next_working(BERLIN, winter) == datetime(2026, 3, 30, 7, tzinfo=UTC)
    assert next_working(BERLIN, summer) == datetime(2026, 3, 30, 7, tzinfo=UTC)
    assert next_working(BERLIN, datetime(2026, 3, 2, 6, tzinfo=UTC)) == datetime(2026, 3, 2, 8, tzinfo=UTC)


def test_within_the_hours_nothing_waits() -> None:
    assert next_working(OFFICE, FRIDAY) == FRIDAY


def test_a_calendar_without_working_days_holds_nothing_up_for_ever() -> None:
    assert next_working(Hours(days=()), FRIDAY) == FRIDAY


calendars = st.builds(
    Hours,
    time_zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Auckland"]),
    days=st.sets(st.integers(0, 6), min_size=1).map(tuple),
    start=st.sampled_from([time(0, 30), time(7), time(9)]),
    end=st.sampled_from([time(12), time(17, 30), time(23, 59)]),
)
instants = st.integers(0, 730 * 86_400).map(
    lambda seconds: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)


@given(calendars, instants, st.sampled_from(list(DAYS.values())))
def test_due_times_lie_ahead_and_within_working_hours(hours: Hours, at: datetime, duration: Duration) -> None:
    found = due(hours, at, duration)
    assert found > next_working(hours, at) >= at, "nothing is due before anybody has worked"
    assert next_working(hours, found - timedelta(microseconds=1)) <= found


@given(calendars, instants, instants)
def test_who_begins_later_is_not_done_earlier(hours: Hours, one: datetime, other: datetime) -> None:
    first, second = sorted([one, other])
    assert add(hours, first, DAYS["2 business days"]) <= add(hours, second, DAYS["2 business days"])
    assert add(hours, first, DAYS["4 business hours"]) <= add(hours, second, DAYS["4 business hours"])


@pytest.mark.parametrize(
    ("text", "duration", "words"),
    [
        ("7d", Duration(seconds=604_800), "7 days"),
        ("24 hours", Duration(seconds=86_400), "1 day"),
        ("90m", Duration(seconds=5400), "90 minutes"),
        ("2w", Duration(seconds=1_209_600), "14 days"),
        ("1 business day", Duration(business_days=1), "1 business day"),
        ("2 business hours", Duration(business_seconds=7200), "2 business hours"),
    ],
)
def test_durations_are_read_and_said(text: str, duration: Duration, words: str) -> None:
    assert parse_duration(text) == duration
    assert duration.words == words


@pytest.mark.parametrize("text", ["", "soon", "-1d", "7", "2 business weeks", "999999w"])
def test_what_is_no_duration_says_what_can_be_written(text: str) -> None:
    with pytest.raises(ValueError, match=r"write one|longer than"):
        parse_duration(text)
