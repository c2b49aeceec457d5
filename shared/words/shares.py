"""Shares, with how far they may be off by chance."""

from math import sqrt
from typing import Final, NamedTuple

Z: Final = 1.959963984540054
"""Of the normal distribution between 2.5 and 97.5 %."""


class Span(NamedTuple):
    """A figure between two bounds that hold it with 95 %."""

    value: float
    low: float
    high: float


def share_of(share: float, n: float) -> Span:
    """A share (0 to 1) of `n`, in percent, adjusted Wald: with z²/2 of each kind more (A. Agresti and B. Coull, 1998).

    Raises `ZeroDivisionError` of none.
    """
    adjusted = (share * n + Z**2 / 2) / (n + Z**2)
    margin = Z * sqrt(adjusted * (1 - adjusted) / (n + Z**2))
    return Span(100 * share, 100 * max(0.0, adjusted - margin), 100 * min(1.0, adjusted + margin))
