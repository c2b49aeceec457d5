"""Ingest's settings."""

from pydantic import Field

from services.ingest.receiving.limiting import Rates
from shared.settings import Settings


class IngestSettings(Settings):
    """What ingest needs besides what all share. Rates are of each key, in each process, on average over a minute."""

    key_events_per_second: int = Field(default=5_000, ge=0, le=10**9)
    """How many events a key may send that has no rate of its own; 0: as many as it likes."""
    key_requests_per_second: int = Field(default=2_000, ge=0, le=10**9)
    key_bytes_per_second: int = Field(default=20_000_000, ge=0, le=10**12)

    @property
    def rates(self) -> Rates:
        """What a key may send."""
        return Rates(self.key_events_per_second, self.key_requests_per_second, self.key_bytes_per_second)
