"""One partition number that a worker holds: where it reads, how far time may run, when to try again."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

_FIRST_PAUSE = timedelta(milliseconds=100)
_LONGEST_PAUSE = timedelta(seconds=5)


@dataclass(slots=True)
class Held:
    """What the loop knows of a partition number. Pure: time is an argument."""

    partition: int
    epoch: int
    places: dict[str, int]
    unanswered: bool = False
    """A transaction failed or its answer was lost: what is remembered may be wrong."""
    failures: int = 0
    retry_at: datetime | None = None
    ends: tuple[datetime, Mapping[str, int]] | None = None
    """An instant, and the ends of the gate's topics as looked up after it."""
    read_through: datetime | None = None
    """All that was accepted by then in the gate's topics has been handled."""
    marked_through: datetime | None = None
    """The last mark that was handled."""
    marked_out: datetime | None = None
    """The last mark that was sent."""
    handled_at: datetime | None = None
    """The instant as of which something was last handled."""
    poison: dict[tuple[str, int], str] = field(default_factory=dict)
    alone: dict[tuple[str, int], int] = field(default_factory=dict)
    """Records that are handled one by one because a batch with them failed, with their failures."""

    @property
    def was_taken(self) -> bool:
        """Whether it was ever taken: there is an epoch to work under, and a place to read from."""
        return self.epoch >= 0

    def failed(self, now: datetime) -> None:
        """Note a failed transaction: wait 100 ms, twice as long each time up to 5 s, then take the partition again."""
        self.unanswered = True
        self.retry_at = now + min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(self.failures, 10))
        self.failures += 1

    def moved(self, last: Mapping[str, int]) -> None:
        """Note a commit that moved offsets to these, and settle the gate when it is reached."""
        self.places.update(last)
        self.failures = 0
        self.settle()

    def settle(self) -> None:
        """When all was read up to the ends, everything up to their instant is through."""
        if self.ends is not None and all(self.places.get(topic, 0) >= end for topic, end in self.ends[1].items()):
            self.read_through, self.ends = self.ends[0], None

    def through(self, by_marks: bool) -> datetime | None:
        """Up to when timers may run: what was read, and (where marks rule) what the last mark vouches for."""
        if not by_marks:
            return self.read_through
        if self.read_through is None or self.marked_through is None:
            return None
        return min(self.read_through, self.marked_through)
