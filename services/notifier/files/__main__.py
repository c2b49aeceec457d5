"""Writes the JSON Schema for editors anew: `python -m services.notifier.files`."""

from services.notifier.files.schema import SCHEMAS
from shared.files.schema import write

if __name__ == "__main__":
    write(SCHEMAS)
