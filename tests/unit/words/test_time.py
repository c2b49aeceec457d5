from datetime import UTC, datetime, timedelta, timezone

import pytest

from shared import words

WEDNESDAY = datetime(2026, 11, 18, 9, 14, tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "said"),
    [
        (datetime(2026, 11, 18, 14, 0, tzinfo=UTC), "today 15:00"),
        (datetime(2026, 11, 18, 23, 30, tzinfo=UTC), "tomorrow 00:30"),
        (datetime(2026, 11, 19, 14, 0, tzinfo=UTC), "tomorrow 15:00"),
        (datetime(2026, 11, 17, 8, 0, tzinfo=UTC), "yesterday 09:00"),
        (datetime(2026, 11, 23, 8, 0, tzinfo=UTC), "Monday 09:00"),
        (datetime(2026, 11, 25, 8, 0, tzinfo=UTC), "Wed 25 Nov 09:00"),
        (datetime(2027, 1, 4, 8, 0, tzinfo=UTC), "Mon 4 Jan 2027 09:00"),
        (datetime(2026, 11, 10, 8, 0, tzinfo=UTC), "Tue 10 Nov 09:00"),
    ],
)
def test_an_instant_is_said_on_the_readers_wall_clock(at: datetime, said: str) -> None:
    assert words.moment(at, WEDNESDAY, "Europe/Berlin") == said


@pytest.mark.parametrize(
    ("days", "said"),
    [(0, "today"), (1, "yesterday"), (2, "Monday"), (6, "Thursday"), (7, "11 Nov 2026"), (-1, "19 Nov 2026")],
)
def test_a_day_of_the_past_is_called_as_people_do(days: int, said: str) -> None:
    assert words.on_day(WEDNESDAY - timedelta(days=days), WEDNESDAY) == said


def test_an_unknown_time_zone_is_read_as_utc() -> None:
    for name in ("Mars/Olympus", "", "../etc/passwd"):
        assert words.moment(WEDNESDAY, WEDNESDAY, name) == "today 09:14"
        assert words.zone_label(name) == "UTC"
    assert words.zone_label("America/New_York") == "New York time"


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (41, "renews in 41 days"),
        (1, "renews tomorrow"),
        (0, "renews today"),
        (-1, "was to renew 1 day ago"),
        (-3, "was to renew 3 days ago"),
    ],
)
def test_a_renewal_is_counted_in_calendar_days(days: int, said: str) -> None:
    assert words.renewal(WEDNESDAY + timedelta(days=days), WEDNESDAY) == said


def test_a_renewal_is_the_same_day_for_readers_in_every_zone() -> None:
    renews_at = datetime(2026, 11, 19, tzinfo=UTC)
    for hours in (-11, -5, 0, 1, 13):
        there = timezone(timedelta(hours=hours))
        for now in (datetime(2026, 11, 18, 0, 1, tzinfo=UTC), datetime(2026, 11, 18, 23, 59, tzinfo=UTC)):
            assert words.renewal(renews_at.astimezone(there), now.astimezone(there)) == "renews tomorrow"


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "UTC"])
def test_a_date_that_stands_for_never_is_not_counted_to(zone: str) -> None:
    for never in (datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)):
        assert words.renewal(never, WEDNESDAY) == ""
        assert words.moment(never, WEDNESDAY, zone)
        assert words.clock_time(never, zone)


def test_an_instant_in_full_names_the_clock() -> None:
    assert words.clock_time(WEDNESDAY) == "Wed 18 Nov 2026, 09:14 UTC"
    assert words.clock_time(WEDNESDAY, "America/New_York") == "Wed 18 Nov 2026, 04:14 New York time"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.9, "just now"),
        (-0.9, "just now"),
        (42, "42 seconds ago"),
        (241, "4 minutes ago"),
        (86_400, "1 day ago"),
        (-7_201, "in 2 hours"),
    ],
)
def test_a_moment_is_seen_from_now(seconds: float, said: str) -> None:
    assert words.ago(WEDNESDAY - timedelta(seconds=seconds), WEDNESDAY) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 seconds"), (1, "1 second"), (5_400, "90 minutes"), (129_600, "36 hours"), (604_800, "7 days")],
)
def test_an_exact_length_loses_nothing(seconds: int, said: str) -> None:
    assert words.exact_span(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "less than a second"),
        (59, "59 seconds"),
        (60, "1 minute"),
        (3 * 3600 + 1, "3 hours"),
        (5 * 86_400 + 7, "5 days"),
    ],
)
def test_how_long_is_said_in_the_largest_unit(seconds: int, said: str) -> None:
    assert words.span(timedelta(seconds=seconds)) == said
