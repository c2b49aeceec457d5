"""What the HTTP face answers. Scores are points from 0 to 100 with two decimals; money is in minor units."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from shared.messages.assessments import Band
from shared.web.paging import Page


class Account(BaseModel):
    """An account as lists show it. Scores are points from 0 to 100; money is in minor units."""

    id: str
    name: str | None
    plan: str | None
    segment: str | None
    stage: str | None
    owner: str | None
    mrr_minor: int | None
    currency: str | None
    seats: int | None
    renews_at: datetime | None
    churned_at: datetime | None
    """When the customer left."""
    score: float | None
    previous_score: float | None
    band: Band
    coverage: float
    """The share of the scorecard's weights that has data, in percent."""
    reason: str
    """The main reason: what costs most points, what caps the score, or why it is unknown."""
    assessed_at: datetime | None


class BandShare(BaseModel):
    """Accounts and monthly revenue of one band in one currency."""

    currency: str | None
    band: Band
    accounts: int
    mrr_minor: int


class Accounts(Page[Account]):
    """A page of accounts, with the revenue by band of all that were asked for."""

    mrr_by_band: list[BandShare]


class Measure(BaseModel):
    """One measure as it counts. Without points, the words say why there is no data."""

    name: str
    weight: int
    raw: float | None
    unit: str
    points: float | None
    words: str


class Contact(BaseModel):
    """A person at the account."""

    id: str
    role: str | None
    left: bool
    traits: dict[str, Any]


class AccountDetail(Account):
    """All of an account. Facts and measures are as of now."""

    rev: int
    scorecard: str | None
    imports: list[str]
    """Its open imports: while there is one, no playbook fires."""
    traits: dict[str, Any]
    contacts: list[Contact]
    measures: list[Measure]
    facts: dict[str, Any]
    unknown: dict[str, str]
    """Why a fact is not known."""


class Driver(BaseModel):
    """How far one thing moved the score."""

    kind: str
    name: str
    points: float
    reason: str
    events: list[str]


class Change(BaseModel):
    """One step of the score. The drivers' points sum to it."""

    rev: int
    at: datetime
    from_: float | None = Field(serialization_alias="from")
    to: float | None
    band: Band
    previous_band: Band
    cause: dict[str, Any]
    scorecard: str
    coverage: float
    found_in: str | None
    drivers: list[Driver]


class Cap(BaseModel):
    """A cap that holds the score down."""

    at_most: float
    while_: str = Field(serialization_alias="while")


class Explanation(BaseModel):
    """Why an account has its score: as it was last assessed."""

    id: str
    name: str | None
    score: float | None
    band: Band
    coverage: float
    scorecard: str | None
    reason: str
    assessed_at: datetime | None
    measures: list[Measure]
    caps: list[Cap]
    changes: list[Change]


class NpsGroup(BaseModel):
    """NPS of one group, always with what it rests on. `margin` is that of 95 %, in points."""

    group: str
    nps: float
    answers: int
    promoters: int
    passives: int
    detractors: int
    margin: float


class NpsReport(BaseModel):
    """NPS by group in a window of answers."""

    by: str | None
    kind: str
    rollup: str
    since: datetime
    until: datetime
    groups: list[NpsGroup]


class Fingerprint(BaseModel):
    """One hash of all folded state at an instant."""

    fingerprint: str
    accounts: int
    at: datetime
