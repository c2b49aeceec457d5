"""From a POST to the message at a Slack sink: 50 answers a second over 3,000 accounts, each with its own owner.

From the first second after the services say that they are ready; then 10 a second, with 1,000 usage events beside.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from bench import bare
from bench.report import Row, percentile
from shared.log.opening import LOCAL
from tests.support.ports import free_ports
from tests.support.stack import KEY, Stack

ACCOUNTS = 3_000
RATE = 50
_BESIDE_RATE = 10
_USES = 1_000
"""Usage events a second beside them."""
_A_POST = 100
_MOST_SECONDS = (ACCOUNTS - 1) // (RATE + _BESIDE_RATE)
"""Each answer is another account's."""
SILENCE = 60
"""Seconds without a message after which none is expected any more."""


class Sink:
    """Speaks as Slack does, and notes when each account's message came."""

    def __init__(self) -> None:
        self.port = free_ports(1)
        self.came: dict[str, float] = {}

    def take(self, method: str, said: dict[str, Any]) -> dict[str, Any]:
        """Answer `chat.postMessage`; the channel is the owner's Slack id, which carries the account's number."""
        del method
        self.came.setdefault(said["channel"], time.perf_counter())
        return {"ok": True, "channel": said["channel"], "ts": "1.0"}

    async def __call__(self, scope: dict[str, Any], receive: object, send: object) -> None:
        """Speak HTTP."""
        body = b""
        while True:
            part = await receive()  # type: ignore[operator]
            if part["type"] == "http.disconnect":
                return
            body += part["body"]
            if not part.get("more_body"):
                break
        is_json = dict(scope["headers"]).get(b"content-type", b"").startswith(b"application/json")
        answer = json.dumps(self.take(scope["path"].rpartition("/")[2], json.loads(body) if is_json else {})).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(answer)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})  # type: ignore[operator]
        await send({"type": "http.response.body", "body": answer})  # type: ignore[operator]

    async def hears(self, channels: Iterable[str], silence: float) -> None:
        """Wait until a message came to each, or none has come for so many seconds."""
        wanted, heard, since = set(channels), 0, time.perf_counter()
        while (came := len(wanted & self.came.keys())) < len(wanted) and time.perf_counter() - since < silence:
            if came > heard:
                heard, since = came, time.perf_counter()
            await asyncio.sleep(0.05)


def measure(make: Callable[..., Stack], kind: str, address: str, seconds: int) -> list[Row]:
    """Set up the accounts and their owners, then send answers at a steady rate."""
    return asyncio.run(_measure(make, kind, address, min(seconds, _MOST_SECONDS)))


@asynccontextmanager
async def listening(sink: Sink | None = None) -> AsyncIterator[Sink]:
    """A sink that answers."""
    sink = sink or Sink()
    server = uvicorn.Server(uvicorn.Config(sink, port=sink.port, log_level="error", lifespan="off"))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield sink
    finally:
        server.should_exit = True
        await serving


@asynccontextmanager
async def known(make: Callable[..., Stack], sink: Sink, **extra: str) -> AsyncIterator[Stack]:
    """A stack that tells the sink, and knows the accounts and their owners."""
    slack = {"KEEPWELL_SLACK_BOT_TOKEN": "xoxb-bench", "KEEPWELL_SLACK_API_URL": f"http://127.0.0.1:{sink.port}"}
    stack = make(**slack, **extra)
    write_owners(stack.home)
    await asyncio.to_thread(stack.__enter__)
    try:
        await asyncio.to_thread(introduce, stack)
        yield stack
    finally:
        await asyncio.to_thread(stack.__exit__)


async def _measure(make: Callable[..., Stack], kind: str, address: str, seconds: int) -> list[Row]:
    async with listening() as sink, known(make, sink) as stack:
        await asyncio.to_thread(_start_again, stack)
        took = await answers(stack, sink, range(sent := RATE * seconds), RATE)
        stages = [stage(stack, service) for service in ("scoring", "playbooks", "notifier")]
        others = range(sent, sent + _BESIDE_RATE * seconds)
        async with _usage(stack):
            beside_usage = await answers(stack, sink, others, _BESIDE_RATE)
    bare_hops = await bare.hops(address, stack.database_url, RATE)
    # In by a POST, through three topics, out by a POST.
    least = 2 * bare_hops.post + 3 * bare_hops.hop
    p50 = percentile(took, 0.5)
    beside = f"{p50 / least:.1f} x two bare POSTs and three bare records ({least * 1000:.1f} ms)"
    most = 150 if kind == LOCAL else 250
    return [
        Row(kind, f"{RATE} answers/s, POST to Slack: delivered", f"{len(took)} of {sent}", f"{sent}"),
        Row(kind, "... p50", f"{p50 * 1000:.0f} ms", "< 60 ms" if kind == LOCAL else "", beside),
        Row(kind, "... p99", f"{percentile(took, 0.99) * 1000:.0f} ms", f"< {most} ms"),
        Row(kind, "... p99 of the first second after all are ready", f"{percentile(took[:RATE], 0.99) * 1000:.0f} ms"),
        Row(kind, "... on the way, mean since it was accepted", ", ".join(stages)),
        Row(
            kind,
            f"{_BESIDE_RATE} answers/s beside {_USES:,} usage events/s: p50",
            f"{percentile(beside_usage, 0.5) * 1000:.0f} ms",
            beside=f"{len(beside_usage)} of {len(others)} delivered",
        ),
        Row(kind, "... p99", f"{percentile(beside_usage, 0.99) * 1000:.0f} ms", "< 250 ms"),
        Row(kind, "limit: a POST to a bare HTTP server, p50", f"{bare_hops.post * 1000:.1f} ms"),
        Row(kind, "limit: a record from a bare producer to a bare consumer, p50", f"{bare_hops.hop * 1000:.1f} ms"),
    ]


