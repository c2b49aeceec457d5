"""What one customer's answer costs, from its POST to the message at a Slack sink: processor time of each service, when
they come steadily, and when they come all at once."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from statistics import median
from typing import Final

import httpx
import psutil

from bench.flames import lit
from bench.latency import ACCOUNTS, Sink, answer, answers, channel, known, listening
from bench.machine import cpu
from bench.report import Row
from shared.log.opening import LOCAL
from tests.support.stack import KEY, SERVICES, Stack

_RATES: Final = (5, 50)
"""So many answers a second: one at a time, and as many as make a busy day."""
_WARM: Final = 40
_WARM_RATE: Final = 10
_MOST_SECONDS: Final = (ACCOUNTS - _WARM) // sum(_RATES)
"""Each answer is another account's."""
_SETTLES: Final = 5
_IDLE: Final = 10
_SILENCE: Final = 20
_BURSTS: Final = 3
_A_BURST: Final = 800
_A_POST: Final = 100

Used = Mapping[tuple[str, str], float]
"""Seconds of processor, of each service and of what PostgreSQL does for it."""
_SERVICE: Final = "service"
_POSTGRES: Final = "PostgreSQL"


def measure(
    make: Callable[..., Stack], kind: str, postgres: int, seconds: int, flames: Path | None = None
) -> list[Row]:
    """Answers at each rate for so many seconds; what everybody uses while nothing comes is taken off."""
    return asyncio.run(_measure(make, kind, postgres, min(seconds, _MOST_SECONDS), flames))


def at_once(make: Callable[..., Stack], kind: str, postgres: int, flames: Path | None = None) -> list[Row]:
    """So many answers as fast as they are taken, some times; the median tells how many a second come through."""
    return asyncio.run(_at_once(make, kind, postgres, flames))


async def _at_once(make: Callable[..., Stack], kind: str, postgres: int, flames: Path | None) -> list[Row]:
    async with listening() as sink, known(make, sink) as stack:
        pids = dict(zip(stack.names(), stack.pids(), strict=True))
        await _burst(stack, sink, range(_WARM))
        first, rates, came, took = _WARM, list[float](), 0, Counter[tuple[str, str]]()
        with _watched(pids, flames, f"{kind}_at_once"):
            for _ in range(_BURSTS):
                await asyncio.sleep(_SETTLES)
                before = _used(pids, postgres)
                seconds = await _burst(stack, sink, range(first, first := first + _A_BURST))
                # What became of each message is noted after it came.
                await asyncio.sleep(_SETTLES)
                took.update({whose: now - before[whose] for whose, now in _used(pids, postgres).items()})
                rates.append(len(seconds) / max(seconds, default=1.0))
                came += len(seconds)
    where, through = f"{kind}, {_A_BURST} answers at once", f"{min(rates):,.0f} to {max(rates):,.0f}/s"
    return [
        Row(where, "until at Slack, median of bursts", f"{median(rates):,.0f}/s", "500/s", through),
        *_rows(where, _BURSTS * _A_BURST, came, took),
    ]


async def _burst(stack: Stack, sink: Sink, accounts: Sequence[int]) -> list[float]:
    """Returns after how many seconds each message came, of those that did."""
    url, began = stack.url("ingest", "/v1/events"), time.perf_counter()
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {KEY}"}, timeout=60) as client:
        for first in range(0, len(accounts), _A_POST):
            some = [answer(number) for number in accounts[first : first + _A_POST]]
            (await client.post(url, json=some)).raise_for_status()
    channels = [channel(number) for number in accounts]
    await sink.hears(channels, _SILENCE)
    return [sink.came[one] - began for one in channels if one in sink.came]


async def _measure(
    make: Callable[..., Stack], kind: str, postgres: int, seconds: int, flames: Path | None
) -> list[Row]:
    async with listening() as sink, known(make, sink) as stack:
        pids = dict(zip(stack.names(), stack.pids(), strict=True))
        await answers(stack, sink, range(_WARM), _WARM_RATE, _SILENCE)
        await asyncio.sleep(_SETTLES)
        before = _used(pids, postgres)
        await asyncio.sleep(_IDLE)
        idle = {whose: (now - before[whose]) / _IDLE for whose, now in _used(pids, postgres).items()}
        rows, first = list[Row](), _WARM
        for rate in _RATES:
            accounts = range(first, first := first + rate * seconds)
            with _watched(pids, flames, f"{kind}_{rate}"):
                before, began = _used(pids, postgres), time.perf_counter()
                came = len(await answers(stack, sink, accounts, rate, _SILENCE))
                after, took = _used(pids, postgres), time.perf_counter() - began
            used = {whose: now - before[whose] - idle[whose] * took for whose, now in after.items()}
            target = "" if kind == LOCAL else "< 6 ms"
            rows += _rows(f"{kind}, {rate}/s", len(accounts), came, used, target)
    return rows


@contextmanager
def _watched(pids: Mapping[str, int], flames: Path | None, name: str) -> Iterator[None]:
    """Flame graphs of each service meanwhile, where there is a folder for them."""
    with ExitStack() as watched:
        if flames is not None:
            for service, pid in pids.items():
                watched.enter_context(lit(pid, flames, f"{name}_{service}"))
        yield


def _used(pids: Mapping[str, int], postgres: int) -> Used:
    """Until now. What PostgreSQL does for none of the services is for itself."""
    used = {(_SERVICE, name): cpu([pids[name]]) for name in SERVICES}
    used |= dict.fromkeys(((_POSTGRES, name) for name in (*SERVICES, "itself")), 0.0)
    for backend in psutil.Process(postgres).children():
        with suppress(psutil.NoSuchProcess):
            title = " ".join(backend.cmdline())
            used[_POSTGRES, next((name for name in SERVICES if name in title), "itself")] += cpu([backend.pid])
    return used


def _rows(where: str, sent: int, came: int, used: Used, target: str = "") -> list[Row]:
    ours, theirs = (
        {name: 1000 * seconds / sent for (who, name), seconds in used.items() if who == one}
        for one in (_SERVICE, _POSTGRES)
    )
    of_each, for_each = (", ".join(f"{name} {ms:.1f}" for name, ms in some.items()) for some in (ours, theirs))
    return [
        Row(where, f"{sent:,} answers: CPU of all services, an answer", f"{sum(ours.values()):.1f} ms", target),
        Row(where, "... of each", f"{of_each} ms"),
        Row(where, "... of PostgreSQL beside them", f"{sum(theirs.values()):.1f} ms", "", f"for {for_each}"),
        Row(where, "... whose message came", f"{came:,}", f"{sent:,}"),
    ]
