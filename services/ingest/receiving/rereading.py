"""How a record is read once more, by the door that it came by. Each door has a line here."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from services.ingest.core import mapping
from services.ingest.core.sent import Record

Reread = Callable[[bytes, mapping.Mapping, datetime], Sequence[Record]]
"""What reads one record as it was sent, with the mapping of today, and when it was first received."""
DIALECTS: Final[Mapping[str, Reread]] = {}
"""By door, those of SDKs."""
