"""Scoring's settings."""

import os
from pathlib import Path

from pydantic import Field

from services.scoring.files import SHIPPED
from shared.settings import Settings


class ScoringSettings(Settings):
    """What scoring needs besides what all share."""

    scorecards: Path = SHIPPED
    """The directory of the scorecards, and of the catalogue where that has no file of its own."""
    catalogue: Path | None = None
    """What you sell; none: `catalogue.yaml` in `KEEPWELL_HOME`, if it is there, else the one beside the scorecards."""
    worker_memory_mb: int = Field(default=256, ge=16, le=2**20)
    """How much a worker may remember of what its database has, in MiB; what doesn't fit is read again when needed."""

    @property
    def catalogue_file(self) -> Path | None:
        """Where the catalogue is, unless it lies beside the scorecards."""
        own = self.home / "catalogue.yaml"
        return self.catalogue or (own if os.path.isfile(own) else None)  # noqa: PTH113 (it never raises)
