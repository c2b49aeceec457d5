"""Builders of what the notifier is asked, and real sinks: a server that answers as Slack does, and a mail server."""

import asyncio
import json
import secrets
import time
import warnings
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import partial
from typing import Any

import httptools
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.notifier.channels.protocol import Dispatch
from services.notifier.core.retry import Outcome, Sent
from services.notifier.core.routing import Setup, Transport
from services.notifier.handler import NotifierHandler
from services.notifier.sending.sender import Sender
from services.notifier.sending.watching import Watch
from services.notifier.store.told import compose_rows
from services.notifier.writing.admission import Admission
from services.notifier.writing.composing import Composer
from shared.figures import Figures
from shared.log.protocol import Record
from shared.messages import envelope, registry
from shared.messages.actions import (
    AccountCard,
    ActionCancelled,
    ActionRequested,
    FlagCard,
    ItemChanged,
    Recipient,
    TaskCard,
)
from shared.messages.assessments import Driver
from shared.messages.deliveries import DeliverySettled
from shared.messages.envelope import Event
from shared.pg.pool import make_engine
from shared.pg.uow import UnitOfWork
from shared.worker.handler import Incoming
from tests.support.logins import as_service
from tests.support.slack_limits import WORDS_BACK, WORDS_WITHIN, Pace, fault
from tests.support.stream import SetClock, until

NOW = datetime(2026, 11, 18, 9, 14, tzinfo=UTC)
"""A Wednesday; 10:14 in Berlin."""

THE_OWNER = Recipient(
    id="csm-3", name="Owner of Northwind", email="owner@example.com", slack="U012AB3CD", time_zone="Europe/Berlin"
)


def an_account(id: str = "northwind", **changes: Any) -> AccountCard:
    fields: dict[str, Any] = {
        "id": id,
        "name": id.title(),
        "plan": "pro",
        "segment": "mid-market",
        "stage": "renewal",
        "owner": "owner@example.com",
        "mrr_minor": 420_000,
        "currency": "EUR",
        "renews_at": NOW + timedelta(days=41),
        "score": 5200,
        "previous_score": 7400,
        "band": "amber",
        "previous_band": "green",
    }
    return AccountCard(**(fields | changes))


def an_action(id: str = "act-1", **changes: Any) -> ActionRequested:
    """What a detractor after a bad ticket asks for: a task for the owner."""
    fields: dict[str, Any] = {
        "action_id": id,
        "kind": "task",
        "playbook": "detractor@3",
        "playbook_title": "Detractor: call within a day",
        "episode_id": "ep-1",
        "step": 0,
        "recipient": THE_OWNER,
        "severity": "high",
        "title": "Call their admin",
        "why": ["an answer of 2 is a detractor's"],
        "since": NOW - timedelta(seconds=2),
        "do": "Ask what went wrong with the lost tickets, and say who will fix it by when.",
        "account": an_account(),
        "drivers": [
            Driver(
                kind="measure",
                name="support.urgent",
                points=-900,
                reason="urgent ticket T-118 open for 5 days",
            ),
            Driver(
                kind="measure",
                name="feedback.nps",
                points=-1300,
                reason='their admin scored us 2: "third time support lost our ticket"',
            ),
        ],
        "task": TaskCard(
            task_id="tsk-41",
            title="Call their admin",
            due_at=datetime(2026, 11, 19, 14, 0, tzinfo=UTC),
            assigned_because="they own the account",
        ),
        "caused_at": NOW - timedelta(milliseconds=80),
    }
    return ActionRequested(**(fields | changes))


def an_alert(id: str = "alert-1", **changes: Any) -> ActionRequested:
    fields: dict[str, Any] = {
        "kind": "alert",
        "task": None,
        "playbook": "usage-falling@1",
        "playbook_title": "Usage is falling",
        "title": "Usage fell by half in two weeks",
        "do": "Find out what changed on their side.",
    }
    return an_action(id, **(fields | changes))


def a_flag(id: str = "flag-1", **changes: Any) -> ActionRequested:
    fields: dict[str, Any] = {
        "kind": "flag",
        "task": None,
        "playbook": "ready-to-grow@1",
        "playbook_title": "Ready to grow",
        "severity": "info",
        "title": "Offer the next plan",
        "do": None,
        "drivers": [],
        "why": [],
        "flag": FlagCard(
            flag_id="flg-1", title="Offer the next plan", reasons=["95 % of the seats are used", "a promoter: 9"]
        ),
    }
    return an_action(id, **(fields | changes))


