"""A draft of the catalogue from what accounts did: each plan's features and cadence, and milestones with their days."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal

from services.scoring.core.clock import day_of_us
from services.scoring.core.measures.base import DAYS_30
from services.scoring.core.profile import Profile
from services.scoring.core.state import OTHER, State

Cadence = Literal["daily", "weekly", "monthly", "quarterly"]
_FROM_OFTEN: Final[tuple[Cadence, ...]] = ("daily", "weekly", "monthly", "quarterly")
_WEEKS: Final = 12
"""What a cadence is told by; who is in use for less tells none."""
_MONTH: Final = 28
_DAYS_A_WEEK: Final = 2
"""Who comes on as many days of a week as this or more comes daily, but for holidays. Practice, as are the next."""
_MOST_PERIODS: Final = 0.75
"""Who is there in three of four weeks comes weekly, and in three of four months monthly."""
_OF_ACCOUNTS: Final = 0.1
"""What fewer of a plan's accounts than this use may be a trial, or another's."""


@dataclass(slots=True)
class Plan:
    """What the accounts of a plan did."""

    accounts: int = 0
    seats: list[int] = field(default_factory=list)
    features: Counter[str] = field(default_factory=Counter)
    """By how many accounts each was used in 30 days."""
    cadences: list[Cadence] = field(default_factory=list)

    @property
    def used(self) -> list[tuple[str, int]]:
        """Features that enough accounts use to belong to the plan, the most used first."""
        least = self.accounts * _OF_ACCOUNTS
        found = [(name, count) for name, count in self.features.items() if count >= least]
        return sorted(found, key=lambda one: (-one[1], one[0]))

    @property
    def median_seats(self) -> int | None:
        """Of the accounts whose seats are known."""
        return _within(self.seats, 1, 2) if self.seats else None

    @property
    def cadence(self) -> Cadence | None:
        """What half of the accounts come at least as often as; None: no account is in use for long enough."""
        return _FROM_OFTEN[_within(map(_FROM_OFTEN.index, self.cadences), 1, 2)] if self.cadences else None


@dataclass(slots=True)
class Draft:
    """Collects account by account. A milestone is expected by the day on which three of four had reached it."""

    today: int
    plans: dict[str, Plan] = field(default_factory=dict)
    without_plan: int = 0
    _reached: dict[str, list[int]] = field(default_factory=dict)
    """By milestone: after how many days of signing accounts reached it."""

    def add(self, profile: Profile, state: State) -> None:
        """Take in an account."""
        for name, at in state.milestones.items():
            if profile.signed_at is not None:
                self._reached.setdefault(name, []).append(max(0, day_of_us(at) - day_of_us(profile.signed_at)))
        if not profile.plan:
            self.without_plan += 1
            return
        plan = self.plans.setdefault(profile.plan, Plan())
        plan.accounts += 1
        if profile.seats:
            plan.seats.append(profile.seats)
        since = self.today - DAYS_30
        plan.features.update(
            name for name, days in state.usage.items() if name != OTHER and max(days, default=0) > since
        )
        if (cadence := self._cadence(state)) is not None:
            plan.cadences.append(cadence)

    @property
    def milestones(self) -> list[tuple[str, int, int]]:
        """Each with the day by which most had reached it, and how many did; the earliest first."""
        found = [(name, _within(days, 3, 4), len(days)) for name, days in self._reached.items()]
        return sorted(found, key=lambda one: (one[1], one[0]))

    def _cadence(self, state: State) -> Cadence | None:
        """How often an account came in its last twelve weeks; None where it is new, or did not come."""
        first, start = state.heard.get("usage"), self.today - 7 * _WEEKS
        if first is None or day_of_us(first) > start:
            return None
        days = {day - start for days in state.usage.values() for day in days if start <= day < self.today}
        if not days:
            return None
        if len(days) >= _DAYS_A_WEEK * _WEEKS:
            return "daily"
        if len({day // 7 for day in days}) >= _MOST_PERIODS * _WEEKS:
            return "weekly"
        return "monthly" if len({day // _MONTH for day in days}) >= _MOST_PERIODS * _WEEKS * 7 / _MONTH else "quarterly"


def _within(numbers: Iterable[int], part: int, of: int) -> int:
    """The least number that so many of them, `part` of `of`, don't exceed."""
    ordered = sorted(numbers)
    return ordered[-(-len(ordered) * part // of) - 1]
