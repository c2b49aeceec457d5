"""From assessments, and from timers, to stored actions: the playbooks' handler on PostgreSQL, one process, one core."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import text

from bench.looks import PLAYBOOKS, forty, rules_of
from bench.report import Row
from services.playbooks.files import load_playbook
from services.playbooks.handler import PlaybooksHandler
from shared.clock import SystemClock
from shared.figures import Figures
from shared.log.protocol import Record
from shared.messages import envelope, registry
from shared.messages.assessments import AccountAssessed, Cause, FactValue
from shared.pg.pool import make_engine
from shared.pg.uow import UnitOfWork
from shared.worker import timers
from shared.worker.handler import Incoming
from tests.support.logins import as_service

_PARTITIONS: Final = 8
_A_TRANSACTION: Final = 500
_MONDAY: Final = datetime(2026, 3, 2, 10, tzinfo=UTC)
_DAY: Final = timedelta(days=1)
_AT_ONCE: Final = """
id: at-once
when: usage.breadth < 40 %
steps:
  - alert: {title: "{{ account.name }} uses little", severity: high}
  - {task: "Call {{ account.name }}", due: 2 business days, severity: high}
"""
_AFTER_A_DAY: Final = """
id: after-a-day
when: usage.breadth < 40 %
held_for: 1d
steps: [{alert: {title: "{{ account.name }} has used little for a day", severity: high}}]
"""
_PENDING: Final = text(
    "INSERT INTO timers (partition, key, due) SELECT n % :partitions, 'account:quiet-' || n,"
    " CAST(:first AS timestamptz) + n * interval '1 second' FROM generate_series(1, :number) AS n"
)
_STAGED: Final = text("SELECT count(*) FROM outbox WHERE topic = 'keepwell.actions'")


class Floor:
    """The handler and its database. What is due is run in chunks, a partition after the other, as the loop does."""

    def __init__(self, handler: PlaybooksHandler, uow: UnitOfWork) -> None:
        self.handler = handler
        self.uow = uow

    async def assess(self, accounts: int) -> None:
        """One assessment of each."""
        for partition in range(_PARTITIONS):
            numbers = range(partition, accounts, _PARTITIONS)
            for first in range(0, len(numbers), _A_TRANSACTION):
                batch = [_incoming(partition, number) for number in numbers[first : first + _A_TRANSACTION]]
                async with self.uow.begin() as c:
                    await self.handler.handle(c, partition, batch, _MONDAY, False)

    async def run_timers(self, until: datetime) -> int:
        """All that are due by then. Returns how many."""
        ran, left = 0, set(range(_PARTITIONS))
        while left:
            for partition in sorted(left):
                async with self.uow.begin() as c, timers.run_due(c, partition, until, _A_TRANSACTION) as due:
                    if due:
                        await self.handler.on_timers(c, partition, due, until)
                    else:
                        left.remove(partition)
                ran += len(due)
        return ran

    async def staged(self) -> int:
        """How many actions are stored."""
        async with self.uow.begin() as c:
            return int((await c.execute(_STAGED)).scalar_one())


def measure(urls: Sequence[str], firings: int = 5_000, due: int = 10_000, pending: int = 1_000_000) -> list[Row]:
    """On two databases of their own: firings by assessments, and by timers among so many that are not due yet."""
    return [*asyncio.run(_fire(urls[0], firings)), *asyncio.run(_come_due(urls[1], due, pending))]


async def _fire(url: str, firings: int) -> list[Row]:
    async with _floor(url, _AT_ONCE) as floor:
        began, cpu = time.perf_counter(), time.process_time()
        await floor.assess(firings)
        took, cpu = time.perf_counter() - began, time.process_time() - cpu
        stored = await floor.staged()
    where, what = f"{PLAYBOOKS} playbooks, PostgreSQL", f"{firings:,} firings to {stored:,} stored actions"
    return [Row(where, what, f"{took:.1f} s, {firings / took:,.0f}/s", "500/s", f"{cpu:.1f} s of CPU of its own")]


async def _come_due(url: str, due: int, pending: int) -> list[Row]:
    async with _floor(url, _AFTER_A_DAY) as floor:
        await floor.assess(due)
        async with floor.uow.begin() as c:
            first = _MONDAY + 2 * _DAY
            await c.execute(_PENDING, {"partitions": _PARTITIONS, "first": first, "number": pending})
        before, began = await floor.staged(), time.perf_counter()
        ran = await floor.run_timers(_MONDAY + _DAY)
        took = time.perf_counter() - began
        stored = await floor.staged() - before
    where, what = f"{pending:,} timers pending", f"{ran:,} due in one second: {stored:,} stored actions"
    return [Row(where, what, f"{took:.1f} s, {ran / took:,.0f}/s", "< 20 s")]


def _incoming(partition: int, number: int) -> Incoming:
    account = f"account-{number:06}"
    owner = f"csm-{number % 20}@example.com"
    facts: dict[str, FactValue] = {"usage.breadth": 25.0, "account.name": f"Account {number}", "account.owner": owner}
    cause = Cause(kind="event", source="bench", id=f"e{number}", type="usage.recorded", time=_MONDAY, accepted=_MONDAY)
    data = AccountAssessed(rev=1, at=_MONDAY, cause=cause, facts=facts, scorecard="default@1")
    event = envelope.wrap(data, id=account, source="bench", type="account.assessed", subject=account, time=_MONDAY)
    return Incoming(Record(registry.ASSESSMENTS, partition, number, _MONDAY, account, b"", {}), event, data)


@asynccontextmanager
async def _floor(url: str, playbook: str) -> AsyncIterator[Floor]:
    rules = rules_of((load_playbook(playbook, "bench.yaml"), *forty()[1:]))
    engine = make_engine(as_service(url, "playbooks"), "playbooks")
    floor = Floor(PlaybooksHandler(lambda: rules, Figures("playbooks"), SystemClock()), UnitOfWork(engine))
    try:
        for partition in range(_PARTITIONS):
            async with floor.uow.begin() as c:
                await floor.handler.taken(c, partition, _MONDAY)
        yield floor
    finally:
        await engine.dispose()
