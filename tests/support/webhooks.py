"""A sink for webhooks that answers as told, and the notifier's part that calls it, at a time that the test sets."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hmac import compare_digest
from ipaddress import ip_address
from typing import Any

import httpcore
import httptools
import standardwebhooks
import svix
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifier.core.addresses import Address, read_networks
from services.notifier.core.endpoints import Filter
from services.notifier.core.routing import Setup
from services.notifier.handler import NotifierHandler
from services.notifier.hooks.addresses import Guard
from services.notifier.hooks.caller import Caller
from services.notifier.hooks.line import Line
from services.notifier.store import calls, endpoints
from shared.clock import SystemClock
from shared.figures import Figures
from shared.log.protocol import Record
from shared.messages import envelope, registry
from shared.messages.actions import ActionCancelled, ActionRequested
from shared.messages.envelope import Event
from shared.messages.outward import WebhookTold
from shared.pg.uow import UnitOfWork
from shared.worker.handler import Incoming
from tests.support.notifier import an_incoming
from tests.support.stream import SetClock

HANG, CUT_OFF, ENDLESS, NEVER_BEGINS = object(), object(), object(), object()
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
_TOLERANCE = timedelta(minutes=4)


@dataclass
class Hook:
    """One request that the sink got."""

    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    def is_signed_by(self, secret: str) -> bool:
        """By both official packages: as their users verify it, or by what they sign where the clock is elsewhere."""
        at = datetime.fromtimestamp(int(self.headers["webhook-timestamp"]), UTC)
        checks = (standardwebhooks.Webhook(secret), svix.Webhook(secret))
        if abs(at - SystemClock().now()) < _TOLERANCE:
            verdicts = [_verifies(check, self.raw, self.headers) for check in checks]
        else:
            given = self.headers["webhook-signature"].split(" ")
            mine = [check.sign(self.id, at, self.raw.decode()) for check in checks]
            verdicts = [any(compare_digest(one, each) for each in given) for one in mine]
        assert verdicts[0] == verdicts[1]
        return verdicts[0]


def _verifies(check: Any, raw: bytes, headers: Mapping[str, str]) -> bool:
    try:
        check.verify(raw, headers)
    except (standardwebhooks.WebhookVerificationError, svix.WebhookVerificationError):
        return False
    return True


@dataclass
class HookSink:
    """Takes what comes. `answers` are used up first: (status, headers, body), or one of the ways not to answer."""

    port: int = 0
    got: list[Hook] = field(default_factory=list)
    answers: list[Any] = field(default_factory=list)
    otherwise: Any = (200, {}, b"ok")
    """What it answers when these are used up."""
    at_once: int = 0
    most_at_once: int = 0
    delay: float = 0.0
    connections: list[asyncio.Transport] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def ids(self) -> list[str]:
        return [one.id for one in self.got]


class _Http(asyncio.Protocol):
    def __init__(self, sink: HookSink) -> None:
        self._sink = sink
        self._parser = httptools.HttpRequestParser(self)
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._sink.connections.append(transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._path, self._headers, self._body = "", dict[str, str](), b""

    def on_url(self, url: bytes) -> None:
        self._path += url.decode()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode().lower()] = value.decode()

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        sink = self._sink
        sink.got.append(Hook(self._path, self._headers, self._body))
        task = asyncio.ensure_future(self._answer(sink.answers.pop(0) if sink.answers else sink.otherwise))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, answer: Any) -> None:
        sink = self._sink
        sink.at_once += 1
        sink.most_at_once = max(sink.most_at_once, sink.at_once)
        await asyncio.sleep(sink.delay)
        sink.at_once -= 1
        if answer is HANG:
            return
        if answer is CUT_OFF:
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
            self._transport.close()
            return
        if answer is ENDLESS:
            self._transport.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while not self._transport.is_closing():
                self._transport.write(b"400\r\n" + b"x" * 1024 + b"\r\n")
                await asyncio.sleep(0.001)
            return
        if answer is NEVER_BEGINS:
            while not self._transport.is_closing():
                self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 1_000)
                await asyncio.sleep(0)
            return
        status, headers, body = answer
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._transport.write(f"HTTP/1.1 {status} X\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body)


@asynccontextmanager
async def a_hook_sink(**given: Any) -> AsyncIterator[HookSink]:
    """A sink on a port of its own."""
    sink = HookSink(**given)
    server = await asyncio.get_running_loop().create_server(lambda: _Http(sink), "127.0.0.1", 0)
    sink.port = server.sockets[0].getsockname()[1]
    try:
        yield sink
    finally:
        for transport in sink.connections:
            transport.abort()
        server.close()
        await server.wait_closed()


@dataclass
class Names:
    """A resolver of the test's own: what each name leads to, used up until one is left. Counts the questions."""

    known: dict[str, list[Sequence[str]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def __call__(self, host: str) -> Sequence[Address]:
        self.asked.append(host)
        answers = self.known.get(host)
        if not answers:
            raise OSError("unknown")
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return [ip_address(one) for one in found]


@dataclass
class HookDesk:
    """The notifier's handler and what calls endpoints, on one database, at a time that the test sets."""

    engine: AsyncEngine
    names: Names = field(default_factory=Names)
    networks: str = "127.0.0.0/8"
    timeout: float = 5.0
    clock: SetClock = field(default_factory=lambda: SetClock(SystemClock().now()))
    figures: Figures = field(default_factory=lambda: Figures("notifier"))

    def __post_init__(self) -> None:
        self.uow = UnitOfWork(self.engine)
        self.known = endpoints.KnownEndpoints()
        self.handler = NotifierHandler(Setup(), lambda *_: None, lambda *_: None, known=self.known, call=self._wake)
        self.guard = Guard(self.names, read_networks(self.networks))
        self.trust = httpcore.default_ssl_context()
        self.caller = self.a_caller()

    def _wake(self) -> None:
        self.caller.wake()

    def a_caller(self) -> Caller:
        return Caller(
            lambda url: Line(url, self.guard, self.trust, self.timeout),
            self.uow,
            clock=self.clock,
            dice=lambda: 0.5,
            token=lambda: secrets.token_hex(8),
            figures=self.figures,
        )

    @asynccontextmanager
    async def open(self) -> AsyncIterator["HookDesk"]:
        """Endpoints are called during the block."""
        task = asyncio.create_task(self.caller.run())
        try:
            yield self
        finally:
            self.caller.stop()
            await asyncio.wait_for(task, 15)

    async def endpoint(self, url: str, id: str = "ep_1", **changes: Any) -> str:
        fields: dict[str, Any] = {
            **{"id": id, "url": url, "name": None, "description": "", "types": None, "filter": Filter()},
            **{"score_by": None, "secret": SECRET, "enabled": True, "created_by": "tests"},
        }
        async with self.uow.begin() as c:
            await endpoints.make(c, fields | changes, self.clock.now())
        return id

    async def change(self, id: str = "ep_1", **changes: Any) -> None:
        async with self.uow.begin() as c:
            await endpoints.change(c, id, changes, self.clock.now())
        self.caller.changed()

    async def replay(self, since: datetime, id: str = "ep_1", *, undelivered_only: bool = False) -> int:
        until = self.clock.now() + timedelta(microseconds=1)
        async with self.uow.begin() as c:
            count = await calls.replay(c, id, since, until, undelivered_only=undelivered_only, now=self.clock.now())
            await endpoints.let_go(c, id)
        self.caller.wake()
        return count

    async def tell(self, *told: Event | ActionRequested | ActionCancelled, partition: int = 0) -> None:
        """Hand a batch to the handler, as the consume loop does."""
        batch = [one_incoming(one) for one in told]
        async with self.uow.begin() as c:
            await self.handler.handle(c, partition, batch, self.clock.now(), False)
        self.handler.committed(partition)

    def later(self, **by: float) -> None:
        """Let time pass, and the caller notice."""
        self.clock.move(timedelta(**by))
        self.caller.wake()

    async def rows(self, statement: str = "SELECT * FROM calls ORDER BY created_at, id", **given: Any) -> list[Any]:
        async with self.engine.connect() as c:
            return list((await c.execute(text(statement), given)).all())

    async def states(self) -> list[str]:
        return [row.state for row in await self.rows()]

    async def one(self) -> Any:
        """The one endpoint."""
        [found] = await self.rows("SELECT * FROM endpoints")
        return found

    async def staged(self, type: str) -> list[Any]:
        """What of this type was told to playbooks, in order."""
        events = [envelope.decode(row.value) for row in await self.rows("SELECT value FROM outbox ORDER BY id")]
        return [registry.data_of(event) for event in events if event.type == type]


def one_incoming(told: Event | ActionRequested | ActionCancelled) -> Incoming:
    if not isinstance(told, Event):
        return an_incoming(told, TRACE)
    topic = registry.topic_of(told.type)
    record = Record(topic, 0, 0, told.time, told.subject, envelope.encode(told), {"traceparent": TRACE})
    return Incoming(record, told, registry.data_of(told))


def told(
    type: str = "answer.received",
    id: str = "event-1",
    account: str = "northwind",
    at: datetime | None = None,
    **data: Any,
) -> Event:
    """What playbooks tell."""
    card = {"id": account, "name": account.title(), "segment": "mid-market", "plan": "pro", "band": "amber"}
    contact = data.get("contact_id")
    return envelope.wrap(
        WebhookTold(type=type, data={"account": card, **data}, contact_id=contact),  # type: ignore[arg-type]
        id=id,
        source="keepwell/playbooks",
        type="webhook.told",
        subject=account,
        time=at or SystemClock().now(),
    )


def health(rev: int, score: float | None, band: str, before: float | None, band_before: str, **data: Any) -> Event:
    """An account's health, as it was assessed."""
    said: dict[str, Any] = {
        "rev": rev,
        "score": score,
        "band": band,
        "previous_score": before,
        "previous_band": band_before,
    }
    return told("health.changed", f"northwind@{rev}", **said, drivers=[], cause={}, **data)
