"""Whether an event costs the same when there are many accounts: a worker over 10,000 of them, and over many more.

Each size has a database and topics of its own. A first backlog, of ten times as many events as are measured, makes the
accounts known, and one worker drains it and assesses them all. Then a new process begins, with nothing in memory, on a
second backlog, twice as large as what is measured: how long until it has committed its first event; and when half is
through and its memory is warm, what an event of the other half takes. What it had of memory at most is told of both
processes, and what the database keeps: of accounts, and of claims, which grow with events alone.
"""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from bench.backlog import ASSESSED, CLAIMED, LEFT, READ, publish
from bench.house import House, Used, house
from bench.machine import peak
from bench.report import Row
from bench.worker import ask, say, stack_of, until, worker

_FEW: Final = 10_000
_WARM: Final = 10
"""So many times the measured events come before them."""
_KNOWN: Final = "SELECT count(*) FROM scoring.accounts"
_OF_CLAIMS: Final = "SELECT pg_total_relation_size('scoring.claims') + pg_total_relation_size('scoring.claim_filters')"
_OF_SCORING: Final = (
    "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relnamespace = 'scoring'::regnamespace "
    "AND relkind = 'r'"
)


class Size(NamedTuple):
    """What was found over so many accounts."""

    known: int
    """Accounts that there are in the end: of the others there never was an event."""
    event: Used
    meanwhile: int
    """Assessments among what was measured."""
    first: float
    """Seconds from the start of a process to its first commit."""
    memory: tuple[int, int]
    """Bytes that the process had at most: the one that drained first, and the one that was measured."""
    claimed: int
    claims: int
    rest: int
    """Bytes that the database keeps of claims, and of all else."""


def measure(home: Path, accounts: int, events: int) -> list[Row]:
    """Few accounts, then many; so many events are measured, after eleven times as many."""
    with house(home) as made:
        few, many = (_size(made, number, events) for number in (_FEW, accounts))
    return rows_of(few, many, accounts, events)


def _size(made: House, accounts: int, events: int) -> Size:
    name, warm = f"accounts_{accounts}", _WARM * events
    prefix, url, bootstrap = f"{name}.", made.database(name), made.broker.bootstrap
    asyncio.run(publish(bootstrap, warm, accounts, prefix, seed=1))
    with worker(stack_of(made, f"{name}_first", prefix, url)) as pid:
        asyncio.run(_drained(url, 0, warm, lambda: made.used(pid)))
        before = peak(pid)
    asyncio.run(publish(bootstrap, 2 * events, accounts, prefix, seed=2))
    began = time.perf_counter()
    with worker(stack_of(made, name, prefix, url)) as pid:
        drained = asyncio.run(_drained(url, warm, warm + 2 * events, lambda: made.used(pid)))
        memory = before, peak(pid)
    known, claimed, claims, all = (asyncio.run(ask(url, one)) for one in (_KNOWN, CLAIMED, _OF_CLAIMS, _OF_SCORING))
    first = drained.first.clock - began
    found = Size(known, drained.event, drained.meanwhile, first, memory, claimed, claims, all - claims)
    made.drop(name)
    say(f"{accounts:,} accounts: {found}")
    return found


class _Drained(NamedTuple):
    first: Used
    event: Used
    meanwhile: int


async def _drained(url: str, before: int, end: int, used: Callable[[], Used]) -> _Drained:
    """When the first event was committed, what each of the second half took; until nothing is left to do."""
    half = (before + end) // 2
    first, _ = await until(url, READ, lambda found: bool(found > before), used)
    began, read = await until(url, READ, lambda found: bool(found >= half), used)
    assessed = await ask(url, ASSESSED)
    drained, _ = await until(url, READ, lambda found: bool(found == end), used)
    meanwhile = await ask(url, ASSESSED) - assessed
    await until(url, LEFT, lambda left: left is False, used)
    return _Drained(first, drained.since(began, max(1, end - int(read))), meanwhile)


def rows_of(few: Size, many: Size, accounts: int, events: int) -> list[Row]:
    """The many beside the few."""
    rows = [
        Row(
            f"{accounts:,} accounts, {(_WARM + 1) * events:,} events before",
            f"CPU of an event beside that of {_FEW:,} accounts",
            f"{many.event.worker / few.event.worker:.2f} x",
            "<= 1.5 x",
            f"PostgreSQL's: {many.event.postgres / few.event.postgres:.2f} x",
        )
    ]
    for number, size in ((_FEW, few), (accounts, many)):
        of = f"of {number:,} accounts, {size.known:,} with events"
        used = f"{size.event.worker:.1f} + {size.event.postgres:.1f} µs"
        memory = " and ".join(f"{bytes / 2**20:,.0f}" for bytes in size.memory)
        per_million = 1e6 * size.claims / size.claimed
        rows += [
            Row(of, "CPU of the worker, of PostgreSQL, an event", used, "", f"{size.meanwhile:,} assessed meanwhile"),
            Row(of, "a new process's first commit, after its start", f"{size.first:.1f} s", "< 10 s"),
            Row(of, "memory at most, of the first and of the new process", f"{memory} MB", "< 512 MB"),
            Row(of, "kept of an account, in the database", f"{size.rest / size.known:,.0f} bytes"),
            Row(of, "kept of a million events, in the database", f"{per_million / 2**20:,.0f} MB"),
        ]
    return rows
