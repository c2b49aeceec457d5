"""Where editors find the JSON Schemas of these files, and what is in them."""

from pathlib import Path
from typing import Final

from services.scoring.files.catalogue import CatalogueFile
from services.scoring.files.scorecard import ScorecardFile
from shared.files.schema import Schema

_ROOT: Final = Path(__file__).parents[1]
SCHEMAS: Final = {
    _ROOT / "scorecard.schema.json": Schema("Keepwell scorecard", ScorecardFile),
    _ROOT / "catalogue.schema.json": Schema("Keepwell catalogue", CatalogueFile),
}
"""Where editors find them."""
