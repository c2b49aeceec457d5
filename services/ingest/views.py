"""What ingest's HTTP edge takes and answers, except events, whose body msgspec reads."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final

from pydantic import BaseModel, Field
from pydantic.config import JsonDict

from shared.auth.keys import Scope
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
