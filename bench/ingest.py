"""What ingest costs, beside a bare server that takes the same POSTs and a bare producer that publishes the same events.

Both are a process on a core of their own and answer when Kafka has confirmed, in turns; what counts is the processor
time of the process. The bare one looks at nothing: it has the messages ready, and publishes as many as were posted.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

import httpx
import uvicorn
import uvloop

from bench import bare
from bench.flames import lit
from bench.house import OURS, House, house, led
from bench.machine import UNLIMITED, begun_on, cores, cpu
from bench.report import Row
from bench.throughput import bodies
from shared.log.kafka import KafkaStream
from shared.log.protocol import Outgoing
from shared.messages import registry, tracing
from tests.support.ports import free_ports
from tests.support.stack import PARTITIONS, Stack

_TOPIC: Final = "keepwell.events.usage"
_SHAPES: Final = ((100, 20_000), (1, 2_000))
"""Events a POST, and POSTs of so many in all a round."""
_WARM: Final = 200


class Shape(NamedTuple):
    """What was found of POSTs of one size: seconds of processor of each round, of ingest and of the bare parts."""

    events: int
    ours: list[float]
    bare: list[float]


def measure(home: Path, rounds: int, flames: Path | None = None) -> list[Row]:
    """Post to each in turns, in batches and one by one."""
    with house(home) as made, ExitStack() as entered:
        stack = entered.enter_context(ingesting(made))
        ours, port = stack.url("ingest", "/v1/events"), free_ports(1)
        other = entered.enter_context(_bare(made, port))
        theirs = f"http://127.0.0.1:{port}/"
        (pid,) = stack.pids()
        if flames is not None:
            entered.enter_context(lit(pid, flames, "ingest"))
        return [
            row
            for size, events in _SHAPES
            for row in _rows(size, _shape(size, events, rounds, {pid: ours, other: theirs}))
        ]


def _shape(size: int, events: int, rounds: int, urls: dict[int, str]) -> Shape:
    found: dict[int, list[float]] = {pid: [] for pid in urls}
    made = list(bodies(events, size))
    for url in urls.values():
        asyncio.run(bare.post(url, made[:_WARM]))
    for _ in range(rounds):
        for pid, url in urls.items():
            before = cpu([pid])
            asyncio.run(bare.post(url, made))
            found[pid].append(cpu([pid]) - before)
    return Shape(events, *found.values())


def _rows(size: int, shape: Shape) -> list[Row]:
    ratios = [ours / bare for ours, bare in zip(shape.ours, shape.bare, strict=True)]
    ours, other = (1e6 * median(times) / shape.events for times in (shape.ours, shape.bare))
    where = "ingest, one at a time" if size == 1 else f"ingest, {size} a POST"
    beside = f"{other:.1f} µs of bare POST and publish"
    ratio = f"{median(ratios):.2f} x ({min(ratios):.2f} to {max(ratios):.2f})"
    return [
        Row(where, "CPU an event, beside the bare parts", ratio, "" if size == 1 else "<= 1.5 x"),
        Row(where, "... of ingest's process", f"{ours:.1f} µs", "", beside),
        Row(where, "... so a core takes", f"{1e6 / ours:,.0f}/s", ">= 2,000/s" if size == 1 else ""),
    ]


@contextmanager
def ingesting(made: House) -> Iterator[Stack]:
    """Ingest alone, on a core of its own."""
    own = made.home / "ingest"
    own.mkdir()
    stack = Stack(own, made.database("ingest"), made.broker.bootstrap, **UNLIMITED)
    core, _ = cores()
    try:
        with begun_on(core):
            stack.start("ingest")
        yield stack
    finally:
        stack.client.close()
        stack.stop(*stack.names())


@contextmanager
def _bare(made: House, port: int) -> Iterator[int]:
    """The bare process, of this file."""
    core, _ = cores()
    command = [sys.executable, "-m", "bench.ingest", made.broker.bootstrap, str(port)]
    with begun_on(core):
        process = subprocess.Popen(command, cwd=OURS, stdin=subprocess.DEVNULL)
    try:
        while True:
            try:
                httpx.post(f"http://127.0.0.1:{port}/", content=b"[]").raise_for_status()
            except httpx.TransportError:
                time.sleep(0.1)
            else:
                break
        yield process.pid
    finally:
        process.terminate()
        process.wait(10)


async def serve(bootstrap: str, port: int) -> None:
    """Take POSTs, and publish as many messages as a body has events."""
    stream = KafkaStream(bootstrap, PARTITIONS, [_TOPIC], "bare.")
    await stream.start()
    await led(stream)
    producer = stream.producer()
    await producer.start()
    headers = {tracing.HEADER: f"00-{'ab' * 16}-{'cd' * 8}-01", "ce_type": "usage.recorded"}
    ready = _ready(headers)

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        parts = []
        while True:
            part = await receive()
            parts.append(part.get("body", b""))
            if not part.get("more_body"):
                break
        # Each has one, and nothing else in these bodies has the word.
        await producer.publish(ready[: b"".join(parts).count(b'"account":')])
        await send({"type": "http.response.start", "status": 202, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    await uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", lifespan="off")).serve()
    await stream.stop()


def _ready(headers: dict[str, str]) -> Sequence[Outgoing]:
    """As long as what ingest makes of the same events."""
    value = b"x" * 330
    return [Outgoing(_TOPIC, f"account-{n * 7919 % 1000}", value, headers) for n in range(1000)]


assert _TOPIC in registry.TOPICS

if __name__ == "__main__":
    uvloop.run(serve(sys.argv[1], int(sys.argv[2])))
