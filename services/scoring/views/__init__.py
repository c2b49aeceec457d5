"""What HTTP answers. Scores are points from 0 to 100 with two decimals; money is in minor units."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
)
from pydantic_core import CoreSchema, core_schema

from services.scoring.core.book import Told
from services.scoring.core.clock import DAY_US
from services.scoring.core.decision import Hold
from services.scoring.core.interruptions import Interruption
from services.scoring.core.leaving import LeftBehind
from services.scoring.core.leaving import OpenTicket as OpenTicketRow
from services.scoring.core.leaving import Unhappy as UnhappyRow
from services.scoring.core.leaving import Unpaid as UnpaidRow
from services.scoring.core.roles import main_role
from services.scoring.core.sources import Heard
from services.scoring.core.state import has_left, roles_of
from services.scoring.core.suggest import Cadence, Draft
from services.scoring.views.goals import Goal
from services.scoring.views.merged import Linked
from shared.messages.assessments import Band, Driver, MeasureReading
from shared.messages.stamps import Cell, instant_of
from shared.web.paging import Page
from shared.web.times import Moment

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


class OpenTicket(BaseModel):
    """A ticket that was open when the customer left."""

    id: str
    priority: str
    opened_at: datetime


class Unpaid(BaseModel):
    """An invoice that wasn't paid when the customer left."""

    id: str
    amount_minor: int
    currency: str
    due_at: datetime | None


class Unhappy(BaseModel):
    """The last answer of somebody who scored us 6 or less."""

    contact_id: str
    role: str | None
    score: int
    comment: str
    """Its beginning."""
    at: datetime


class Left(BaseModel):
    """How a customer left, and what was open then; at most 100 of each."""

    at: datetime
    reason: str | None
    voluntary: bool
    last_score: Points | None
    """The last that was known."""
    tickets: list[OpenTicket]
    invoices: list[Unpaid]
    detractors: list[Unhappy]
    words: str
    """What was open, in words."""

    @classmethod
    def of(cls, row: Mapping[str, Any], behind: LeftBehind) -> "Left":
        """By the row of who left."""
        return cls(
            at=row["churned_at"],
            reason=row["churn_reason"],
            voluntary=row["churn_voluntary"],
            last_score=row["previous_score"],
            tickets=[OpenTicket(**_dated(one, "opened_at")) for one in behind.tickets[:_MOST_OPEN]],
            invoices=[Unpaid(**_dated(one, "due_at")) for one in behind.invoices[:_MOST_OPEN]],
            detractors=[Unhappy(**_dated(one, "at")) for one in behind.detractors[:_MOST_OPEN]],
            words=behind.in_words(row["previous_score"]),
        )


_MOST_OPEN: Final = 100


def _dated(one: OpenTicketRow | UnpaidRow | UnhappyRow, name: str) -> dict[str, Any]:
    found = one._asdict()
    return found | {name: None if found[name] is None else instant_of(found[name])}


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
    parent_id: str | None
    excluded: str | None
    """Why it is no customer, and so in no figure."""
    churned_at: datetime | None
    """When the customer left."""
    churn_reason: str | None
    churn_voluntary: bool | None
    left: Left | None
    """Of a customer who left: how, and what was open."""
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
    """Of its roles the one that weighs most."""
    roles: list[str]
    left: bool
    traits: dict[str, Any]

    @classmethod
    def of(cls, id: str, cells: Mapping[str, Cell]) -> "Contact":
        """What is known of a contact."""
        roles, gone = list(roles_of(cells)), has_left(cells)
        own = {name.removeprefix("traits."): cell.value for name, cell in cells.items() if name.startswith("traits.")}
        return cls(id=id, role=main_role(roles), roles=roles, left=gone, traits=own)


_Note = Annotated[str, Field(min_length=1, max_length=8192)]


class Pulse(BaseModel, json_schema_extra={"examples": [{"score": 4, "note": "New sponsor, not convinced yet."}]}):
    """A customer-success manager's own judgement, and why."""

    score: Annotated[int, Field(ge=1, le=10, strict=True)]
    note: _Note


