"""What HTTP answers of renewals. Money is in minor units."""

from datetime import datetime

from pydantic import BaseModel, Field, model_validator

from services.scoring.queries.renewals import Outcome, Rung
from shared.messages.accounts import Forecast, RenewalOutcome
from shared.messages.assessments import Band
from shared.web.paging import Page


class Renewal(BaseModel):
    """The renewal of one contract of six months or more."""

    id: str
    account_id: str
    account_name: str | None
    subscription_id: str
    """Empty: the account's traits tell of it, or its unnamed subscription."""
    ends_at: datetime
    """When the contract ends, or renews."""
    notice_at: datetime
    """By when notice is to be given."""
    term_months: int
    currency: str | None
    mrr_minor: int | None
    amount_minor: int | None
    """Of the term: what it brings in a month, times its months."""
    renewed_minor: int | None
    """What it brought in a month after it was renewed."""
    forecast: Forecast | None
    """Lost, unless somebody said another thing, where an end is set."""
    outcome: Outcome | None
    reason: str | None
    owner: str | None
    band: Band


class LadderStep(BaseModel):
    """The renewals of one month, band or owner with the same forecast and outcome."""

    group: str | None
    forecast: Forecast | None
    outcome: Outcome | None
    currency: str | None
    renewals: int
    amount_minor: int
    mrr_minor: int


class Renewals(Page[Renewal]):
    """Renewals, those due first in front, with the sums over all that are meant."""

    by: Rung
    ladder: list[LadderStep]


class RenewalTerms(
    BaseModel, json_schema_extra={"examples": [{"forecast": "at_risk", "reason": "Their new CFO cuts tools."}]}
):
    """What is expected of a renewal, or came of it. What is left out is unchanged; null takes it back."""

    forecast: Forecast | None = None
    outcome: RenewalOutcome | None = None
    reason: str | None = Field(default=None, min_length=1, max_length=8192)
    owner: str | None = Field(default=None, min_length=1, max_length=256)

    @model_validator(mode="after")
    def _says_something(self) -> "RenewalTerms":
        if not self.model_fields_set:
            raise ValueError("it says nothing; give at least one of forecast, outcome, reason, owner")
        return self
