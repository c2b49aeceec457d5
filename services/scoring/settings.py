"""Scoring's settings."""

from pathlib import Path

from services.scoring.files import SHIPPED
from shared.settings import Settings


class ScoringSettings(Settings):
    """What scoring needs besides what all share."""

    scorecards: Path = SHIPPED
    """The directory of the scorecards and the catalogue."""
