"""What ingest's HTTP edge takes and answers, except events, whose body msgspec reads."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, Field, model_validator
from pydantic.config import JsonDict
from sqlalchemy import Row

from services.ingest.core.senders import KEY_NAME, LARGEST, key_name, known_type
from services.ingest.core.watched import Fate
from shared.auth.keys import Scope
from shared.messages.assessments import AccountAssessed, Band
from shared.service.status import Status
from shared.web.paging import Page


class WaitingEvent(BaseModel):
    """An event that waits until an `account.updated` sets its alias."""

    source: str
    id: str
    alias: str
    type: str
    time: datetime
    received_at: datetime


class RefusedRecord(BaseModel):
    """A record that was refused, as it was sent."""

    id: str
    code: str
    reason: str
    bytes: str = Field(description="The record as text; in Base64 where `encoding` says so, as it is no UTF-8.")
    encoding: Literal["text", "base64"]
    size: int = Field(description="Of the whole record in bytes; of one above 1 MB only the beginning is kept.")
    key: str = Field(description="The name of the key that sent it, or the vendor of a webhook.")
    door: str = Field(description="The way that it came by: `events`, `patch`, a vendor's or a client's name.")
    source: str | None
    event_id: str | None
    account: str | None = Field(description="The account that it names, where that could be seen.")
    at: datetime = Field(description="When it was first refused.")
    last_at: datetime
    times: int = Field(description="How often the same record was refused.")


class RefusedPage(Page[RefusedRecord]):
    """Records that were refused, the newest first."""

    left_out: int = Field(
        description="How many more were refused in the last 30 days and are not kept: of a key the first 1,000 records "
        "or 16 MB a day are."
    )


class Replay(BaseModel, extra="forbid", json_schema_extra={"examples": [{"code": "unknown_type"}]}):
    """Which records to send again; all conditions that are given must hold, and at least one is given."""

    ids: list[Annotated[str, Field(max_length=128)]] | None = Field(None, max_length=1000)
    code: str | None = Field(None, max_length=128)
    key: str | None = Field(None, max_length=256)
    door: str | None = Field(None, max_length=128)
    before: AwareDatetime | None = Field(
        None,
        description="Only what was last refused by then: as the answer says.",
    )

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        if self.ids is None and not (self.code or self.key or self.door):
            raise ValueError("it doesn't say which: give ids, code, key or door")
        return self


class RefusedAgain(BaseModel):
    """A record that was refused again."""

    id: str
    code: str
    message: str


class Replayed(BaseModel):
    """What became of the records."""

    taken: int
    refused: list[RefusedAgain]
    left: int = Field(description="How many more there are: at most 1,000 are sent at once. Ask again, with `before`.")
    before: datetime = Field(description="When this was asked for: what was refused again came after it.")


class WaitedFor(BaseModel):
    """An alias that nobody has set, and how much waits for it."""

    alias: str
    events: int
    since: datetime


class IngestStatus(Status):
    """How ingest does; `waiting` names the aliases that were waited for longest, at most 20."""

    waiting: list[WaitedFor]
    waiting_events: int
    open_imports: int


class NewImport(BaseModel, extra="forbid", json_schema_extra={"examples": [{"name": "history-2025.jsonl"}]}):
    """What history is going to be sent."""

    name: str = Field("", max_length=256, description="For people; such as the name of the file.")


class EndImport(BaseModel, extra="forbid", json_schema_extra={"examples": [{"act_on_found": True}]}):
    """How an import ends."""

    act_on_found: bool = Field(False, description="Start every playbook whose condition holds when the import ends.")


class ImportState(BaseModel):
    """An import. `open`: takes events; `ending`: its last publishes are waited for; `ended`: it is over."""

    import_id: str
    name: str
    state: str
    actor: str
    opened_at: datetime
    last_event_at: datetime
    ended_at: datetime | None
    ended_by: str | None = Field(description="Who ended it, or `silence`: nothing was sent for an hour.")
    act_on_found: bool
    events: int


_A_KEY: Final[JsonDict] = {"name": "shop", "scopes": ["ingest"], "sources": ["shop", "shop-eu"]}
KeyName = Annotated[str, AfterValidator(key_name), Field(json_schema_extra={"pattern": KEY_NAME})]
Types = list[Annotated[str, AfterValidator(known_type)]]
Rate = Annotated[
    int | None,
    Field(ge=0, le=10**9, description="Null: what the installation's settings say. 0: as many as it likes."),
]
Largest = Annotated[
    int | None, Field(ge=256, le=LARGEST, description="The most bytes of one event; null: 64 KiB, which is the most.")
]


class NewKey(BaseModel, extra="forbid", json_schema_extra={"examples": [_A_KEY]}):
    """What a key may do, and for whom."""

    name: KeyName
    scopes: list[Scope] = Field(min_length=1)
    source: str | None = Field(
        None,
        min_length=1,
        max_length=256,
        description="Of events without one; else the first of `sources`, or the name.",
    )
    sources: list[Annotated[str, Field(min_length=1, max_length=256)]] = Field(
        [], max_length=100, description="The only ones that it may send; none: any that isn't reserved."
    )
    csm: str | None = Field(None, min_length=3, max_length=256, description="The e-mail of the CSM who holds it.")
    types: Types = Field([], max_length=100, description="The only types of events that it may send; none: all.")
    events_per_second: Rate = None
    largest: Largest = None
    test: bool = Field(False, description="What it sends is shown, and counts nowhere.")


class ChangedKey(BaseModel, extra="forbid", json_schema_extra={"examples": [{"events_per_second": 500}]}):
    """What is to change of a key; what is left out stays."""

    types: Types = Field([], max_length=100, description="The only types of events that it may send; none: all.")
    events_per_second: Rate = None
    largest: Largest = None
    test: bool = Field(False, description="What it sends is shown, and counts nowhere.")


class RotateKey(BaseModel, extra="forbid", json_schema_extra={"examples": [{"overlap_hours": 2}]}):
    """How a key gives way to another."""

    overlap_hours: float = Field(
        default=24, ge=0, le=720, description="How long the one before works beside the new one."
    )


class ListedKey(BaseModel):
    """A key without the key. `old_until`: the one before it works until then."""

    name: str
    scopes: Sequence[str]
    source: str
    sources: Sequence[str]
    csm: str | None
    types: Sequence[str]
    events_per_second: int | None
    largest: int | None
    test: bool
    created_at: datetime
    old_until: datetime | None
    revoked_at: datetime | None


class KeyDay(BaseModel):
    """What a key sent on one UTC day. `limited`: requests that a limit kept out, which are in `requests` too."""

    day: date
    requests: int
    events: int = Field(description="Events that were taken.")
    bytes: int = Field(description="Of the records that were received, unpacked.")
    refused: int = Field(description="Records or events that were refused.")
    limited: int
    types: dict[str, int] = Field(description="Of the events, how many of each type.")


class MadeKey(BaseModel):
    """A new key, shown this once."""

    name: str
    key: str


class Understood(BaseModel):
    """One event that a record came to. `alias`: the name by which it was sent, where the account has another."""

    type: str
    id: str | None = None
    account: str | None = None
    alias: str | None = None
    user: str | None = None
    feature: str | None = None


class Recent(BaseModel):
    """A record that came in lately."""

    id: int
    at: datetime
    key: str
    source: str
    door: str = Field(description="By which way it came, such as `events` or `segment`.")
    test: bool = Field(description="Of a key in test mode: it counts nowhere.")
    mapping: str = Field(description="The mapping that it was understood by, such as `web@3`; empty for our own form.")
    fate: Fate
    code: str
    reason: str = Field(description="Why it was dropped or refused, or what it waits for.")
    kind: str
    name: str
    sent: str = Field(description="As it was sent, the first 64 KB of it.")
    size: int = Field(description="How many bytes it has.")
    understood: list[Understood]
    skipped: int = Field(description="How many of the same key came since its last record, and are not kept.")

    @classmethod
    def of(cls, row: Row[Any]) -> Self:
        """As it is kept."""
        return cls.model_validate({**row._mapping, "sent": row.sent.decode("utf-8", "replace")})


class Moved(BaseModel):
    """What moved a score, and by how many points."""

    name: str
    points: float
    reason: str


class Assessed(BaseModel):
    """An account after its events: its score before and after, and what moved it."""

    account: str
    at: datetime
    before: float | None
    score: float | None
    band_before: Band
    band: Band
    moved: list[Moved]
    cause: str = Field(description="`event`: the one that `source` and `id` name; `usage`: uses of the account; …")
    source: str | None
    id: str | None
    type: str | None

    @classmethod
    def of(cls, account: str, told: AccountAssessed) -> Self:
        """As scoring told it."""
        cause = told.cause
        return cls(
            account=account,
            at=told.at,
            before=_points(told.previous_score),
            score=_points(told.score),
            band_before=told.previous_band,
            band=told.band,
            moved=[Moved(name=one.name, points=one.points / 100, reason=one.reason) for one in told.drivers],
            cause=cause.kind,
            source=cause.source,
            id=cause.id,
            type=cause.type,
        )


class Both(BaseModel):
    """How many records come to something, before and after."""

    what: str
    before: int
    after: int


class Example(BaseModel):
    """A record that would be understood otherwise: an event a line, or why it comes to none."""

    at: datetime
    source: str
    name: str
    sent: str
    before: list[str]
    after: list[str]


class Preview(BaseModel):
    """What a mapping would change of the last records, of which those that were `cut` are left out."""

    records: int
    cut: int
    differ: int = Field(description="Records that would come to something else.")
    becomes: list[Both]
    examples: list[Example]


class LeftOut(BaseModel):
    """So much came faster than whoever listens took it."""

    records: int


def _points(hundredths: int | None) -> float | None:
    return None if hundredths is None else hundredths / 100
