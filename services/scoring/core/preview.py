"""What a draft of the rules would change: each account by its last decision, and as the draft would have it decided."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from heapq import heappush, heappushpop
from typing import Any, Final

import msgspec

from services.scoring.core.clock import day_of
from services.scoring.core.decision import Decision
from services.scoring.core.facts import account_facts
from services.scoring.core.health import Health, health_of
from services.scoring.core.measures.base import View
from services.scoring.core.pruning import drop_tombstones, prune
from services.scoring.core.score import band
from services.scoring.core.scorecard import Rules
from services.scoring.core.state import Account
from shared.conditions import Facts
from shared.messages.assessments import Band, Hundredths, MeasureReading

BANDS: Final[tuple[Band, ...]] = ("red", "amber", "green", "unknown")
_MOVERS: Final = 100


class Stand(msgspec.Struct, frozen=True):
    """How an account stands by one set of rules."""

    score: Hundredths | None
    band: Band
    scorecard: str
    reason: str


class Mover(msgspec.Struct, frozen=True):
    """An account whose score or band would be another."""

    id: str
    name: str | None
    owner: str | None
    before: Stand
    after: Stand

    @property
    def weight(self) -> tuple[int, int]:
        """First who falls into a worse band, furthest first; then who rises, then who gets or loses a score."""
        moved = abs((self.after.score or 0) - (self.before.score or 0))
        if self.before.band == self.after.band:
            return 0, moved
        if "unknown" in (self.before.band, self.after.band):
            return 1, moved
        up = BANDS.index(self.after.band) - BANDS.index(self.before.band)
        return (1 + up if up > 0 else 3 - up), moved


class Compared(msgspec.Struct, frozen=True):
    """A measure, or the lack of it on a card, on either side."""

    name: str
    words: str
    weight_before: int | None
    points_before: Hundredths | None
    weight_after: int | None
    points_after: Hundredths | None


class Look(msgspec.Struct, frozen=True):
    """One account, measure by measure."""

    id: str
    name: str | None
    before: Stand
    after: Stand
    measures: list[Compared]


@dataclass(slots=True)
class Tally:
    """What was found so far."""

    accounts: int = 0
    improved: int = 0
    worsened: int = 0
    moves: Counter[tuple[Band, Band]] = field(default_factory=Counter)
    _movers: list[tuple[tuple[int, int], str, Mover]] = field(default_factory=list)

    def add(self, one: Mover) -> None:
        """Count an account."""
        self.accounts += 1
        self.moves[one.before.band, one.after.band] += 1
        before, after = one.before.score, one.after.score
        if before is not None and after is not None:
            self.improved += after > before
            self.worsened += after < before
        if (before, one.before.band) != (after, one.after.band):
            push = heappush if len(self._movers) < _MOVERS else heappushpop
            push(self._movers, (one.weight, one.id, one))

    @property
    def result(self) -> dict[str, Any]:
        """As it is kept and told."""
        sides = [Counter[Band](), Counter[Band]()]
        for pair, count in self.moves.items():
            for side, of in zip(sides, pair, strict=True):
                side[of] += count
        moved = sorted((pair for pair in self.moves if pair[0] != pair[1]), key=lambda pair: -self.moves[pair])
        found = {
            "accounts": self.accounts,
            "improved": self.improved,
            "worsened": self.worsened,
            "bands": [{"band": one, "before": sides[0][one], "after": sides[1][one]} for one in BANDS],
            "moves": [{"before": pair[0], "after": pair[1], "accounts": self.moves[pair]} for pair in moved],
            "movers": [one for *_, one in sorted(self._movers, key=lambda one: one[:2], reverse=True)],
        }
        return dict(msgspec.to_builtins(found))


@dataclass(frozen=True, slots=True)
class Draft:
    """The rules with a draft in its place, beside those in force."""

    rules: Rules
    in_force: Rules
    interrupted: Mapping[str, datetime]
    _knows_the_same: bool = field(init=False)
    """The catalogue is that in force."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_knows_the_same", self.rules.catalogue == self.in_force.catalogue)

    def preview(self, account: Account, last: Decision, now: datetime) -> tuple[Mover, Health | None]:
        """How an account stands by its last decision, and how it would by the draft, rising only by the margin, too.

        Without its health where the draft does not concern it: the same card scores it, and nothing else is known.
        """
        today = day_of(now)
        prune(account.state, today, account.forgotten)
        drop_tombstones(account, today)
        view = View(account, now, self.rules.catalogue, interrupted=self.interrupted)
        before = Stand(last.score, last.band, last.scorecard, last.reason)
        name, owner = view.profile.name, view.profile.owner
        if self._knows_the_same:
            card = self.rules.card_for(Facts.of(account_facts(view)), now)
            if card.ref == last.scorecard:
                return Mover(account.id, name, owner, before, before), None
        health = health_of(account, now, self.rules, view, self.interrupted)
        points = health.score.points
        after = Stand(points, band(points, health.card.bands, last.band), health.card.ref, health.reason)
        return Mover(account.id, name, owner, before, after), health

    def look(self, account: Account, last: Decision, now: datetime) -> Look:
        """One account, measure by measure: the heaviest by the draft first."""
        mover, _ = self.preview(account, last, now)
        sides = (health_of(account, now, one, interrupted=self.interrupted) for one in (self.in_force, self.rules))
        old, new = ({one.name: one for one in side.counted} for side in sides)
        names = [*new, *(name for name in old if name not in new)]
        return Look(mover.id, mover.name, mover.before, mover.after, [_compared(name, old, new) for name in names])


def _compared(name: str, old: Mapping[str, MeasureReading], new: Mapping[str, MeasureReading]) -> Compared:
    sides: Sequence[MeasureReading | None] = (old.get(name), new.get(name))
    weights = [None if one is None else one.weight for one in sides]
    points = [None if one is None else one.points for one in sides]
    words = next(one.words for one in reversed(sides) if one is not None)
    return Compared(name, words, weights[0], points[0], weights[1], points[1])
