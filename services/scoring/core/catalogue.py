"""What scoring has to know of the product that the accounts buy: plans, milestones, the working week, traits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Final

from shared.conditions import FactType

MONDAY_TO_FRIDAY = frozenset(range(5))
SOURCES: Final = ("usage", "tickets", "invoices", "feedback", "interactions")
"""What an account's evidence comes from."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The same for every scorecard of an installation."""

    features: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The features of each plan."""
    milestones: Mapping[str, int] = field(default_factory=dict)
    """Expected milestones, with the age in days by which each is expected."""
    week: frozenset[int] = MONDAY_TO_FRIDAY
    """Working days; Monday is 0."""
    sources: Mapping[str, int] = field(default_factory=dict)
    """Sources that are declared connected, with the UTC day since when. Any other is so from an account's own first
    event of it."""
    rates: Mapping[str, Fraction] = field(default_factory=dict)
    """What one unit of a currency is worth, all in one and the same: so that revenue in several can be summed."""
    traits: Mapping[str, FactType] = field(default_factory=dict)
    """Declared traits, with their types."""
