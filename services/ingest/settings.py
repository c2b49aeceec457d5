"""Ingest's settings."""

from shared.settings import Settings


class IngestSettings(Settings):
    """What ingest needs besides what every service does."""

    host: str = "127.0.0.1"
    """Where to listen; `0.0.0.0` for every interface."""
    log_level: str = "INFO"
