"""Values with their stamps: made of events, put where the later stands, and cut to what state keeps."""

import math
from datetime import UTC, datetime
from typing import Any, Final

from services.scoring.core.clock import micros
from services.scoring.core.state import Cell, State
from shared.messages.envelope import Event
from shared.messages.fields import MOST_WHOLE

EXCERPT: Final = 160
"""How much is kept of what somebody wrote."""
_MOST_TEXT: Final = 256
_LARGEST_FLOAT: Final = math.nextafter(math.inf, 0)
_TRAIT: Final = "traits."


def cell_of(event: Event, value: Any, rank: int = 0) -> Cell:
    """A value as this event says it."""
    return Cell(micros(event.time), rank, event.source, event.id, value)


def hear(state: State, source: str | None, at: int) -> bool:
    """Note when the account, and a source of what is known of it, was first heard of: the least of all instants.

    Returns whether it was never heard of so early.
    """
    is_first = state.first is None or at < state.first
    if is_first:
        state.first = at
    if source is None or at >= state.heard.get(source, at + 1):
        return is_first
    state.heard[source] = at
    return True


def put(cells: dict[str, Cell], name: str, cell: Cell) -> None:
    """Let a cell stand under a name, unless a later one does."""
    if cell.beats(cells.get(name)):
        cells[name] = cell


def own_trait(name: str) -> str:
    """The name under which a trait of the customer's own is kept, so that none is taken for a known one."""
    return f"{_TRAIT}{name[:128]}"


def bound_traits(cells: dict[str, Cell], most: int) -> None:
    """Keep the first traits by the alphabet, and all that is known: which those are depends on no order."""
    while len(cells) > most:
        del cells[max(name for name in cells if name.startswith(_TRAIT))]


def plain(value: Any) -> Any:
    """A trait's value as state keeps it: text cut, times as text, nothing nested."""
    if isinstance(value, int) and not -MOST_WHOLE <= value <= MOST_WHOLE:
        # One that no float holds is kept as text: whatever was accepted can be folded.
        return float(value) if abs(value) <= _LARGEST_FLOAT else str(value)[:_MOST_TEXT]
    if isinstance(value, bool | float | int) or value is None:
        return value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, list | tuple):
        return [str(item)[:_MOST_TEXT] for item in value[:50]]
    return str(value)[:_MOST_TEXT]
