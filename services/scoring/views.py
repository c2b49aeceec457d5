"""What HTTP answers. Scores are points from 0 to 100 with two decimals; money is in minor units."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

from services.scoring.core.decision import Hold
from services.scoring.core.state import Cell
from shared.messages.assessments import Band, Driver, MeasureReading
from shared.web.paging import Page

Points = Annotated[float, BeforeValidator(lambda hundredths: hundredths / 100)]
"""Given in hundredths, as they are kept."""
Rounded = Annotated[float, AfterValidator(lambda value: round(value, 2))]


_NUMBER: Final = {"type": "number"}


class AsAnswer:
    """Lets an answer hold a message's struct as it is, so that no type is described twice. Hundredths become points."""

    _HUNDREDTHS: Final = ("points", "at_most")

    def __get_pydantic_core_schema__(self, source: Any, _: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            lambda given: msgspec.convert(given, source),
            serialization=core_schema.plain_serializer_function_ser_schema(self._written),
            metadata={"struct": source},
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, _: GetJsonSchemaHandler) -> dict[str, Any]:
        struct = schema["metadata"]["struct"]
        described = msgspec.json.schema_components([struct])[1]
        found: dict[str, Any] = described[struct.__name__]
        for name in self._HUNDREDTHS:
            if name in found["properties"]:
                optional = "anyOf" in found["properties"][name]
                found["properties"][name] = {"anyOf": [_NUMBER, {"type": "null"}]} if optional else _NUMBER
        return found

    def _written(self, struct: Any) -> dict[str, Any]:
        written: dict[str, Any] = msgspec.to_builtins(struct)
        points = {name: written[name] / 100 for name in self._HUNDREDTHS if written.get(name) is not None}
        return written | points


class Summary(BaseModel):
    """How an account stood when it was last assessed."""

    id: str
    name: str | None
    score: Points | None
    band: Band
    coverage: Points
    """The share of the scorecard's weights that has data, in percent."""
    reason: str
    """The main reason: what costs most points, what caps the score, or why it is unknown."""
    assessed_at: datetime | None


class Account(Summary):
    """An account as lists show it. Scores are points from 0 to 100; money is in minor units."""

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
    previous_score: Points | None


class BandShare(BaseModel):
    """Accounts and monthly revenue of one band in one currency."""

    currency: str | None
    band: Band
    accounts: int
    mrr_minor: int


class Accounts(Page[Account]):
    """A page of accounts, with the revenue by band of all that were asked for."""

    mrr_by_band: list[BandShare]


class Contact(BaseModel):
    """A person at the account."""

    id: str
    role: str | None
    left: bool
    traits: dict[str, Any]

    @classmethod
    def of(cls, id: str, cells: Mapping[str, Cell]) -> "Contact":
        """What is known of a contact. Who left and was given a role later is back."""
        role, left = cells.get("role"), cells.get("left")
        gone = left is not None and left.beats(role)
        own = {name.removeprefix("traits."): cell.value for name, cell in cells.items() if name.startswith("traits.")}
        return cls(id=id, role=None if role is None else role.value, left=gone, traits=own)


class AccountDetail(Account):
    """All of an account. Facts and measures are as of now."""

    rev: int
    scorecard: str | None
    imports: list[str]
    """Its open imports: while there is one, no playbook fires."""
    traits: dict[str, Any]
    contacts: list[Contact]
    measures: list[Annotated[MeasureReading, AsAnswer()]]
    facts: dict[str, Any]
    unknown: dict[str, str]
    """Why a fact is not known."""


class Change(BaseModel):
    """One step of the score. The drivers' points sum to it."""

    rev: int
    at: datetime
    from_: Points | None = Field(validation_alias="previous_score", serialization_alias="from")
    to: Points | None = Field(validation_alias="score", serialization_alias="to")
    band: Band
    previous_band: Band
    cause: dict[str, Any]
    scorecard: str
    coverage: Points
    found_in: str | None
    drivers: list[Annotated[Driver, AsAnswer()]]


class Explanation(Summary):
    """Why an account has its score: as it was last assessed."""

    scorecard: str | None
    measures: list[Annotated[MeasureReading, AsAnswer()]]
    caps: list[Annotated[Hold, AsAnswer()]]
    """The cap that holds the score down, if one does."""
    changes: list[Change]


class Part(BaseModel):
    """How far one thing moved the score on its way."""

    kind: Literal["measure", "cap", "scorecard", "unknown", "forgotten"]
    """`unknown`: a stretch in which there was no score. `forgotten`: said by somebody whose words were erased since."""
    name: str
    points: Points
    reason: str
    """What moved it last that way."""
    at: datetime
    """When that was."""
    events: list[str]
    """`source id` of the events that did it, the newest at most 5."""


class Way(BaseModel):
    """Why the score is another than it was. Where it is known at both ends, the drivers' points sum to the change."""

    id: str
    name: str | None
    since: datetime
    until: datetime
    from_: Points | None = Field(serialization_alias="from")
    to: Points | None
    change: Points | None
    """None where the score was unknown at one end."""
    drivers: list[Part]
    """Heaviest first."""
    paragraph: str
    """The same in plain words."""


class NpsGroup(BaseModel):
    """NPS of one group, always with what it rests on. `margin` is that of 95 %, in points."""

    group: str
    nps: Rounded
    answers: int
    promoters: int
    passives: int
    detractors: int
    margin: Rounded


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
