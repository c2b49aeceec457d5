"""Writes the JSON Schemas for editors anew: `python -m services.scoring.files`."""

from services.scoring.files.schema import SCHEMAS
from shared.files.schema import write

if __name__ == "__main__":
    write(SCHEMAS)
