"""Why a whole book of accounts does better or worse than it did: the mean of those known at each end, divided exactly.

The mean of a book moves for three reasons: its accounts' own scores; accounts that come into it; accounts that go out.
With S for those that are in it at both ends, b and a for the means before and after, it is divided so:

- an account of S that moved by d has d / |S|, which its drivers divide further;
- one that went out with a score s has (b − s) / |S|: the mean of all before, with and without those that went;
- one that came with a score s has (s − a) / |S|, likewise after.

Their sum is a − b, exactly: the first two take the mean of all before to that of S after, the last from there to the
mean of all. Where S is empty nobody stands for the book, and each has its share of its own mean: −s / n, or s / n.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from heapq import nsmallest
from typing import Final, Literal, NamedTuple

from services.scoring.core.score import rounded
from shared.conditions import FACTS
from shared.words import counted, in_whole, listed, number, scored, signed, whole

Turn = Literal["moved", "came", "became_known", "moved_in", "left", "became_unknown", "moved_out"]
"""What an account did to the mean: by its own score, by coming into the book, or by going out of it."""
_COMING: Final = ("came", "became_known", "moved_in")
_TURNS: Final[Mapping[str, str]] = {
    "became_known": "known now",
    "moved_in": "from another {by}",
    "left": "left",
    "became_unknown": "no longer known",
    "moved_out": "now of another {by}",
}
TOLD: Final = 3
"""How many accounts and causes a paragraph names."""


class Ends(NamedTuple):
    """One account at both ends. Scores are in hundredths; a group is None where the account was not heard of."""

    id: str
    name: str | None
    before: int | None
    was_in: str | None
    after: int | None
    is_in: str | None
    has_left: bool
    """The customer left, or the account goes on as another one."""


class Entry(NamedTuple):
    """What one account did to the mean of its book, in hundredths."""

    id: str
    name: str | None
    turn: Turn
    before: int | None
    after: int | None
    points: int


class Part(NamedTuple):
    """What one measure, cap or scorecard, or one way of coming and going, did to the mean, in hundredths."""

    kind: str
    name: str
    points: int
    accounts: int
    reason: str


@dataclass(frozen=True, slots=True)
class Told:
    """Why a book's mean is another than it was. Entries with the others sum to the change, and so do the parts."""

    group: str
    before: int | None
    after: int | None
    known_before: int
    known_after: int
    entries: list[Entry]
    """The heaviest accounts, these first."""
    others: int
    """What all other accounts did together."""
    parts: list[Part]

    @property
    def change(self) -> int | None:
        """In hundredths; None where nothing was known at one end."""
        return None if self.before is None or self.after is None else self.after - self.before


@dataclass(slots=True)
class Book:
    """The accounts of one group, as they are counted."""

    group: str
    known: list[int] = field(default_factory=lambda: [0, 0])
    """How many had a score before and after."""
    sums: list[int] = field(default_factory=lambda: [0, 0])
    stayed: int = 0
    """How many were in it with a score at both ends."""
    turns: list[tuple[Ends, Turn]] = field(default_factory=list)
    """Those that did anything to the mean."""
    drivers: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    """By kind and name: the points of those that stayed, and of how many they are."""

    def told(self, by: str, caps: Mapping[str, str], most: int) -> Told:
        """The change of its mean, divided; so many accounts are named. `caps` are conditions in words, by name."""
        before, after = (rounded(total, n) if n else None for total, n in zip(self.sums, self.known, strict=True))
        told = Told(self.group, before, after, self.known[0], self.known[1], [], 0, [])
        if told.change is None:
            return told
        entries, others = self._entries(told.change, most)
        return replace(told, entries=entries, others=others, parts=self._parts(told.change, by, caps))

    def _share(self, ends: Ends, turn: Turn) -> Fraction:
        before, after = ends.before or 0, ends.after or 0
        if turn == "moved":
            return Fraction(after - before, self.stayed)
        came = turn in _COMING
        if not self.stayed:
            return Fraction(after, self.known[1]) if came else Fraction(-before, self.known[0])
        mean = Fraction(self.sums[came], self.known[came])
        return (after - mean if came else mean - before) / self.stayed

    def _entries(self, change: int, most: int) -> tuple[list[Entry], int]:
        """The heaviest, and what all others did together."""
        shares = ((self._share(ends, turn), ends, turn) for ends, turn in self.turns)
        heaviest = nsmallest(most, shares, key=lambda one: (-abs(float(one[0])), one[1].id))
        exact = dict(enumerate(share for share, _, _ in heaviest))
        mean_before, mean_after = (Fraction(total, n) for total, n in zip(self.sums, self.known, strict=True))
        exact[-1] = mean_after - mean_before - sum(exact.values())
        points = in_whole({place: share for place, share in exact.items() if share}, change)
        found = [
            Entry(ends.id, ends.name, turn, ends.before, ends.after, points.get(place, 0))
            for place, (_, ends, turn) in enumerate(heaviest)
        ]
        return found, points.get(-1, 0)

    def _parts(self, change: int, by: str, caps: Mapping[str, str]) -> list[Part]:
        exact: dict[tuple[str, str], Fraction] = {}
        accounts: dict[tuple[str, str], int] = {}
        own = 0
        for ends, turn in self.turns:
            if turn == "moved":
                own += (ends.after or 0) - (ends.before or 0)
            else:
                exact["accounts", turn] = exact.get(("accounts", turn), Fraction(0)) + self._share(ends, turn)
                accounts["accounts", turn] = accounts.get(("accounts", turn), 0) + 1
        for key, (points, count) in self.drivers.items():
            exact[key], accounts[key] = Fraction(points, self.stayed), count
        if rest := own - sum(points for points, _ in self.drivers.values()):
            exact["unknown", ""], accounts["unknown", ""] = Fraction(rest, self.stayed), 0
        found = [
            Part(*key, points, accounts[key], _reason(*key, accounts[key], by, caps))
            for key, points in in_whole(exact, change).items()
            if points
        ]
        return sorted(found, key=lambda part: (-abs(part.points), part.kind, part.name))


