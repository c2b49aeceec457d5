"""Values as state keeps them: cut to what it has room for."""

import math
from datetime import UTC, datetime
from typing import Any, Final

from services.scoring.core.state import State
from shared.messages.fields import MOST_WHOLE
from shared.messages.stamps import Cell

EXCERPT: Final = 160
"""How much is kept of what somebody wrote."""
_MOST_TEXT: Final = 256
_LARGEST_FLOAT: Final = math.nextafter(math.inf, 0)
_TRAIT: Final = "traits."


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
