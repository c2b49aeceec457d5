"""What HTTP answers of previews."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, Self

from pydantic import BaseModel

from services.scoring.views import Points
from shared.messages.assessments import Band


class Started(BaseModel):
    """What was begun: `GET /v1/jobs/{job}` tells of it."""

    job: str


class Stand(BaseModel):
    """How an account stands."""

    score: Points | None
    band: Band
    scorecard: str
    reason: str


class Mover(BaseModel):
    """An account whose score or band would be another."""

    id: str
    name: str | None
    owner: str | None
    before: Stand
    after: Stand


class BandBoth(BaseModel):
    """How many accounts are in a band, before and after."""

    band: Band
    before: int
    after: int


class Move(BaseModel):
    """How many go from one band to another."""

    before: Band
    after: Band
    accounts: int


class Compared(BaseModel):
    """A measure on either side; without a weight the card doesn't have it, without points it has no data."""

    name: str
    words: str
    weight_before: int | None
    points_before: Points | None
    weight_after: int | None
    points_after: Points | None


class Look(BaseModel):
    """One account, measure by measure."""

    id: str
    name: str | None
    before: Stand
    after: Stand
    measures: list[Compared]


class Preview(BaseModel):
    """What a draft would change: of a sample at first, then of all accounts that are scored."""

    sample: bool
    accounts: int
    bands: list[BandBoth]
    moves: list[Move]
    """Those that change band, by how many."""
    improved: int
    worsened: int
    """Accounts whose score rises or falls."""
    movers: list[Mover]
    """The hundred that move most: first those that fall into a worse band."""
    account: Look | None
    """The one that was asked for."""


class Progress(BaseModel):
    """Accounts that were looked at, of how many; not known before it begins."""

    done: int
    total: int | None


class Job(BaseModel):
    """A preview."""

    id: str
    state: Literal["waiting", "running", "done", "failed"]
    kind: str
    document: str
    asked_at: datetime
    author: str
    progress: Progress
    result: Preview | None
    failure: str | None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """As its row has it."""
        plain = {name: row[name] for name in ("id", "state", "kind", "document", "asked_at", "author", "failure")}
        result = None if row["result"] is None else Preview(**row["result"])
        return cls(**plain, progress=Progress(done=row["done"], total=row["total"]), result=result)
