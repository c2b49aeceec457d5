"""What ingest's HTTP edge takes and answers, except events, whose body msgspec reads."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, Field
from pydantic.config import JsonDict
from sqlalchemy import Row

from services.ingest.core.watched import Fate
from shared.auth.keys import Scope
from shared.messages.assessments import AccountAssessed, Band
from shared.service.status import Status


class WaitingEvent(BaseModel):
    """An event that waits until an `account.updated` sets its alias."""

    source: str
    id: str
    alias: str
    type: str
    time: datetime
    received_at: datetime


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


class NewKey(BaseModel, extra="forbid", json_schema_extra={"examples": [_A_KEY]}):
    """What a key may do, and for whom."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
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


class ListedKey(BaseModel):
    """A key without the key."""

    name: str
    scopes: Sequence[str]
    source: str
    sources: Sequence[str]
    csm: str | None
    created_at: datetime
    revoked_at: datetime | None


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
