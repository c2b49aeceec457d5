"""What a service's worker reads, and by what its timers may run."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """What a service's worker reads, and by what its timers may run."""

    service: str
    topics: tuple[str, ...]
    """In the order in which events that ingest took at once are handled."""
    gate: tuple[str, ...]
    """A timer due at T runs only when these topics were read up to an end looked up after T."""
    by_marks: bool = False
    """… and, where this is set, when a mark of T or later was read. Its handler is handed the marks, too."""
    sends_marks: bool = False
    max_records: int = 500
    """How many records are read at once, over all partitions."""
    behind_at: int = 500
    """A worker that gets as many at once is behind: what can wait is put off."""
