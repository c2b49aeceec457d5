"""What a reader fills in where a move asks for more, and what it comes to: the same for Slack's forms and for links."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Literal, NamedTuple, get_args

from shared.words import clean_lines, zone

Move = Literal["take", "done", "acknowledge", "accept", "snooze", "reassign", "close", "dismiss", "false_alarm"]
MOVES: Final[frozenset[str]] = frozenset(get_args(Move))
ASKS: Final = frozenset({"done", "snooze", "reassign", "false_alarm"})
"""Moves that ask for more first."""
OUTCOMES: Final[Mapping[str, str]] = {"done": "Done", "no_result": "Done, without a result"}
TIMES: Final[Mapping[str, str]] = {"tomorrow": "Until tomorrow", "monday": "Until Monday", "week": "For a week"}
LONGEST_NOTE: Final = 2_000
LONGEST_SNOOZE: Final = timedelta(days=90)
_MORNING: Final = time(9)


class Filled(NamedTuple):
    """A form as it came back; what was not asked is empty."""

    outcome: str = ""
    note: str = ""
    time: str = ""
    """One of `TIMES`."""
    date: str = ""
    """Counts in place of that."""
    to: str = ""


class Answer(NamedTuple):
    """What is to be passed on."""

    response: Move | Literal["no_result"]
    note: str = ""
    until: datetime | None = None
    to: str | None = None


class Faults(Exception):
    """What can't be meant, in words by the field of `Filled`."""

    def __init__(self, **by_field: str) -> None:
        super().__init__(by_field)
        self.by_field: Mapping[str, str] = by_field


def answer(move: Move, filled: Filled, now: datetime, time_zone: str) -> Answer:
    """What somebody answers with a move. Days end and begin on their clock. Raises `Faults`."""
    note = "\n".join(clean_lines(filled.note)).strip()[:LONGEST_NOTE]
    match move:
        case "done":
            if filled.outcome not in OUTCOMES:
                raise Faults(outcome="Choose what came of it.")
            return Answer("done" if filled.outcome == "done" else "no_result", note)
        case "snooze":
            return Answer(move, note, until=_until(filled, now, time_zone))
        case "reassign":
            if not filled.to:
                raise Faults(to="Choose to whom it goes.")
            return Answer(move, note, to=filled.to)
        case "false_alarm":
            if not note:
                raise Faults(note="Say why it is a false alarm: the next one is judged by that.")
            return Answer(move, note)
    return Answer(move, note)


def _until(filled: Filled, now: datetime, time_zone: str) -> datetime:
    """Nine in the morning, where they are, of the day that was chosen. Raises `Faults`."""
    there = zone(time_zone)
    today = now.astimezone(there).date()
    if filled.date:
        try:
            day = date.fromisoformat(filled.date)
        except ValueError:
            raise Faults(date="That is no date. Write it as 2026-03-02.") from None
        if day <= today:
            raise Faults(date="Choose a day after today.")
        if day > today + LONGEST_SNOOZE:
            raise Faults(date=f"Choose a day within the next {LONGEST_SNOOZE.days}.")
    elif filled.time in TIMES:
        days = {"tomorrow": 1, "monday": 7 - today.weekday(), "week": 7}[filled.time]
        day = today + timedelta(days=days)
    else:
        raise Faults(time="Choose until when.")
    # On the ninetieth day nine o'clock may be some hours too late.
    return min(datetime.combine(day, _MORNING, there).astimezone(UTC), now + LONGEST_SNOOZE)
