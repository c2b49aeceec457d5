"""What HTTP answers of revenue."""

from typing import Final

from pydantic import BaseModel

from services.scoring.core.worth import Worth
from services.scoring.views import Rounded

CLV: Final = (
    "Mean purchase x purchases a year x years that a customer stays. Where they aren't given: the revenue of a month "
    "that an account brings, 12, and 1 / the share of customers who left in the last twelve months."
)


class Clv(BaseModel):
    """A customer lifetime value with its inputs."""

    clv_minor: int | None
    """Null where an input is not known."""
    currency: str | None
    mean_purchase_minor: Rounded | None
    purchases_per_year: Rounded
    years: Rounded | None
    measured: list[str]
    """Which of the inputs were not given."""
    definition: str = CLV

    @classmethod
    def of(cls, worth: Worth, currency: str | None, measured: list[str]) -> "Clv":
        """With what it rests on."""
        return cls(
            clv_minor=worth.clv_minor,
            currency=currency,
            mean_purchase_minor=worth.mean_purchase_minor,
            purchases_per_year=worth.purchases_per_year or 0,
            years=worth.years,
            measured=measured,
        )
