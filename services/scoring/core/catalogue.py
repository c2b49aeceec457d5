"""What scoring has to know of the product that the accounts buy: plans, milestones, the working week, traits."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.conditions import FactType

MONDAY_TO_FRIDAY = frozenset(range(5))


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The same for every scorecard of an installation."""

    features: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The features of each plan."""
    milestones: Mapping[str, int] = field(default_factory=dict)
    """Expected milestones, with the age in days by which each is expected."""
    week: frozenset[int] = MONDAY_TO_FRIDAY
    """Working days; Monday is 0."""
    traits: Mapping[str, FactType] = field(default_factory=dict)
    """Declared traits, with their types."""
