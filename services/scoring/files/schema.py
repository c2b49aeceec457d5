"""Where editors find the JSON Schemas of these files, and what is in them."""

from pathlib import Path
from typing import Final

from services.scoring.files.catalogue import CatalogueFile
from services.scoring.files.scorecard import ScorecardFile
from shared.files.schema import Schema

_ROOT: Final = Path(__file__).parents[1]
CARD_SCHEMA: Final = Schema("Keepwell scorecard", ScorecardFile)
CATALOGUE_SCHEMA: Final = Schema("Keepwell catalogue", CatalogueFile)
SCHEMAS: Final = {
    _ROOT / "scorecard.schema.json": CARD_SCHEMA,
    _ROOT / "catalogue.schema.json": CATALOGUE_SCHEMA,
}
"""Where editors find them."""
