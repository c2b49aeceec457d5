"""What customers write, by how they feel, and what is noted of them."""

import random
from typing import Final

PROMOTERS: Final = (
    "we run our whole week on it now",
    "support answered in ten minutes, hard to beat",
    "new people get it without training. that's rare",
    "the automations save my team a day a week",
    "Just works. Would not go back to spreadsheets.",
    "told two other branches about it already",
    "",
    "",
)
PASSIVES: Final = (
    "good, but the reports could be more flexible",
    "does what we need, price went up though",
    "mobile app is a bit behind the web",
    "ok overall. Import took us ages",
    "would be a 9 if the calendar synced both ways",
    "",
    "",
)
DETRACTORS: Final = (
    "too slow in the mornings, people complain to me",
    "we asked for bulk edit a year ago",
    "had to explain the same problem to three different people",
    "billing is confusing, never know what we pay for",
    "nobody here uses the new boards, we were happier before",
    "",
)
SATISFIED: Final = ("quick and friendly", "solved, thanks!", "", "", "clear answer")
DISSATISFIED: Final = ("took four days to get a reply", "still not fixed really", "got a link to the docs, no help", "")


def nps(rng: random.Random, score: int) -> str:
    """A comment that goes with an answer from 0 to 10; many leave it empty."""
    return rng.choice(PROMOTERS if score >= 9 else PASSIVES if score >= 7 else DETRACTORS)


def csat(rng: random.Random, score: int) -> str:
    """A comment that goes with an answer from 1 to 5."""
    return rng.choice(SATISFIED if score >= 4 else DISSATISFIED)


def note(pulse: int) -> str:
    """What the customer-success manager writes beside a pulse from 1 to 10."""
    if pulse >= 8:
        return "They would name us as a reference."
    return "Content, with open wishes." if pulse >= 5 else "They answer late, and look around."