def alerts_that_turned_red(count: int) -> list[ActionRequested]:
    return [
        an_alert(
            f"alert-{n}",
            account=an_account(
                f"customer-{n:03}", band="red", score=1000 + 100 * n, previous_band="green", mrr_minor=100_000 + n
            ),
        )
        for n in range(count)
    ]


@dataclass
class Posted:
    """One request that the sink got."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class SlackSink:
    """Answers as Slack does, and holds whoever posts to its limits. `answers` are used up first.

    An answer is (status, headers, body), or `hang` to take the request and never answer.
    """

    url: str = ""
    got: list[Posted] = field(default_factory=list)
    answers: list[Any] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    shown: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    """By channel and stamp: each message as it reads now."""
    words: list[str] = field(default_factory=list)
    """What whoever clicked was told where they clicked."""
    pace: Pace = field(default_factory=Pace)
    _words_back: dict[str, list[float]] = field(default_factory=dict)

    @property
    def webhook_url(self) -> str:
        return f"{self.url}/services/T000/B000/verysecretpath"

    @property
    def api_url(self) -> str:
        return f"{self.url}/api"

    def response_url(self, name: str = "1") -> str:
        return f"{self.url}/actions/T000/{name}/secret"

    def only(self) -> dict[str, Any]:
        """The one message that can be read."""
        (one,) = self.shown.values()
        return one

    def delete(self) -> None:
        """Somebody deletes every message."""
        self.shown.clear()

    def good(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        if path.startswith("/actions/"):
            return self._word(path, body)
        if path.startswith("/services/"):
            error = fault(body)
            return (400, {}, error.encode()) if error else (200, {"Content-Type": "text/html"}, b"ok")
        if (error := fault(body)) is not None:
            return says(error)
        if path.endswith("/chat.update"):
            place = body["channel"], body["ts"]
            if place not in self.shown:
                return says("message_not_found")
            self.shown[place] = body
            return self._ok(*place)
        if wait := self.pace.wait(body["channel"], time.monotonic()):
            return 429, {"Retry-After": str(wait)}, b'{"ok":false,"error":"ratelimited"}'
        place = _channel(body["channel"]), f"1763457240.{len(self.shown) + 1:04}00"
        self.shown[place] = body
        return self._ok(*place)

    def _word(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        now = time.monotonic()
        before = [at for at in self._words_back.get(path, []) if at > now - WORDS_WITHIN]
        if len(before) >= WORDS_BACK:
            return 404, {}, b"expired_url"
        self._words_back[path] = [*before, now]
        if body.get("response_type") != "ephemeral" or not body.get("text"):
            return 500, {}, b"invalid_payload"
        self.words.append(body["text"])
        return 200, {}, b"ok"

    def _ok(self, channel: str, stamp: str) -> tuple[int, dict[str, str], bytes]:
        answer = json.dumps({"ok": True, "channel": channel, "ts": stamp}).encode()
        return 200, {"Content-Type": "application/json"}, answer


def _channel(target: str) -> str:
    """A channel's id: what is sent to a person is in a channel of its own."""
    if target.startswith("#"):
        return f"C{target[1:].upper()}"
    return f"D{target[1:]}" if target.startswith("U") else target


HANG = object()
RATE_LIMITED = (429, {"Retry-After": "7"}, b'{"ok":false,"error":"ratelimited"}')


def says(error: str) -> tuple[int, dict[str, str], bytes]:
    """An error as `chat.postMessage` says it: with status 200."""
    return 200, {"Content-Type": "application/json"}, json.dumps({"ok": False, "error": error}).encode()


