"""From readings to a score: weighted mean, coverage, caps, bands. In integers, so that equal input is equal output."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from services.scoring.core.measures import MEASURES
from services.scoring.core.measures.base import Reading, View, points_on
from services.scoring.core.scorecard import Bands, Cap, Scorecard, Weighted
from shared.conditions import Facts, Truth, evaluate
from shared.messages.assessments import Band
from shared.words import clean, counted

_NEUTRAL: Final = 5000
_COUNTED: Final = {"neutral": "neutral", "worst": "the worst"}
_ORDER: Final[tuple[Band, ...]] = ("red", "amber", "green")


@dataclass(frozen=True, slots=True)
class Read:
    """One measure as it counts: raw value, points in hundredths, words. Without points, the words say why."""

    raw: float | None
    points: int | None
    words: str


@dataclass(frozen=True, slots=True)
class Scored:
    """A score with what it is made of."""

    total: int
    """Σ weight·points of what has data; the mean is `total / weight`."""
    weight: int
    """Σ weight of what has data."""
    coverage: int
    """In hundredths of a percent."""
    cap: Cap | None
    """The cap that holds the score down, if one does."""
    score: int | None
    why_unknown: str = ""


def read_measures(view: View, card: Scorecard) -> dict[str, Read]:
    """Every built-in measure by the card's curves, and with the card's answer to what is missing."""
    on_card = {one.name: one for one in card.measures}
    return {name: _read(view, name, on_card.get(name)) for name in MEASURES}


def _read(view: View, name: str, weighted: Weighted | None) -> Read:
    measure = MEASURES[name]
    curve = measure.curve if weighted is None else weighted.curve
    reading = _cleaned(measure.read(view))
    if reading.raw is not None:
        return Read(reading.raw, points_on(curve, reading.raw), reading.words)
    if weighted is not None and weighted.missing in _COUNTED:
        return Read(None, points_without_data(weighted), f"{reading.words}; counted as {_COUNTED[weighted.missing]}")
    if weighted is not None and weighted.missing == "last-known":
        # Looked for in what state remembers, not in what was once decided: so it depends on no order.
        for back in range(1, weighted.days_back + 1):
            past = _cleaned(measure.read(View(view.account, view.now - timedelta(days=back), view.catalogue)))
            if past.raw is not None:
                words = f"{past.words} ({counted(back, 'day')} ago; since then {reading.words})"
                return Read(past.raw, points_on(curve, past.raw), words)
    return Read(None, None, reading.words)


def _cleaned(reading: Reading) -> Reading:
    """Its words may quote what customers wrote, or name what they named."""
    return reading._replace(words=clean(reading.words))


def points_without_data(weighted: Weighted) -> int | None:
    """What the card counts, in hundredths, where there is nothing to read and nothing was known before."""
    if weighted.missing == "worst":
        return round(min(points for _, points in weighted.curve) * 100)
    return _NEUTRAL if weighted.missing == "neutral" else None


def mean_of(points: Mapping[str, int | None], card: Scorecard) -> tuple[int, int]:
    """Σ weight·points and Σ weight over the card's measures that have points."""
    total = weight = 0
    for one in card.measures:
        found = points.get(one.name)
        if found is not None and one.weight:
            total += one.weight * found
            weight += one.weight
    return total, weight


def rounded(total: int, weight: int) -> int:
    """total / weight, rounded half up: moving both ends of a change alike leaves the change alone."""
    return (2 * total + weight) // (2 * weight)


def score(reads: Mapping[str, Read], card: Scorecard, facts: Facts, view: View) -> Scored:
    """The score of these readings. Unknown when coverage is below the card's minimum, or nothing has data."""
    total, weight = mean_of({name: one.points for name, one in reads.items()}, card)
    coverage = 100 * weight
    if not weight or coverage < card.minimum_coverage:
        why = f"only {weight} % of the scorecard has data, {card.minimum_coverage // 100} % is needed"
        return Scored(total, weight, coverage, None, None, why)
    points = rounded(total, weight)
    binding = None
    for cap in card.caps:
        if cap.at_most < points and evaluate(cap.condition, facts, view.now) is Truth.TRUE:
            points, binding = cap.at_most, cap
    return Scored(total, weight, coverage, binding, points)


def band(points: int | None, bands: Bands, before: Band) -> Band:
    """The band of a score. Falling is at once; rising back needs the margin besides, so that nothing flickers."""
    if points is None:
        return "unknown"
    plain = _plain(points, bands)
    if before == "unknown" or _ORDER.index(plain) <= _ORDER.index(before):
        return plain
    return max(before, _plain(points - bands.margin, bands), key=_ORDER.index)


def _plain(points: int, bands: Bands) -> Band:
    return "green" if points >= bands.green else "amber" if points >= bands.amber else "red"
