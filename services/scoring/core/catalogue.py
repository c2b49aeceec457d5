"""What scoring has to know of the product that the accounts buy: plans, onboarding, the working week, traits."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import Final

from shared.conditions import Condition, Facts, FactType, Truth, evaluate

MONDAY_TO_FRIDAY = frozenset(range(5))
SOURCES: Final = ("usage", "tickets", "invoices", "feedback", "interactions")
"""What an account's evidence comes from."""


@dataclass(frozen=True, slots=True)
class Cadence:
    """How often those who do well use the product, and with it how far its measures look. In days."""

    name: str
    cycle: int
    """The longest time between two uses that misses none; 0: what counts are working days."""
    now: int
    """The later window of the trend; 0: too seldom for one."""
    before: int
    """The earlier window, right before it."""
    seen: int
    """Who was seen in so many days is active, and what was used is in use."""


DAILY: Final = Cadence("daily", cycle=0, now=14, before=56, seen=30)
CADENCES: Final = {
    one.name: one
    for one in (
        DAILY,
        Cadence("weekly", cycle=7, now=14, before=56, seen=30),
        Cadence("monthly", cycle=31, now=30, before=60, seen=30),
        Cadence("quarterly", cycle=92, now=0, before=0, seen=90),
    )
}


@dataclass(frozen=True, slots=True)
class Onboarding:
    """How some accounts are brought to where they wanted to be."""

    id: str
    days: int
    """It lasts at most so long after signing."""
    milestones: Mapping[str, int] = field(default_factory=dict)
    """With the day after signing by which each is expected. It ends when all are reached; without any after `days`."""
    for_accounts: Condition | None = None
    """None matches any."""


LOW_TOUCH: Final = Onboarding("low_touch", 60)
"""Of whom no model is."""


@dataclass(frozen=True, slots=True)
class Target:
    """What stands beside a figure, in its own unit."""

    target: float | None = None
    benchmark: float | None = None
    source: str | None = None
    """Where the benchmark is from."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The same for every scorecard of an installation."""

    features: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The features of each plan."""
    onboarding: tuple[Onboarding, ...] = ()
    """The first that matches an account is its model."""
    week: frozenset[int] = MONDAY_TO_FRIDAY
    """Working days; Monday is 0."""
    closed: tuple[int, ...] = ()
    """UTC days on which nobody is expected to work: holidays, a company's closed weeks."""
    unlogged: tuple[int, ...] = ()
    """UTC days on which interactions were not heard of: they are nobody's silence."""
    cadence: Mapping[str, Cadence] = field(default_factory=dict)
    """By plan or feature; any other is daily. A name that is both is a plan's."""
    watch: tuple[str, ...] = ()
    """Features whose use is a fact each, over 7 and 30 days."""
    allowances: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """By plan and feature: how much of it a month includes, in its own unit."""
    sources: Mapping[str, int] = field(default_factory=dict)
    """Sources that are declared connected, with the UTC day since when. Any other is so from an account's own first
    event of it."""
    rates: Mapping[str, Fraction] = field(default_factory=dict)
    """What one unit of a currency is worth, all in one and the same: so that revenue in several can be summed."""
    key_account_minor: int | None = None
    """From how much monthly revenue on an account is a key one, in minor units of the currency whose rate is 1."""
    targets: Mapping[str, Target] = field(default_factory=dict)
    """By survey measure: what its figure is to be, and what others reach."""
    traits: Mapping[str, FactType] = field(default_factory=dict)
    """Declared traits, with their types."""

    def cadence_of(self, plan: str | None, used: Collection[str]) -> Cadence:
        """How often an account on a plan comes that is well, by what it uses.

        The plan's where one is declared, as whoever declared it knew what it is for. Else, where all that is used is
        used more seldom than daily by its nature, the most frequent of it: payroll alone is no daily work, but payroll
        beside anything daily is no reason to wait a month until silence is heard.
        """
        if plan is not None and plan in self.cadence:
            return self.cadence[plan]
        if not self.cadence or not used or any(name not in self.cadence for name in used):
            return DAILY
        return min((self.cadence[name] for name in used), key=lambda one: one.cycle)

    def onboarding_of(self, facts: Facts, now: datetime) -> Onboarding:
        """The model of an account of which these facts are known; where none matches, the one of low touch."""
        for model in self.onboarding:
            if model.for_accounts is None or evaluate(model.for_accounts, facts, now) is Truth.TRUE:
                return model
        return next((model for model in self.onboarding if model.id == LOW_TOUCH.id), LOW_TOUCH)

    @property
    def reference(self) -> str | None:
        """The currency in which rates are told: the one whose own is 1."""
        return next((currency for currency, rate in self.rates.items() if rate == 1), None)

    @property
    def named_features(self) -> tuple[str, ...]:
        """Features of which there are facts: those that are watched, and those that a plan has an allowance of."""
        allowed = (feature for features in self.allowances.values() for feature in features)
        return tuple(dict.fromkeys((*self.watch, *allowed)))
