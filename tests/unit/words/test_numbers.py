import itertools
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import words


@given(st.lists(st.integers(-10_000, 10_000), max_size=12), st.integers(0, 10_000))
def test_points_that_are_shown_sum_to_the_change_that_is_shown(hundredths: list[int], before: int) -> None:
    after = before + sum(hundredths)
    shown = words.apportioned(hundredths, before, after)
    assert sum(shown) == words.whole(after) - words.whole(before)
    assert all(abs(points - exact / 100) < 1 for points, exact in zip(shown, hundredths, strict=True))


@given(st.lists(st.integers(-3_000, 3_000), min_size=1, max_size=6), st.integers(0, 10_000))
def test_a_drivers_points_do_not_depend_on_the_order_of_the_list(drivers: list[int], before: int) -> None:
    after = before + sum(drivers)
    turned = drivers[::-1]
    here = sorted(zip(drivers, words.apportioned(drivers, before, after), strict=True))
    there = sorted(zip(turned, words.apportioned(turned, before, after), strict=True))
    assert here == there


def test_of_a_tie_the_heavier_driver_gets_the_point() -> None:
    for drivers in itertools.permutations([800, 50, 1450, -800]):
        shown = words.apportioned(drivers, 5_000, 6_500)
        assert dict(zip(drivers, shown, strict=True)) == {800: 8, 50: 0, 1450: 15, -800: -8}


def test_drivers_without_a_whole_change_are_rounded_each() -> None:
    assert words.apportioned([150, -50], None, 5_000) == [2, -1]
    assert words.apportioned([150, -50], 4_000, 5_000) == [2, -1]
    assert words.apportioned([], 5_000, 5_000) == []


@given(st.integers(-1_000_000, 1_000_000))
def test_rounding_is_symmetric(hundredths: int) -> None:
    assert words.whole(-hundredths) == -words.whole(hundredths)
    assert abs(words.whole(hundredths) * 100 - hundredths) <= 50


@pytest.mark.parametrize(
    ("value", "decimals", "said"),
    [
        (97.1, None, "97"),
        (12.5, None, "13"),
        (-2.25, None, "−2.3"),
        (2.0, None, "2"),
        (-0.04, None, "0"),
        (9.96, None, "10"),
        (1_234_567, None, "1,234,567"),
        (39.96, 6, "39.96"),
        (Fraction(1, 3), 6, "0.333333"),
        (52.5, 0, "53"),
    ],
)
def test_a_number_has_no_decimals_that_say_nothing(value: float | Fraction, decimals: int | None, said: str) -> None:
    assert words.number(value, decimals) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0 days"), (1, "1 day"), (2, "2 days"), (1_200, "1,200 days"), (2.5, "2.5 days"), (1.04, "1 day")],
)
def test_what_is_counted_agrees_with_its_number(count: float, said: str) -> None:
    assert words.counted(count, "day") == said
    assert words.counted(2, "alias", "aliases") == "2 aliases"


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (["a", "b", "c"], "a, b and c"),
        (list("abcde"), "a, b, c and 2 more"),
    ],
)
def test_a_list_is_read_as_a_sentence(names: list[str], said: str) -> None:
    assert words.listed(names, most=3) == said


def test_points_and_scores_have_a_sign_that_is_one() -> None:
    assert [words.signed(points) for points in (-13, 0, 5)] == ["−13", "+0", "+5"]
    assert [words.scored(score) for score in (5_250, 5_249, None)] == ["53", "52", "unknown"]
