"""The machine's own limits: a bare HTTP server takes the same POSTs, a bare broker client the same records."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import httpx
import uvicorn

from bench.report import percentile
from shared.log.opening import make_stream
from shared.log.protocol import Consumer, Outgoing, Stream, TopicPartition
from shared.messages import registry
from shared.pg.pool import session_settings
from tests.support.logins import as_service
from tests.support.ports import free_ports
from tests.support.stack import KEY, PARTITIONS

POSTERS = 4
_EVERY = [TopicPartition(registry.DELIVERIES, number) for number in range(PARTITIONS)]


class Limits(NamedTuple):
    """Seconds that bare parts need for the same events."""

    http: float
    published: float
    read: float


class Hops(NamedTuple):
    """Seconds (p50) of one POST to a bare server, and of one record from a bare producer to a bare consumer."""

    post: float
    hop: float


async def post(url: str, made: Sequence[bytes], media: str = "application/json", posters: int = POSTERS) -> None:
    """Post every body, a few at a time."""
    left = iter(made)
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": media}
    async with httpx.AsyncClient(headers=headers, timeout=60) as client:

        async def poster() -> None:
            for body in left:
                answer = await client.post(url, content=body)
                answer.raise_for_status()

        await asyncio.gather(*(poster() for _ in range(posters)))


async def throughput(address: str, database_url: str, made: Sequence[bytes]) -> Limits:
    """Take all bodies, publish all their events, read them all."""
    async with _server() as url:
        began = time.perf_counter()
        await post(url, made)
        http = time.perf_counter() - began
    batches = [
        [Outgoing(registry.DELIVERIES, e["account"], json.dumps(e).encode()) for e in json.loads(body)] for body in made
    ]
    async with _stream(address, database_url, "bare.") as stream, _consumer(stream) as consumer:
        producer = stream.producer()
        await producer.start()
        began = time.perf_counter()
        for batch in batches:
            await producer.publish(batch)
        published = time.perf_counter() - began
        consumer.resume(_EVERY)
        began, got = time.perf_counter(), 0
        while got < sum(map(len, batches)):
            got += sum(len(records) for records in (await consumer.poll(500, 1)).values())
        read = time.perf_counter() - began
        await producer.stop()
    return Limits(http, published, read)


async def steady_posts(url: str, body: dict[str, object], rate: int, count: int) -> list[float]:
    """The seconds that each of so many POSTs takes, one at a time, at a steady rate."""
    posts: list[float] = []
    async with httpx.AsyncClient(timeout=30) as client:
        for _ in range(count):
            began = time.perf_counter()
            (await client.post(url, json=body)).raise_for_status()
            posts.append(time.perf_counter() - began)
            await asyncio.sleep(max(0, 1 / rate - posts[-1]))
    return posts


async def hops(address: str, database_url: str, rate: int, count: int = 200) -> Hops:
    """One POST and one record at a time, at a steady rate."""
    async with _server() as url:
        posts = await steady_posts(url, {"score": 2}, rate, count)
    took: list[float] = []
    async with _stream(address, database_url, "hops.") as stream, _consumer(stream) as consumer:
        consumer.resume(_EVERY)
        producer = stream.producer()
        await producer.start()

        async def read() -> None:
            while len(took) < count:
                for records in (await consumer.poll(500, 1)).values():
                    took.extend(time.perf_counter() - float(record.value) for record in records)

        reading = asyncio.create_task(read())
        for number in range(count):
            began = time.perf_counter()
            await producer.publish([Outgoing(registry.DELIVERIES, f"account-{number}", repr(began).encode())])
            await asyncio.sleep(max(0, began + 1 / rate - time.perf_counter()))
        await reading
        await producer.stop()
    return Hops(percentile(posts, 0.5), percentile(took, 0.5))


@asynccontextmanager
async def _server() -> AsyncIterator[str]:
    async def swallow(scope: dict[str, Any], receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 202, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    port = free_ports(1)
    server = uvicorn.Server(uvicorn.Config(swallow, port=port, log_level="error", lifespan="off"))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{port}/"
    server.should_exit = True
    await serving


@asynccontextmanager
async def _stream(address: str, database_url: str, prefix: str) -> AsyncIterator[Stream]:
    stream = make_stream(
        address, as_service(database_url, "scoring"), session_settings("scoring"), PARTITIONS, prefix=prefix
    )
    await stream.start()
    yield stream
    await stream.stop()


@asynccontextmanager
async def _consumer(stream: Stream) -> AsyncIterator[Consumer]:
    """A consumer that holds everything, at its end, and is paused."""
    consumer = stream.consumer("bench.bare", [registry.DELIVERIES])
    await consumer.start()
    while not consumer.held():
        await consumer.poll(1, 0.05)
    bounds = await consumer.bounds(_EVERY)
    consumer.seek({at: bounds[at].end for at in _EVERY})
    yield consumer
    await consumer.stop()
