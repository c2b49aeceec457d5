"""What one sends and then reads: 10,000 pairs of a POST and a read that waits for it, some clients side by side.

Each pair sets an account's seats to a number that no pair had before, and the read must have that number.
"""

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator
from typing import Final

import httpx

from bench.report import Row, percentile
from tests.support.stack import KEY, Stack

PAIRS: Final = 10_000
_CLIENTS: Final = 2
_WARM: Final = 100
_ACCOUNTS: Final = 1_000
"""Of each client, so that none writes over what another is about to read."""


class _Found:
    """What the clients found: seconds of each pair, and how many reads had something else."""

    def __init__(self) -> None:
        self.took: list[float] = []
        self.stale = 0


def measure(make: Callable[[], Stack], kind: str, pairs: int = PAIRS) -> list[Row]:
    """Write and read."""
    with make() as stack:
        asyncio.run(_pairs(stack, _WARM))
        stack.settle()
        began = time.perf_counter()
        found = asyncio.run(_pairs(stack, pairs))
        seconds = time.perf_counter() - began
    where = f"{kind}, {_CLIENTS} clients"
    return [
        Row(where, "pairs of a write and the read of it: fresh", f"{pairs - found.stale:,} of {pairs:,}", f"{pairs:,}"),
        Row(where, "... p50", f"{percentile(found.took, 0.5) * 1000:.1f} ms", "", f"{pairs / seconds:,.0f} pairs/s"),
        Row(where, "... p99", f"{percentile(found.took, 0.99) * 1000:.1f} ms", "< 100 ms"),
    ]


async def _pairs(stack: Stack, pairs: int) -> _Found:
    found, numbers = _Found(), iter(range(1, pairs + 1))
    await asyncio.gather(*(_client(stack, f"{pairs}-{client}", numbers, found) for client in range(_CLIENTS)))
    return found


async def _client(stack: Stack, name: str, numbers: Iterator[int], found: _Found) -> None:
    accounts = itertools.cycle([f"own-{name}-{n}" for n in range(_ACCOUNTS)])
    post, read = stack.url("ingest", "/v1/events"), stack.url("scoring", "/v1/accounts/")
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {KEY}"}, timeout=30) as client:
        for number, account in zip(numbers, accounts, strict=False):
            event = {"id": f"{name}-{number}", "type": "account.updated", "account": account}
            began = time.perf_counter()
            sent = await client.post(post, json=[{**event, "data": {"traits": {"seats": number}}}])
            answer = await client.get(read + account, params={"at_least": sent.raise_for_status().json()["token"]})
            found.took.append(time.perf_counter() - began)
            found.stale += answer.raise_for_status().json()["seats"] != number
