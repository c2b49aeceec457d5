"""50,000 usage events, posted in batches of 500, until they are in scored state; and what bare parts need for them."""

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from bench import bare
from bench.report import Row
from tests.support.stack import Stack

BATCH = 500
ACCOUNTS = 1_000


def bodies(events: int, size: int = BATCH) -> Iterator[bytes]:
    """The bodies of the POSTs, made before the clock starts."""
    now = datetime.now(UTC).isoformat()
    for first in range(0, events, size):
        batch = [use(i, now, f"e{i}") for i in range(first, min(first + size, events))]
        yield json.dumps(batch).encode()


def use(i: int, now: str, id: str) -> dict[str, Any]:
    """A use in the plain form, by its number."""
    return {
        "id": id,
        "type": "usage.recorded",
        "account": account_of(i),
        "time": now,
        "data": {"feature": f"feature-{i % 12}", "user_id": f"user-{i % 20}"},
    }


def account_of(i: int) -> str:
    """The account of an event, by its number."""
    return f"account-{i * 7919 % ACCOUNTS}"


def _has_caught_up(stack: Stack) -> bool:
    lag = stack.get("scoring", "/v1/status")["lag"]
    return lag is not None and not any(lag.values())


def measure(stack: Stack, kind: str, address: str, events: int) -> list[Row]:
    """Post to the real stack, wait until scoring has caught up, and set that beside the bare parts."""
    warm = [{"id": "w", "type": "usage.recorded", "account": "warm", "data": {"feature": "warm"}}]
    stack.post(warm)
    stack.settle()
    made = list(bodies(events))
    began = time.perf_counter()
    asyncio.run(bare.post(stack.url("ingest", "/v1/events"), made))
    posted = time.perf_counter() - began
    stack.wait(lambda: _has_caught_up(stack), "scoring catches up", 120)
    folded = time.perf_counter() - began
    stack.settle(120)
    assessed = time.perf_counter() - began
    stack.stop(*stack.names())
    limits = asyncio.run(bare.throughput(address, stack.database_url, made))
    # What no implementation on these parts could do without.
    accepting = limits.http + limits.published
    whole = accepting + limits.read
    goal = "< 5 s" if events == 50_000 else ""
    return [
        Row(
            kind,
            f"{events:,} usage events accepted",
            f"{posted:.2f} s = {events / posted:,.0f}/s",
            "",
            f"{posted / accepting:.1f} x bare POST and publish ({accepting:.2f} s)",
        ),
        Row(
            kind,
            f"{events:,} usage events in scored state",
            f"{folded:.2f} s = {events / folded:,.0f}/s",
            goal,
            f"{folded / whole:.1f} x bare POST, publish and read ({whole:.2f} s)",
        ),
        Row(kind, "... and every account assessed, all of it delivered on", f"{assessed:.2f} s"),
        Row(kind, "limit: the bare HTTP server takes the same POSTs", f"{limits.http:.2f} s"),
        Row(kind, "limit: the bare broker client publishes the same events", f"{limits.published:.2f} s"),
        Row(kind, "limit: the bare broker client reads them", f"{limits.read:.2f} s"),
    ]
