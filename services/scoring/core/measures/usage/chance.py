"""Uses in two stretches of days, and whether they differ by more than chance."""

from math import sqrt
from typing import Final, NamedTuple

FEWEST_USES: Final = 40
"""Of fewer in both windows together nothing can be said."""
_NOISE: Final = 2.0
_BACK: Final = 100.0
"""Use after none at all, in percent: what it grew from is nothing, so it counts as doubled."""


class Windows(NamedTuple):
    """The two windows of an account, as days [start, middle) and [middle, today), and how many of them count."""

    start: int
    middle: int
    days_before: int
    days_now: int


class Uses(NamedTuple):
    """Uses in either window."""

    before: int
    now: int


def change(uses: Uses, over: Windows) -> float:
    """The change of uses a day in percent; 0 where it is no more than chance. An empty later window never is.

    Two counts from Poisson streams are compared by asking whether the later one is what its share of the days would
    have it be (J. Przyborowski and H. Wilenski, Homogeneity of results in testing samples from Poisson series,
    Biometrika 31, 1940): of n uses together, binomial with p = days now / days of both, in its normal form
    z = (now − n·p) / √(n·p·(1−p)). Within two standard errors, or of fewer than 40 uses, nothing can be said.
    """
    if not uses.now:
        return -100.0
    n, p = uses.before + uses.now, over.days_now / (over.days_now + over.days_before)
    if n < FEWEST_USES or abs(uses.now - n * p) < _NOISE * sqrt(n * p * (1 - p)):
        return 0.0
    if not uses.before:
        return _BACK
    # Whole numbers first, so that what is equal on paper is equal here.
    now, before = uses.now * over.days_before, uses.before * over.days_now
    return 100 * (now - before) / before
