"""Why a score is another than it was: what the ledger has along the way, added up, and said in one paragraph."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, NamedTuple

from services.scoring.core.clock import written
from shared.messages.assessments import Driver
from shared.words import apportioned, date_words, on_day, scored, signed, whole

_MOST_EVENTS: Final = 5


class Step(NamedTuple):
    """A row of the ledger: the score that came of it, and what moved it there. Scores are in hundredths.

    `reason` says why there is no score, or that a customer who had left came back.
    """

    at: datetime
    score: int | None
    drivers: Sequence[Driver]
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """How far one thing moved the score along the way, in hundredths."""

    kind: Literal["measure", "cap", "scorecard", "interruption", "unknown", "forgotten"]
    """`unknown`: a stretch in which there was no score. `forgotten`: said by somebody whose words were erased since."""
    name: str
    points: int
    reason: str
    """What moved it last that way."""
    at: datetime
    events: Sequence[str] = ()
    """`source id` of the events that did it, the newest at most 5."""


@dataclass(frozen=True, slots=True)
class Way:
    """The way of a score from one instant to another: the parts sum to `last - first`, exactly.

    Where both ends are known, that is the change.
    """

    before: int | None
    after: int | None
    parts: list[Part]
    """Heaviest first."""
    first: int | None = None
    """The first score that is known along the way, in hundredths."""
    last: int | None = None
    known_at: datetime | None = None
    """From unknown: when it was known first."""
    lost_at: datetime | None = None
    """To unknown: since when."""
    why: str = ""
    """Why the last is unknown, or how the first came to be known."""

    @property
    def change(self) -> int | None:
        """In hundredths; None where one end is unknown."""
        return None if self.before is None or self.after is None else self.after - self.before


def way(before: int | None, steps: Iterable[Step], why_unknown: str = "") -> Way:
    """Add up what moved a score, from what it was before these steps, which are in the order of the ledger.

    `why_unknown` says of the last why there is none.

    The drivers of one step sum to its difference, so those of all steps sum to the whole, but for two things. From and
    to unknown there are no drivers: the difference across such a stretch is a part of its own. And what a contact said
    who was erased since is no driver any more, but what it moved stays moved.
    """
    moved: dict[tuple[str, str], list[tuple[Step, Driver]]] = {}
    rest: list[Part] = []
    forgotten, forgotten_at = 0, None
    current, first, last, lost_at, known_at = before, before, before, None, None
    lost, known = "", ""
    for step in steps:
        if step.score is None:
            lost_at, lost = (step.at, step.reason) if current is not None else (lost_at, lost)
        elif current is None:
            if last is None or lost_at is None:
                known_at, first, known = step.at, step.score, step.reason
            else:
                rest.append(_stretch(lost_at, lost, step, step.score - last))
        else:
            for driver in step.drivers:
                moved.setdefault((driver.kind, driver.name), []).append((step, driver))
            if untold := step.score - current - sum(driver.points for driver in step.drivers):
                forgotten, forgotten_at = forgotten + untold, step.at
        current = step.score
        last = current if current is not None else last
    if forgotten and forgotten_at is not None:
        rest.append(Part("forgotten", "", forgotten, "said by somebody whose words were erased since", forgotten_at))
    parts = [part for one in moved.values() if (part := _added(one)) is not None] + rest
    parts.sort(key=lambda part: (-abs(part.points), part.kind, part.name))
    if current is None:
        return Way(before, None, parts, first, last, known_at, lost_at, why_unknown or lost)
    return Way(before, current, parts, first, last, known_at, None, known)


def _added(moves: Sequence[tuple[Step, Driver]]) -> Part | None:
    """All that one measure, cap or scorecard did; None where it took back what it gave."""
    points = sum(driver.points for _, driver in moves)
    if not points:
        return None
    alike = [(step, driver) for step, driver in moves if driver.points * points > 0]
    (step, last), events = alike[-1], [event for _, driver in reversed(alike) for event in driver.events]
    return Part(last.kind, last.name, points, last.reason, step.at, list(dict.fromkeys(events))[:_MOST_EVENTS])


def _stretch(since: datetime, why: str, known: Step, points: int) -> Part:
    """Of who came back: that they left and came back, as nothing else led from the old score to the new one."""
    reason = f"unknown from {date_words(since)} to {date_words(known.at)}" + (f": {why}" if why else "")
    return Part("unknown", written(since), points, f"{why}; {known.reason}" if known.reason else reason, known.at)


def paragraph(found: Way, since: datetime, until: datetime, now: datetime) -> str:
    """The way in one paragraph: `Since Monday −12, from 84 to 72: −13 their admin scored us 2 (Tuesday); +1 …`."""
    span = span_of(since, until, now)
    shown = apportioned([part.points for part in found.parts], found.first, found.last)
    # What rounds to nothing explains no point of the change that is shown.
    told = [
        f"{signed(points)} {part.reason} ({on_day(part.at, now)})"
        for part, points in zip(found.parts, shown, strict=True)
        if points
    ]
    why = f": {'; '.join(told)}." if told else "."
    return f"{_change(found, span, since, now)}{why}"


def span_of(since: datetime, until: datetime, now: datetime) -> str:
    """How a paragraph begins: `Today`, `Since Monday`, `From 2 Mar 2026 to 9 Mar 2026`, `On 2 Mar 2026`."""
    if until.date() == now.date():
        return "Today" if since.date() == now.date() else f"Since {on_day(since, now)}"
    if since.date() == until.date():
        return f"On {date_words(since)}"
    return f"From {date_words(since)} to {date_words(until)}"


def _change(found: Way, span: str, since: datetime, now: datetime) -> str:
    before, after, why = scored(found.before), scored(found.after), f" ({found.why})" if found.why else ""
    if found.before is None and found.after is None:
        known = " at both ends, known in between" if found.known_at is not None else ""
        return f"{span} unknown{known}{why}"
    if found.before is None and found.known_at is not None:
        known = f"Unknown until {on_day(found.known_at, now)}{why}, {scored(found.first)} then"
        return known if scored(found.first) == after else f"{known} and {after} in the end"
    if found.after is None and found.lost_at is not None:
        return f"{before} on {date_words(since)}, unknown since {on_day(found.lost_at, now)}{why}"
    points = whole(found.after or 0) - whole(found.before or 0)
    if not points:
        return f"{span} unchanged at {after}"
    return f"{span} {signed(points)}, from {before} to {after}"
