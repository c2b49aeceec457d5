"""How a record that was refused is read once more, by the door that it came by. Each door has a line here.

What is kept of a record is `Record.sent`, not the body that it came in: a door names what reads one such record.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from services.ingest.core import mapping, stripe
from services.ingest.core.dialects import customerio, openmeter, otlp, posthog, segment
from services.ingest.core.reading import objects
from services.ingest.core.refusals import dated
from services.ingest.core.sent import Record

OURS: Final = frozenset({"events", "patch"})
"""Doors by which events of ours come."""
VENDORS: Final = frozenset({stripe.SOURCE})
"""Those of vendors, whose name is the sender's."""

Reread = Callable[[bytes, mapping.Mapping, datetime], Sequence[Record]]
"""What reads one record as it was sent, with the mapping of today, and when it was first received."""
DIALECTS: Final[Mapping[str, Reread]] = {
    segment.DOOR: segment.again,
    posthog.DOOR: posthog.again,
    openmeter.DOOR: openmeter.again,
    customerio.DOOR: customerio.again,
    otlp.TRACES: otlp.span_again,
    otlp.LOGS: otlp.log_again,
}
"""By door, those of SDKs."""


def events_of(record: bytes, door: str, at: datetime) -> Sequence[msgspec.Raw]:
    """The events of ours that a record comes to. Raises `Unreadable`, or `Unusable` where a vendor lacks something."""
    if door in VENDORS:
        translated = stripe.translate(record)
        return [] if translated is None else [translated]
    return [msgspec.Raw(dated(bytes(one), at)) for one in objects(record)]
