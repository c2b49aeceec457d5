"""Where editors find the JSON Schemas of these files, and what is in them."""

from pathlib import Path
from typing import Final

from services.playbooks.files.people import DirectoryFile
from services.playbooks.files.playbook import PlaybookFile
from shared.files.schema import Schema

_ROOT: Final = Path(__file__).parents[1]
PLAYBOOK_SCHEMA: Final = Schema("Keepwell playbook", PlaybookFile)
CSMS_SCHEMA: Final = Schema("Keepwell directory of CSMs", DirectoryFile)
SCHEMAS: Final = {
    _ROOT / "playbook.schema.json": PLAYBOOK_SCHEMA,
    _ROOT / "csms.schema.json": CSMS_SCHEMA,
}
"""Where editors find them."""
