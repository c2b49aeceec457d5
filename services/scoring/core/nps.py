"""Survey arithmetic: NPS with its margin of error, CSAT, CES, and the roll-ups of many answers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import sqrt
from typing import Final, Literal, NamedTuple

Rollup = Literal["latest", "all", "weighted"]
ROLE_WEIGHTS: Final[Mapping[str, int]] = {"decision_maker": 3, "executive_sponsor": 3, "champion": 2}
"""How much an answer counts by its contact's role, in health and in role-weighted figures; 1 for all others.

Practice: who signs says more of what comes than who uses.
"""
KEY_ROLES: Final = frozenset(ROLE_WEIGHTS)
"""Whose leaving or silence is news by itself."""


def weight_of(role: str | None) -> int:
    """How much an answer of this role counts."""
    return ROLE_WEIGHTS.get(role or "", 1)


def main_role(roles: Iterable[str]) -> str | None:
    """Of several roles the one that counts most; of equals the first."""
    return max(roles, key=weight_of, default=None)


@dataclass(frozen=True, slots=True)
class Nps:
    """A net promoter score, -100 to 100, always with what it rests on."""

    nps: float
    answers: int
    promoters: int
    passives: int
    detractors: int
    margin: float
    """95 % margin of error in points: 100·1.96·√((p+d−(p−d)²)/n)."""


def of(scores: Sequence[int], weights: Sequence[int] | None = None) -> Nps:
    """NPS of answers from 0 to 10: 9–10 promoter, 7–8 passive, 0–6 detractor. Raises `ValueError` without answers."""
    if not scores:
        raise ValueError("NPS needs an answer.")
    each = weights or [1] * len(scores)
    total = sum(each)
    p = sum(weight for score, weight in zip(scores, each, strict=True) if score >= 9) / total
    d = sum(weight for score, weight in zip(scores, each, strict=True) if score <= 6) / total
    promoters, detractors = sum(score >= 9 for score in scores), sum(score <= 6 for score in scores)
    return Nps(
        nps=100 * (p - d),
        answers=len(scores),
        promoters=promoters,
        passives=len(scores) - promoters - detractors,
        detractors=detractors,
        margin=100 * 1.96 * sqrt(max(0.0, p + d - (p - d) ** 2) / len(scores)),
    )


def response_rate(asked: int, answered: int) -> float:
    """In percent."""
    return 100 * answered / asked


def csat(scores: Sequence[int]) -> float:
    """Satisfaction by points: points reached against points possible, 5 an answer, in percent."""
    return 100 * sum(scores) / (5 * len(scores))


def satisfied(scores: Sequence[int]) -> float:
    """The share of answers of 4 and 5, in percent."""
    return 100 * sum(score >= 4 for score in scores) / len(scores)


def ces(scores: Sequence[int]) -> float:
    """Ease: the mean of answers from 1 to 7."""
    return sum(scores) / len(scores)


class Answer(NamedTuple):
    """One answer, with the groups that it belongs to."""

    account: str
    contact: str
    role: str | None
    score: int
    at: datetime
    source: str
    id: str
    group: str


def roll_up(answers: Iterable[Answer], how: Rollup) -> dict[str, Nps]:
    """NPS by group: of the latest answer of each contact, of all answers, or of the latest weighted by role."""
    kept: dict[tuple[str, ...], Answer] = {}
    for one in answers:
        key = (one.group, one.account, one.contact) if how != "all" else (one.group, one.account, one.source, one.id)
        old = kept.get(key)
        if old is None or (one.at, one.source, one.id) > (old.at, old.source, old.id):
            kept[key] = one
    groups: dict[str, list[Answer]] = {}
    for one in kept.values():
        groups.setdefault(one.group, []).append(one)
    return {
        group: of(
            [one.score for one in found],
            [weight_of(one.role) for one in found] if how == "weighted" else None,
        )
        for group, found in sorted(groups.items())
    }
