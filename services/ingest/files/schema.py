"""Where editors find the JSON Schema of a mapping, and what is in it."""

from pathlib import Path
from typing import Final

from services.ingest.files.mapping import MappingFile
from shared.files.schema import Schema

MAPPING_SCHEMA: Final = Schema("Keepwell mapping", MappingFile)
SCHEMAS: Final = {Path(__file__).parents[1] / "mapping.schema.json": MAPPING_SCHEMA}
"""Where editors find them."""
