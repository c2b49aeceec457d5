"""Keepwell beside Prefect's automations: a detractor's answer, from its POST to the message at one sink, in turns.

All run all the time and one of them has something to do, so that a machine whose speed drifts is the same for each.
Keepwell is the four services on the local log with the playbooks that ship; Prefect is its server with an automation
for each road: a notification, and its plain webhook.
"""

import asyncio
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple, Protocol

import httpx

from bench import bare
from bench.latency import Sink, answer, channel, known, listening, steadily
from bench.machine import cpu
from bench.peers.environment import Unavailable
from bench.peers.prefect import Prefect
from bench.report import Row, percentile
from tests.support.stack import KEY, Stack

RATE: Final = 5
"""Answers a second: few enough for each to keep up with."""
_MOST_SECONDS: Final = 180
"""Each answer is another account's, of 3,000."""
_TURNS: Final = 3
_BURST: Final = 500
_A_POST: Final = 100
_SILENCE: Final = 15
_IDLE: Final = 0.1
"""Of a core: what needs less has nothing to do."""
_MOST_LOOKS: Final = 30


class Party(Protocol):
    """Who takes answers, and tells the sink."""

    name: str
    pids: list[int]
    """Its processes, without their children."""

    def channel(self, number: int) -> str:
        """How an account's message is known at the sink."""

    async def post(self, numbers: Sequence[int]) -> None:
        """An answer of each account, in one request."""


class Keepwell:
    """The stack, by ingest's HTTP."""

    name = "Keepwell"

    def __init__(self, stack: Stack, postgres: int, client: httpx.AsyncClient) -> None:
        self.pids = [*stack.pids(), postgres]
        self._url = stack.url("ingest", "/v1/events")
        self._client = client

    def channel(self, number: int) -> str:
        """The Slack id of the account's owner."""
        return channel(number)

    async def post(self, numbers: Sequence[int]) -> None:
        """One list."""
        answers = [answer(number) for number in numbers]
        sent = await self._client.post(self._url, json=answers, headers={"Authorization": f"Bearer {KEY}"})
        sent.raise_for_status()


class Burst(NamedTuple):
    """So many at once: how many came, how many a second until the last of them, and seconds of CPU in all."""

    sent: int
    came: int
    rate: float
    cpu: float


@dataclass
class Measured:
    """What was found of one: answers sent steadily, how long each took, seconds of CPU; and the bursts."""

    sent: int = 0
    took: list[float] = field(default_factory=list)
    cpu: float = 0.0
    bursts: list[Burst] = field(default_factory=list)


def measure(make: Callable[..., Stack], postgres: int, home: Path, seconds: int) -> list[Row]:
    """Steady answers for so many seconds and some bursts of each, in turns; `postgres` is the server's process."""
    return asyncio.run(_measure(make, postgres, home, seconds))


