"""A backtest over a year of recorded days: how long it takes, where that goes, and how large the days are."""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import msgspec
import psutil
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from bench.looks import day_facts
from bench.report import Row
from services.playbooks import days
from services.playbooks.core.days import Before, differing
from services.playbooks.core.standing import Standing
from services.playbooks.files import PLAYBOOKS
from services.playbooks.trials import BACKTEST, CHILD
from shared.clock import SystemClock
from shared.jobs import store
from shared.pg.pool import make_engine
from shared.pg.uow import UnitOfWork
from tests.support.logins import as_service

_YEAR: Final = 365
_DAY: Final = timedelta(days=1)
_KINDS: Final = 12
_A_COPY: Final = 100_000
_DRAFTS: Final = {
    "on the score": "id: bench\nwhen: health.score < 60\nheld_for: 3d\nrepeat: {after: 14d}\nsteps: "
    "[{task: Call}, {after: 5d, unless: task.done, alert: Nobody called}]",
    "on what changes every day": "id: bench\nwhen: [usage.uses > 30, days_since usage.last_seen_at < 3]\n"
    "steps: [alert: Hi]",
}
_LOOK_EVERY: Final = 0.2


def measure(url: str, accounts: int) -> list[Row]:
    """So many accounts, six of ten in use every day and the others now and then; one of twelve leaves."""
    return asyncio.run(_measure(url, accounts))


async def _measure(url: str, accounts: int) -> list[Row]:
    engine = make_engine(as_service(url, "playbooks"), "playbooks")
    where, today = f"{accounts:,} accounts, a year of days", SystemClock().now().date()
    try:
        number = await _fill(engine, accounts, today)
        rows = [await _size(engine, where, accounts, number)]
        uow = UnitOfWork(engine)
        read, unpacked = [await _go_through(uow, today, stretches=stretches) for stretches in (False, True)]
        for what, draft in _DRAFTS.items():
            whole, cpu, memory, fired = await _backtest(uow, url, draft, today)
            parts = f"{read:.0f} s reading, {unpacked - read:.0f} s unpacking, {whole - unpacked:.0f} s deciding"
            rows.append(Row(where, f"a backtest {what}: {fired:,} firings", f"{whole:.0f} s", "< 120 s", parts))
            rows.append(Row(where, "… its child", f"{cpu:.0f} s of CPU, {memory:.0f} MB"))
        rows.append(await _forget(uow, where))
    finally:
        await engine.dispose()
    return rows


def _lives(accounts: int, today: date) -> Iterator[tuple[Standing, list[tuple[date, bytes]]]]:
    """Each account as it stands, with its rows."""
    pool = [list(day_facts(kind)) for kind in range(_KINDS)]
    encode, first = msgspec.msgpack.Encoder().encode, today - _YEAR * _DAY
    packed = {
        (kind, at): encode(Before({name: facts[at - 1].get(name) for name in differing(facts[at - 1], facts[at])}))
        for kind, facts in enumerate(pool)
        for at in range(len(facts))
    }
    for number in range(accounts):
        kind, busy, leaves = number % _KINDS, number % 10 < 6, number % _KINDS == 5
        facts, at, rows = pool[kind], 0, [(first, encode(Before(first=True)))]
        gone = 60 + number * 7 % 280 if leaves else _YEAR
        for day in range(1, gone):
            if busy or day % 10 == kind % 10:
                at = (at + 1) % len(facts)
                rows.append((first + day * _DAY, packed[kind, at]))
        more: dict[str, Any] = {"account.name": f"Account {number}", "account.owner": f"csm-{number % 20}@example.com"}
        if leaves:
            rows.append((first + gone * _DAY, encode(Before({"account.churned": None}))))
            more["account.churned"] = True
        yield _standing(f"account-{number:06}", {**facts[at], **more}, today), rows


def _standing(account: str, facts: dict[str, Any], today: date) -> Standing:
    at = datetime(today.year, today.month, today.day, tzinfo=UTC)
    scores: dict[str, Any] = {"score": None, "previous_score": None, "band": "unknown", "previous_band": "unknown"}
    told: dict[str, Any] = {"drivers": [], "low": [], "quiet": False, "day": today}
    return Standing(account=account, rev=1, at=at, facts=facts, **scores, **told)


