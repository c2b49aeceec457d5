"""What one customer's answer costs, from its POST to both messages at a Slack sink: processor time of each service."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final

import httpx
import psutil

from bench.flames import lit
from bench.latency import answer, channel, known, listening, steadily
from bench.report import Row
from shared.log.opening import LOCAL
from tests.support.stack import KEY, SERVICES, Stack

RATES: Final = (5, 50)
"""So many answers a second: one at a time, and as many as make a busy day."""
_WARM: Final = 40
_IDLE: Final = 10.0
_POSTGRES: Final = "postgres"
_SILENCE: Final = 20


def measure(
    make: Callable[..., Stack], kind: str, postgres: int, seconds: int, flames: Path | None = None
) -> list[Row]:
    """Answers at each rate for so many seconds; what everybody uses while nothing comes is taken off."""
    return asyncio.run(_measure(make, kind, postgres, seconds, flames))


async def _measure(
    make: Callable[..., Stack], kind: str, postgres: int, seconds: int, flames: Path | None
) -> list[Row]:
    async with listening() as sink, known(make, sink) as stack:
        pids = dict(zip(stack.names(), stack.pids(), strict=True))
        url = stack.url("ingest", "/v1/events")
        async with httpx.AsyncClient(headers={"Authorization": f"Bearer {KEY}"}, timeout=30) as client:

            async def post(n: int) -> None:
                (await client.post(url, json=[answer(n)])).raise_for_status()

            first = 0

            async def answers(number: int, rate: int) -> tuple[int, float]:
                nonlocal first
                numbers, first = range(first, first + number), first + number
                began = time.perf_counter()
                took = await steadily(post, channel, sink, numbers, rate, _SILENCE)
                return len(took), time.perf_counter() - began

            await answers(_WARM, 10)
            await asyncio.sleep(5)
            before = _used(pids, postgres)
            await asyncio.sleep(_IDLE)
            idle = {who: (now - before[who]) / _IDLE for who, now in _used(pids, postgres).items()}
            rows = []
            for rate in RATES:
                with ExitStack() as watched:
                    for name, pid in pids.items() if flames else ():
                        assert flames is not None
                        watched.enter_context(lit(pid, flames, f"{kind}_{rate}_{name}"))
                    before = _used(pids, postgres)
                    came, clock = await answers(rate * seconds, rate)
                    used = {who: now - before[who] - idle[who] * clock for who, now in _used(pids, postgres).items()}
                rows += _rows(f"{kind}, {rate}/s", rate * seconds, came, used)
                await asyncio.sleep(2)
    return rows


def _used(pids: Mapping[str, int], postgres: int) -> dict[str, float]:
    """Seconds of processor until now of each service, and of what PostgreSQL does for each."""
    used = defaultdict[str, float](float)
    for name in SERVICES:
        used[name] = _seconds(psutil.Process(pids[name]))
        used[f"{_POSTGRES} for {name}"] = 0.0
    for backend in psutil.Process(postgres).children():
        with suppress(psutil.NoSuchProcess):
            title = " ".join(backend.cmdline())
            name = next((name for name in SERVICES if name in title), "itself")
            used[f"{_POSTGRES} for {name}"] += _seconds(backend)
    return used


def _seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _rows(where: str, sent: int, came: int, used: Mapping[str, float]) -> list[Row]:
    a_piece = {who: f"{1000 * seconds / sent:.1f}" for who, seconds in used.items()}
    services = ", ".join(f"{name} {a_piece[name]}" for name in SERVICES)
    database = ", ".join(f"{who.rpartition(' ')[2]} {ms}" for who, ms in a_piece.items() if who not in SERVICES)
    ours = sum(used[name] for name in SERVICES)
    theirs = 1000 * (sum(used.values()) - ours) / sent
    target = "" if where.startswith(LOCAL) else "< 6 ms"
    return [
        Row(where, f"{sent:,} answers: CPU of all services, an answer", f"{1000 * ours / sent:.1f} ms", target),
        Row(where, "... of each", f"{services} ms"),
        Row(where, "... of PostgreSQL beside them", f"{theirs:.1f} ms", "", database),
        Row(where, "... whose message came", f"{came:,}", f"{sent:,}"),
    ]