class MuteUntil(
    BaseModel,
    json_schema_extra={"examples": [{"until": "2026-06-01T08:00:00Z", "reason": "Closed late by an import."}]},
):
    """Until when a reading is not believed, at most 30 days ahead, and why. What has passed takes it back."""

    until: Moment
    reason: _Note


class Said(BaseModel):
    """What was said is an event of this source and id: it is folded within a second."""

    source: str
    id: str


class Mute(BaseModel):
    """A reading that somebody says is wrong."""

    measure: str
    until: datetime
    reason: str
    author: str

    @classmethod
    def of(cls, measure: str, cell: Cell) -> "Mute":
        """As state keeps it."""
        until, reason, author = cell.value
        return cls(measure=measure, until=instant_of(until), reason=reason, author=author)


class AccountDetail(Account):
    """All of an account. Facts and measures are as of now."""

    rev: int
    scorecard: str | None
    imports: list[str]
    """Its open imports: while there is one, no playbook fires."""
    traits: dict[str, Any]
    left_out: dict[str, str]
    """What there was no room for: by kind (`traits`, `milestones`, …) the first name by the alphabet that is not kept,
    as is none of that kind after it; of contacts a digest."""
    contacts: list[Contact]
    measures: list[Annotated[MeasureReading, AsAnswer()]]
    merged_into: Linked | None
    """The account that it goes on as: then nothing more is said of this one, and it is in no figure."""
    merged_from: list[Linked]
    """The accounts that were merged into it; their history stays with them."""
    goals: list[Goal]
    """The success plan."""
    mutes: list[Mute]
    """The measures whose readings are not believed: no data, and their facts are not known."""
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
    reason: str
    """Where there are no drivers: why there is no score, or that the customer came back."""


class Explanation(Summary):
    """Why an account has its score: as it was last assessed."""

    left: Left | None
    """Of a customer who left: how, and what was open."""

    scorecard: str | None
    measures: list[Annotated[MeasureReading, AsAnswer()]]
    caps: list[Annotated[Hold, AsAnswer()]]
    """The cap that holds the score down, if one does."""
    changes: list[Change]


class Part(BaseModel):
    """How far one thing moved the score on its way."""

    kind: Literal["measure", "cap", "scorecard", "interruption", "unknown", "forgotten"]
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


class Day(BaseModel):
    """How an account stood at the end of a UTC day."""

    day: date
    score: Points | None
    band: Band
    coverage: Points


class BookPart(BaseModel):
    """What one measure, cap or scorecard, or one way of coming and going, did to the mean of a book."""

    kind: Literal["measure", "cap", "scorecard", "interruption", "accounts", "unknown"]
    """`accounts`: those that came or went, by `name`. `unknown`: times without a score, and what was forgotten."""
    name: str
    points: Points
    accounts: int
    """At how many accounts."""
    reason: str


class BookAccount(BaseModel):
    """What one account did to the mean of its book."""

    id: str
    name: str | None
    kind: Literal["moved", "came", "became_known", "moved_in", "left", "became_unknown", "moved_out"]
    """`moved`: by its own score. `moved_in` and `moved_out`: from or to another group."""
    from_: Points | None = Field(serialization_alias="from")
    to: Points | None
    points: Points


class Book(BaseModel):
    """Why the mean of a group's known accounts is another than it was. Two sums are the change: over the drivers, and
    over the accounts together with the others."""

    group: str
    from_: Points | None = Field(serialization_alias="from")
    to: Points | None
    change: Points | None
    """None where nothing was known at one end."""
    accounts_from: int
    """How many accounts were known then."""
    accounts_to: int
    drivers: list[BookPart]
    accounts: list[BookAccount]
    """The heaviest."""
    others: Points
    """What all other accounts did together."""
    paragraph: str

    @classmethod
    def of(cls, told: Told, most: int, paragraph: str) -> "Book":
        """A book as it is told, with so many of its accounts at most."""
        return cls(
            group=told.group,
            from_=told.before,
            to=told.after,
            change=told.change,
            accounts_from=told.known_before,
            accounts_to=told.known_after,
            drivers=[BookPart(**part._asdict()) for part in told.parts],
            accounts=[
                BookAccount(id=e.id, name=e.name, kind=e.turn, from_=e.before, to=e.after, points=e.points)
                for e in told.entries[:most]
            ],
            others=told.others + sum(entry.points for entry in told.entries[most:]),
            paragraph=paragraph,
        )


