"""What a key may send in a minute, by a clock that the test sets."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.core.senders import Sender
from services.ingest.receiving.limiting import WINDOW, Limits, Rates, Windows
from services.ingest.receiving.usage import Usage
from shared.figures import Figures
from shared.web.problems import Problem
from tests.support.stream import NOON, SetClock

APP, OTHER = Sender("app", "app"), Sender("other", "other")


class House:
    """Limits and their clock; what was counted is written nowhere."""

    def __init__(self, *, events: int = 0, requests: int = 0, bytes: int = 0) -> None:
        self.clock = SetClock()
        usage = Usage(None, self.clock, Figures("ingest"))  # type: ignore[arg-type]
        self.limits = Limits(Rates(events, requests, bytes), self.clock, usage)

    def sends(self, events: int = 1, bytes: int = 1, sender: Sender = APP) -> None:
        self.limits.admit(sender, events, bytes)

    def refused(self, events: int = 1, bytes: int = 1, sender: Sender = APP) -> int:
        """After how many seconds it may come again."""
        with pytest.raises(Problem) as problem:
            self.sends(events, bytes, sender)
        assert (problem.value.status_code, problem.value.code) == (429, "rate_limited")
        return int((problem.value.headers or {})["Retry-After"])

    def passes(self, seconds: float) -> None:
        self.clock.move(timedelta(seconds=seconds))


def test_a_minutes_share_may_come_at_once_and_no_more() -> None:
    house = House(events=10)
    house.sends(600)
    assert house.refused() == 61
    house.passes(30)
    assert house.refused(300) == 60


def test_after_the_time_that_it_was_told_it_is_taken() -> None:
    house = House(events=10)
    house.sends(600)
    house.passes(house.refused(200))
    house.sends(200)


def test_who_stays_below_the_rate_never_meets_the_limit() -> None:
    house = House(events=10)
    for _ in range(600):
        house.sends(9)
        house.passes(1)


def test_each_key_has_a_share_of_its_own() -> None:
    house = House(events=1)
    house.sends(60)
    house.sends(60, sender=OTHER)
    house.refused()


def test_a_key_may_have_a_rate_of_its_own_and_none_at_all() -> None:
    house = House(events=1)
    house.sends(6_000, sender=Sender("app", "quick", events_per_second=100))
    for _ in range(10):
        house.sends(100_000, sender=Sender("app", "free", events_per_second=0))


def test_more_than_a_minutes_share_at_once_is_taken_when_nothing_came_before() -> None:
    house = House(events=1)
    house.sends(1_000)
    house.passes(house.refused(1_000))
    house.sends(1_000)


def test_bytes_and_requests_have_limits_too() -> None:
    house = House(bytes=100)
    house.sends(bytes=6_000)
    house.refused(bytes=1)
    house = House(requests=1)
    for _ in range(60):
        house.sends()
    house.refused()


def test_too_many_requests_are_known_before_a_body_is_read_and_other_limits_are_not_asked_there() -> None:
    house = House(requests=1)
    for _ in range(60):
        house.limits.check_open("app")
        house.sends()
    wait = house.refused()
    with pytest.raises(Problem):
        house.limits.check_open("app")
    house.limits.check_open("other")
    house.passes(wait)
    house.limits.check_open("app")
    house.sends()


def test_history_counts_by_its_bytes_alone() -> None:
    house = House(events=1, bytes=1)
    house.sends(0, 30)
    house.sends(60, 30)
    house.refused(0, 1)


def test_what_is_counted_ahead_is_given_away_before_more_is_refused() -> None:
    house = House(events=1_000)
    for _ in range(60_000):
        house.sends()
    house.refused()
    house = House(events=1_000)
    house.sends(1)
    house.sends(59_999)
    house.refused()


@given(st.lists(st.tuples(st.integers(1, 400), st.floats(0, 50)), max_size=30), st.integers(1, 500))
def test_what_is_told_to_wait_has_room_then_and_not_much_sooner(sent: list[tuple[int, float]], more: int) -> None:
    at = NOON.timestamp()
    windows = Windows(lambda: at)
    for amount, seconds in sent:
        windows.acquire_sliding_window_entry("k", 500, WINDOW, amount)
        at += seconds
    if windows.acquire_sliding_window_entry("k", 500, WINDOW, more):
        return
    wait, asked = windows.room_in("k", 500, WINDOW, more), at
    at = asked + wait - 1
    assert wait < 1 or not windows.acquire_sliding_window_entry("k", 500, WINDOW, more)
    at = asked + wait + 0.001
    assert windows.acquire_sliding_window_entry("k", 500, WINDOW, more)
