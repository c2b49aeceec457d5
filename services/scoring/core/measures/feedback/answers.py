"""The answers at hand: each contact's latest about the relationship, and counts of those about a moment."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from services.scoring.core.clock import DAY_US, in_words
from services.scoring.core.measures.base import View
from services.scoring.core.sentences import quoted
from shared.messages.stamps import Cell
from shared.words import counted

MOMENT_DAYS: Final = 90
"""What is said about a moment says little a quarter later."""


def latest(view: View, kind: str, days: int) -> dict[str, Cell]:
    """The latest answer of each contact about the relationship, in the last `days` days."""
    since = (view.today - days + 1) * DAY_US
    return {contact: cell for contact, cell in view.of_contacts(kind).items() if cell.at >= since}


def moments(view: View, kind: str) -> dict[int, dict[int, int]]:
    """How many answered how about a moment in 90 days, by day and score."""
    since, until = view.today - MOMENT_DAYS, view.today + 1
    return {day: scores for day, scores in view.state.moments.get(kind, {}).items() if since < day <= until}


def scores(view: View, kind: str) -> dict[int, int]:
    """How many answered how in 90 days: about a moment, else, where nobody did, about the relationship."""
    sums: Counter[int] = Counter()
    for found in moments(view, kind).values():
        sums.update(found)
    return dict(sums or Counter(cell.value[0] for cell in latest(view, kind, MOMENT_DAYS).values()))


def spread_of(sums: Mapping[int, int]) -> tuple[tuple[float, int], ...]:
    """Scores with their weights, lowest first: at most one entry a score."""
    return tuple(sorted((float(score), weight) for score, weight in sums.items()))


def role_of(view: View, contact: str) -> str:
    """What a contact is to the account, in words."""
    return (view.state.role_of(contact) or "contact").replace("_", " ")


def scored(view: View, contact: str, cell: Cell) -> str:
    """Who scored us how, and with which words."""
    return f"their {role_of(view, contact)} scored us {cell.value[0]}" + quoted(cell.value[1])


def latest_counted(view: View, kind: str, days: int) -> dict[str, str]:
    """By contact: what is said of an answer about the relationship once it is too old."""
    return {
        contact: f"the {cell.value[0]} of their {role_of(view, contact)} of {in_words(cell.at)} is past {days} days"
        for contact, cell in latest(view, kind, days).items()
    }


def moments_counted(view: View, kind: str) -> dict[str, str]:
    """By day and score: what is said of answers about a moment once they are too old."""
    return {
        f"{day} {score}": f"{_the(count)} {score} of {in_words(day * DAY_US)} {'is' if count == 1 else 'are'}"
        f" past {MOMENT_DAYS} days"
        for day, found in moments(view, kind).items()
        for score, count in found.items()
    }


def _the(count: int) -> str:
    return "the" if count == 1 else f"{counted(count, 'answer')} of"
