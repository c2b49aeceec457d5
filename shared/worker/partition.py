"""One partition number at a worker: what it may do now, and what has come of what it did.

Pure: it owns its state, decides, and is told what happened; time is an argument. The loop only carries out.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.log.protocol import Record
from shared.worker.plan import Plan

_FIRST_PAUSE = timedelta(milliseconds=100)
_LONGEST_PAUSE = timedelta(seconds=5)
_LONG = timedelta(seconds=1)
_FEW = 50
_TRIES_ALONE = 3
_MOST_TIMERS = 500
_PUT_OFF_AT_MOST = timedelta(seconds=30)
_AWAY = timedelta(seconds=60)
"""A partition that did not come back for so long, which is longer than a rebalance takes, is another worker's."""
_STALLED = timedelta(seconds=30)

Place = tuple[str, int]
"""A record's topic and offset."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a transaction failed. `passing`: the same may go well another time. `poison`: the record that is to blame."""

    reason: str
    passing: bool
    poison: Place | None = None


@dataclass(slots=True, eq=False)
class Partition:
    """What a worker knows of a partition number, for as long as it has it, and a minute longer."""

    number: int
    plan: Plan
    taken: bool = False
    """Whether there is an epoch to work under, and places to read from."""
    epoch: int | None = None
    """The last that was this worker's."""
    places: dict[str, int] = field(default_factory=dict)
    """By topic, the offset after the last record that was handled."""
    stored: dict[str, int] = field(default_factory=dict)
    """The same as the database has it: what took no transaction is written with the next, or every few seconds."""
    unstored: dict[str, Record] = field(default_factory=dict)
    """By topic, the last of the records of which the database has yet to hear."""
    ends: Mapping[str, int] = field(default_factory=dict)
    """By topic, the end of the log at the last look."""
    retry_at: datetime | None = None
    read_through: datetime | None = None
    """All that was accepted by then in the gate's topics has been handled."""
    marked_through: datetime | None = None
    """The last mark that was handled."""
    _doubtful: bool = False
    """A transaction failed, or its answer was lost: what is remembered may be wrong."""
    _away_since: datetime | None = None
    _failures: int = 0
    _most: int = sys.maxsize
    """How many records or timers a transaction may take."""
    _gate: tuple[datetime, Mapping[str, int]] | None = None
    _handled_at: datetime | None = None
    """The instant as of which something was last handled."""
    _marked_out: datetime | None = None
    _starved: timedelta = timedelta(0)
    _poison: dict[Place, str] = field(default_factory=dict)
    _alone: dict[Place, int] = field(default_factory=dict)
    """How often a record failed when it was alone in its transaction."""

    # Taking. An epoch that is still this worker's says that nobody else has written since: then, and only then, and if
    # every commit was answered, what is remembered of the partition's accounts is what the database has. A commit whose
    # answer was lost may have happened: the doubt stays, through rebalances and failed attempts, until the partition
    # was taken and read anew.

    def must_take(self, now: datetime) -> bool:
        """Whether to take it now: it is new, came back from a rebalance, or failed and its pause is over."""
        return self.retry_at <= now if self.retry_at is not None else not self.taken

    def remembers(self, last_epoch: int) -> bool:
        """Whether what is remembered is true, where `last_epoch` was in force before the partition was taken again."""
        return self.epoch == last_epoch and not self._doubtful

    def take(self, epoch: int, places: Mapping[str, int]) -> None:
        """It was taken, to read on from these places. What was learnt of its records stays, and nothing of time."""
        self.taken, self.epoch, self.places = True, epoch, dict(places)
        self.stored, self.unstored = dict(places), {}
        self._doubtful, self.retry_at, self._away_since = False, None, None
        self.read_through = self.marked_through = self._gate = None

    def lose(self, now: datetime) -> None:
        """A rebalance took it away, perhaps only to give it back."""
        self.taken, self.retry_at, self._away_since, self._starved = False, None, now, timedelta(0)

    @property
    def is_here(self) -> bool:
        """Whether the broker has given it to this worker, as far as it knows."""
        return self._away_since is None

    def is_gone(self, now: datetime) -> bool:
        """Whether it is another worker's by now, and nothing of it worth remembering."""
        return self._away_since is not None and now - self._away_since >= _AWAY

    # Reading.

    @property
    def may_work(self) -> bool:
        """Whether it may be worked on: it is taken, and doesn't wait after a failure."""
        return self.taken and self.retry_at is None

    @property
    def lag(self) -> dict[str, int]:
        """Records that waited at the last look, by topic."""
        return {topic: max(0, end - self.places.get(topic, 0)) for topic, end in self.ends.items()}

    def unread(self, records: Sequence[Record]) -> Sequence[Record]:
        """Those of one topic, in the order of their offsets, that have yet to be handled."""
        if not records or records[0].offset >= self.places[records[0].topic]:
            return records
        return [record for record in records if record.offset >= self.places[record.topic]]

    def polled(self, found: bool, waited: timedelta) -> None:
        """There was a poll that waited so long. The worker's own work is no waiting, nor is a pause."""
        waits = self.may_work and any(self.lag.values())
        self._starved = self._starved + waited if waits and not found else timedelta(0)

    @property
    def has_stalled(self) -> bool:
        """Whether nothing came for 30 s though something is there."""
        return self._starved >= _STALLED

    @property
    def knows_poison(self) -> bool:
        """Whether there is any record of which it has turned out that it can't be handled."""
        return bool(self._poison)

    def poison(self, place: Place) -> str | None:
        """Why a record can't be handled, where that has turned out."""
        return self._poison.get(place)

    # Halving. Too much for one transaction looks like a lost connection, a time-out or an error of PostgreSQL's: nobody
    # can tell from the outside. So after any failure half as many are tried, and a batch passes in the end, or the
    # record at fault is alone. That alone condemns it: three times alone, and not because the database was away.
    # Nothing is skipped meanwhile. Sizes grow by an eighth only when all that was allowed went well: more at once would
    # fail every second time where the next records are like the last.

    @property
    def most(self) -> int:
        """How many records the next transaction may take."""
        return self._most

    @property
    def most_timers(self) -> int:
        """How many timers the next transaction may take."""
        return min(_MOST_TIMERS, self._most)

    def committed(self, size: int, took: timedelta) -> None:
        """A transaction over so many records or timers has committed.

        One that took long is halved before it fails: nothing else of this process goes on while a handler computes. A
        few that take long wait for something else.
        """
        if took > _LONG and size > _FEW:
            self._most = max(_FEW, size // 2)
        elif size >= self._most:
            self._most += max(1, self._most // 8)

    def moved(
        self,
        last: Mapping[str, int],
        handled: Iterable[Place],
        as_of: datetime | None,
        marked: datetime | None = None,
    ) -> None:
        """Offsets have moved to these; `as_of` is the instant as of which there was work among the records.

        `marked` is what the last mark among them vouches for: it counts only now that all before it has committed.
        """
        self.has_stored(last)
        self.places.update(last)
        self.marked_through = marked or self.marked_through
        self._failures = 0
        self._handled_at = as_of or self._handled_at
        # As good as always nothing is known of any.
        for place in handled if self._alone or self._poison else ():
            self._alone.pop(place, None)
            self._poison.pop(place, None)
        self._settle()

    def heard(self, last: Mapping[str, Record], marked: datetime) -> None:
        """Only marks were read, up to these, and taken down without a transaction. All before them has committed."""
        self.places.update({topic: record.offset + 1 for topic, record in last.items()})
        self.unstored.update(last)
        self.marked_through = marked
        self._settle()

    def has_stored(self, places: Mapping[str, int]) -> None:
        """The database has moved to these."""
        self.stored.update(places)
        for topic in places:
            self.unstored.pop(topic, None)

    def failed(self, now: datetime, failure: Failure, records: Sequence[Place] = (), size: int = 0) -> None:
        """A transaction over these records, or over `size` timers, failed: it is taken again after a pause.

        That is 100 ms, twice as long each time up to 5 s; but where what will be tried then is not the same, since
        another record at fault is looked for, no longer than the last.
        """
        size = max(size, len(records))
        if failure.poison is not None:
            self._poison[failure.poison] = failure.reason
        elif size > 1:
            self._most = max(1, min(size, self._most) // 2)
        elif records and not failure.passing:
            tries = self._alone[records[0]] = self._alone.get(records[0], 0) + 1
            if tries >= _TRIES_ALONE:
                self._poison[records[0]] = f"It could not be handled: {failure.reason}"[:1000]
        looks_for_it = failure.poison is not None or (len(records) > 1 and not failure.passing)
        self._failures += not looks_for_it
        self._doubtful = True
        self.retry_at = now + min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(max(0, self._failures - 1), 10))

    # Time. A timer due at T must not overtake what was accepted before T. So the ends of the gate's topics are looked
    # up *after* an instant; when all up to these ends is handled, everything accepted by that instant is. Where marks
    # rule, the last mark says the same of what is further up the road. A timer runs as of that instant and not of the
    # clock: what flips between the two may be changed by something not yet read. But never as of an instant before the
    # one at which something was last handled: time runs forward only.

    def looked(self, asked_at: datetime, ends: Mapping[str, int]) -> None:
        """The ends of its topics were looked up, after `asked_at`."""
        self.ends = ends
        if self._gate is None and self.may_work:
            self._gate = asked_at, {topic: ends[topic] for topic in self.plan.gate}
            self._settle()

    def _settle(self) -> None:
        if self._gate is not None and all(self.places.get(topic, 0) >= end for topic, end in self._gate[1].items()):
            self.read_through, self._gate = self._gate[0], None

    @property
    def is_read_up(self) -> bool:
        """Whether all was read up to the ends at the last look, as far as time waits for it."""
        return self._gate is None

    @property
    def through(self) -> datetime | None:
        """Up to when timers may run: what was read, and (where marks rule) what the last mark vouches for."""
        if not self.plan.by_marks:
            return self.read_through
        if self.read_through is None or self.marked_through is None:
            return None
        return min(self.read_through, self.marked_through)

    def timers_until(self, due: datetime | None) -> tuple[datetime, datetime] | None:
        """Up to when timers may run, and as of when; None where the earliest, due then, may not."""
        through = self.through
        if due is None or through is None or due > through or not self.may_work:
            return None
        return through, max(through, self._handled_at or through)

    def may_catch_up(self, since: datetime | None, now: datetime, behind: bool) -> bool:
        """Whether to do what was put off since then: once the worker has caught up, or when it has waited for 30 s."""
        return since is not None and self.may_work and not (behind and now - since < _PUT_OFF_AT_MOST)

    def caught_up(self, as_of: datetime) -> None:
        """Some of what was put off is being done, as of then."""
        self._handled_at = as_of

    # Marks. A mark through T says to whoever reads the assessments: what was accepted by T and what T made due is told
    # above this line. So there must be nothing put off, no timer due by T, and (which the loop asks of the outbox)
    # nothing decided that the broker has yet to confirm; and nothing in doubt after a failure.

    def mark_due(self, put_off: bool, due: datetime | None) -> datetime | None:
        """The instant that it may vouch for, and has not yet."""
        through = self.read_through
        if through is None or not self.may_work or put_off or (due is not None and due <= through):
            return None
        return through if through != self._marked_out else None

    def marked(self, through: datetime) -> None:
        """A mark was sent."""
        self._marked_out = through