class _Http(asyncio.Protocol):
    def __init__(self, sink: SlackSink) -> None:
        self._sink = sink
        self._parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

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
        self._sink.got.append(Posted(self._path, self._headers, json.loads(self._body)))
        self._sink.arrived.set()
        answer = (
            self._sink.answers.pop(0) if self._sink.answers else self._sink.good(self._path, self._sink.got[-1].body)
        )
        if answer is HANG:
            return
        status, headers, body = answer
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._transport.write(f"HTTP/1.1 {status} X\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body)


@asynccontextmanager
async def a_slack_sink() -> AsyncIterator[SlackSink]:
    """A sink on a port of its own."""
    sink = SlackSink()
    transports: list[asyncio.Transport] = []

    def accept() -> _Http:
        protocol = _Http(sink)
        made = protocol.connection_made

        def connection_made(transport: asyncio.BaseTransport) -> None:
            made(transport)
            assert isinstance(transport, asyncio.Transport)
            transports.append(transport)

        protocol.connection_made = connection_made  # type: ignore[method-assign]
        return protocol

    server = await asyncio.get_running_loop().create_server(accept, "127.0.0.1", 0)
    sink.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield sink
    finally:
        for transport in transports:
            transport.abort()
        server.close()
        await server.wait_closed()


@dataclass
class MailSink:
    """A real SMTP server. `answers` to the data are used up first, then every letter is taken."""

    port: int = 0
    letters: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    answers: list[Any] = field(default_factory=list)
    refuse_sender: str = ""
    refuse_recipient: str = ""
    refuse_login: bool = False
    asks_for_login: bool = False

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.refuse_sender:
            return self.refuse_sender
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.refuse_recipient:
            return self.refuse_recipient
        envelope.rcpt_tos.append(address)
        self.recipients.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        letter = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(letter, EmailMessage)
        self.letters.append(letter)
        answer = self.answers.pop(0) if self.answers else "250 taken as Q1"
        if answer is HANG:
            await asyncio.sleep(30)
        return str(answer)

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=not self.refuse_login, handled=False)


@asynccontextmanager
async def a_mail_sink(
    *, asks_for_login: bool = False, refuse_login: bool = False, utf8: bool = True
) -> AsyncIterator[MailSink]:
    """A mail server on a port of its own."""
    sink = MailSink(asks_for_login=asks_for_login, refuse_login=refuse_login)
    sessions: list[SMTP] = []

    def accept() -> SMTP:
        with warnings.catch_warnings():
            # It minds a login without TLS; here nobody listens in.
            warnings.simplefilter("ignore")
            session = SMTP(
                sink,
                hostname="mail.example.com",
                enable_SMTPUTF8=utf8,
                authenticator=sink.authenticate if asks_for_login else None,
                auth_require_tls=False,
                auth_required=asks_for_login,
                loop=asyncio.get_running_loop(),
            )
        sessions.append(session)
        return session

    server = await asyncio.get_running_loop().create_server(accept, "127.0.0.1", 0)
    sink.port = server.sockets[0].getsockname()[1]
    try:
        yield sink
    finally:
        for session in sessions:
            if session.transport is not None:
                session.transport.close()
            task = getattr(session, "_handler_coroutine", None)
            if task is not None:
                task.cancel()
        await asyncio.sleep(0)
        server.close()
        await server.wait_closed()


@asynccontextmanager
async def notifier_engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    """The notifier's own engine, on a migrated database."""
    made = make_engine(as_service(database_url, "notifier"), "notifier")
    try:
        yield made
    finally:
        await made.dispose()


@dataclass
class ScriptedChannel:
    """A channel that answers as told: outcomes are used up first, then everything is sent. Keeps the protocol."""

    name: Transport = "slack"
    timeout: float = 5.0
    at_once: int = 16
    outcomes: list[Outcome] = field(default_factory=list)
    got: list[Dispatch] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    """While it is not set, nothing that was begun ends."""
    quick: int = 0
    """So many don't wait for that."""

    def __post_init__(self) -> None:
        self.open.set()

    async def send(self, dispatch: Dispatch) -> Outcome:
        self.got.append(dispatch)
        if self.quick:
            self.quick -= 1
        else:
            await self.open.wait()
        return self.outcomes.pop(0) if self.outcomes else Sent(receipt="r1")

    def titles(self) -> list[str]:
        return [dispatch.message.title for dispatch in self.got]


class Counted(UnitOfWork):
    """Counts the transactions that have ended."""

    ended = 0

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        async with super().begin() as c:
            yield c
        self.ended += 1


