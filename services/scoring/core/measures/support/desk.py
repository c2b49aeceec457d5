"""An account's tickets, counted on a day, kept right one by one: the ten thousandth costs what the first does."""

from bisect import bisect_left, insort
from collections.abc import Mapping
from typing import Final

from services.scoring.core.clock import day_of_us
from services.scoring.core.measures.base import DAYS_30, View
from services.scoring.core.measures.counting import counted_of
from services.scoring.core.state import Ticket

DAYS_90: Final = 90


class Desk:
    """What the measures of support ask of all tickets together."""

    __slots__ = ("answered", "closed", "open", "opened", "today", "urgent")

    def __init__(self, tickets: Mapping[str, Ticket], today: int) -> None:
        self.today = today
        self.opened = 0
        """In 30 days."""
        self.open = 0
        self.urgent: dict[str, Ticket] = {}
        """The open ones."""
        self.closed: list[int] = []
        """How long those took, in microseconds, that were closed in 90 days; shortest first."""
        self.answered: list[int] = []
        """How long those waited that were answered first in 90 days."""
        for key, row in tickets.items():
            self._count(key, row, 1)

    def replace(self, key: str, old: Ticket | None, new: Ticket) -> None:
        """A row has taken another's place."""
        if old is not None:
            self._count(key, old, -1)
        self._count(key, new, 1)

    def _count(self, key: str, row: Ticket, one: int) -> None:
        if row.merged is not None:
            return
        if self.today - DAYS_30 < day_of_us(row.opened) <= self.today + 1:
            self.opened += one
        if row.settled is None:
            self.open += one
            if row.priority == "urgent":
                self.urgent.pop(key, None)
                if one > 0:
                    self.urgent[key] = row
        for took, at in ((self.closed, row.settled), (self.answered, row.responded)):
            if at is not None and day_of_us(at) > self.today - DAYS_90:
                lasted = max(0, at - row.opened)
                if one > 0:
                    insort(took, lasted)
                else:
                    del took[bisect_left(took, lasted)]


def desk_of(view: View) -> Desk:
    """The account's tickets, counted on the view's day."""
    return counted_of(view, "tickets", Desk)


def middle(rising: list[int]) -> float:
    """The median of what is in order."""
    half = len(rising) // 2
    return rising[half] if len(rising) % 2 else (rising[half - 1] + rising[half]) / 2
