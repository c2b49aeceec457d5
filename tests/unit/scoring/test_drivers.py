"""Drivers are Shapley values: they sum to the change, and what did not change has none."""

from fractions import Fraction
from itertools import permutations

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from services.scoring.core.measures import MEASURES
from services.scoring.core.score import mean_of
from services.scoring.core.scorecard import Scorecard, Weighted
from services.scoring.core.shapley import shares
from shared.words import in_whole

NAMES = list(MEASURES)
Points = dict[str, int | None]


def a_card(*weights: int) -> Scorecard:
    """A card whose measures are the first built-in ones."""
    return Scorecard(
        "test", 1, "test", tuple(Weighted(n, w, ((0, 0), (1, 1))) for n, w in zip(NAMES, weights, strict=False))
    )


def _mean(points: Points, card: Scorecard) -> Fraction:
    return Fraction(*mean_of(points, card))


def _points(size: int) -> st.SearchStrategy[Points]:
    one = st.one_of(st.none(), st.integers(0, 10_000))
    return st.lists(one, min_size=size, max_size=size).map(lambda values: dict(zip(NAMES, values, strict=False)))


def _by_hand(old: Points, new: Points, card: Scorecard) -> dict[str, Fraction]:
    """The definition itself: the mean marginal over every order."""
    changed = [n for n in old if old[n] != new[n]]
    orders = list(permutations(changed))
    found = dict.fromkeys(changed, Fraction(0))
    first = _mean(old, card)
    for order in orders:
        now, value = dict(old), first
        for name in order:
            now[name] = new[name]
            total, weight = mean_of(now, card)
            after = Fraction(total, weight) if weight else first
            found[name] += after - value
            value = after
    return {name: value / len(orders) for name, value in found.items()}


@settings(max_examples=150)
@given(_points(5), _points(5), st.lists(st.integers(1, 60), min_size=5, max_size=5))
def test_they_are_the_mean_over_all_orders(old: Points, new: Points, weights: list[int]) -> None:
    card = a_card(*weights)
    assume(mean_of(old, card)[1] and mean_of(new, card)[1])
    assert shares(old, new, card) == _by_hand(old, new, card)


@settings(max_examples=60)
@given(_points(12), _points(12), st.lists(st.integers(1, 20), min_size=12, max_size=12))
def test_they_sum_to_the_change_and_what_did_not_change_has_none(old: Points, new: Points, weights: list[int]) -> None:
    card = a_card(*weights)
    assume(mean_of(old, card)[1] and mean_of(new, card)[1])
    found = shares(old, new, card)
    assert sum(found.values()) == _mean(new, card) - _mean(old, card)
    assert set(found) == {name for name in old if old[name] != new[name]}


def test_where_only_points_changed_it_is_the_share_of_the_weight_times_the_change() -> None:
    old: Points = {NAMES[0]: 9000, NAMES[1]: 5000, NAMES[2]: None}
    new: Points = {NAMES[0]: 3000, NAMES[1]: 5000, NAMES[2]: None}
    assert shares(old, new, a_card(30, 20, 50)) == {NAMES[0]: Fraction(30 * -6000, 50)}


def test_a_measure_that_appears_moves_the_mean_towards_itself() -> None:
    old: Points = {NAMES[0]: 8000, NAMES[1]: None}
    new: Points = {NAMES[0]: 8000, NAMES[1]: 0}
    assert shares(old, new, a_card(50, 50)) == {NAMES[1]: Fraction(-4000)}


def test_equals_get_equal_shares() -> None:
    old: Points = dict.fromkeys(NAMES[:3], 4000)
    new: Points = {NAMES[0]: 7000, NAMES[1]: 7000, NAMES[2]: None}
    found = shares(old, new, a_card(30, 30, 40))
    assert found[NAMES[0]] == found[NAMES[1]]


def test_of_nothing_comes_nothing_whatever_the_total() -> None:
    assert in_whole({}, 205) == {}


@given(st.lists(st.fractions(-50, 50, max_denominator=97), min_size=1, max_size=9), st.fractions(0, 1))
def test_rounding_by_largest_remainder_keeps_the_sum(parts: list[Fraction], start: Fraction) -> None:
    def half_up(x: Fraction) -> int:
        return (2 * x.numerator + x.denominator) // (2 * x.denominator)

    total = half_up(start + sum(parts)) - half_up(start)
    whole = in_whole(dict(enumerate(parts)), total)
    assert sum(whole.values()) == total
    assert all(abs(whole[place] - part) <= 1 for place, part in enumerate(parts))
