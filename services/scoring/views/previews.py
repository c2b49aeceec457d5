"""What HTTP answers of previews."""

from pydantic import BaseModel

from services.scoring.views import Points
from shared.messages.assessments import Band


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
