"""Who moved a weighted mean, and how far: Shapley values (L. Shapley, A Value for n-Person Games, 1953).

The game: a coalition of changed measures has its new points, all others their old ones, and is worth the weighted mean.

Why these and no simpler shares. A measure that appears or vanishes changes the denominator, so what the others add
depends on whether it is there yet: "change one at a time" gives another answer for every order, and the first measure
named would seem to do most. The mean over all orders is the one division that treats equals alike, gives 0 to what did
not change, and sums to the change exactly: in every single order the steps telescope from the old mean to the new, so
their mean does, too. Where only points changed the denominator stands still, every order gives the same, and the value
is the weight's share times the change. Fractions keep all of this exact; `in_whole` rounds once, at the very end.
Beyond 8 changes the orders (2⁸ coalitions) cost more than they tell, and one order, the card's, is taken: it
telescopes as well. A coalition without any data is worth the old mean, so that the first measure to appear explains
what it brought and no more.
"""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import cache
from math import factorial
from typing import Final

from services.scoring.core.scorecard import Scorecard

MOST_EXACT: Final = 8


def shares(old: Mapping[str, int | None], new: Mapping[str, int | None], card: Scorecard) -> dict[str, Fraction]:
    """How far each changed measure moved the weighted mean, in hundredths. Some measure must have data in both."""
    weights = {one.name: one.weight for one in card.measures if one.weight}
    changed = [name for name in weights if old.get(name) != new.get(name)]
    appeared = any((old.get(name) is None) != (new.get(name) is None) for name in changed)
    if not appeared:
        weight = sum(weights[name] for name in weights if new.get(name) is not None)
        return {name: Fraction(weights[name] * ((new[name] or 0) - (old[name] or 0)), weight) for name in changed}
    worth = _worth(old, new, weights, changed)
    if len(changed) > MOST_EXACT:
        return _in_order(changed, worth)
    return _mean_over_orders(changed, worth)


def _worth(
    old: Mapping[str, int | None], new: Mapping[str, int | None], weights: Mapping[str, int], changed: Sequence[str]
) -> Callable[[int], Fraction]:
    """The weighted mean when the measures of a bit mask are new. Without any data it is what it was before."""
    still = [(weights[name], old[name]) for name in weights if name not in changed and old.get(name) is not None]
    total = sum(weight * (points or 0) for weight, points in still)
    weight = sum(weight for weight, _ in still)
    sides = [(weights[name], old.get(name), new.get(name)) for name in changed]

    def mean(mask: int, otherwise: Fraction) -> Fraction:
        t, w = total, weight
        for place, (weight_of, before, after) in enumerate(sides):
            points = after if mask >> place & 1 else before
            if points is not None:
                t += weight_of * points
                w += weight_of
        return Fraction(t, w) if w else otherwise

    first = mean(0, Fraction(0))
    return cache(lambda mask: mean(mask, first))


def _in_order(changed: Sequence[str], worth: Callable[[int], Fraction]) -> dict[str, Fraction]:
    found, mask = {}, 0
    for place, name in enumerate(changed):
        after = mask | 1 << place
        found[name] = worth(after) - worth(mask)
        mask = after
    return found


def _mean_over_orders(changed: Sequence[str], worth: Callable[[int], Fraction]) -> dict[str, Fraction]:
    n = len(changed)
    found: dict[str, Fraction] = {}
    for place, name in enumerate(changed):
        bit, value = 1 << place, Fraction(0)
        for mask in range(1 << n):
            if not mask & bit:
                size = mask.bit_count()
                orders = factorial(size) * factorial(n - size - 1)
                value += orders * (worth(mask | bit) - worth(mask))
        found[name] = value / factorial(n)
    return found
