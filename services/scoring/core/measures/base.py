"""What a measure is, and what it looks at."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Final, NamedTuple

from services.scoring.core.catalogue import Catalogue
from services.scoring.core.clock import day_of
from services.scoring.core.profile import Profile, profile_of
from services.scoring.core.state import Account, Invoice, State, Ticket

Curve = tuple[tuple[float, float], ...]
"""Points (raw, points) in rising order of raw; straight lines between, level outside."""


class View:
    """One account as measures see it on a day. Days enter whole, so a measure gives the same all day long."""

    __slots__ = ("account", "catalogue", "invoices", "now", "profile", "state", "tickets", "today")

    def __init__(self, account: Account, now: datetime, catalogue: Catalogue) -> None:
        self.account = account
        self.state: State = account.state
        self.tickets: dict[str, Ticket] = account.tickets
        self.invoices: dict[str, Invoice] = account.invoices
        self.now = now
        self.today = day_of(now)
        self.catalogue = catalogue
        self.profile: Profile = profile_of(account.state, now, catalogue)


class Reading(NamedTuple):
    """A raw value and what it says in words; without a value, the words are the reason."""

    raw: float | None
    words: str


@dataclass(frozen=True, slots=True)
class Measure:
    """One view of an account."""

    name: str
    unit: str
    curve: Curve
    """The default, which a scorecard may replace."""
    read: Callable[[View], Reading]
    moved_by: tuple[str, ...] = ()
    """Types of events (or their beginnings) that move it."""
    counted: Callable[[View], Mapping[str, str]] = field(default=lambda _: {})
    """What lies in its window, by key, in words: what drops out of it explains what time did."""


def points_on(curve: Curve, raw: float) -> int:
    """Points in hundredths on a piecewise-linear curve, rounded half up."""
    if raw <= curve[0][0]:
        return _hundredths(curve[0][1])
    for (x0, y0), (x1, y1) in pairwise(curve):
        if raw <= x1:
            return _hundredths(y0 + (y1 - y0) * (raw - x0) / (x1 - x0))
    return _hundredths(curve[-1][1])


def _hundredths(points: float) -> int:
    return int(points * 100 + 0.5)


DAYS_30: Final = 30
