"""Writes the JSON Schema for editors anew: `python -m services.ingest.files`."""

from services.ingest.files.schema import SCHEMAS
from shared.files.schema import write

if __name__ == "__main__":
    write(SCHEMAS)
