from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.playbooks.core.directory import Directory
from services.playbooks.core.rules import Library, Rules
from services.playbooks.core.workinghours import (
    OFFICE,
    Duration,
    Hours,
    add,
    bring_at,
    next_digest,
    next_working,
    parse_duration,
    ran,
    runs_out,
    works_before,
)
from shared.conditions import Declared
from shared.files.templates import render
from shared.messages.actions import SEVERITIES, Severity
from shared.messages.preferences import DIGEST

BERLIN_TIME = ZoneInfo("Europe/Berlin")
BERLIN = Hours(time_zone="Europe/Berlin")
FRIDAY = datetime(2026, 3, 6, 15, tzinfo=UTC)
DAYS = {
    "24h": parse_duration("24h"),
    "2 business days": parse_duration("2 business days"),
    "4 business hours": parse_duration("4 business hours"),
}


@pytest.mark.parametrize("asked", ["Thu 5 17:05", "Fri 6 17:30", "Sun 8 21:49", "Tue 3 03:00"])
def test_a_length_of_clock_time_is_the_clocks_whoever_works_when(asked: str) -> None:
    at = in_march(asked)
    assert add(BERLIN, at, DAYS["24h"]) == at + timedelta(hours=24)


@pytest.mark.parametrize(
    ("until", "works"), [("Fri 6 17:05", True), ("Fri 6 09:00", False), ("Fri 6 09:01", True), ("Thu 5 23:00", False)]
)
def test_who_works_before_an_instant_can_do_what_is_due_then(until: str, works: bool) -> None:
    assert works_before(BERLIN, in_march("Thu 5 17:05"), in_march(until)) is works


def in_march(text: str) -> datetime:
    """Such as `Tue 3 15:00`, in Berlin."""
    _, day, clock = text.split()
    return datetime.combine(date(2026, 3, int(day)), time.fromisoformat(clock), BERLIN_TIME).astimezone(UTC)


def test_business_days_keep_the_time_of_day_and_skip_the_weekend() -> None:
    assert add(OFFICE, FRIDAY, DAYS["2 business days"]) == datetime(2026, 3, 10, 15, tzinfo=UTC)


def test_holidays_do_not_count() -> None:
    monday_off = Hours(holidays=(date(2026, 3, 9),))
    assert add(monday_off, FRIDAY, DAYS["2 business days"]) == datetime(2026, 3, 11, 15, tzinfo=UTC)


class TestRunsOfBusinessDays:
    """The clock of `held_for: 3 business days` stands still on all other days."""

    THREE = parse_duration("3 business days")

    @pytest.mark.parametrize(
        ("since", "until"),
        [
            ("Mon 2 10:00", "Thu 5 10:00"),
            ("Wed 4 10:00", "Mon 9 10:00"),
            ("Fri 6 23:00", "Wed 11 23:00"),
            ("Sat 7 10:00", "Thu 12 00:00"),
        ],
    )
    def test_three_of_them(self, since: str, until: str) -> None:
        assert runs_out(BERLIN, in_march(since), self.THREE.run, self.THREE) == in_march(until)

    def test_holidays_and_a_weekend_count_nothing(self) -> None:
        off = Hours(time_zone="Europe/Berlin", holidays=(date(2026, 3, 5), date(2026, 3, 9)))
        assert runs_out(off, in_march("Wed 4 10:00"), self.THREE.run, self.THREE) == in_march("Wed 11 10:00")
        assert ran(off, in_march("Wed 4 10:00"), in_march("Tue 10 00:00"), self.THREE) == timedelta(hours=14 + 24)

    @given(
        st.integers(0, 300 * 86_400).map(lambda seconds: FRIDAY + timedelta(seconds=seconds)),
        st.timedeltas(timedelta(seconds=1), timedelta(days=3)),
    )
    def test_what_will_have_run_has_run_then_and_not_before(self, since: datetime, left: timedelta) -> None:
        until = runs_out(BERLIN, since, left, self.THREE)
        assert ran(BERLIN, since, until, self.THREE) == left
        assert ran(BERLIN, since, until - timedelta(microseconds=1), self.THREE) < left

    def test_of_clock_time_it_is_the_clock(self) -> None:
        day = DAYS["24h"]
        assert runs_out(BERLIN, in_march("Sat 7 10:00"), day.run, day) == in_march("Sun 8 10:00")
        assert ran(BERLIN, in_march("Sat 7 10:00"), in_march("Sun 8 09:00"), day) == timedelta(hours=23)


def test_business_hours_are_used_up_day_by_day() -> None:
    assert add(OFFICE, FRIDAY, DAYS["4 business hours"]) == datetime(2026, 3, 9, 11, tzinfo=UTC)


