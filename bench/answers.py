"""What one customer's answer costs, from its POST to the message at a Slack sink: processor time of each service."""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

import psutil

from bench.flames import lit
from bench.latency import ACCOUNTS, answers, known, listening
from bench.machine import cpu
from bench.report import Row
from shared.log.opening import LOCAL
from tests.support.stack import SERVICES, Stack

_RATES: Final = (5, 50)
"""So many answers a second: one at a time, and as many as make a busy day."""
_WARM: Final = 40
_WARM_RATE: Final = 10
_MOST_SECONDS: Final = (ACCOUNTS - _WARM) // sum(_RATES)
"""Each answer is another account's."""
_SETTLES: Final = 5
_IDLE: Final = 10
_SILENCE: Final = 20

Used = Mapping[tuple[str, str], float]
"""Seconds of processor, of each service and of what PostgreSQL does for it."""
_SERVICE: Final = "service"
_POSTGRES: Final = "PostgreSQL"


def measure(
    make: Callable[..., Stack], kind: str, postgres: int, seconds: int, flames: Path | None = None
) -> list[Row]:
    """Answers at each rate for so many seconds; what everybody uses while nothing comes is taken off."""
    return asyncio.run(_measure(make, kind, postgres, min(seconds, _MOST_SECONDS), flames))


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
            with ExitStack() as watched:
                if flames is not None:
                    for name, pid in pids.items():
                        watched.enter_context(lit(pid, flames, f"{kind}_{rate}_{name}"))
                before, began = _used(pids, postgres), time.perf_counter()
                came = len(await answers(stack, sink, accounts, rate, _SILENCE))
                after, took = _used(pids, postgres), time.perf_counter() - began
            used = {whose: now - before[whose] - idle[whose] * took for whose, now in after.items()}
            rows += _rows(f"{kind}, {rate}/s", len(accounts), came, used)
    return rows


def _used(pids: Mapping[str, int], postgres: int) -> Used:
    """Until now. What PostgreSQL does for none of the services is for itself."""
    used = {(_SERVICE, name): cpu([pids[name]]) for name in SERVICES}
    used |= dict.fromkeys(((_POSTGRES, name) for name in (*SERVICES, "itself")), 0.0)
    for backend in psutil.Process(postgres).children():
        with suppress(psutil.NoSuchProcess):
            title = " ".join(backend.cmdline())
            used[_POSTGRES, next((name for name in SERVICES if name in title), "itself")] += cpu([backend.pid])
    return used


def _rows(where: str, sent: int, came: int, used: Used) -> list[Row]:
    ours, theirs = (
        {name: 1000 * seconds / sent for (who, name), seconds in used.items() if who == one}
        for one in (_SERVICE, _POSTGRES)
    )
    of_each, for_each = (", ".join(f"{name} {ms:.1f}" for name, ms in some.items()) for some in (ours, theirs))
    target = "" if where.startswith(LOCAL) else "< 6 ms"
    return [
        Row(where, f"{sent:,} answers: CPU of all services, an answer", f"{sum(ours.values()):.1f} ms", target),
        Row(where, "... of each", f"{of_each} ms"),
        Row(where, "... of PostgreSQL beside them", f"{sum(theirs.values()):.1f} ms", "", f"for {for_each}"),
        Row(where, "... whose message came", f"{came:,}", f"{sent:,}"),
    ]
