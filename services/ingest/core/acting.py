"""What a page says of a link in a letter: what it would do, what it has done, and why it can't."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple, cast

from services.ingest.core.answering import LONGEST_SNOOZE, MOVES, Answer, Filled, Move
from services.ingest.core.forms import urlencoded
from shared.words import clock_time, zone

REPEATED: Final = frozenset({"snooze", "reassign"})
"""What one may well want again by the same link; all else is done once."""
NONCE: Final = "once"
"""The form's field that tells one showing of a page from another."""

_TITLES: Final[Mapping[str, tuple[str, str]]] = {
    "take": ("Take it", "Take it"),
    "done": ("Done", "Close it"),
    "acknowledge": ("Seen, I'm on it", "I'm on it"),
    "accept": ("Accept", "Accept"),
    "snooze": ("Snooze", "Snooze"),
    "reassign": ("Give to somebody else", "Give"),
    "close": ("Close", "Close it"),
    "dismiss": ("Dismiss", "Dismiss"),
    "false_alarm": ("False alarm", "Say so"),
}
"""Of the page, and of its button."""
_HAS: Final[Mapping[str, str]] = {
    "take": "taken",
    "done": "done",
    "no_result": "closed without a result",
    "acknowledge": "seen",
    "accept": "accepted",
    "close": "closed",
    "dismiss": "dismissed",
    "false_alarm": "a false alarm",
}


class Days(NamedTuple):
    """The days that can be chosen, as `2026-03-02`."""

    first: str
    last: str


def move_of(word: str) -> Move | None:
    """The move that a link names, if this version knows it."""
    return cast(Move, word) if word in MOVES else None


def title_of(move: Move) -> tuple[str, str]:
    """What the page is called, and its button."""
    return _TITLES[move]


def outcome(said: Answer, to: str, time_zone: str) -> str:
    """What was said, as people say it: `snoozed until …`, `given to Robin`."""
    if said.until is not None:
        return f"snoozed until {clock_time(said.until, time_zone)}"
    if said.to is not None:
        return f"given to {to}"
    return _HAS[said.response]


def days(now: datetime, time_zone: str) -> Days:
    """From tomorrow on, where the reader is."""
    today = now.astimezone(zone(time_zone)).date()
    return Days((today + timedelta(days=1)).isoformat(), (today + LONGEST_SNOOZE).isoformat())


def filled(body: bytes) -> tuple[Filled, str]:
    """A form of ours as it came back, and which showing of the page it is. What can't be read is empty."""
    fields = urlencoded(body)
    given = {name: fields.get(name, "") for name in (*Filled._fields, NONCE)}
    nonce = given.pop(NONCE)
    return Filled(**given), nonce
