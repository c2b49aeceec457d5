"""The daily turn: at midnight time has passed for every account, and those that it may change are looked at."""

import asyncio
import gc
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from multiprocessing import get_context
from typing import Final

import psutil

from bench.report import Row
from services.scoring import store
from services.scoring.core.assess import Outcome
from services.scoring.core.batch import Batch
from services.scoring.core.clock import day_of, midnight_after
from services.scoring.core.memory import Marking, Memory, Standing
from services.scoring.core.pruning import drop_tombstones, prune
from services.scoring.core.state import Account
from services.scoring.handler import ScoringHandler
from services.scoring.store import adoption
from shared.clock import SystemClock
from shared.figures import Figures
from shared.pg.uow import UnitOfWork
from shared.service.service import COLLECT
from shared.worker import timers
from tests.support.scoring import (
    DAY,
    NOW,
    SHIPPED,
    a_contact,
    a_subscription,
    a_talk,
    a_ticket,
    after,
    an_account,
    an_invoice,
    assessed,
    busy,
    csat,
    nps,
    scoring_engine,
)

_PARTITIONS: Final = 8
_WORKERS: Final = 2
_A_TRANSACTION: Final = 500
_KINDS: Final = 100
"""So many different accounts of either sort; all others are like one of them."""
_LONGEST_SILENT: Final = 730
_MILLION: Final = 1_000_000


@dataclass(frozen=True)
class Kind:
    """How an account stands in the evening."""

    account: Account
    outcome: Outcome


@dataclass(frozen=True)
class Turn:
    """How a worker turned its partitions."""

    looked: int
    took: float
    cpu: float
    longest: float
    """The longest transaction: for as long what happens meanwhile waits. All in seconds."""


def measure(url: str, accounts: int, active: float = 0.1) -> list[Row]:
    """Turn one day for so many accounts, a share of them used in 30 days, the others silent for up to two years."""
    asyncio.run(set_up(url, accounts, active))
    with ProcessPoolExecutor(_WORKERS, get_context("spawn")) as workers:
        turns = list(workers.map(_work, [url] * _WORKERS, range(_WORKERS)))
    looked, took = sum(one.looked for one in turns), max(one.took for one in turns)
    where, cpu = f"{accounts:,} accounts, {active:.0%} in use", sum(one.cpu for one in turns)
    return [
        Row(where, "the daily turn: accounts that are looked at", f"{looked:,}"),
        Row(where, f"… {_WORKERS} workers", f"{took:.1f} s, {looked / took:,.0f} a second", "", f"{cpu:.1f} s of CPU"),
        Row(where, "… longest transaction", f"{1000 * max(one.longest for one in turns):.0f} ms"),
        Row(where, "… of a million", f"{took / accounts * _MILLION / 60:.1f} minutes", "< 3 minutes on two cores"),
    ]


def _work(url: str, worker: int) -> Turn:
    gc.set_threshold(*COLLECT)
    return asyncio.run(_turn(url, range(worker, _PARTITIONS, _WORKERS)))


def _active(number: int) -> Kind:
    """In use by some people on most days; with tickets, invoices, answers and talks of the last months."""
    days = [day for day in range(number % 3, 90) if (day * 7 + number) % 5]
    features = ("reports", "dashboards", "import", "api")[: 1 + number % 4]
    account = an_account(
        *busy(days, users=2 + number % 9, features=features),
        a_contact("c1", "champion"),
        a_contact("c2", "decision_maker"),
        a_subscription(NOW - 300 * DAY, mrr_minor=420_000, currency="EUR", term_months=12, renews_at=NOW + 65 * DAY),
        *(nps(6 + n, contact=f"c{n}", at=NOW - (20 + number % 150) * DAY) for n in range(3)),
        *(csat(4, at=NOW - (number % 80 + n) * DAY) for n in range(2)),
        *(a_ticket(f"T{n}", type="closed", at=NOW - (n * 9 + number % 9) * DAY) for n in range(6)),
        a_ticket("open", at=NOW - (number % 40) * DAY),
        *(an_invoice("paid", f"I{n}", at=NOW - 30 * n * DAY, due_at=NOW - (30 * n + 3) * DAY) for n in range(5)),
        a_talk("c1", at=NOW - (number % 60) * DAY),
        seats=10 + number % 5,
        signed=NOW - (60 + 5 * number) * DAY,
    )
    return _evening(account, since=2)


def _silent(number: int) -> Kind:
    """A user or two tried it out, and left it."""
    last = 31 + (_LONGEST_SILENT - 31) * number // _KINDS
    return _evening(after(*busy(range(last, last + 20, 3), users=1 + number % 2)), since=last)


def _evening(account: Account, since: int) -> Kind:
    """What was told of it by now: so many days ago at first, and then whenever time had changed something."""
    prune(account.state, day_of(NOW))
    drop_tombstones(account, day_of(NOW))
    outcome = assessed(account, now=NOW - since * DAY)
    while outcome.next_at is not None and outcome.next_at <= NOW:
        outcome = assessed(account, before=outcome.decision, now=outcome.next_at)
    return Kind(account, outcome)


async def set_up(url: str, accounts: int, active: float) -> None:
    """So many accounts, each as it stands in the evening."""
    kinds = [_active(n) for n in range(_KINDS)], [_silent(n) for n in range(_KINDS)]
    every = round(1 / active)
    async with scoring_engine(url) as engine:
        uow = UnitOfWork(engine)
        for partition in range(_PARTITIONS):
            numbers = range(partition, accounts, _PARTITIONS)
            async with uow.begin() as c:
                await adoption.note(c, partition, SHIPPED.digest, NOW)
                await adoption.mark(c, partition, Marking(NOW, ""))
            for start in range(0, len(numbers), _A_TRANSACTION):
                batch, due = Batch(NOW, SHIPPED, Memory(set(), {})), dict[str, datetime]()
                for number in numbers[start : start + _A_TRANSACTION]:
                    of, id = kinds[number // _PARTITIONS % every != 0][number % _KINDS], f"account-{number:07}"
                    batch.changed[id] = Standing(replace(of.account, id=id, touched=set(_rows(of.account))))
                    batch.outcomes[id] = of.outcome
                    if of.outcome.next_at is not None:
                        due[id] = of.outcome.next_at
                async with uow.begin() as c:
                    await store.save(c, partition, batch)
                    await timers.set_earlier(c, partition, due)


def _rows(account: Account) -> Iterator[tuple[str, str]]:
    for kind, rows in (("users", account.users), ("tickets", account.tickets), ("invoices", account.invoices)):
        yield from ((kind, key) for key in rows)


async def _turn(url: str, partitions: range) -> Turn:
    midnight, looked, longest = midnight_after(NOW), 0, 0.0
    async with scoring_engine(url) as engine:
        handler, uow = ScoringHandler(lambda: SHIPPED, Figures("scoring"), SystemClock()), UnitOfWork(engine)
        for partition in partitions:
            async with uow.begin() as c:
                await handler.taken(c, partition, NOW)
        began, process = time.perf_counter(), psutil.Process()
        before = sum(process.cpu_times()[:2])
        for partition in partitions:
            more = True
            while more:
                start = time.perf_counter()
                async with uow.begin() as c, timers.run_due(c, partition, midnight, _A_TRANSACTION) as due:
                    if due:
                        await handler.on_timers(c, partition, due, midnight)
                longest = max(longest, time.perf_counter() - start)
                looked += len(due)
                more = bool(due)
        return Turn(looked, time.perf_counter() - began, sum(process.cpu_times()[:2]) - before, longest)
