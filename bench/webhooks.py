"""From webhooks that are due to what is recorded of them: the notifier's part that calls endpoints, alone on a core.

The sink, which answers 200 at once, and PostgreSQL keep to the other cores. `python -m bench.webhooks` is the sink.
"""

import asyncio
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from statistics import median
from typing import Final

import httpcore
import httptools
import psutil
import uvloop
from sqlalchemy import text

from bench.machine import begun_on, cores, cpu
from bench.report import Row
from services.notifier.core.addresses import read_networks
from services.notifier.core.calls import body_of, call_id
from services.notifier.core.endpoints import Filter
from services.notifier.hooks.addresses import Guard
from services.notifier.hooks.caller import Caller
from services.notifier.hooks.line import Line
from services.notifier.store import calls, endpoints
from services.notifier.store.calls import NewCall
from shared.clock import SystemClock
from shared.figures import Figures
from shared.messages.outward import AccountTold, Moved
from shared.pg.uow import UnitOfWork
from tests.support.notifier import THE_OWNER, an_account, notifier_engine

_ROUNDS: Final = 5
_CALLS: Final = 5_000
_ENDPOINTS: Final = 4
_SILENCE: Final = 60
_LEFT: Final = text("SELECT count(*) FROM calls WHERE state <> 'delivered'")
_ANSWER: Final = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"


class _Sink(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Uvloop's own is none of asyncio's classes.
        self._transport: asyncio.WriteTransport = transport  # type: ignore[assignment]
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        self._transport.write(_ANSWER)


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Sink, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@dataclass
class _Used:
    """A second of the clock, of this process's processor, and of PostgreSQL's, for so many calls."""

    clock: list[float] = field(default_factory=list)
    ours: list[float] = field(default_factory=list)
    postgres: list[float] = field(default_factory=list)


def measure(url: str, postgres: int) -> list[Row]:
    """Five rounds of 5,000 calls of 4 endpoints; the median counts."""
    own, beside = cores()
    with (
        _kept_to(postgres, beside),
        _sink(beside) as port,
        begun_on(own),
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        used = runner.run(_measured(url, postgres, port))
    clock, ours, theirs = (median(one) for one in (used.clock, used.ours, used.postgres))
    where = f"{_CALLS:,} webhooks due, {_ENDPOINTS} endpoints"
    return [
        Row(where, "called and recorded, on one core", f"{_CALLS / clock:,.0f}/s", "1,000/s"),
        Row(where, "... the notifier's processor", f"{1e3 * ours / _CALLS:.2f} ms each, {_CALLS / ours:,.0f}/s a core"),
        Row(where, "... PostgreSQL's processor", f"{1e3 * theirs / _CALLS:.2f} ms each"),
    ]


@contextmanager
def _kept_to(postgres: int, on: set[int]) -> Iterator[None]:
    """The server and its children keep to these cores; others measure with it afterwards."""
    server = psutil.Process(postgres)
    before = server.cpu_affinity()

    def keep(to: list[int]) -> None:
        for process in (server, *server.children(recursive=True)):
            with suppress(psutil.NoSuchProcess):
                process.cpu_affinity(to)

    keep(sorted(on))
    try:
        yield
    finally:
        keep(before)


@contextmanager
def _sink(on: set[int]) -> Iterator[int]:
    with begun_on(on):
        process = subprocess.Popen([sys.executable, "-m", "bench.webhooks"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()


async def _measured(url: str, postgres: int, port: int) -> _Used:
    used, clock = _Used(), SystemClock()
    async with notifier_engine(url) as engine:
        uow = UnitOfWork(engine)
        await uow.warm(2, "services.notifier.", "shared.")
        async with uow.begin() as c:
            for number in range(_ENDPOINTS):
                await endpoints.make(c, _an_endpoint(number, port), clock.now())
        for turn in range(_ROUNDS + 1):
            async with uow.begin() as c:
                for number in range(_ENDPOINTS):
                    await calls.add(c, 0, [*_due(turn, number)], clock.now())
            begun = time.perf_counter(), time.process_time(), cpu([postgres])
            await _call_all(uow)
            # The first round is one to get warm by.
            if turn:
                used.clock.append(time.perf_counter() - begun[0])
                used.ours.append(time.process_time() - begun[1])
                used.postgres.append(cpu([postgres]) - begun[2])
        await uow.close()
    return used


async def _call_all(uow: UnitOfWork) -> None:
    async def resolve(host: str) -> list[object]:
        return [ip_address(host)]

    guard, trust = Guard(resolve, read_networks("127.0.0.0/8")), httpcore.default_ssl_context()  # type: ignore[arg-type]
    caller = Caller(
        lambda url: Line(url, guard, trust),
        uow,
        clock=SystemClock(),
        dice=lambda: 0.5,
        token=lambda: secrets.token_hex(8),
        figures=Figures("notifier"),
    )
    task = asyncio.create_task(caller.run())
    async with asyncio.timeout(_SILENCE):
        while (await uow.once(_LEFT))[0][0]:
            await asyncio.sleep(0.05)
    caller.stop()
    await task


def _an_endpoint(number: int, port: int) -> dict[str, object]:
    return {
        **{"id": f"ep_{number}", "url": f"http://127.0.0.1:{port}/{number}", "name": None, "description": ""},
        **{"types": None, "filter": Filter(), "score_by": None, "secret": "whsec_" + "QUJD" * 10, "enabled": True},
        "created_by": "bench",
    }


def _due(turn: int, endpoint: int) -> Iterator[NewCall]:
    said = Moved(
        id="tsk-41",
        kind="task",
        state="open",
        title="Call Northwind: someone there scored us 2",
        severity="high",
        matter="people",
        account=AccountTold.of(an_account()),
        reasons=[
            "an answer of 2 is a detractor's",
            "usage fell by half in two weeks",
            "ticket T-118 is open for 5 days",
        ],
        do="Ask what went wrong with the lost tickets, and say who will fix it by when.",
        assignee=THE_OWNER,
        contact_id="northwind-admin",
        contact="Kim (admin)",
        playbook="detractor@3",
        episode_id="northwind@12-detractor",
        actor="keepwell",
    )
    now = SystemClock().now()
    for number in range(_CALLS // _ENDPOINTS):
        yield NewCall(
            id=call_id(f"event-{turn}-{number}", f"ep_{endpoint}"),
            endpoint_id=f"ep_{endpoint}",
            type="task.opened",
            account_id=f"account-{number}",
            contact_id=None,
            action_id=None,
            body=body_of("task.opened", now, said),
            state="waiting",
            reason="",
            settled_at=None,
            traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            caused_at=now,
        )


if __name__ == "__main__":
    uvloop.run(_serve())
