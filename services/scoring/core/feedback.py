"""Survey figures: NPS, CSAT and CES of many answers, weighted or not, each with what it rests on.

Answers come counted by their score, so a figure costs the same over ten of them and over a million.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Final, NamedTuple

from shared.messages.feedback import Measured
from shared.words.means import LEAST, students
from shared.words.shares import Span, Z, share_of


class Group(NamedTuple):
    """How answers between two scores are called."""

    name: str
    least: int
    most: int


GROUPS: Final[Mapping[Measured, tuple[Group, ...]]] = {
    "nps": (Group("promoter", 9, 10), Group("passive", 7, 8), Group("detractor", 0, 6)),
    "csat": (Group("satisfied", 4, 5), Group("neutral", 3, 3), Group("dissatisfied", 1, 2)),
    "ces": (Group("easy", 5, 7), Group("neutral", 4, 4), Group("hard", 1, 3)),
}
"""From the best to the worst."""
DETRACTOR: Final = GROUPS["nps"][-1].most
"""Who scores us so, or less, would not recommend us."""
_SCALE: Final[Mapping[Measured, tuple[int, int]]] = {"nps": (0, 10), "csat": (1, 5), "ces": (1, 7)}


def group_of(measure: Measured, score: int) -> str:
    """How an answer is called, such as `promoter`."""
    return next(group.name for group in GROUPS[measure] if group.least <= score <= group.most)


class Counted(NamedTuple):
    """The answers of one score: how many, the sum of their weights, and of the squares of these."""

    answers: int
    weight: float
    squares: float


@dataclass(frozen=True, slots=True)
class Figure:
    """One measure of some answers. With fewer than ten of them there is no value."""

    n: int
    """How many answers it rests on. Weighted: (Σw)²/Σw², the number of equal ones that say as much (L. Kish, 1965)."""
    answers: int
    counts: Mapping[str, int]
    """Answers by group."""
    span: Span | None
    top: Span | None
    """The share of the best group, in percent: of CSAT those of 4 and 5."""


def figure(measure: Measured, found: Mapping[int, Counted]) -> Figure:
    """The figure of answers by score.

    NPS is 100·(promoters − detractors)/answers. CSAT is told by points: points reached against points possible, in
    percent. CES is the mean of answers from 1 to 7.
    """
    answers = sum(one.answers for one in found.values())
    weight, squares = sum(one.weight for one in found.values()), sum(one.squares for one in found.values())
    n = weight**2 / squares if squares else 0.0
    counts = {group.name: 0 for group in GROUPS[measure]}
    weights = dict.fromkeys(counts, 0.0)
    for score, one in found.items():
        counts[group_of(measure, score)] += one.answers
        weights[group_of(measure, score)] += one.weight
    if round(n) < LEAST:
        return Figure(round(n), answers, counts, None, None)
    shares = {name: part / weight for name, part in weights.items()}
    best, _, worst = shares.values()
    span = _nps(best, worst, n) if measure == "nps" else _mean(measure, found, weight, n)
    return Figure(round(n), answers, counts, span, share_of(best, n))


def _nps(promoters: float, detractors: float, n: float) -> Span:
    """Adjusted Wald: with ¾ promoter, ¾ detractor and 1½ passives more (B. Rocks, 2016)."""
    middle, margin = _adjusted_wald(promoters, detractors, n)
    low, high = (100 * max(-1.0, min(1.0, bound)) for bound in (middle - margin, middle + margin))
    return Span(100 * (promoters - detractors), low, high)


def _adjusted_wald(promoters: float, detractors: float, n: float) -> tuple[float, float]:
    """The middle of the interval, and how far it reaches to either side."""
    p, d = (promoters * n + 0.75) / (n + 3), (detractors * n + 0.75) / (n + 3)
    return p - d, Z * sqrt((p + d - (p - d) ** 2) / (n + 3))


def _mean(measure: Measured, found: Mapping[int, Counted], weight: float, n: float) -> Span:
    """The mean, with Student's interval."""
    mean = sum(score * one.weight for score, one in found.items()) / weight
    variance = sum(one.weight * (score - mean) ** 2 for score, one in found.items()) / weight * n / (n - 1)
    margin = students(n - 1) * sqrt(variance / n)
    least, most = _SCALE[measure]
    unit = 100 / most if measure == "csat" else 1
    return Span(unit * mean, unit * max(least, mean - margin), unit * min(most, mean + margin))


def response_rate(asked: int, answered: int) -> float:
    """In percent."""
    return 100 * answered / asked


def nps(scores: Mapping[int, int]) -> float:
    """NPS by how many answers there are of each score. Raises `ZeroDivisionError` without any."""
    best, worst = _nps_shares(scores)
    return 100 * (best - worst)


def nps_margin(scores: Mapping[int, int]) -> float:
    """How far NPS may be off by chance (95 %, adjusted Wald), in points. Raises `ZeroDivisionError` without any."""
    return 100 * _adjusted_wald(*_nps_shares(scores), sum(scores.values()))[1]


def _nps_shares(scores: Mapping[int, int]) -> tuple[float, float]:
    best, _, worst = (
        sum(number for score, number in scores.items() if group.least <= score <= group.most) for group in GROUPS["nps"]
    )
    return best / (n := sum(scores.values())), worst / n


def csat(scores: Mapping[int, int]) -> float:
    """Satisfaction by points: points reached against points possible, 5 an answer, in percent."""
    return 100 * sum(score * number for score, number in scores.items()) / (5 * sum(scores.values()))


def ces(scores: Mapping[int, int]) -> float:
    """Ease: the mean."""
    return sum(score * number for score, number in scores.items()) / sum(scores.values())
