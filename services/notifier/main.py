"""Wires the notifier and runs it: `python -m services.notifier.main --role api|worker|all`."""

import argparse
import asyncio
import contextlib
import logging
import os
import secrets
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, Final

from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier import api, reading
from services.notifier.channels.email import EmailChannel
from services.notifier.channels.inbox import InboxChannel
from services.notifier.channels.missing import MissingChannel
from services.notifier.channels.protocol import Channel
from services.notifier.channels.slack import SlackChannel, open_client
from services.notifier.handler import NotifierHandler
from services.notifier.rendering import Renderer
from services.notifier.sender import Sender
from services.notifier.settings import NotifierSettings
from shared import logs, process
from shared.auth import KeyStore
from shared.clock import SystemClock
from shared.db import offsets
from shared.db.engine import make_engine, session_settings
from shared.db.uow import UnitOfWork
from shared.messages import registry
from shared.metrics import Metrics
from shared.settings import SettingsError
from shared.status import status_routes
from shared.stream.opening import make_stream
from shared.stream.protocol import BrokerUnavailable, LogMismatch
from shared.stream.worker import Plan, Worker
from shared.web import create_app

_LOG = logging.getLogger("keepwell.notifier")
_TOPICS: Final = (registry.ACTIONS,)
_MEND: Final = "python -m services.notifier.main --reread"
_TRY_AGAIN: Final = 1.0


class Service:
    """The notifier with all its parts."""

    def __init__(self, settings: NotifierSettings, role: str) -> None:
        if settings.database_url is None:
            raise SettingsError("KEEPWELL_DATABASE_URL is not set. `keepwell up` sets it for its own services.")
        url = settings.database_url.get_secret_value()
        self._settings, self._role = settings, role
        self._clock, self._metrics, self._renderer = SystemClock(), Metrics("notifier"), Renderer()
        self._engine = make_engine(url, "notifier")
        self._uow = UnitOfWork(self._engine)
        self._stream = make_stream(settings.broker, url, session_settings("notifier"), settings.partitions)
        self._keys = KeyStore(self._uow, self._clock, secrets.token_bytes)
        self._http = open_client()
        self._started, self._stopping = asyncio.Event(), asyncio.Event()
        works = role != "api"
        self._senders = {channel.name: self._sender(channel) for channel in self._channels()} if works else {}
        self._worker = self._make_worker() if works else None

    def app(self) -> FastAPI:
        """The HTTP face; a worker has the probes and its status only."""
        app = create_app(
            "Keepwell notifier",
            "1",
            lifespan=self._lifespan,
            checks={"database": self._check_database, "broker": self._check_broker},
            metrics=self._metrics,
            random=secrets.token_bytes,
            description="What was sent to whom, and how it went.",
        )
        app.state.keys = self._keys
        app.include_router(
            status_routes(
                "notifier",
                self._stream.kind,
                uow=self._uow,
                clock=self._clock,
                worker=self._worker,
                extra=self._more_status,
            )
        )
        if self._role != "worker":
            app.include_router(api.routes(self._uow, self._clock, self._renderer, self._wake))
        return app

    def jobs(self) -> list[Callable[[], Awaitable[None]]]:
        """What runs beside the HTTP face: the consume loop, and the senders, which need no broker."""
        return [self._consume, *(sender.run for sender in self._senders.values())]

    def stop(self) -> None:
        """Let what is at hand end."""
        self._stopping.set()
        if self._worker is not None:
            self._worker.stop()
        for sender in self._senders.values():
            sender.stop()

    async def reread(self) -> None:
        """Forget how far the topics were read: deliveries are recognised by their ids, so nothing is sent again."""
        async with self._uow.begin() as c:
            await offsets.forget(c)
        await self.close()

    def _channels(self) -> list[Channel]:
        settings = self._settings
        slack: Channel = MissingChannel("slack")
        if settings.slack_bot_token or settings.slack_webhook_url:
            token, url = settings.slack_bot_token, settings.slack_webhook_url
            slack = SlackChannel(
                self._http,
                self._renderer,
                api_url=settings.slack_api_url,
                bot_token=token.get_secret_value() if token else None,
                webhook_url=url.get_secret_value() if url else None,
            )
        email = EmailChannel(settings.smtp, self._renderer) if settings.smtp else MissingChannel("email")
        return [slack, email, InboxChannel(self._uow)]

    def _sender(self, channel: Channel) -> Sender:
        return Sender(
            channel,
            self._uow,
            clock=self._clock,
            dice=secrets.SystemRandom().random,
            token=lambda: secrets.token_hex(8),
            metrics=self._metrics,
            on_settled=self._wake_relay,
        )

    def _make_worker(self) -> Worker:
        return Worker(
            Plan("notifier", _TOPICS, _TOPICS),
            NotifierHandler(self._settings.setup, self._wake_all),
            stream=self._stream,
            uow=self._uow,
            clock=self._clock,
            owner=f"{socket.gethostname()}:{os.getpid()}",
            mend=_MEND,
            metrics=self._metrics,
        )

    def _wake(self, transport: str) -> None:
        # In an API process there is no sender: the worker's finds the row within 5 s.
        if transport in self._senders:
            self._senders[transport].wake()

    def _wake_all(self, transports: Iterable[str]) -> None:
        for transport in transports:
            self._wake(transport)

    def _wake_relay(self) -> None:
        if self._worker is not None:
            self._worker.relay.wake()

    async def _consume(self) -> None:
        # However long it takes: a service that starts before its broker needs no help.
        while not (self._started.is_set() or self._stopping.is_set()):
            try:
                await self._stream.start()
                self._started.set()
            except (BrokerUnavailable, OSError, TimeoutError) as error:
                _LOG.warning("waiting for the broker", extra={"error": type(error).__name__})
                await asyncio.sleep(_TRY_AGAIN)
        _LOG.info("ready", extra={"role": self._role, "broker": self._stream.kind})
        if self._worker is not None:
            await self._worker.run()
        else:
            await self._stopping.wait()

    async def _more_status(self, c: AsyncConnection) -> dict[str, Any]:
        return await reading.status(c, self._clock.now())

    async def _check_database(self) -> None:
        async with self._engine.connect() as c:
            await c.execute(text("SELECT 1"))

    async def _check_broker(self) -> None:
        if not self._started.is_set():
            raise BrokerUnavailable("Not connected yet.")
        await self._stream.check()

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        yield

    async def close(self) -> None:
        """Close every connection, once all jobs have ended."""
        await self._http.aclose()
        await self._stream.stop()
        await self._engine.dispose()


async def _serve(settings: NotifierSettings, role: str) -> None:
    service = Service(settings, role)
    try:
        port = settings.port_of("notifier")
        await process.run(service.app(), host=settings.host, port=port, jobs=service.jobs(), on_stop=service.stop)
    finally:
        await service.close()


async def _reread(settings: NotifierSettings) -> None:
    await Service(settings, "api").reread()


def main() -> int:
    """Run until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m services.notifier.main", description=__doc__)
    parser.add_argument("--role", choices=("api", "worker", "all"), default="all")
    parser.add_argument("--reread", action="store_true", help="forget how far the topics were read, and end")
    asked = parser.parse_args()
    try:
        settings = NotifierSettings.load()
        logs.configure("notifier", settings.log_level)
        asyncio.run(_reread(settings) if asked.reread else _serve(settings, asked.role))
    except (SettingsError, LogMismatch, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
