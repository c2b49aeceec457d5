"""Scoring's work on its partitions: claim, load, decide, save and stage each batch; look again when time says so."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from itertools import islice
from types import MappingProxyType
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring import store
from services.scoring.company import store as store_company
from services.scoring.company.drops import Drops
from services.scoring.company.sources import Watch
from services.scoring.core.arrivals import Arrival, Arrivals, by_account, by_hour
from services.scoring.core.batch import SOURCE, Assessment, Batch
from services.scoring.core.clock import day_of
from services.scoring.core.company import company_assessed
from services.scoring.core.memory import Memory
from services.scoring.core.pruning import day_cutoff
from services.scoring.core.scorecard import Rules, RulesInForce
from services.scoring.core.state import Account
from services.scoring.core.timeline import row_of
from services.scoring.store import adoption, timeline
from shared.clock import Clock
from shared.figures import Figures, effect
from shared.log.protocol import Outgoing
from shared.messages import registry, tracing
from shared.messages.accounts import HistoryEnded, NoteAdded
from shared.messages.envelope import encode, wrap
from shared.pg import bulk
from shared.worker import outbox, timers
from shared.worker.claims import Claims
from shared.worker.handler import Handler, Incoming
from shared.worker.loop import Plan

# What an account is comes before what happened to it, where ingest took both at once.
_ORDER: Final = (registry.ACCOUNTS, registry.BILLING, registry.TICKETS, registry.USAGE, registry.FEEDBACK)
PLAN: Final = Plan("scoring", _ORDER, registry.EVENT_TOPICS, sends_marks=True, max_records=16_000)
_TYPE: Final = "account.assessed"
_GATHERS: Final = 0.5
"""How many seconds an import's events may take to come together."""
_CATCH_UP: Final = 200
"""How many accounts that wait are assessed in one transaction."""


