"""What a measure is, and what it looks at."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any, Final, Literal, NamedTuple, TypeVar

from services.scoring.core.catalogue import Cadence, Catalogue
from services.scoring.core.clock import day_of, day_of_us
from services.scoring.core.profile import Profile, profile_of
from services.scoring.core.pruning import day_cutoff
from services.scoring.core.state import Account, Invoice, State, Ticket, has_left
from shared.conditions import NOWHERE
from shared.messages.stamps import Cell, micros

T = TypeVar("T")
Curve = tuple[tuple[float, float], ...]
"""Points (raw, points) in rising order of raw; straight lines between, level outside."""


class View:
    """One account as measures see it on a day. Days enter whole, so a measure gives the same all day long."""

    __slots__ = (
        "_kept",
        "_made",
        "account",
        "cadence",
        "catalogue",
        "interrupted",
        "invoices",
        "now",
        "profile",
        "read",
        "since",
        "state",
        "tenure",
        "tickets",
        "today",
    )

    def __init__(
        self,
        account: Account,
        now: datetime,
        catalogue: Catalogue,
        before: "View | None" = None,
        interrupted: Mapping[str, datetime] = NOWHERE,
    ) -> None:
        """`before` is a view of it at the same instant, since when only tickets and invoices have changed.

        `interrupted` says of sources since when they are.
        """
        self.account = account
        self.state: State = account.state
        self.tickets: dict[str, Ticket] = account.tickets
        self.invoices: dict[str, Invoice] = account.invoices
        self.now = now
        self.today = day_of(now)
        self.catalogue = catalogue
        self.interrupted = interrupted
        self._kept: dict[Hashable, Any] = {} if before is None else before._kept
        self.profile: Profile = self.kept("profile", lambda: profile_of(account.id, account.state, now, catalogue))
        self.cadence: Cadence = catalogue.cadence_of(self.profile.plan, self._used())
        self._made: dict[Hashable, Any] = {}
        self.read: dict[str, Any] = {} if before is None else before.read
        """By measure the readings that rest on no ticket or invoice: they stand while only these change."""
        began = self.profile.signed_at if self.profile.signed_at is not None else self.state.first
        self.since = None if began is None else day_of_us(began)
        """The UTC day from which its tenure counts: of signing, else of the first event."""
        self.tenure = None if self.since is None else self.today - self.since
        """For how many days it is a customer, as far as is known."""

    def once(self, make: Callable[["View"], T]) -> T:
        """What several readings and facts rest on, made when the first of them asks for it."""
        try:
            made: T = self._made[make]
        except KeyError:
            made = self._made[make] = make(self)
        return made

    def kept(self, key: Hashable, make: Callable[[], T]) -> T:
        """The same of what rests on no ticket or invoice: it stands while only these change."""
        if key not in self._kept:
            self._kept[key] = make()
        kept: T = self._kept[key]
        return kept

    def _used(self) -> list[str]:
        """The features used in as many days as are remembered; of who used none in them, all that they ever did."""
        usage, since = self.state.usage, day_cutoff(self.today)
        if not self.catalogue.cadence:
            return []
        return [name for name, days in usage.items() if days and max(days) >= since] or list(usage)

    def before_interruption(self, source: str) -> "View":
        """As it was when an interrupted source still sent: a reading of then is the last that says anything.

        It depends on no earlier decision, so what arrives since is counted, and time that only passes is not.
        """
        if ("before", source) not in self._made:
            since = min(self.interrupted[source], self.now)
            self._made["before", source] = View(self.account, since, self.catalogue)
        made: View = self._made["before", source]
        return made

    def connected(self, source: str) -> int | None:
        """The UTC day from which silence of a source says something of the account; None: it is not connected.

        A declared one is expected from the later of its declaration and signing (else the first event); any other from
        the account's own first event of it.
        """
        declared, heard = self.catalogue.sources.get(source), self.state.heard.get(source)
        if declared is not None:
            began = self.profile.signed_at or self.state.first
            return declared if began is None else max(declared, day_of_us(began))
        return None if heard is None else day_of_us(heard)

    def of_contacts(self, name: str) -> Mapping[str, Cell]:
        """What is known by this name of contacts, by contact. All are gone through once, however many ask."""
        return self.kept("contacts", self._contacts).get(name, {})

    def _contacts(self) -> dict[str, dict[str, Cell]]:
        found: dict[str, dict[str, Cell]] = {}
        for contact, cells in self.state.contacts.items():
            for name, cell in cells.items():
                found.setdefault(name, {})[contact] = cell
        return found

    def has_left(self, contact: str) -> bool:
        """Whether a contact has left the customer, and nothing said since gives them a role."""
        return has_left(self.state.contacts.get(contact, {}))

    def muted(self, measure: str) -> Cell | None:
        """Who said that a measure's reading is wrong, while that holds."""
        mute = self.state.mutes.get(measure)
        return mute if mute is not None and micros(self.now) < mute.value[0] else None


class Reading(NamedTuple):
    """A raw value and what it says in words; without a value, the words are the reason."""

    raw: float | None
    words: str
    spread: tuple[tuple[float, int], ...] = ()
    """Where each of several values is scored by itself: these, with their weights. `raw` is what they come to."""


Missing = Literal["exclude", "neutral", "worst", "last-known"]
_GROUPS: Final = {"feedback": "voices", "billing": "money", "contract": "money"}


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
    missing: Missing = "exclude"
    """What counts where there is no data, unless a card says otherwise."""
    facts: tuple[str, ...] = ()
    """What else is known by the same evidence: who mutes the measure mutes these."""

    @property
    def rests_on_papers(self) -> bool:
        """Whether tickets or invoices move it."""
        return any(type.startswith(("ticket.", "invoice.")) for type in self.moved_by)

    @property
    def group(self) -> str:
        """What it is a part of: usage, onboarding, support, voices, relationship or money."""
        kind = self.name.partition(".")[0]
        return _GROUPS.get(kind, kind)


def points_of(curve: Curve, raw: float, spread: tuple[tuple[float, int], ...] = ()) -> int:
    """Points in hundredths of a reading: of its value, or the weighted mean of its single values' points."""
    if not spread:
        return points_on(curve, raw)
    weight = sum(each for _, each in spread)
    return (2 * sum(each * points_on(curve, value) for value, each in spread) + weight) // (2 * weight)


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
