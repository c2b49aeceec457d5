"""Scoring's work on its partitions: claim, fold and assess each batch; look again when time says so."""

from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring import import_store, rows, store
from services.scoring.batch import Batch
from services.scoring.core.assess import Asked
from services.scoring.core.clock import day_of
from services.scoring.core.scorecard import Rules
from services.scoring.core.state import day_cutoff, drop_tombstones
from services.scoring.memory import Memory
from shared.clock import Clock
from shared.messages import registry
from shared.messages.accounts import HistoryEnded
from shared.messages.assessments import Cause
from shared.telemetry.metrics import Metrics
from shared.worker.claims import Claims
from shared.worker.handler import Handler, Incoming
from shared.worker.loop import Plan

# What an account is comes before what happened to it, where ingest took both at once.
_ORDER: Final = (registry.ACCOUNTS, registry.BILLING, registry.TICKETS, registry.USAGE, registry.FEEDBACK)
PLAN: Final = Plan("scoring", _ORDER, registry.EVENT_TOPICS, sends_marks=True, max_records=4000)
_CATCH_UP: Final = 200
"""How many accounts that wait are assessed in one transaction."""


class ScoringHandler(Handler):
    """Folds what is read into account states and tells what came of it."""

    def __init__(self, rules: Rules, metrics: Metrics, clock: Clock) -> None:
        self._rules = rules
        self._metrics = metrics
        self._clock = clock
        self._claims = Claims()
        self._memories: dict[int, Memory] = {}

    async def handle(
        self, c: AsyncConnection, partition: int, batch: Sequence[Incoming], now: datetime, behind: bool
    ) -> None:
        """Count each event once, fold it, and assess its account. Behind, accounts with only usage are marked."""
        events = [incoming for incoming in batch if not isinstance(incoming.data, HistoryEnded)]
        ended = [incoming.data for incoming in batch if isinstance(incoming.data, HistoryEnded)]
        fresh = await self._claims.claim(c, partition, [incoming.event for incoming in events], now)
        by_account: dict[str, list[Incoming]] = {}
        for incoming, first in zip(events, fresh, strict=True):
            if first:
                by_account.setdefault(incoming.event.subject, []).append(incoming)
        self._metrics.repeats.inc(len(fresh) - sum(fresh))
        work = self._begin(c, partition, now)
        looked_at = by_account if not behind else [id for id, some in by_account.items() if any(map(_is_told, some))]
        await work.load(by_account, looked_at)
        await work.load_rows(by_account)
        for id, some in by_account.items():
            work.take(id, some, behind)
        await work.save()
        for data in ended:
            await self._end_import(c, partition, data, now)
        work.memory.scored = [cause.accepted for _, one in work.ledger if (cause := one.cause).accepted is not None]

    async def on_timers(
        self, c: AsyncConnection, partition: int, due: Sequence[tuple[str, datetime]], now: datetime
    ) -> None:
        """Look again at these accounts, because time may have changed something."""
        work = self._begin(c, partition, now)
        ids = [id for id, _ in due]
        await work.load(ids, ids)
        for id in ids:
            known = work.memory.get(id)
            known.timer_at = None
            drop_tombstones(known.account, day_of(now))
            if known.marked_at is not None:
                work.assess_waiting(known)
            work.assess(known, Asked(Cause(kind="time"), imports=known.imports))
        await work.save()
        await rows.forget_users(c, ids, day_cutoff(day_of(now)))

    async def taken(self, c: AsyncConnection, partition: int, now: datetime) -> None:
        """Find out which accounts wait to be assessed: all, when scorecards or catalogue have changed."""
        if partition in self._memories:
            return
        await store.mark_rescored(c, partition, self._rules.digest, now)
        closed = await import_store.closed_imports(c, partition)
        self._memories[partition] = Memory(closed, await store.marked(c, partition))

    def waiting(self, partition: int) -> datetime | None:
        """Since when the account waits that has waited longest."""
        memory = self._memories.get(partition)
        return next(iter(memory.waiting.values()), None) if memory is not None else None

    async def catch_up(self, c: AsyncConnection, partition: int, now: datetime) -> None:
        """Assess some of the accounts that wait."""
        work = self._begin(c, partition, now)
        ids = list(islice(work.memory.waiting, _CATCH_UP))
        await work.load(ids, ids)
        for id in ids:
            work.assess_waiting(work.memory.get(id))
        await work.save()

    def committed(self, partition: int) -> None:
        """Measure how long the events of the batch took to be scored."""
        memory = self._memories[partition]
        now = self._clock.now()
        for accepted in memory.scored:
            self._metrics.event_to_effect.labels("scored").observe(max(0.0, (now - accepted).total_seconds()))
        memory.scored = []

    def forget(self, partition: int) -> None:
        """Drop all that is remembered of a partition."""
        self._memories.pop(partition, None)
        self._claims.forget(partition)

    def _begin(self, c: AsyncConnection, partition: int, now: datetime) -> Batch:
        return Batch(c, partition, now, self._rules, self._memories[partition])

    async def _end_import(self, c: AsyncConnection, partition: int, data: HistoryEnded, now: datetime) -> None:
        """Close an import here when every event topic has told its end: each account it touched then waits for it."""
        told, act = await import_store.end_import(c, partition, data.import_id, data.topic, data.act_on_found)
        memory = self._memories[partition]
        if data.import_id in memory.closed or not told.issuperset(registry.EVENT_TOPICS):
            return
        memory.closed.add(data.import_id)
        for id in await import_store.close_import(c, partition, data.import_id, act, now):
            waits_since = memory.waiting.setdefault(id, now)
            known = memory.accounts.get(id)
            if known is not None:
                known.imports = [one for one in known.imports if one != data.import_id]
                known.marked_at, known.found_in = waits_since, data.import_id
                known.act_on_found = known.act_on_found or act


def _is_told(incoming: Incoming) -> bool:
    """Whether an event makes its account be assessed at once, even when the worker is behind."""
    return incoming.record.topic != registry.USAGE or incoming.event.history is not None
