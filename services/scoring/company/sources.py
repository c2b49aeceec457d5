"""Watches over sources of evidence: which are interrupted is decided once an hour, by the owner of `$company`."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring.company import is_ours, store, told
from services.scoring.company.store import Known
from services.scoring.core.clock import DAY_US, day_of
from services.scoring.core.interruptions import Interruption, begin_of, hour_of, judge
from services.scoring.core.scorecard import Rules, RulesInForce
from shared.log.protocol import Outgoing
from shared.messages.accounts import SourceInterrupted
from shared.messages.stamps import instant_of
from shared.words import clock_time
from shared.worker import outbox

_LOG = logging.getLogger(__name__)
_PATIENCE: Final = timedelta(seconds=60)


class Watch:
    """One worker's. An hour is judged when every partition has counted it: what is not read yet is not missing."""

    def __init__(self, in_force: RulesInForce, partitions: Callable[[], int] = lambda: 1) -> None:
        self._in_force, self._partitions = in_force, partitions
        self._counted: dict[int, int] = {}
        self._known = Known(None, ())
        self._waits_on: int | None = None
        self.interrupted: Mapping[str, datetime] = {}
        """The sources that are, since when, as far as this worker has read of it."""

    async def taken(self, c: AsyncConnection, partition: int) -> None:
        """A partition is this worker's now: its events are waited for, and what was decided holds."""
        await store.begin(c, partition)
        self._know(await store.known(c))

    def looks(self, partition: int, through: datetime) -> bool:
        """Whether an hour is over of which this partition has not counted all, or nothing was decided yet."""
        last = hour_of(through) - 1
        return self._counted.get(partition, -1) < last or not self._is_judged(last)

    async def look(self, c: AsyncConnection, partition: int, through: datetime, now: datetime) -> None:
        """Say that the partition has counted all of the last hour; decide if it is ours to; read what was decided."""
        last = hour_of(through) - 1
        if self._counted.get(partition, -1) < last:
            await store.close_hour(c, partition, last)
            self._counted[partition] = last
        self._know(await store.known(c))
        decides = is_ours(partition, self._partitions()) and not self._is_judged(last)
        if decides and await store.counted_by_all(c) >= last:
            past = self._known.interruptions
            closed = self._in_force().catalogue.closed
            changed = judge(await store.sent(c, last), last, past, closed).changed
            # Others read it when this has committed, and so does this worker.
            await store.keep(c, partition, last, changed)
            await outbox.stage(c, partition, [_message(one, now) for one in changed])

    def turns(self, through: datetime, now: datetime) -> bool:
        """Whether the day may turn: what was sent up to its midnight is judged, or has been waited for for 60 s."""
        day = day_of(through)
        midnight = instant_of(day * DAY_US)
        if self._is_judged(hour_of(midnight) - 1):
            return True
        if now < midnight + _PATIENCE:
            self._waits_on = day
            return False
        if self._waits_on == day:
            self._waits_on = None
            _LOG.warning("The day turns without knowing whether a source is interrupted: not all was counted in 60 s.")
        return True

    def rules(self, rules: Rules) -> Rules:
        """By which accounts are judged, as far as this worker has read what was decided."""
        return self._known.rules(rules)

    def forget(self, partition: int) -> None:
        """Another worker may have counted."""
        self._counted.pop(partition, None)

    def _is_judged(self, hour: int) -> bool:
        return self._known.judged is not None and self._known.judged >= hour

    def _know(self, known: Known) -> None:
        now = known.since
        for one in known.interruptions:
            if one.until is None and one.source not in self.interrupted:
                _LOG.warning("%s", _begun(one))
        for source in set(self.interrupted) - set(now):
            _LOG.warning("%s is heard of again.", source.capitalize())
        self._known, self.interrupted = known, now


def _begun(one: Interruption) -> str:
    return (
        f"{one.source.capitalize()} interrupted since {clock_time(one.since_at)}: {one.sent:,} events in an hour in "
        f"which {one.usual:,} are usual. Readings that rest on it are kept."
    )


def _message(one: Interruption, now: datetime) -> Outgoing:
    until = None if one.until is None else begin_of(one.until)
    id = f"{one.source}@{one.since_at.isoformat()}" + ("" if until is None else "/until")
    data = SourceInterrupted(source=one.source, since=one.since_at, until=until)
    return told("source.interrupted", data, id, until or one.since_at, now)