class Books:
    """All books of a company, by group. Give it every account's ends, then the drivers of those that `moved`."""

    def __init__(self) -> None:
        self.of: dict[str, Book] = {}

    def add(self, ends: Ends) -> bool:
        """Count an account into the books that it was and is in. Whether its own score moved that book's mean."""
        if ends.before is not None and ends.after is not None and ends.was_in == ends.is_in:
            book = self._count(ends.is_in or "", ends.before, 0)
            self._count(book.group, ends.after, 1).stayed += 1
            if ends.before != ends.after:
                book.turns.append((ends, "moved"))
            return ends.before != ends.after
        if ends.before is not None:
            out: Turn = "moved_out" if ends.after is not None else "left" if ends.has_left else "became_unknown"
            self._count(ends.was_in or "", ends.before, 0).turns.append((ends, out))
        if ends.after is not None:
            known: Turn = "came" if ends.was_in is None else "became_known"
            come: Turn = "moved_in" if ends.before is not None else known
            self._count(ends.is_in or "", ends.after, 1).turns.append((ends, come))
        return False

    @property
    def moved(self) -> list[tuple[str, str]]:
        """The accounts whose own score moved the mean of their book, with its group."""
        return [(ends.id, book.group) for book in self.of.values() for ends, turn in book.turns if turn == "moved"]

    def add_drivers(self, group: str, kind: str, name: str, points: int, accounts: int) -> None:
        """Count what one thing moved at so many accounts of a book."""
        drivers = self.of[group].drivers
        so_far = drivers.get((kind, name), (0, 0))
        drivers[kind, name] = so_far[0] + points, so_far[1] + accounts

    def _count(self, group: str, score: int, end: int) -> Book:
        book = self.of.setdefault(group, Book(group))
        book.known[end] += 1
        book.sums[end] += score
        return book


def _reason(kind: str, name: str, accounts: int, by: str, caps: Mapping[str, str]) -> str:
    at = f"at {counted(accounts, 'account')}"
    match kind:
        case "accounts" if name == "came":
            return counted(accounts, "new account")
        case "accounts":
            return f"{counted(accounts, 'account')} {_TURNS[name].format(by=by)}"
        case "measure":
            return f"{FACTS[name].words if name in FACTS else name} {at}"
        case "cap":
            return f"{caps.get(name, name)} {at}"
        case "scorecard":
            return f"now scored by {name} {at}"
        case "interruption":
            return f"{name} interrupted {at}"
        case _:
            return "times without a score, and what was forgotten"


def paragraph(told: Told, span: str) -> str:
    """A book's way in one paragraph; `span` is how it begins, such as `Since Monday`."""
    known = f"{counted(told.known_before, 'account')} known then, {told.known_after:,} now"
    if told.change is None:
        last = "" if told.after is None else f", {scored(told.after)} on average"
        return f"{span}: {known}{last}."
    points = whole(told.after or 0) - whole(told.before or 0)
    head = f"unchanged at {scored(told.after)}" if not points else f"{signed(points)}, from {scored(told.before)} to"
    head = head if not points else f"{head} {scored(told.after)}"
    causes = [f"{_tenths(part.points)} {part.reason}" for part in told.parts if _tells(part.points)][:TOLD]
    who = [f"{e.name or e.id} ({_tenths(e.points)})" for e in told.entries if _tells(e.points)][:TOLD]
    mostly = f"; mostly by {listed(who)}" if who else ""
    return f"{span} {head} on average ({known})" + (f": {'; '.join(causes)}{mostly}." if causes else ".")


def _tells(hundredths: int) -> bool:
    return abs(hundredths) >= 5


def _tenths(hundredths: int) -> str:
    """`−1.2`: a book moves by less than its accounts."""
    return ("+" if hundredths > 0 else "") + number(hundredths / 100, 1)
