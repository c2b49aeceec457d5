from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.core import words

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
    assert words.renewal(WEDNESDAY + timedelta(days=days), WEDNESDAY, "Europe/Berlin") == said


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "UTC"])
def test_a_date_that_stands_for_never_is_not_counted_to(zone: str) -> None:
    for never in (datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)):
        assert words.renewal(never, WEDNESDAY, zone) == ""
        assert words.moment(never, WEDNESDAY, zone)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "less than a minute"), (60, "1 minute"), (3 * 3600 + 1, "3 hours"), (5 * 86_400 + 7, "5 days")],
)
def test_how_long_is_said_in_the_largest_unit(seconds: int, said: str) -> None:
    assert words.span(timedelta(seconds=seconds)) == said


@given(st.text(), st.integers(2, 400))
def test_a_line_from_outside_is_one_short_safe_line(text: str, limit: int) -> None:
    line = words.one_line(text, limit)
    assert len(line) <= limit
    assert line == " ".join(line.split())
    assert not set(line) & set("\r\n\t\x00\u202e\u2066\u2028")


@given(st.lists(st.integers(-10_000, 10_000), max_size=12))
def test_points_that_are_shown_sum_to_the_change_that_is_shown(hundredths: list[int]) -> None:
    for total in (sum(hundredths) // 100, -(-sum(hundredths) // 100)):
        shown = words.apportioned(hundredths, total)
        assert sum(shown) == total
        assert all(abs(points - exact / 100) < 1 for points, exact in zip(shown, hundredths, strict=True))


@given(st.integers(-1_000_000, 1_000_000))
def test_rounding_is_symmetric(hundredths: int) -> None:
    assert words.whole(-hundredths) == -words.whole(hundredths)
    assert abs(words.whole(hundredths) * 100 - hundredths) <= 50
