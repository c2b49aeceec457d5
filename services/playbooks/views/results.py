"""What people's work came to, as it is told."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Self

from pydantic import BaseModel

from services.playbooks.core.books import Book
from services.playbooks.core.effect import Times
from services.playbooks.core.results import Results
from services.playbooks.views.effect import Kept, Took
from services.playbooks.views.people import Money
from shared.messages.actions import KINDS
from shared.words.means import LEAST


class Both(BaseModel):
    """How long something took, by the clock and in the working time of whoever did it."""

    clock: Took
    working: Took

    @classmethod
    def of(cls, clock: Times, working: Times) -> Self:
        """As it is shown."""
        return cls(clock=Took.of(clock), working=Took.of(working))


class Part(BaseModel):
    """How many of how many. Of fewer than ten the share is null."""

    n: int
    of: int
    percent: float | None

    @classmethod
    def of_(cls, n: int, of: int) -> Self:
        """As it is shown."""
        return cls(n=n, of=of, percent=None if of < LEAST else 100 * n / of)


class Loops(BaseModel):
    """How soon customers who answered heard from a person: by tasks about answers that were closed as done."""

    answers: int
    within_24h: Part
    within_48h: Part
    open: int
    """Of how many it is too early to say."""


class Work(BaseModel):
    """What somebody's work came to. Book, open and overdue are as they stand now."""

    accounts: int
    """In their book."""
    mrr: list[Money]
    """A month's revenue of these."""
    open: dict[str, int]
    overdue: int
    closed: dict[str, dict[str, int]]
    """By kind and by what came of it; `closed` is what was over before anybody had to do anything."""
    first_touch: Both
    urgent: Both
    """Of what was of severity high or critical."""
    false_alarms: Part
    """Of what they themselves closed."""
    loops: Loops
    kept: list[Kept]
    """Their episodes' shares: of those where they were the first to do something."""
    won: list[Money]
    words: list[str]

    @classmethod
    def of(cls, found: Results, books: Sequence[Book], kept: list[Kept], won: list[Money]) -> Self:
        """As it is shown."""
        mrr: Counter[str] = Counter()
        for one in books:
            mrr.update(one.mrr_minor)
        few = 0 < found.first_touch.n < LEAST
        return cls(
            accounts=sum(one.number for one in books),
            mrr=[Money(currency=name, amount_minor=minor) for name, minor in sorted(mrr.items())],
            open={kind: found.open.get(kind, 0) for kind in KINDS},
            overdue=found.overdue,
            closed={kind: dict(states) for kind, states in found.closed.items()},
            first_touch=Both.of(found.first_touch, found.first_touch_working),
            urgent=Both.of(found.urgent, found.urgent_working),
            false_alarms=Part.of_(*found.false_alarms),
            loops=Loops(
                answers=found.answered,
                within_24h=Part.of_(*found.heard[24]),
                within_48h=Part.of_(*found.heard[48]),
                open=found.too_early,
            ),
            kept=kept,
            won=won,
            words=[f"Under {LEAST} there are counts alone: one more could turn any figure round."] if few else [],
        )


class PersonResults(Work):
    """One person's."""

    id: str
    name: str
    since: datetime
    until: datetime


class TeamResults(BaseModel):
    """Those of everybody who answers to a lead, and all of them together."""

    manager: str
    since: datetime
    until: datetime
    items: list[PersonResults]
    total: Work
