"""Scoring's settings."""

from pathlib import Path

from pydantic import Field

from services.scoring.files import SHIPPED
from shared.settings import Settings


class ScoringSettings(Settings):
    """What scoring needs besides what all share."""

    scorecards: Path = SHIPPED
    """The directory of the scorecards, and of the catalogue where that has no file of its own."""
    worker_memory_mb: int = Field(default=256, ge=16, le=2**20)
    """How much a worker may remember of what its database has, in MiB; what doesn't fit is read again when needed."""