class BookReport(BaseModel):
    """Why books of accounts do better or worse than they did, by group."""

    by: str | None
    since: datetime
    until: datetime
    groups: list[Book]


class Member(BaseModel):
    """An account of a group."""

    id: str
    name: str | None
    parent_id: str | None
    score: Points | None
    band: Band
    mrr_minor: int | None
    currency: str | None


class ValueShare(BaseModel):
    """Monthly revenue of a group's accounts of one band, in one currency."""

    currency: str
    band: Band
    accounts: int
    mrr_minor: int
    share: Rounded
    """In percent of all that is paid in this currency."""


class Hierarchy(BaseModel):
    """An account with all that belong to it, and how they do together."""

    parents: list[str]
    """The accounts above it, the nearest first."""
    circle: bool
    """The accounts above it come back to one of themselves: then nothing is rolled up."""
    members: list[Member]
    """The customers among it and all below it."""
    mean: Points | None
    worst: Member | None
    value: list[ValueShare]


class Source(BaseModel):
    """A source of evidence, over all accounts that are customers."""

    source: str
    connected: Literal["declared", "auto"]
    """`auto`: for each account from its own first event."""
    declared_since: date | None
    last_heard_at: datetime | None
    """When the last event happened that came from it, to the minute."""
    accounts: int
    """How many accounts it was heard of for."""
    of: int
    """Of so many."""
    suggest_declaring: bool
    """It is heard of for ten accounts, or a fifth of them, and not declared: silence of the others says nothing yet."""

    interrupted_since: datetime | None = None
    """It sends under a fifth of what is usual since then: readings that rest on it are kept meanwhile."""
    sent: int | None = None
    """How many events came in the hour in which the interruption began,"""
    usual: int | None = None
    """and how many do in such an hour."""

    @classmethod
    def of_heard(cls, heard: Heard, interrupted: Interruption | None = None) -> "Source":
        """As it was heard of."""
        since = None if heard.declared is None else instant_of(heard.declared * DAY_US).date()
        return cls(
            source=heard.source,
            connected="auto" if since is None else "declared",
            declared_since=since,
            last_heard_at=heard.last_at,
            accounts=heard.accounts,
            of=heard.of,
            suggest_declaring=heard.suggest_declaring,
            interrupted_since=None if interrupted is None else interrupted.since_at,
            sent=None if interrupted is None else interrupted.sent,
            usual=None if interrupted is None else interrupted.usual,
        )


class SuggestedFeature(BaseModel):
    """A feature that was used."""

    feature: str
    accounts: int
    """How many accounts of the plan used it in 30 days."""


class SuggestedPlan(BaseModel):
    """What was seen of a plan."""

    plan: str
    accounts: int
    seats: int | None
    """The median."""
    cadence: Cadence | None
    """How often its accounts come; null: none is in use for twelve weeks."""
    features: list[SuggestedFeature]
    """Used by a tenth of its accounts at the least, the most used first."""


class SuggestedMilestone(BaseModel):
    """A milestone that was reached."""

    milestone: str
    by_day: int
    """The day after signing by which three of four had reached it."""
    accounts: int


class SuggestedCatalogue(BaseModel):
    """A draft of the catalogue."""

    plans: list[SuggestedPlan]
    milestones: list[SuggestedMilestone]
    without_plan: int
    """Accounts whose plan is not known."""

    @classmethod
    def of(cls, draft: Draft) -> "SuggestedCatalogue":
        """As it was collected."""
        return cls(
            plans=[
                SuggestedPlan(
                    plan=name,
                    accounts=plan.accounts,
                    seats=plan.median_seats,
                    cadence=plan.cadence,
                    features=[SuggestedFeature(feature=feature, accounts=count) for feature, count in plan.used],
                )
                for name, plan in sorted(draft.plans.items())
            ],
            milestones=[
                SuggestedMilestone(milestone=name, by_day=day, accounts=count) for name, day, count in draft.milestones
            ],
            without_plan=draft.without_plan,
        )


class Fingerprint(BaseModel):
    """One hash of all folded state at an instant."""

    fingerprint: str
    accounts: int
    at: datetime
