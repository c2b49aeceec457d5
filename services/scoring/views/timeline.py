"""What HTTP answers of timelines."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Self

import msgspec
from pydantic import BaseModel, Field

from services.scoring.core.sentences import sentence
from shared.web.times import Moment


class Entry(BaseModel):
    """One thing that happened to an account, usage apart; `$company` is ourselves."""

    account_id: str
    account_name: str | None
    at: datetime
    source: str
    id: str
    type: str
    """As the event had it; `account.assessed` where its band moved."""
    contact_id: str | None
    """A digest, where they were erased."""
    subject: str | None
    """Which ticket, invoice, subscription, milestone, measure or invitation it is about."""
    words: str
    data: dict[str, Any] | None
    """As it was sent; null where the contact was erased."""

    @classmethod
    def of(cls, row: Mapping[str, Any], name: str | None = None, role: str | None = None) -> Self:
        """As its row has it, with what it says of a contact of this name and role."""
        data = None if row["data"] is None else msgspec.json.decode(row["data"])
        return cls(**{**row, "data": data}, words=sentence(row["type"], data, name, role))


class Note(
    BaseModel, json_schema_extra={"examples": [{"text": "Their price went up by 8 %.", "at": "2026-05-01T00:00:00Z"}]}
):
    """What somebody writes on a timeline, and when what it tells of was: now, unless it is given."""

    text: Annotated[str, Field(min_length=1, max_length=8192)]
    at: Moment | None = None
