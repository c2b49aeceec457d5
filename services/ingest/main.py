"""Wires ingest and runs it: `python -m services.ingest.main --role api|worker|all`."""

import argparse
import asyncio
import contextlib
import logging
import secrets
import sys
from collections.abc import AsyncIterator, Awaitable, Callable

from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from services.ingest import api, import_api, key_api, openapi
from services.ingest.door import Door
from services.ingest.housekeeping import Housekeeping
from services.ingest.parts import Ingest
from services.ingest.publisher import Publisher
from services.ingest.settings import IngestSettings
from shared import logs, process
from shared.auth import KeyStore
from shared.clock import SystemClock
from shared.db.engine import make_engine, session_settings
from shared.db.lease import while_alone
from shared.db.relay import Relay
from shared.db.uow import UnitOfWork
from shared.metrics import Metrics
from shared.settings import SettingsError
from shared.stream.opening import make_stream
from shared.stream.protocol import BrokerUnavailable
from shared.web import create_app

_log = logging.getLogger("keepwell.ingest")
_TRY_AGAIN = 1.0


class Service:
    """Ingest with all its parts. `role` is api, worker (relay and imports) or all."""

    def __init__(self, settings: IngestSettings, role: str) -> None:
        if settings.database_url is None:
            raise SettingsError("KEEPWELL_DATABASE_URL is not set. `keepwell up` sets it for its own services.")
        url = settings.database_url.get_secret_value()
        self._settings, self._role = settings, role
        clock, self._metrics = SystemClock(), Metrics("ingest")
        self._engine = make_engine(url, "ingest")
        uow = UnitOfWork(self._engine)
        self._stream = make_stream(settings.broker, url, session_settings("ingest"), settings.partitions)
        self._publisher = Publisher(self._stream.producer, self._metrics)
        self._keys = KeyStore(uow, clock, secrets.token_bytes)
        relay = Relay(uow, self._stream, lambda: range(settings.partitions))
        door = Door(
            uow=uow,
            publisher=self._publisher,
            clock=clock,
            random=secrets.token_bytes,
            partitions=settings.partitions,
            metrics=self._metrics,
            wake=relay.wake,
        )
        self._housekeeping = Housekeeping(uow=uow, relay=relay, door=door, clock=clock, metrics=self._metrics)
        self._started, self._stopping = asyncio.Event(), asyncio.Event()
        self._checks = {"database": self._check_database, "broker": self._check_broker}
        secret = settings.stripe_secret
        self._ingest = Ingest(
            door=door,
            uow=uow,
            keys=self._keys,
            clock=clock,
            random=secrets.token_bytes,
            checks=self._checks,
            broker=self._stream.kind,
            stripe_secret=secret.get_secret_value() if secret else None,
        )

    def app(self) -> FastAPI:
        """The HTTP face; a worker has the probes only."""
        app = create_app(
            "Keepwell ingest",
            "1",
            lifespan=self._lifespan,
            checks=self._checks,
            metrics=self._metrics,
            random=secrets.token_bytes,
            description="Where events come in.",
            schemas=openapi.schemas(),
        )
        app.state.ingest, app.state.keys = self._ingest, self._keys
        if self._role != "worker":
            for router in (api.router, import_api.router, key_api.router):
                app.include_router(router)
        return app

    async def work(self) -> None:
        """What runs beside the HTTP face, until `stop`."""
        working, stopping = asyncio.create_task(self._work()), asyncio.create_task(self._stopping.wait())
        await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await working

    def stop(self) -> None:
        """End the work: what the relay has not sent stays in the outbox."""
        self._stopping.set()

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        yield
        await self._publisher.stop()
        await self._stream.stop()
        await self._engine.dispose()

    async def _work(self) -> None:
        # However long it takes: a service that starts before its broker needs no help.
        await _until_it_works("database", self._make_admin_key)
        await _until_it_works("broker", self._stream.start)
        self._started.set()
        _log.info("ready", extra={"role": self._role, "broker": self._stream.kind})
        if self._role == "api":
            await self._stopping.wait()
        else:
            await while_alone(self._engine, "ingest", self._housekeeping.run)

    async def _make_admin_key(self) -> None:
        key = self._settings.admin_key
        if key is not None:
            await self._keys.ensure_admin(key.get_secret_value())

    async def _check_database(self) -> None:
        await _ask(self._engine)

    async def _check_broker(self) -> None:
        if not self._started.is_set():
            raise BrokerUnavailable("Not connected yet.")
        await self._stream.check()
        self._publisher.check()


async def _ask(engine: AsyncEngine) -> None:
    async with engine.connect() as c:
        await c.execute(text("SELECT 1"))


async def _until_it_works(what: str, work: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await work()
        except (BrokerUnavailable, SQLAlchemyError, OSError, TimeoutError) as error:
            _log.warning("waiting for the %s", what, extra={"error": type(error).__name__})
            await asyncio.sleep(_TRY_AGAIN)
        else:
            return


async def _serve(settings: IngestSettings, role: str) -> None:
    service = Service(settings, role)
    port = settings.port_of("ingest")
    await process.run(service.app(), host=settings.host, port=port, jobs=[service.work], on_stop=service.stop)


def main() -> int:
    """Run until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m services.ingest.main", description=__doc__)
    parser.add_argument("--role", choices=("api", "worker", "all"), default="all")
    role = parser.parse_args().role
    try:
        settings = IngestSettings.load()
        logs.configure("ingest", settings.log_level)
        asyncio.run(_serve(settings, role))
    except (SettingsError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