async def _measure(make: Callable[..., Stack], postgres: int, home: Path, seconds: int) -> list[Row]:
    a_turn = RATE * max(1, min(seconds, _MOST_SECONDS) // _TURNS)
    async with AsyncExitStack() as entered:
        sink = await entered.enter_async_context(listening())
        address = f"http://127.0.0.1:{sink.port}/"
        client = await entered.enter_async_context(httpx.AsyncClient(timeout=60))
        _say("starts Keepwell, with 3,000 accounts")
        stack = await entered.enter_async_context(known(make, sink))
        parties: list[Party] = [Keepwell(stack, postgres, client)]
        try:
            _say("starts Prefect; its environment is made at the first time, which takes some minutes")
            peer = Prefect(home / "prefect-server", address)
            entered.push_async_callback(asyncio.to_thread, peer.stop)
            await asyncio.to_thread(peer.start)
            parties += peer.roads(client)
        except Unavailable as why:
            _say(f"Prefect is not measured: {why}.")
        found = {party.name: Measured() for party in parties}
        numbers = {party.name: count() for party in parties}
        for party in parties:
            # Caches, connections and compiled statements of each are there before anything counts.
            await _burst(party, parties, sink, _next(numbers[party.name], 20))
        for turn in range(_TURNS):
            for party in parties:
                _say(f"turn {turn + 1} of {_TURNS}: {party.name}")
                one = found[party.name]
                await _steady(one, party, parties, sink, _next(numbers[party.name], a_turn))
                one.bursts.append(await _burst(party, parties, sink, _next(numbers[party.name], _BURST)))
        posts = await bare.steady_posts(address, {"channel": "bare"}, RATE, 50)
    return rows_of(found, posts)


def _next(numbers: Iterator[int], wanted: int) -> list[int]:
    return [next(numbers) for _ in range(wanted)]


async def _steady(one: Measured, party: Party, parties: Sequence[Party], sink: Sink, numbers: Sequence[int]) -> None:
    before = cpu(party.pids)
    one.took += await steadily(lambda number: party.post([number]), party.channel, sink, numbers, RATE, _SILENCE)
    await _rest(parties)
    one.cpu += cpu(party.pids) - before
    one.sent += len(numbers)


async def _burst(party: Party, parties: Sequence[Party], sink: Sink, numbers: Sequence[int]) -> Burst:
    channels = [party.channel(number) for number in numbers]
    before, began = cpu(party.pids), time.perf_counter()
    for first in range(0, len(numbers), _A_POST):
        await party.post(numbers[first : first + _A_POST])
    await sink.hears(channels, _SILENCE)
    await _rest(parties)
    came = [sink.came[channel] - began for channel in channels if channel in sink.came]
    return Burst(len(numbers), len(came), len(came) / max(came) if came else 0.0, cpu(party.pids) - before)


async def _rest(parties: Sequence[Party]) -> None:
    """Wait until none has anything left to do: rows to write, or a second message."""
    pids = {pid for party in parties for pid in party.pids}
    for _ in range(_MOST_LOOKS):
        before, began = cpu(pids), time.perf_counter()
        await asyncio.sleep(2)
        if cpu(pids) - before < _IDLE * (time.perf_counter() - began):
            return


def rows_of(found: dict[str, Measured], posts: list[float]) -> list[Row]:
    """Each beside the first, and what a bare POST takes."""
    rows = []
    ours, *_ = found
    for name, one in found.items():
        for (what, figure, unit), (_, first, _) in zip(_figures(one), _figures(found[ours]), strict=True):
            ratio = f"{ours}: {first / figure:.2f} x" if name != ours and figure and first else ""
            rows.append(Row(name, what, f"{figure:,.0f} {unit}" if unit == "ms" else f"{figure:,.0f}{unit}", "", ratio))
        sent = one.sent + sum(burst.sent for burst in one.bursts)
        came = len(one.took) + sum(burst.came for burst in one.bursts)
        rows.append(Row(name, "... delivered, of both", f"{came:,} of {sent:,}", f"{sent:,}"))
    p50, p99 = (1000 * percentile(posts, share) for share in (0.5, 0.99))
    return [*rows, Row("limit", "a bare POST to the sink, p50 and p99", f"{p50:.1f} and {p99:.1f} ms")]


def _figures(one: Measured) -> list[tuple[str, float, str]]:
    """What, how much, and its unit."""
    return [
        (f"{RATE} answers/s, POST to Slack: p50", 1000 * percentile(one.took, 0.5), "ms"),
        ("... p99", 1000 * percentile(one.took, 0.99), "ms"),
        ("... CPU an answer", 1000 * one.cpu / one.sent, "ms"),
        (f"{one.bursts[0].sent:,} answers at once, until at Slack", median(b.rate for b in one.bursts), "/s"),
        ("... CPU an answer", 1000 * median(b.cpu / b.sent for b in one.bursts), "ms"),
    ]


def _say(what: str) -> None:
    print(f"bench: {what}", file=sys.stderr, flush=True)
