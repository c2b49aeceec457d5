"""Whether NPS has dropped: the last 90 days against the 90 before them, by more than chance.

Two windows far from each other by chance alone are common enough, so it has to be so on two days a week apart.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from math import hypot
from typing import Final

from services.scoring.core.feedback import nps, nps_margin
from shared.messages.accounts import NpsDropped
from shared.messages.feedback import SurveyKind

WINDOW: Final = timedelta(days=90)
APART: Final = timedelta(days=7)
QUIET: Final = 90
"""For how many days a drop that was told isn't told again."""
_ENOUGH: Final = 30
"""Answers, in either window."""

Answers = Mapping[int, int]
"""How many there are of each score."""


def drops(
    kind: SurveyKind, before: Mapping[str | None, Answers], now: Mapping[str | None, Answers]
) -> dict[str | None, NpsDropped]:
    """What has dropped, by product, from the answers of the two windows by product.

    None is all of them together, and comes last: what is said of it leads where it becomes one task with the others.
    """
    products: list[str] = sorted(filter(None, {*before} & {*now}))
    each: dict[str | None, NpsDropped | None] = {one: _drop(kind, one, before[one], now[one]) for one in products}
    each[None] = _drop(kind, None, _all(before), _all(now))
    return {product: found for product, found in each.items() if found is not None}


def _all(by_product: Mapping[str | None, Answers]) -> Answers:
    return sum((Counter(answers) for answers in by_product.values()), Counter[int]())


def _drop(kind: SurveyKind, product: str | None, before: Answers, now: Answers) -> NpsDropped | None:
    """Both windows have enough answers, and the change exceeds the margin of a difference, √(m₁² + m₂²)."""
    n_before, n_now = sum(before.values()), sum(now.values())
    if min(n_before, n_now) < _ENOUGH:
        return None
    first, last = nps(before), nps(now)
    if first - last <= hypot(nps_margin(before), nps_margin(now)):
        return None
    return NpsDropped(
        kind=kind, product=product, before=round(first, 1), now=round(last, 1), n_before=n_before, n_now=n_now
    )
