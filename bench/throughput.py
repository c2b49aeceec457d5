"""50,000 usage events, posted in batches of 500, until they are in scored state; and what bare parts need for them."""

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import uvicorn

from bench.report import Row
from shared.db.engine import session_settings
from shared.messages import registry
from shared.stream.opening import make_stream
from shared.stream.protocol import Outgoing, TopicPartition
from tests.support.stack import KEY, Stack, free_ports

BATCH = 500
POSTERS = 4
ACCOUNTS = 1_000


def bodies(events: int) -> Iterator[bytes]:
    """The bodies of the POSTs, made before the clock starts."""
    now = datetime.now(UTC).isoformat()
    for first in range(0, events, BATCH):
        batch = [
            {
                "id": f"e{i}",
                "type": "usage.recorded",
                "account": f"account-{i * 7919 % ACCOUNTS}",
                "time": now,
                "data": {"feature": f"feature-{i % 12}", "user_id": f"user-{i % 20}"},
            }
            for i in range(first, min(first + BATCH, events))
        ]
        yield json.dumps(batch).encode()


async def post(url: str, made: list[bytes]) -> None:
    """Post every body, a few at a time."""
    left = iter(made)
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    async with httpx.AsyncClient(headers=headers, timeout=60) as client:

        async def poster() -> None:
            for body in left:
                answer = await client.post(url, content=body)
                answer.raise_for_status()

        await asyncio.gather(*(poster() for _ in range(POSTERS)))


def _has_caught_up(stack: Stack) -> bool:
    lag = stack.get("scoring", "/v1/status")["lag"]
    return lag is not None and not any(lag.values())


def measure(stack: Stack, kind: str, events: int) -> list[Row]:
    """Post to the real stack and wait until scoring has caught up."""
    warm = [{"id": "w", "type": "usage.recorded", "account": "warm", "data": {"feature": "warm"}}]
    stack.post(warm)
    stack.settle()
    made = list(bodies(events))
    began = time.perf_counter()
    asyncio.run(post(stack.url("ingest", "/v1/events"), made))
    posted = time.perf_counter() - began
    stack.wait(lambda: _has_caught_up(stack), "scoring catches up", 120)
    folded = time.perf_counter() - began
    stack.settle(120)
    assessed = time.perf_counter() - began
    rate = f"{events / folded:,.0f} events/s"
    return [
        Row(kind, f"{events:,} usage events accepted", f"{posted:.2f} s", "", f"{events / posted:,.0f} events/s"),
        Row(kind, f"{events:,} usage events in scored state", f"{folded:.2f} s", "< 5 s at 50,000", rate),
        Row(kind, "… and every account assessed, all of it delivered on", f"{assessed:.2f} s"),
    ]


async def limits(kind: str, address: str, database_url: str, events: int) -> list[Row]:
    """The bare HTTP server taking the same bodies, and the bare broker client taking the same records."""
    made = list(bodies(events))
    port = free_ports(1)

    async def swallow(scope: dict[str, object], receive: object, send: object) -> None:
        while (await receive()).get("more_body"):  # type: ignore[operator]
            pass
        await send({"type": "http.response.start", "status": 202, "headers": [(b"content-length", b"0")]})  # type: ignore[operator]
        await send({"type": "http.response.body", "body": b""})  # type: ignore[operator]

    server = uvicorn.Server(uvicorn.Config(swallow, port=port, log_level="error", lifespan="off"))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    began = time.perf_counter()
    await post(f"http://127.0.0.1:{port}/", made)
    http = time.perf_counter() - began
    server.should_exit = True
    await serving
    stream = make_stream(address, database_url, session_settings("scoring"), 8, prefix="bare.")
    await stream.start()
    producer = stream.producer()
    await producer.start()
    batches = [
        [Outgoing(registry.DELIVERIES, e["account"], json.dumps(e).encode()) for e in json.loads(body)] for body in made
    ]
    began = time.perf_counter()
    for batch in batches:
        await producer.publish(batch)
    published = time.perf_counter() - began
    read = await _read_all(stream, events)
    await producer.stop()
    await stream.stop()
    return [
        Row(kind, "limit: the bare HTTP server takes the same POSTs", f"{http:.2f} s"),
        Row(kind, "limit: the bare broker client publishes the same events", f"{published:.2f} s"),
        Row(kind, "limit: the bare broker client reads them", f"{read:.2f} s"),
    ]


async def _read_all(stream: object, events: int) -> float:
    consumer = stream.consumer("bench.bare", [registry.DELIVERIES])  # type: ignore[attr-defined]
    await consumer.start()
    while not consumer.held():
        await consumer.poll(1, 0.05)
    every = [TopicPartition(registry.DELIVERIES, p) for p in range(8)]
    bounds = await consumer.bounds(every)
    consumer.seek({at: max(0, bounds[at].begin) for at in every})
    consumer.resume(every)
    began, got = time.perf_counter(), 0
    while got < events:
        got += sum(len(records) for records in (await consumer.poll(500, 1)).values())
    took = time.perf_counter() - began
    await consumer.stop()
    return took
