"""What HTTP answers of usage."""

from datetime import date
from typing import Any, Self

from pydantic import BaseModel

from services.scoring.core.clock import date_of
from services.scoring.core.state import MILLIONTHS, Uses


class Used(BaseModel):
    """How a feature was used on a UTC day, by whomever."""

    day: date
    feature: str
    quantity: float
    uses: int
    """How often: events, whatever their quantities."""

    @classmethod
    def of(cls, day: int, feature: str, uses: Uses, **more: Any) -> Self:
        """As sums have it."""
        return cls(day=date_of(day), feature=feature, quantity=uses.quantity / MILLIONTHS, uses=uses.events, **more)


class UsedOfAccount(Used):
    """How an account used a feature on a UTC day."""

    account_id: str
    account_name: str | None
