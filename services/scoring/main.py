"""Wires scoring and runs it: `python -m services.scoring.main --role api|worker|all`."""

import argparse
import asyncio
import contextlib
import logging
import os
import secrets
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from fastapi import FastAPI
from sqlalchemy import text

from services.scoring import api, reading
from services.scoring.handler import PLAN, ScoringHandler
from services.scoring.rules import load_rules
from services.scoring.settings import ScoringSettings
from shared import logs, process
from shared.auth import KeyStore
from shared.clock import SystemClock
from shared.conditions.loading import Refused
from shared.db import offsets
from shared.db.engine import make_engine, session_settings
from shared.db.uow import UnitOfWork
from shared.metrics import Metrics
from shared.settings import SettingsError
from shared.status import status_routes
from shared.stream.opening import make_stream
from shared.stream.protocol import BrokerUnavailable, LogMismatch
from shared.stream.worker import Worker
from shared.web import create_app

_LOG = logging.getLogger("keepwell.scoring")
_MEND: Final = "python -m services.scoring.main --reread"
_TRY_AGAIN: Final = 1.0
_MOST_CONNECTIONS: Final = 8
"""Partitions are worked on side by side, each in a transaction of its own."""


class Service:
    """Scoring with all its parts."""

    def __init__(self, settings: ScoringSettings, role: str) -> None:
        if settings.database_url is None:
            raise SettingsError("KEEPWELL_DATABASE_URL is not set. `keepwell up` sets it for its own services.")
        url = settings.database_url.get_secret_value()
        self._role = role
        self._clock, self._metrics, self._rules = SystemClock(), Metrics("scoring"), load_rules(settings.scorecards)
        self._engine = make_engine(url, "scoring", pool_size=min(settings.partitions, _MOST_CONNECTIONS))
        self._uow = UnitOfWork(self._engine)
        self._stream = make_stream(settings.broker, url, session_settings("scoring"), settings.partitions)
        self._keys = KeyStore(self._uow, self._clock, secrets.token_bytes)
        self._started, self._stopping = asyncio.Event(), asyncio.Event()
        self._worker = self._make_worker() if role != "api" else None

    def app(self) -> FastAPI:
        """The HTTP face; a worker has the probes and its status only."""
        app = create_app(
            "Keepwell scoring",
            "1",
            lifespan=self._lifespan,
            checks={"database": self._check_database, "broker": self._check_broker},
            metrics=self._metrics,
            random=secrets.token_bytes,
            description="How healthy every account is, and why.",
        )
        app.state.keys = self._keys
        app.include_router(
            status_routes(
                "scoring",
                self._stream.kind,
                uow=self._uow,
                clock=self._clock,
                worker=self._worker,
                extra=reading.status,
            )
        )
        if self._role != "worker":
            app.include_router(api.routes(self._uow, self._clock, self._rules))
        return app

    def stop(self) -> None:
        """Let what is at hand end."""
        self._stopping.set()
        if self._worker is not None:
            self._worker.stop()

    async def consume(self) -> None:
        """Wait for the broker, however long it takes; then work until stopped."""
        while not (self._started.is_set() or self._stopping.is_set()):
            try:
                await self._stream.start()
                self._started.set()
            except (BrokerUnavailable, OSError, TimeoutError) as error:
                _LOG.warning("waiting for the broker", extra={"error": type(error).__name__})
                await asyncio.sleep(_TRY_AGAIN)
        _LOG.info("ready", extra={"role": self._role, "broker": self._stream.kind})
        work: Callable[[], Awaitable[object]] = self._stopping.wait if self._worker is None else self._worker.run
        await work()

    async def reread(self) -> None:
        """Forget how far the topics were read: claims recognise every event that was counted."""
        async with self._uow.begin() as c:
            await offsets.forget(c)
        await self._engine.dispose()

    async def close(self) -> None:
        """Close every connection, once all jobs have ended."""
        await self._stream.stop()
        await self._engine.dispose()

    def _make_worker(self) -> Worker:
        return Worker(
            PLAN,
            ScoringHandler(self._rules, self._metrics),
            stream=self._stream,
            uow=self._uow,
            clock=self._clock,
            owner=f"{socket.gethostname()}:{os.getpid()}",
            mend=_MEND,
            metrics=self._metrics,
        )

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


async def _serve(settings: ScoringSettings, role: str) -> None:
    service = Service(settings, role)
    try:
        port = settings.port_of("scoring")
        await process.run(service.app(), host=settings.host, port=port, jobs=[service.consume], on_stop=service.stop)
    finally:
        await service.close()


async def _reread(settings: ScoringSettings) -> None:
    await Service(settings, "api").reread()


def main() -> int:
    """Run until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m services.scoring.main", description=__doc__)
    parser.add_argument("--role", choices=("api", "worker", "all"), default="all")
    parser.add_argument("--reread", action="store_true", help="forget how far the topics were read, and end")
    asked = parser.parse_args()
    try:
        settings = ScoringSettings.load()
        logs.configure("scoring", settings.log_level)
        asyncio.run(_reread(settings) if asked.reread else _serve(settings, asked.role))
    except (SettingsError, LogMismatch, Refused) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
