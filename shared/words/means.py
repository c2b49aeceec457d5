"""Means and what they differ by, with how far they may be off by chance."""

from collections.abc import Iterable
from math import sqrt
from typing import Final, NamedTuple

from shared.words.shares import Span, Z

LEAST: Final = 10
"""Of fewer there are only counts: one more could turn any figure round."""


class Sample(NamedTuple):
    """Some values: how many, their mean, and their variance (of a sample; 0 of a single one)."""

    n: int
    mean: float
    variance: float


def sample(values: Iterable[float]) -> Sample:
    """Of some values; without any, none with a mean of 0."""
    known = sorted(values)
    n = len(known)
    mean = sum(known) / n if n else 0.0
    return Sample(n, mean, sum((one - mean) ** 2 for one in known) / (n - 1) if n > 1 else 0.0)


def mean_of(one: Sample) -> Span:
    """The mean, with Student's interval. Raises `ZeroDivisionError` of a single value or none."""
    margin = students(one.n - 1) * sqrt(one.variance / one.n)
    return Span(one.mean, one.mean - margin, one.mean + margin)


def difference(one: Sample, other: Sample) -> Span:
    """By how much the mean of one is above the other's, where they may vary differently (B. Welch, 1947).

    Raises `ZeroDivisionError` of a single value or none.
    """
    parts = [(each.variance / each.n, each.n - 1) for each in (one, other)]
    spread = sum(part for part, _ in parts)
    squares = sum(part**2 / freedom for part, freedom in parts)
    freedom = spread**2 / squares if squares else one.n + other.n - 2
    value, margin = one.mean - other.mean, students(freedom) * sqrt(spread)
    return Span(value, value - margin, value + margin)


def difference_of_shares(one: tuple[int, int], other: tuple[int, int]) -> Span:
    """By how many percent points the share of one, as (how many, of how many), is above the other's: with one more of
    each kind in both (A. Agresti and B. Caffo, 2000). Raises `ZeroDivisionError` of none."""
    (p, n), (q, m) = (((k + 1) / (n + 2), n + 2) for k, n in (one, other))
    margin = Z * sqrt(p * (1 - p) / n + q * (1 - q) / m)
    value = one[0] / one[1] - other[0] / other[1]
    low, high = max(-1.0, p - q - margin), min(1.0, p - q + margin)
    return Span(100 * value, 100 * low, 100 * high)


def students(freedom: float) -> float:
    """The 97.5 % quantile of Student's t: Abramowitz and Stegun 26.7.5, to 0.0005 from nine degrees on."""
    terms = (
        (Z**3 + Z) / 4,
        (5 * Z**5 + 16 * Z**3 + 3 * Z) / 96,
        (3 * Z**7 + 19 * Z**5 + 17 * Z**3 - 15 * Z) / 384,
    )
    return Z + sum(term / freedom ** (power + 1) for power, term in enumerate(terms))
