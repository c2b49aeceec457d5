"""What scoring tells: one account's facts, score, band, drivers and cause, at an instant."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from shared.messages.accounts import ContactErased
from shared.messages.fields import Time
from shared.words import person

Band = Literal["green", "amber", "red", "unknown"]
FactValue = bool | int | float | str | list[str]
"""Times travel as RFC 3339 text in UTC; the catalogue gives each fact its type and unit."""

Hundredths = Annotated[int, msgspec.Meta(description="Points in integer hundredths: 7412 is 74.12.")]


class Driver(msgspec.Struct, frozen=True, kw_only=True):
    """How far one thing moved the score. The drivers of an assessment sum to the change that is shown, exactly."""

    kind: Literal["measure", "cap", "scorecard", "interruption"]
    name: str
    """A measure's name such as `usage.trend`, a cap's condition, a scorecard's id, or the interrupted source."""
    points: Hundredths
    reason: str
    """In a customer-success manager's words, such as `urgent ticket T-118 open for 5 days`."""
    events: list[str] = []
    """`source id` of the events that did it, at most 5; empty when only time passed."""


class Cause(msgspec.Struct, frozen=True, kw_only=True):
    """Why the account was assessed."""

    kind: Literal["event", "usage", "time", "history", "scorecard"]
    """`event`: one ticket, invoice, answer or change. `usage`: a batch of usage. `history`: an import ended."""
    source: str | None = None
    id: str | None = None
    type: str | None = None
    time: datetime | None = None
    accepted: datetime | None = None
    """When ingest accepted the first of the events that this assessment, or a later one, is the first to tell of.

    Nothing that was accepted before is told later. None where that isn't known: usage of earlier batches was put off.
    """
    data: dict[str, Any] = {}
    """The event's data: the `event.*` facts."""
    contact_name: str | None = None
    contact_role: str | None = None
    """Of the contact that the event names: their name, and of their roles the one that weighs most, where known."""

    @property
    def who(self) -> str | None:
        """The contact as people speak of one: `Kim (admin)`, `their admin`, `someone there`; None without one."""
        return None if self.data.get("contact_id") is None else person(self.contact_name, self.contact_role)


class MeasureReading(msgspec.Struct, frozen=True, kw_only=True):
    """One measure's reading: a raw value with its unit and 0–100 points, or no data and why."""

    name: str
    weight: int
    raw: float | None = None
    unit: str = ""
    points: Hundredths | None = None
    words: str = ""
    """The reading in words: `urgent ticket T-118 open for 5 days`; without data, the reason."""
    interrupted_since: datetime | None = None
    """It is the reading of then: its source has been interrupted since."""


class AccountAssessed(msgspec.Struct, frozen=True, kw_only=True):
    """One account right after an event, a batch of usage, or an instant that mattered."""

    rev: int
    """One higher for each of an account's assessments; the first is 1."""
    at: datetime
    cause: Cause
    facts: dict[str, FactValue]
    """The facts that are known, by name. What is linear in time travels as a date."""
    unknown: dict[str, str] = {}
    """Why a fact is not known, by name, where there is something to say."""
    score: Hundredths | None = None
    band: Band = "unknown"
    previous_score: Hundredths | None = None
    previous_band: Band = "unknown"
    coverage: Hundredths = 0
    """The share of the weights that had data, in hundredths of a percent."""
    scorecard: str
    """`id@version`."""
    measures: list[MeasureReading] = []
    drivers: list[Driver] = []
    imports: list[str] = []
    """The account's open imports: while there is one, the account is quiet."""
    found_in: str | None = None
    """The import whose end caused this assessment: what holds now is found so, it does not fire."""
    act_on_found: bool = False
    gone: Literal["merged", "erased"] | None = None
    """Why there is nothing more to say of the account: it goes on as another one, or it was erased."""
    merged_into: str | None = None
    """The account that it goes on as."""
    erased: ContactErased | None = None
    """The contact who is to be forgotten, with what they are found by."""


class PartitionMark(msgspec.Struct, frozen=True, kw_only=True):
    """All that was accepted up to `through` in this partition has been assessed. Not stored."""

    through: Time
    interrupted: dict[str, datetime] = {}
    """The sources that are interrupted then, and since when: conditions on what rests on them are unknown."""