async def _fill(engine: AsyncEngine, accounts: int, today: date) -> int:
    encode, number = msgspec.msgpack.Encoder().encode, 0
    standings: list[tuple[Any, ...]] = []
    rows: list[tuple[Any, ...]] = []
    async with engine.begin() as c:
        raw: Any = (await c.get_raw_connection()).driver_connection

        async def copy(table: str, columns: list[str], records: list[tuple[Any, ...]]) -> None:
            await raw.copy_records_to_table(table, records=records, columns=columns)
            records.clear()

        for stands, own in _lives(accounts, today):
            standings.append((stands.account, 0, stands.at, encode(stands)))
            rows += [(stands.account, day, record, 5_000, "amber") for day, record in own]
            number += len(own)
            if len(rows) >= _A_COPY:
                await copy("days", ["account_id", "day", "record", "score", "band"], rows)
        await copy("days", ["account_id", "day", "record", "score", "band"], rows)
        await copy("accounts", ["account_id", "partition", "looked_at", "standing"], standings)
    async with engine.connect() as c:
        await (await c.execution_options(isolation_level="AUTOCOMMIT")).execute(text("ANALYZE days"))
    return number


async def _size(engine: AsyncEngine, where: str, accounts: int, number: int) -> Row:
    async with engine.connect() as c:
        table, whole = (await c.execute(text("SELECT pg_relation_size('days'), pg_total_relation_size('days')"))).one()
    each = f"{table / number:.0f} bytes a row and {(whole - table) / number:.0f} of indexes"
    return Row(
        where,
        f"{number:,} rows",
        f"{whole / 2**20:,.0f} MB",
        "",
        f"{each}; {whole / accounts / 1000:.0f} KB an account",
    )


async def _go_through(uow: UnitOfWork, today: date, *, stretches: bool) -> float:
    began, since = time.perf_counter(), today - _YEAR * _DAY
    async for pasts in days.read(uow, since):
        for past in pasts if stretches else ():
            for _ in past.stretches(since, today - _DAY):
                pass
    return time.perf_counter() - began


async def _backtest(uow: UnitOfWork, url: str, draft: str, today: date) -> tuple[float, float, float, int]:
    """Seconds, the child's seconds of CPU, its memory in MB, and how often the playbook fired."""
    options = {"from": str(today - _YEAR * _DAY), "to": str(today - _DAY), "within_days": 90}
    async with uow.begin() as c:
        await c.execute(text("DELETE FROM jobs"))
        wanted = store.Wanted(BACKTEST, PLAYBOOKS, "bench", draft.encode(), options, "bench")
        await store.ask(c, "bench", wanted, SystemClock().now())
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as home:
        env = {**os.environ, "KEEPWELL_DATABASE_URL": as_service(url, "playbooks"), "KEEPWELL_HOME": home}
        command = [sys.executable, "-m", CHILD, "bench"]
        with subprocess.Popen(command, env=env, stdin=subprocess.PIPE) as child:  # noqa: ASYNC220
            process, cpu, memory = psutil.Process(child.pid), 0.0, 0.0
            while child.poll() is None:
                with process.oneshot():
                    if process.status() != psutil.STATUS_ZOMBIE:
                        cpu = sum(process.cpu_times()[:2])
                        memory = max(memory, process.memory_info().rss / 2**20)
                await asyncio.sleep(_LOOK_EVERY)
    took = time.perf_counter() - began
    async with uow.begin() as c:
        job = await store.one(c, "bench", SystemClock().now())
    assert job is not None
    assert job["state"] == "done", job
    return took, cpu, memory, job["result"]["firings"]


async def _forget(uow: UnitOfWork, where: str) -> Row:
    """A day's rows, and the longest transaction."""
    now, longest, chunks, more = SystemClock().now() + 36 * _DAY, 0.0, 0, True
    while more:
        began = time.perf_counter()
        async with uow.begin() as c:
            more = await days.forget(c, now)
        longest, chunks = max(longest, time.perf_counter() - began), chunks + 1
    what = f"to forget a day: {chunks} transactions, the longest"
    return Row(where, what, f"{1000 * longest:.0f} ms", "< 50 ms")
