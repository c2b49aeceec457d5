"""What a customer is worth over the years: customer lifetime value."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

PURCHASES_A_YEAR: Final = 12
"""Who subscribes pays a month's revenue twelve times a year."""


@dataclass(frozen=True, slots=True)
class Worth:
    """The inputs of a lifetime value; what is None is not known."""

    mean_purchase_minor: float | None
    purchases_per_year: float | None
    years: float | None
    """How long a customer stays."""

    @property
    def clv_minor(self) -> int | None:
        """Mean purchase × purchases a year × years, rounded half up; None where an input isn't known."""
        inputs = self.mean_purchase_minor, self.purchases_per_year, self.years
        product = Fraction(1)
        for each in inputs:
            if each is None:
                return None
            product *= Fraction(each)
        return (2 * product.numerator + product.denominator) // (2 * product.denominator)


def years_of(churned: int, customers: int, days: int) -> float | None:
    """How long customers stay, at the rate at which they left in so many days: 1 / churn a year; None when none did."""
    return customers * days / (churned * 365.25) if churned and customers else None