def _start_again(stack: Stack) -> None:
    """So that nothing is warm but what a service warms itself before it is ready."""
    names = stack.names()
    stack.stop(*names)
    stack.start(*names)


@asynccontextmanager
async def _usage(stack: Stack) -> AsyncIterator[None]:
    """Usage of all accounts in turn comes in meanwhile, at a steady rate."""
    url, a_post = stack.url("ingest", "/v1/events"), _A_POST / _USES
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {KEY}"}, timeout=30) as client:

        async def post() -> None:
            began = time.perf_counter()
            for number in count():
                await asyncio.sleep(max(0, began + number * a_post - time.perf_counter()))
                uses = [use(n) for n in range(number * _A_POST, (number + 1) * _A_POST)]
                (await client.post(url, json=uses)).raise_for_status()

        posting = asyncio.create_task(post())
        try:
            yield
        finally:
            posting.cancel()
            with suppress(asyncio.CancelledError):
                await posting


def use(n: int) -> dict[str, Any]:
    """One use, by one of a few people of an account."""
    data = {"feature": f"feature-{n % 7}", "user_id": f"u{n % 5}"}
    return {"id": f"use-{n}", "type": "usage.recorded", "account": f"account-{n % ACCOUNTS}", "data": data}


def stage(stack: Stack, service: str) -> str:
    """How long after its acceptance an event had its effect in a service, on average."""
    totals = {"sum": 0.0, "count": 0.0}
    effect = ""
    for line in stack.client.get(stack.url(service, "/metrics")).text.splitlines():
        for name in totals:
            if line.startswith(f"keepwell_event_to_effect_seconds_{name}"):
                effect = line.partition('effect="')[2].partition('"')[0]
                totals[name] += float(line.rpartition(" ")[2])
    return f"{effect} {1000 * totals['sum'] / max(1.0, totals['count']):.0f} ms"


def write_owners(home: Path) -> None:
    """A directory with an owner for each account, who is reached at any time: measuring works on Saturdays, too."""
    lines = [f"  - {{id: csm-{n}, name: CSM {n}, email: csm-{n}@example.com, slack: U{n}}}" for n in range(ACCOUNTS)]
    (home / "csms.yaml").write_text("csms:\n" + "\n".join(lines) + "\n")


def introduce(stack: Stack) -> None:
    """Make the accounts known."""
    for first in range(0, ACCOUNTS, 500):
        stack.post(
            [
                {
                    "id": f"traits-{n}",
                    "type": "account.updated",
                    "account": f"account-{n}",
                    "data": {
                        "traits": {
                            "name": f"Account {n}",
                            "plan": "pro",
                            "owner": f"csm-{n}@example.com",
                            "mrr_minor": 100_000,
                            "currency": "EUR",
                        }
                    },
                }
                for n in range(first, first + 500)
            ]
        )
    stack.settle(180)


async def answers(
    stack: Stack, sink: Sink, accounts: Sequence[int], rate: int, silence: float = SILENCE
) -> list[float]:
    """Send a detractor's answer from each account, so many a second. Returns the seconds that each took that came."""
    url = stack.url("ingest", "/v1/events")
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {KEY}"}, timeout=30) as client:

        async def post(n: int) -> None:
            (await client.post(url, json=[answer(n)])).raise_for_status()

        return await steadily(post, channel, sink, accounts, rate, silence)


def answer(n: int) -> dict[str, Any]:
    """A detractor's answer."""
    data = {"contact_id": f"c{n}", "score": 2, "comment": "third time"}
    return {"id": f"nps-{n}", "type": "feedback.nps", "account": f"account-{n}", "data": data}


def channel(n: int) -> str:
    """The Slack id of an account's owner."""
    return f"U{n}"


async def steadily(
    post: Callable[[int], Awaitable[None]],
    channel: Callable[[int], str],
    sink: Sink,
    numbers: Sequence[int],
    rate: int,
    silence: float = SILENCE,
) -> list[float]:
    """Post for each number, so many a second. Returns the seconds until its message came, of those that came."""
    posted: dict[str, float] = {}

    async def one(number: int) -> None:
        posted[channel(number)] = time.perf_counter()
        await post(number)

    began, sending = time.perf_counter(), []
    for sent, number in enumerate(numbers):
        await asyncio.sleep(max(0, began + sent / rate - time.perf_counter()))
        sending.append(asyncio.create_task(one(number)))
    await asyncio.gather(*sending)
    await sink.hears(posted, silence)
    return [sink.came[channel] - at for channel, at in posted.items() if channel in sink.came]