class ScoringHandler(Handler):
    """Folds what is read into account states and tells what came of it."""

    def __init__(
        self,
        rules: RulesInForce,
        figures: Figures,
        clock: Clock,
        memory: int = 2**28,
        watch: Watch | None = None,
        drops: Drops | None = None,
    ) -> None:
        self._rules = rules
        self._repeats = figures.count("keepwell_repeated_events_total", "Events seen before, and not counted.")
        self._effect = effect(figures)
        self._clock = clock
        # Of 512 MB that a process may take by default claims have a quarter so.
        self._claims = Claims(memory * 2 // 5)
        self._room = memory * 3 // 5
        self._most_waiting = max(_CATCH_UP, memory // 2**15)
        self._watch = watch or Watch(rules)
        self._drops = drops or Drops()
        self._memories: dict[int, Memory] = {}
        self._adopted: dict[int, Rules] = {}
        """By partition: the rules that it goes by."""
        self._lives, self._imports = False, False
        """Whether there was anything live, and anything of an import, since the loop last asked."""
        self._scored: dict[int, list[datetime]] = {}
        """By partition: when the events that its last batch scored had been accepted."""

    async def handle(
        self, c: AsyncConnection, partition: int, batch: Sequence[Incoming], now: datetime, behind: bool
    ) -> None:
        """Count each event once, fold it, and assess its account. Behind, accounts with only usage are marked."""
        events = [one for one in batch if not isinstance(one.data, HistoryEnded)]
        is_live = any(one.event.history is None for one in events)
        self._lives, self._imports = self._lives or is_live, self._imports or (bool(events) and not is_live)
        fresh = await self._claims.claim(c, partition, [incoming.event for incoming in events], now)
        self._repeats.add(len(fresh) - sum(fresh))
        arrivals = by_account(zip(events, fresh, strict=True))
        if (ours := arrivals.pop(registry.COMPANY, None)) is not None:
            for one in ours.besides:
                await self._hear_of_company(c, partition, one, now)
        await store_company.count(c, partition, by_hour(arrivals, now))
        put_off = {id for id, some in arrivals.items() if some.can_wait} if behind else ()

        def take(part: Batch, id: str) -> None:
            part.take(id, arrivals[id], behind)

        self._scored[partition] = await self._work(c, partition, arrivals, now, take, arrivals, put_off)
        for incoming in batch:
            if isinstance(incoming.data, HistoryEnded):
                await self._end_import(c, partition, incoming.data, now)

    async def on_timers(
        self, c: AsyncConnection, partition: int, due: Sequence[tuple[str, datetime]], now: datetime
    ) -> None:
        """Look again at these accounts, because time may have changed something."""
        ids = [id for id, _ in due]
        await self._work(c, partition, ids, now, Batch.look_again)
        await store.forget_users(c, ids, day_cutoff(day_of(now)))

    async def taken(self, c: AsyncConnection, partition: int, now: datetime) -> None:
        """Find out which accounts wait to be assessed: all, when scorecards or catalogue have changed."""
        if partition in self._memories:
            return
        memory = Memory(await store.closed_imports(c, partition), {}, self._most_waiting)
        await store.load_waiting(c, partition, memory)
        await self._adopt(c, partition, memory, now)
        memory.marking = await adoption.marking(c, partition)
        await self._watch.taken(c, partition)
        self._memories[partition] = memory

    def looks(self, partition: int, through: datetime) -> bool:
        """Whether other rules are in force, or an hour or a day is over of which nothing was decided yet."""
        news = self._adopted[partition] is not self._rules()
        return news or self._watch.looks(partition, through) or self._drops.looks(partition, through)

    async def look(self, c: AsyncConnection, partition: int, through: datetime, now: datetime) -> None:
        """Go over to the rules in force; decide, or read, which sources are interrupted; compare NPS once a day."""
        if self._adopted[partition] is not self._rules():
            await self._adopt(c, partition, self._memories[partition], now)
        if self._watch.looks(partition, through):
            await self._watch.look(c, partition, through, now)
        if self._drops.looks(partition, through):
            await self._drops.look(c, partition, through, now)

    async def _adopt(self, c: AsyncConnection, partition: int, memory: Memory, now: datetime) -> None:
        """Go by the rules in force from here on. Where these are others, every account waits to be rescored."""
        self._adopted[partition] = rules = self._rules()
        if await adoption.note(c, partition, rules.digest, now):
            memory.adopt(now)
            await self._mark(c, partition, memory)

    async def _mark(self, c: AsyncConnection, partition: int, memory: Memory) -> None:
        """Mark some of those that have yet to be marked."""
        if (begun := memory.marking) is not None:
            found, up_to = await adoption.mark(c, partition, begun)
            memory.mark(found, begun, up_to)

    def turns(self, through: datetime, now: datetime) -> bool:
        """Whether the day may turn."""
        return self._watch.turns(through, now)

    @property
    def interrupted(self) -> Mapping[str, datetime]:
        """The sources that are, since when."""
        return self._watch.interrupted

    def gathers(self) -> float:
        """Nobody waits for what an import brings, and many events of an account cost little more than one."""
        alone = self._imports and not self._lives
        self._lives = self._imports = False
        return _GATHERS if alone else 0.0

    def waiting(self, partition: int) -> datetime | None:
        """Since when the account waits that has waited longest."""
        memory = self._memories.get(partition)
        if memory is None:
            return None
        return next(iter(memory.waiting.values()), memory.marking.since if memory.marking is not None else None)

    async def catch_up(self, c: AsyncConnection, partition: int, now: datetime) -> None:
        """Assess some of the accounts that wait; when none does any more, mark those that have yet to be."""
        memory = self._memories[partition]
        if not memory.waiting:
            await self._mark(c, partition, memory)
        ids = list(islice(memory.waiting, _CATCH_UP))
        await self._work(c, partition, ids, now, Batch.assess_waiting)

    def committed(self, partition: int) -> None:
        """Measure how long the events of the batch took to be scored."""
        now = self._clock.now()
        for accepted in self._scored.pop(partition, ()):
            self._effect.observe(max(0.0, (now - accepted).total_seconds()), "scored")

    def forget(self, partition: int) -> None:
        """Drop all that is remembered of a partition."""
        self._memories.pop(partition, None)
        self._adopted.pop(partition, None)
        self._scored.pop(partition, None)
        self._claims.forget(partition)
        self._watch.forget(partition)
        self._drops.forget()

    async def _work(
        self,
        c: AsyncConnection,
        partition: int,
        ids: Collection[str],
        now: datetime,
        decide: Callable[[Batch, str], None],
        arrivals: Mapping[str, Arrivals] = MappingProxyType({}),
        put_off: Collection[str] = (),
    ) -> list[datetime]:
        """Load these accounts, decide about each, save and stage: in parts that fit into memory, as does what stays.

        Those that are put off need no tickets and invoices. Returns when the events that were scored had been accepted.
        """
        memory, due, scored = self._memories[partition], dict[str, datetime](), list[datetime]()
        room, rules = self._room // len(self._memories), self._watch.rules(self._adopted[partition])
        for part in memory.parts(ids, room):
            batch = Batch(now, rules, memory, self._watch.interrupted)
            await store.load(c, memory, part)
            await store.load_papers(c, memory, [id for id in part if id not in put_off], now)
            await store.load_named(c, memory, {id: arrivals[id] for id in part if id in arrivals})
            for id in part:
                decide(batch, id)
            await store.save(c, partition, batch)
            await outbox.stage(c, partition, [_message(one) for one in batch.assessments])
            # Timers' rows are locked last, after all accounts (decision 19).
            due |= batch.timers
            causes = (one.assessed.cause for one in batch.assessments if one.for_ledger)
            scored += [cause.accepted for cause in causes if cause.accepted is not None]
            memory.fit(room)
        if memory.more_wait and not memory.waiting:
            await bulk.written(c)
            await store.load_waiting(c, partition, memory)
        await bulk.later(c, await timers.to_set_earlier(c, partition, due))
        return scored

    async def _hear_of_company(self, c: AsyncConnection, partition: int, one: Arrival, now: datetime) -> None:
        """Note and tell what happened to ourselves: nothing is folded of that account, and notes are told nobody."""
        event, data = one.event, one.data
        if (row := row_of(Account(registry.COMPANY), event, data, now)) is not None:
            await bulk.together(c, timeline.added([row]))
        if isinstance(data, NoteAdded):
            return
        rev, known = await store_company.next_told(c, partition), await store_company.known(c)
        told = company_assessed(event, rev, known.since, now)
        await outbox.stage(c, partition, [_message(Assessment(registry.COMPANY, told, None, for_ledger=False))])

    async def _end_import(self, c: AsyncConnection, partition: int, data: HistoryEnded, now: datetime) -> None:
        """Close an import here when every event topic has told its end: each account it touched then waits for it."""
        await bulk.written(c)
        told, act = await store.end_import(c, partition, data.import_id, data.topic, data.act_on_found)
        memory = self._memories[partition]
        if data.import_id not in memory.closed and told.issuperset(registry.EVENT_TOPICS):
            found = await store.close_import(c, partition, data.import_id, act, now)
            memory.close_import(data.import_id, found, act, now)


def _message(one: Assessment) -> Outgoing:
    assessed, trace = one.assessed, one.trace
    event = wrap(
        assessed,
        id=one.id,
        source=SOURCE,
        type=_TYPE,
        subject=one.account_id,
        time=assessed.at,
        accepted=assessed.cause.accepted,
    )
    headers = {"ce_type": _TYPE} | ({tracing.HEADER: trace} if trace is not None else {})
    return Outgoing(registry.ASSESSMENTS, one.account_id, encode(event), headers)
