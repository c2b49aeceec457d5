"""From readings to a score: weighted mean, coverage, caps, bands. In integers, so that equal input is equal output."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec

from services.scoring.core.clock import in_words
from services.scoring.core.decision import Decided
from services.scoring.core.measures import MEASURES
from services.scoring.core.measures.base import Measure, View, points_of
from services.scoring.core.scorecard import Bands, Cap, Scorecard, Weighted
from shared.conditions import Facts, Truth, evaluate, source_of
from shared.messages.assessments import Band, MeasureReading
from shared.messages.stamps import Cell
from shared.words import clean, clock_time, counted

_NEUTRAL: Final = 5000
_COUNTED: Final = {"neutral": "neutral", "worst": "the worst"}
_ORDER: Final[tuple[Band, ...]] = ("red", "amber", "green")
_OF_PAPERS: Final = {name for name, one in MEASURES.items() if one.rests_on_papers}
_GROUP_OF: Final = {name: one.group for name, one in MEASURES.items()}
_OFF_CARD: Final = {name: Weighted(name, 0, one.curve) for name, one in MEASURES.items()}
_cleaned = lru_cache(maxsize=1 << 12)(clean)
"""Most readings say what they said of another account, or a moment ago: cleaning each anew is a tenth of the time."""


@dataclass(frozen=True, slots=True)
class Score:
    """A score with what it is made of."""

    total: int
    """Σ weight·points of what has data; the mean is `total / weight`."""
    weight: int
    """Σ weight of what has data."""
    coverage: int
    """In hundredths of a percent."""
    cap: Cap | None
    """The cap that holds it down, if one does."""
    points: int | None
    """In hundredths; None: unknown."""
    why_unknown: str = ""


class Read(NamedTuple):
    """A reading as it is told, and the single values that it was made of."""

    told: MeasureReading
    spread: tuple[tuple[float, int], ...]


def read_measures(view: View, card: Scorecard) -> dict[str, Read]:
    """Every built-in measure by the card's curves, and with the card's answer to what is missing."""
    on_card, tenure, interrupted, kept = card.by_name, view.tenure, view.interrupted, view.read
    found: dict[str, Read] = {}
    for name, one in MEASURES.items():
        if (known := kept.get(name)) is not None:
            found[name] = known
            continue
        weighted = on_card.get(name, _OFF_CARD[name]).at(tenure)
        read = _kept if interrupted and source_of(name) in interrupted else _read
        found[name] = read(view, one, weighted)
        if name not in _OF_PAPERS:
            kept[name] = found[name]
    return found


def _read(view: View, measure: Measure, weighted: Weighted) -> Read:
    if (mute := view.muted(measure.name)) is not None:
        return Read(_muted(mute, measure, weighted), ())
    raw, words, spread = measure.read(view)
    points = points_without_data(weighted) if raw is None else points_of(weighted.curve, raw, spread)
    if raw is None and points is not None:
        words = f"{words}; counted as {_COUNTED[weighted.missing]}"
    elif raw is None and weighted.missing == "last-known":
        # Looked for in what state remembers, not in what was once decided: so it depends on no order.
        for back in range(1, weighted.days_back + 1):
            past = measure.read(View(view.account, view.now - timedelta(days=back), view.catalogue))
            if past.raw is not None:
                raw, spread, points = past.raw, past.spread, points_of(weighted.curve, past.raw, past.spread)
                words = f"{past.words} ({counted(back, 'day')} ago; since then {words})"
                break
    # Words may quote what customers wrote, or name what they named.
    words = _cleaned(words)
    read = MeasureReading(
        name=measure.name, weight=weighted.weight, raw=raw, unit=measure.unit, points=points, words=words
    )
    return Read(read, spread)


def _kept(view: View, measure: Measure, weighted: Weighted) -> Read:
    """The last reading from before its source was interrupted, and that it is."""
    if view.muted(measure.name) is not None:
        return _read(view, measure, weighted)
    source = source_of(measure.name) or ""
    since = view.interrupted[source]
    told, spread = _read(view.before_interruption(source), measure, weighted)
    words = f"{told.words}; kept since {clock_time(since)}: {source} interrupted"
    return Read(msgspec.structs.replace(told, words=_cleaned(words), interrupted_since=since), spread)


def _muted(mute: Cell, measure: Measure, weighted: Weighted) -> MeasureReading:
    """No data, whatever the card counts where there is none: what is not believed is not replaced by a guess."""
    until, why, author = mute.value
    words = _cleaned(f'muted by {author} until {in_words(until)}: "{why}"')
    return MeasureReading(name=measure.name, weight=weighted.weight, unit=measure.unit, words=words)


def as_decided(readings: Mapping[str, Decided], card: Scorecard | None) -> list[MeasureReading]:
    """What a decision keeps of its readings, heaviest first by its card; all, and unweighted, without that card."""
    weights = dict.fromkeys(readings, 0) if card is None else {one.name: one.weight for one in card.measures}
    found = [
        MeasureReading(
            name=name, weight=weights[name], raw=one.raw, unit=MEASURES[name].unit, points=one.points, words=one.words
        )
        for name, one in readings.items()
        if name in weights
    ]
    return sorted(found, key=lambda one: -one.weight)


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


def score_of(readings: Mapping[str, MeasureReading], card: Scorecard, facts: Facts, now: datetime) -> Score:
    """The score of these readings: their mean, held down by caps.

    Where coverage is below the card's minimum a cap that holds is the score, as trouble is trouble whatever else is
    known; without one it is unknown.
    """
    total, weight = mean_of({name: one.points for name, one in readings.items()}, card)
    coverage = 100 * weight
    enough = weight > 0 and coverage >= card.minimum_coverage
    points, binding = (rounded(total, weight) if enough else None), None
    for cap in card.caps:
        ceiling = card.ceiling(cap)
        could = (points is None or ceiling < points) and facts.have(cap.needs)
        if could and evaluate(cap.condition, facts, now) is Truth.TRUE:
            points, binding = ceiling, cap
    if enough:
        return Score(total, weight, coverage, binding, points)
    why = f"only {weight} % of the scorecard has data, {card.minimum_coverage // 100} % is needed"
    return Score(0, 0, coverage, binding, points, "" if binding else "nothing is known yet" if not weight else why)


def groups_of(readings: Mapping[str, MeasureReading], card: Scorecard) -> dict[str, int]:
    """The sub-score of each group of which something has data, in hundredths: the mean of its measures alone."""
    sums: dict[str, tuple[int, int]] = {}
    for one in card.measures:
        points = readings[one.name].points if one.name in readings else None
        if points is not None and one.weight:
            group = _GROUP_OF[one.name]
            total, weight = sums.get(group, (0, 0))
            sums[group] = total + one.weight * points, weight + one.weight
    return {group: rounded(total, weight) for group, (total, weight) in sums.items()}


def band(points: int | None, bands: Bands, before: Band) -> Band:
    """The band of a score. Falling is at once; rising back needs the margin besides, so that nothing flickers.

    Why the margin is asked for on the way up alone. A score that swings about a border would open and close work with
    every swing. Were both ways damped, an account could be in trouble for as long as the margin hides it, so bad news
    is taken at once and only good news must prove itself. The band is judged again with the margin taken off; where
    that is still above the band before, it may rise as far as it says (from red to green at once, where it is so), and
    else it stays. So the band is never above the plain one. It is a decision: it depends on the band before, and is no
    part of what folding must give in any order. From unknown there is nothing to flicker with: the plain band holds.
    """
    if points is None:
        return "unknown"
    plain = _plain(points, bands)
    if before == "unknown" or _ORDER.index(plain) <= _ORDER.index(before):
        return plain
    return max(before, _plain(points - bands.margin, bands), key=_ORDER.index)


def _plain(points: int, bands: Bands) -> Band:
    return "green" if points >= bands.green else "amber" if points >= bands.amber else "red"
