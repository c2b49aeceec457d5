"""Values as state keeps them: cut to what it has room for."""

from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from services.scoring.core.state import State
from shared.messages.stamps import Cell
from shared.messages.traits import LARGEST, too_large

EXCERPT: Final = 160
"""How much is kept of what somebody wrote."""
_MOST_TEXT: Final = LARGEST
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


def bound_traits(cells: dict[str, Cell], most: int) -> str | None:
    """Keep the first traits by the alphabet, and all that is known: which those are depends on no order.

    Returns the first of those that were left out, without what tells it from a known one.
    """
    out = None
    while len(cells) > most:
        out = max(name for name in cells if name.startswith(_TRAIT))
        del cells[out]
    return None if out is None else out.removeprefix(_TRAIT)


def leave_out(state: State, kind: str, name: str | None) -> None:
    """Note that there was no room for something of this name: the first by the alphabet stands for all after it."""
    if name is not None and name <= state.left_out.get(kind, name):
        state.left_out[kind] = name


def plain(value: Any) -> Any:
    """A trait's value as state keeps it: as it is, times as text. What ingest doesn't take any more is cut."""
    value = list(value) if isinstance(value, tuple) else written(value)
    if too_large(value) is None and (not isinstance(value, str | list | dict) or _fits(value)):
        return value
    return str(value)[:_MOST_TEXT]


def written(value: Any) -> Any:
    """A known trait's value, which has bounds of its own: times as text."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value


def _fits(value: Any) -> bool:
    return len(msgspec.json.encode(value)) <= LARGEST
