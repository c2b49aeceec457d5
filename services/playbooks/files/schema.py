"""Where editors find the JSON Schemas of these files, and what is in them."""

from pathlib import Path
from typing import Any, Final

from services.playbooks.files.people import DirectoryFile
from services.playbooks.files.playbook import PlaybookFile
from shared.files.schema import Schema

_ROOT: Final = Path(__file__).parents[1]
SCHEMAS: Final = {
    _ROOT / "playbook.schema.json": Schema("Keepwell playbook", PlaybookFile),
    _ROOT / "csms.schema.json": Schema("Keepwell directory of CSMs", DirectoryFile),
}
"""Where editors find them."""


def playbook_schema() -> dict[str, Any]:
    """The JSON Schema of a playbook file, for editors."""
    return next(iter(SCHEMAS.values())).made()