def test_what_comes_at_night_counts_from_the_morning() -> None:
    night = datetime(2026, 3, 3, 23, tzinfo=UTC)
    assert add(OFFICE, night, parse_duration("1 business day")) == datetime(2026, 3, 5, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("decided", "severity", "brought"),
    [
        ("Mon 2 11:00", "high", "Mon 2 11:00"),
        ("Mon 2 11:00", "critical", "Mon 2 11:00"),
        ("Mon 2 11:00", "medium", "Tue 3 08:30"),
        ("Mon 2 11:00", "info", "Tue 3 08:30"),
        ("Mon 2 07:00", "medium", "Mon 2 08:30"),
        ("Mon 2 08:30", "medium", "Mon 2 08:30"),
        ("Mon 2 20:00", "critical", "Tue 3 08:30"),
        # The digest of the day has gone, and work begins soon.
        ("Mon 2 08:45", "high", "Mon 2 09:00"),
        ("Mon 2 08:45", "low", "Tue 3 08:30"),
        ("Fri 6 17:00", "high", "Mon 9 08:30"),
        ("Sat 7 12:00", "medium", "Mon 9 08:30"),
        # The clocks go forward in the night of the 29th.
        ("Fri 27 20:00", "high", "Mon 30 08:30"),
    ],
)
def test_what_is_high_goes_at_once_within_the_hours_and_the_rest_in_the_digest(
    decided: str, severity: Severity, brought: str
) -> None:
    assert bring_at(BERLIN, severity, in_march(decided)) == in_march(brought)


def test_who_has_no_hours_set_is_reached_at_any_time_and_has_the_digest_on_working_days() -> None:
    saturday = datetime(2026, 3, 7, 3, tzinfo=UTC)
    assert bring_at(OFFICE, "high", saturday) == saturday
    assert bring_at(OFFICE, "medium", saturday) == datetime(2026, 3, 9, 8, 30, tzinfo=UTC)


def test_what_is_due_before_its_digest_does_not_wait_for_it() -> None:
    at = in_march("Mon 2 11:00")
    assert bring_at(BERLIN, "medium", at, at + timedelta(hours=4)) == at
    assert bring_at(BERLIN, "medium", at, at + timedelta(hours=24)) == in_march("Tue 3 08:30")


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
    holidays=st.lists(st.dates(date(2025, 1, 1), date(2026, 12, 31)), max_size=20).map(tuple),
)
instants = st.integers(0, 730 * 86_400).map(
    lambda seconds: datetime(2025, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
)


@given(calendars, instants, st.sampled_from([DAYS["2 business days"], DAYS["4 business hours"]]))
def test_working_time_ends_ahead_and_within_working_hours(hours: Hours, at: datetime, duration: Duration) -> None:
    found = add(hours, at, duration)
    assert found > next_working(hours, at) >= at, "nothing is due before anybody has worked"
    assert next_working(hours, found - timedelta(microseconds=1)) <= found
    assert works_before(hours, at, found)


@given(calendars, instants, st.sampled_from(SEVERITIES))
def test_nobody_is_reached_outside_their_hours_nor_later_than_by_the_next_digest(
    hours: Hours, at: datetime, severity: Severity
) -> None:
    brought, local = bring_at(hours, severity, at), ZoneInfo(hours.time_zone)
    digest = next_digest(hours, at)
    assert at <= brought <= digest
    is_digest = brought.astimezone(local).time() == DIGEST
    assert is_digest or (severity in ("high", "critical") and next_working(hours, brought) == brought)
    assert brought == digest or severity in ("high", "critical")
    worked = brought.astimezone(local).date()
    assert worked.weekday() in hours.days
    assert worked not in hours.holidays
    days = (worked - at.astimezone(local).date()).days
    skipped = [at.astimezone(local).date() + timedelta(days=n) for n in range(1, days)]
    assert all(day.weekday() not in hours.days or day in hours.holidays for day in skipped), "no working day is skipped"


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


def test_the_installations_business_days_leave_out_what_directory_and_catalogue_call_closed() -> None:
    office = replace(OFFICE, time_zone="Europe/Berlin", holidays=(date(2026, 12, 25),))
    rules = Rules(Library([]), Directory(office=office), render)
    assert rules.business is office
    closed = rules._replace(declared=Declared(working_days=(0, 1, 2, 3, 6), closed=(date(2026, 5, 1),)))
    assert closed.business.holidays == {date(2026, 5, 1), date(2026, 12, 25)}
    assert (closed.business.days, closed.business.time_zone) == ((0, 1, 2, 3, 6), "Europe/Berlin")
