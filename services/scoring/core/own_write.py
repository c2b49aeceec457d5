"""When somebody who sent events may read what came of them: these are folded, and their accounts assessed.

A token tells how far the log must have been read. An event that moved nothing (a repeat, a dead letter) is read as any
other. Where the worker is behind it folds usage and marks its account, to be assessed when it has caught up: so once
a partition is read that far, whatever is marked there by then must have been assessed.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple


class Stored(NamedTuple):
    """How far a topic's partition was read, and the first and last time that an account there was marked which waits.

    All of one look at the database are of one instant.
    """

    topic: str
    partition: int
    next: int
    first_marked: datetime | None
    last_marked: datetime | None


class OwnWrite:
    """What a token names: topics, partitions, and up to where each must have been read.

    It is shown what is stored, again and again, until it may be read.
    """

    def __init__(self, ends: Iterable[tuple[str, int, int]]) -> None:
        self._unread: dict[int, dict[str, int]] = {}
        for topic, partition, end in ends:
            self._unread.setdefault(partition, {})[topic] = end
        self._marked: dict[int, datetime] = {}
        """By partition that was read: when that account was marked which was last to be, of those to be assessed."""

    @property
    def partitions(self) -> frozenset[int]:
        """Those of which it must be shown more."""
        return frozenset({*self._unread, *self._marked})

    @property
    def is_through(self) -> bool:
        """Whether it may be read."""
        return not self._unread and not self._marked

    def look(self, stored: Iterable[Stored]) -> None:
        """Note what was read and assessed meanwhile."""
        for one in stored:
            if (last := self._marked.get(one.partition)) is not None:
                if one.first_marked is None or one.first_marked > last:
                    del self._marked[one.partition]
                continue
            ends = self._unread.get(one.partition, {})
            if one.next < ends.get(one.topic, one.next + 1):
                continue
            del ends[one.topic]
            if not ends:
                del self._unread[one.partition]
                if one.last_marked is not None:
                    self._marked[one.partition] = one.last_marked

    def told(self) -> str:
        """How far it is, in words."""
        if self._unread:
            number, ends = min(self._unread.items())
            topic, end = min(ends.items())
            return (
                f"{_many(len(self._unread), 'partition')} of the log have yet to be read so far, such as number "
                f"{number} of {topic} up to {end}"
            )
        return f"the events were counted, and accounts in {_many(len(self._marked), 'partition')} wait for assessment"


def _many(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