@dataclass
class Desk:
    """The notifier without its stream: a handler and a sender on one database, at a time that the test sets."""

    engine: AsyncEngine
    channel: Any = field(default_factory=ScriptedChannel)
    setup: Setup = field(default_factory=lambda: Setup(slack="bot"))
    clock: SetClock = field(default_factory=lambda: SetClock(NOW))
    figures: Figures = field(default_factory=lambda: Figures("notifier"))
    goes_on: bool = False
    """What fails takes its next road."""
    beside: Sequence[Any] = ()
    """Other channels that something is sent on."""
    ops: Sequence[str] = ()
    """The channels for ops."""
    composer: Composer | None = None
    admission: Admission | None = None
    """Of letters to customers' people."""

    def __post_init__(self) -> None:
        self.uow = UnitOfWork(self.engine)
        self.looks: Counted = Counted(self.engine)
        self.handler = NotifierHandler(
            self.setup,
            lambda *names: self.sender.wake() if names else None,
            lambda _, new: self.sender.expect(new),
            composer=self.composer,
        )
        self.watch = Watch(self.uow, self.clock, self.ops)
        self.sender = self.a_sender()
        self.others = [self.a_sender(channel) for channel in self.beside]

    def wake(self) -> None:
        for sender in (self.sender, *self.others):
            sender.wake()

    def a_sender(self, channel: Any = None) -> Sender:
        return Sender(
            channel or self.channel,
            self.looks,
            clock=self.clock,
            dice=lambda: 0.5,
            token=lambda: secrets.token_hex(8),
            figures=self.figures,
            setup=self.setup if self.goes_on else None,
            on_failed=self.wake,
            arrived=self.watch.arrived,
            compose=self.composer.letter if self.composer is not None else compose_rows,
            admission=self.admission,
        )

    async def ask(self, *actions: ActionRequested | ActionCancelled | ItemChanged | Event, partition: int = 0) -> None:
        """Hand a batch to the handler, as the consume loop does; an event comes as it is."""
        batch = [an_incoming(action) for action in actions]
        async with self.uow.begin() as c:
            await self.handler.handle(c, partition, batch, self.clock.now(), False)
        self.handler.committed(partition)

    def later(self, **by: float) -> None:
        """Let time pass, and the sender notice."""
        self.clock.move(timedelta(**by))
        self.wake()

    async def looked(self) -> None:
        """Return when the sender has looked for what is due, as of now: what it has not sent by then, it holds back."""
        # A look has two transactions at most, so four ended ones hold a look that began after this call.
        for wanted in range(self.looks.ended + 1, self.looks.ended + 5):
            self.sender.wake()
            await until(partial(self._has_ended, wanted))

    def _has_ended(self, wanted: int) -> bool:
        return self.looks.ended >= wanted

    async def rows(self, statement: str = "SELECT * FROM deliveries ORDER BY created_at, id") -> list[Any]:
        async with self.engine.connect() as c:
            return list((await c.execute(text(statement))).all())

    async def write(self, statement: str, **values: Any) -> None:
        """Bring about what the code no longer does."""
        async with self.engine.begin() as c:
            await c.execute(text(statement), values)

    async def states(self) -> list[str]:
        return [row.state for row in await self.rows()]

    async def settled(self) -> list[DeliverySettled]:
        """What was told to playbooks, in order."""
        rows = await self.rows("SELECT value FROM outbox ORDER BY id")
        return [registry.data_of(envelope.decode(row.value)) for row in rows]

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Desk"]:
        """The sender runs during the block."""
        senders = (self.sender, *self.others)
        tasks = [asyncio.create_task(sender.run()) for sender in senders]
        try:
            yield self
        finally:
            for sender in senders:
                sender.stop()
            await asyncio.wait_for(asyncio.gather(*tasks), 15)

    async def kill(self, task: asyncio.Task[None]) -> None:
        """End a sender as `kill -9` does: what it was sending is cut off and nothing is recorded."""
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def of_kim(type: str, minutes: int = 0, id: str = "", contact: str = "kim", **data: Any) -> Event:
    """What is told of a person at Northwind so many minutes from now."""
    struct = registry.CUSTOMER_EVENTS[type][1]
    known = {"contact_id": contact} if "contact_id" in struct.__struct_fields__ else {}
    return envelope.wrap(
        struct(**known, **data),
        id=id or f"{type}-{minutes}",
        source="crm",
        type=type,
        subject="northwind",
        time=NOW + timedelta(minutes=minutes),
    )


def an_incoming(
    action: ActionRequested | ActionCancelled | ItemChanged | Event, traceparent: str | None = None
) -> Incoming:
    """A record as the consume loop hands it on."""
    if isinstance(action, Event):
        record = Record(registry.ACCOUNTS, 0, 0, NOW, action.subject, envelope.encode(action), {})
        return Incoming(record, action, registry.data_of(action))
    types = {struct: name for name, (_, struct) in registry.INTERNAL.items()}
    event = envelope.wrap(
        action,
        id=f"{action.action_id}-{types[type(action)]}",
        source="keepwell/playbooks",
        type=types[type(action)],
        subject=action.account.id if isinstance(action, ActionRequested) else "northwind",
        time=NOW,
    )
    headers = {"traceparent": traceparent} if traceparent else {}
    record = Record(registry.ACTIONS, 0, 0, NOW, event.subject, envelope.encode(event), headers)
    return Incoming(record, event, action)
