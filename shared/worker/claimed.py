"""A day of claims, as far as a worker remembers it: exactly, or by a filter with the digests that came after it."""

import sys
from dataclasses import dataclass, field
from typing import Final

from shared.worker.bloom import Bloom

HELD: Final = 64
"""Bytes that a digest takes in memory, beside its place in a set."""
_DAY_HELD: Final = 768
"""Bytes that a day takes without any digest."""
TAIL: Final = 4096
"""How many digests may come after a filter before it takes them, or is made anew."""


@dataclass(slots=True)
class Day:
    """What is known of a day: exactly (no filter), or a filter with the digests that came after it was made."""

    known: set[bytes] = field(default_factory=set)
    filter: Bloom | None = None
    recent: set[bytes] = field(default_factory=set)
    """Those that the filter took last: who sends again at once makes nobody read rows."""

    def held(self) -> int:
        """Bytes in memory."""
        sets = sum(sys.getsizeof(some) + HELD * len(some) for some in (self.known, self.recent))
        return _DAY_HELD + sets + (self.filter.held if self.filter else 0)

    @property
    def is_exact(self) -> bool:
        """Whether all of its digests are at hand."""
        return self.filter is None

    def settle(self) -> bool:
        """Let the filter take what came after it, where that is much. False: it has no room, and is to be made anew."""
        if self.filter is None or len(self.known) <= TAIL:
            return True
        if not self.filter.takes(len(self.known)):
            return False
        self.filter.take(self.known, len(self.known))
        self.known, self.recent = set(), self.known
        return True

    def turn(self) -> None:
        """Be known by a filter, no longer exactly."""
        self.known, self.filter = set(), Bloom.growing(self.known, len(self.known))
