"""Accounts that belong to another: how a whole group does, and what can't be one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.messages.assessments import Band


@dataclass(frozen=True, slots=True)
class Member:
    """One account of a group, as it was last assessed."""

    id: str
    name: str | None
    parent_id: str | None
    score: int | None
    """In hundredths."""
    band: Band
    mrr_minor: int | None
    currency: str | None


@dataclass(frozen=True, slots=True)
class Value:
    """What the accounts of one band pay a month in one currency, and which part of all that is paid in it."""

    currency: str
    band: Band
    accounts: int
    mrr_minor: int
    share: float
    """In percent."""


@dataclass(frozen=True, slots=True)
class RollUp:
    """A group's health in three ways, none of them right for everybody: mean, worst, and value by band."""

    mean: int | None
    """Of the scores that are known, in hundredths, each account alike."""
    worst: Member | None
    value: list[Value]


def now_above(parents: Mapping[str, str | None], goes_on: Mapping[str, str]) -> dict[str, str | None]:
    """The same parents where some accounts go on as others; one that was merged into its own part has none in it."""
    found: dict[str, str | None] = {}
    for id, parent in parents.items():
        now = parent
        for _ in goes_on:
            now = goes_on.get(now, now) if now is not None else None
        found[id] = None if now == id != parent else now
    return found


def line_of(id: str, parents: Mapping[str, str | None]) -> tuple[list[str], bool]:
    """The accounts above one, the nearest first, and whether the line comes back to where it was: a circle."""
    line, at = [id], parents.get(id)
    while at is not None and at not in line:
        line.append(at)
        at = parents.get(at)
    return line[1:], at is not None


def roll_up(members: Sequence[Member]) -> RollUp:
    """How a group does. What is not known counts in no mean; what pays nothing has no value."""
    known = [(one.score, one) for one in members if one.score is not None]
    mean = (2 * sum(score for score, _ in known) + len(known)) // (2 * len(known)) if known else None
    worst = min(known, key=lambda each: (each[0], each[1].id), default=(0, None))[1]
    sums: dict[tuple[str, Band], list[int]] = {}
    for one in members:
        if one.mrr_minor and one.currency is not None:
            sums.setdefault((one.currency, one.band), []).append(one.mrr_minor)
    wholes: dict[str, int] = {}
    for (currency, _), paid in sums.items():
        wholes[currency] = wholes.get(currency, 0) + sum(paid)
    value = [
        Value(currency, band, len(paid), sum(paid), 100 * sum(paid) / wholes[currency])
        for (currency, band), paid in sorted(sums.items())
    ]
    return RollUp(mean, worst, value)
