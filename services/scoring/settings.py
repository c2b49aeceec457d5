"""Scoring's settings."""

from pathlib import Path
from typing import Final

from pydantic import Field

from services.scoring.files import SHIPPED
from shared.settings import Settings

_OWN_MB: Final = 192
"""What the process takes by itself under load, measured and rounded up: code, connections, and what it has read of the
log and is at work on. Where less than this and a third of it is allowed, it takes more than that."""


class ScoringSettings(Settings):
    """What scoring needs besides what all share."""

    scorecards: Path = SHIPPED
    """The directory of the scorecards, and of the catalogue where that has no file of its own."""
    worker_memory_mb: int = Field(default=512, ge=16, le=2**20)
    """What a worker's process may take at most, in MiB; what it can't remember then is read again when needed."""

    @property
    def remembered(self) -> int:
        """How many bytes of it are left to remember what the database has."""
        mb = self.worker_memory_mb
        return max(mb - _OWN_MB, mb // 4) * 2**20
