"""One partition number that a worker holds: where it reads, how far time may run, when to try again."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

_FIRST_PAUSE = timedelta(milliseconds=100)
_LONGEST_PAUSE = timedelta(seconds=5)
_LONG = timedelta(seconds=1)
_FEW = 50


@dataclass(slots=True)
class Held:
    """What the loop knows of a partition number. Pure: time is an argument."""

    partition: int
    epoch: int
    places: dict[str, int]
    unanswered: bool = False
    """A transaction failed or its answer was lost: what is remembered may be wrong."""
    failures: int = 0
    most: int = sys.maxsize
    """How many records or timers a transaction may take: fewer after one that failed, more again when all goes well."""
    retry_at: datetime | None = None
    ends: tuple[datetime, Mapping[str, int]] | None = None
    """An instant, and the ends of the gate's topics as looked up after it."""
    log_ends: Mapping[str, int] = field(default_factory=dict)
    """The ends of all its topics at the last look."""
    starved: timedelta = timedelta(0)
    """How long the worker has waited for records of it, of which it knows, and got none."""
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
    """How often a record failed when it was alone in its transaction."""

    @property
    def was_taken(self) -> bool:
        """Whether it was ever taken: there is an epoch to work under, and a place to read from."""
        return self.epoch >= 0

    def failed(self, now: datetime, same_again: bool = True) -> None:
        """Note a failed transaction: wait 100 ms, twice as long each time up to 5 s, then take the partition again.

        What will be tried then need not be the same: other records at fault are looked for without waiting longer.
        """
        self.unanswered = True
        self.failures += same_again
        self.retry_at = now + min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(max(0, self.failures - 1), 10))

    def polled(self, found: bool, waited: timedelta) -> None:
        """Note a poll that waited so long. The worker's own work is no waiting, nor is a pause after a failure."""
        waits = self.retry_at is None and any(end > self.places.get(at, 0) for at, end in self.log_ends.items())
        self.starved = self.starved + waited if waits and not found else timedelta(0)

    def learn(self, before: "Held") -> None:
        """Keep what was learnt of records before the partition was taken again."""
        self.failures, self.most = before.failures, before.most
        self.poison, self.alone = before.poison, before.alone

    def shrink(self, size: int) -> None:
        """A transaction of this size was too much: take half as much, so that it passes in the end."""
        self.most = max(1, min(size, self.most) // 2)

    def fitted(self, size: int, took: timedelta) -> None:
        """A transaction of this size committed: take an eighth more when that is all that it was allowed.

        More at once would fail every second time where the next records are like the last. One that took long is
        halved before it fails: nothing else of this process goes on while a handler computes. A few that take long wait
        for something else.
        """
        if took > _LONG and size > _FEW:
            self.most = max(_FEW, size // 2)
        elif size >= self.most:
            self.most += max(1, self.most // 8)

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
