"""Counts, points and lists as a person says them."""

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from math import floor
from typing import Final, TypeVar

K = TypeVar("K")
_EXACT: Final = 1e15
"""From here on a float has no decimals."""


def counted(count: float, noun: str, more: str = "") -> str:
    """`1 day`, `2 days`, `2.5 days`, `1,200 days`; `more` is a plural that no `s` makes."""
    shown = number(count)
    return f"{shown} {noun if shown == '1' else more or noun + 's'}"


def listed(names: Sequence[str], last: str = "and", most: int | None = None) -> str:
    """`a`, `a and b`, `a, b and c`; with `most`, `a, b and 3 more`."""
    if most is not None and len(names) > most:
        return f"{', '.join(names[:most])} {last} {len(names) - most:,} more"
    return f" {last} ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def rounded(value: float, decimals: int | None = None) -> float:
    """Rounded half away from zero, as people do, and by the digits that they see; never −0.

    Without `decimals` it has one below 10, else none: nobody speaks of 97.1 %, but of 2.5 tickets they do.
    """
    if not abs(value) < _EXACT:
        return value
    if value == int(value):
        return value or 0.0  # Most are whole already, and decimals cost.
    if decimals is None:
        decimals = 0 if abs(value) >= 10 else 1
    return float(Decimal(repr(value)).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP)) or 0.0


def number(value: float | Fraction, decimals: int | None = None) -> str:
    """`12`, `1,200`, `−2.5`: at most so many decimals, as `rounded` has them, and none that say nothing."""
    if isinstance(value, int):
        return f"{value:,}".replace("-", "−")
    shown = rounded(float(value), decimals)
    text = f"{abs(shown):,.{decimals or 1}f}".rstrip("0").rstrip(".")
    return f"−{text}" if shown < 0 else text


def whole(hundredths: int) -> int:
    """Hundredths of a point as whole points, half away from zero."""
    points = (abs(hundredths) + 50) // 100
    return -points if hundredths < 0 else points


def scored(hundredths: int | None) -> str:
    """A score, in hundredths, as it is spoken of: `52`; `unknown` without one."""
    return "unknown" if hundredths is None else str(whole(hundredths))


def signed(points: int) -> str:
    """`−13`, `+5`, with a real minus sign."""
    return f"−{-points}" if points < 0 else f"+{points}"


def apportioned(hundredths: Sequence[int], before: int | None, after: int | None) -> list[int]:
    """Drivers' whole points, which sum to the change from `before` to `after` as both are shown (largest remainder).

    Every face shows the same drivers in its own order, so a tie must not fall to who comes first: the heavier driver
    gets the point, and of two equal ones it makes no difference. Where the drivers are not the whole change (some are
    missing, or there was no score) there is nothing to sum to, and each is rounded by itself.
    """
    if before is None or after is None or sum(hundredths) != after - before:
        return [whole(value) for value in hundredths]
    points = [value // 100 for value in hundredths]
    missing = whole(after) - whole(before) - sum(points)
    for i in sorted(range(len(points)), key=lambda i: (-(hundredths[i] % 100), -abs(hundredths[i])))[:missing]:
        points[i] += 1
    return points


def in_whole(parts: Mapping[K, Fraction], total: int) -> dict[K, int]:
    """Round to integers by largest remainder, so that they sum to the total; ties go to the first. None stay none."""
    floors = {key: floor(value) for key, value in parts.items()}
    left = total - sum(floors.values())
    by_remainder = sorted(parts, key=lambda key: floors[key] - parts[key])
    for place in range(abs(left) if parts else 0):
        key = by_remainder[place % len(by_remainder)] if left > 0 else by_remainder[-1 - place % len(by_remainder)]
        floors[key] += 1 if left > 0 else -1
    return floors
