from hypothesis import given
from hypothesis import strategies as st

from deploy.local.policy import LIMIT, WINDOW, delay_after, recent


def test_the_first_death_is_mended_at_once_and_each_next_one_later() -> None:
    assert [delay_after(range(n), now=n) for n in range(1, 5)] == [0.25, 0.5, 1.0, 2.0]


def test_the_fifth_death_within_a_minute_is_the_last() -> None:
    assert delay_after([0, 10, 20, 30, 59], now=59) is None


def test_deaths_of_more_than_a_minute_ago_are_forgiven() -> None:
    assert delay_after([0, 10, 20, 30, 61], now=61) == 2.0
    assert delay_after([0, 10, 20, 30, 1000], now=1000) == 0.25


@given(st.lists(st.floats(0, 10_000), min_size=1).map(sorted))
def test_it_is_given_up_exactly_when_a_minute_saw_five_deaths(deaths: list[float]) -> None:
    now = deaths[-1]
    assert (delay_after(deaths, now) is None) == (len([d for d in deaths if now - d < WINDOW]) >= LIMIT)
    assert delay_after(recent(deaths, now), now) == delay_after(deaths, now)
