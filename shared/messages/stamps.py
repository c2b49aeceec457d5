"""Which of what several events say stands: the stamp rule, by which everything folds that keeps the latest of a field.

Of two the greater (time, rank, source, id) stands. No two different events are ever equal in it, so there is one
winner, which is found from either side: in whatever order events come, and however often, the same is left.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from shared.messages.envelope import Event

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_US: Final = 86_400_000_000


class Stamped(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What an event said, with its stamp: the later stands; of two at one time the higher rank, then source and id."""

    at: int
    rank: int
    source: str
    id: str

    def beats(self, other: "Stamped | None") -> bool:
        """Whether this one stands against the other."""
        if other is None or self.at != other.at:
            return other is None or self.at > other.at
        return (self.rank, self.source, self.id) > (other.rank, other.source, other.id)


class Cell(Stamped, frozen=True, array_like=True, gc=False):
    """One value."""

    value: Any


def micros(instant: datetime) -> int:
    """Whole microseconds since 1970."""
    since = instant - _EPOCH
    return since.days * _DAY_US + since.seconds * 1_000_000 + since.microseconds


def instant_of(us: int) -> datetime:
    """The instant of so many microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=us)


def cell_of(event: Event, value: Any, rank: int = 0) -> Cell:
    """A value as this event says it."""
    return Cell(micros(event.time), rank, event.source, event.id, value)


def put(cells: dict[str, Cell], name: str, cell: Cell) -> None:
    """Let a cell stand under a name, unless a later one does."""
    if cell.beats(cells.get(name)):
        cells[name] = cell
