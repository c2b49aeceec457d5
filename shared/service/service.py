"""What every service's `main.py` starts from: the connections of one process, and how it is run.

A `main.py` builds its own parts on a `Base` and hands back a `Service`; nothing here knows any service.
"""

import argparse
import asyncio
import contextlib
import gc
import logging
import os
import secrets
import socket
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

import uvloop
from fastapi import APIRouter, FastAPI
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.auth.keys import KeyStore
from shared.clock import Clock, SystemClock
from shared.conditions import Refused
from shared.figures import Figures
from shared.log.opening import make_stream
from shared.log.protocol import BrokerUnavailable, LogMismatch, Stream
from shared.pg.pool import make_engine, session_settings
from shared.pg.uow import UnitOfWork
from shared.service import process as processes
from shared.service.lifeline import end_with_parent
from shared.service.readers import reader_routes
from shared.service.watchdog import WorkerHealth, watched
from shared.settings import Settings, SettingsError
from shared.telemetry import logs
from shared.web.app import Check, create_app
from shared.worker import dead_letters, offsets
from shared.worker.counts import Counts
from shared.worker.handler import Handler
from shared.worker.loop import Plan, Worker

_LOG = logging.getLogger(__name__)
_TRY_AGAIN = 1.0
_WARM = 2
"""Connections that are open when the service says that it is ready: as many as one event at a time uses."""
_GRACE = 6.0
_TIDY_EVERY = 3600.0
_PASSING = (SQLAlchemyError, OSError, TimeoutError)
_S = TypeVar("_S", bound=Settings)

Tidy = Callable[[AsyncConnection, datetime], Awaitable[bool | None]]
"""Forgets some rows; true: there may be more, which go at once, in another transaction."""


@dataclass(frozen=True, slots=True)
class Base:
    """One process of a service: `role` is api, worker or all."""

    name: str
    role: str
    clock: Clock
    figures: Figures
    engine: AsyncEngine
    uow: UnitOfWork
    stream: Stream
    keys: KeyStore
    checks: dict[str, Check]
    counts: Counts
    mend: str
    """The command that has the log read from its beginning again, where this process runs."""

    def worker(self, plan: Plan, handler: Handler) -> Worker | None:
        """The process's worker, or None for a process that only answers the API."""
        self.counts.add_workers()
        if self.role == "api":
            return None
        return Worker(
            plan,
            handler,
            stream=self.stream,
            uow=self.uow,
            clock=self.clock,
            owner=f"{socket.gethostname()}:{os.getpid()}",
            mend=self.mend,
            figures=self.figures,
        )


@dataclass(frozen=True, slots=True)
class Service:
    """What a `main.py` has built.

    `jobs` run from the start and cope with what is not there yet; the worker begins once the broker answers, and
    `prepare`, which is tried until database and broker are there, is through. After
    `on_stop` all have 6 s to finish; `close` comes last. A process that is only a worker answers the `probes` alone.
    """

    description: str
    worker: Worker | None = None
    routers: Sequence[APIRouter] = ()
    probes: Sequence[APIRouter] = ()
    prepare: Callable[[], Awaitable[None]] | None = None
    jobs: Sequence[Callable[[], Awaitable[None]]] = ()
    on_stop: Callable[[], None] = lambda: None
    close: Callable[[], Awaitable[None]] | None = None
    state: Mapping[str, Any] = field(default_factory=dict)
    schemas: Mapping[str, Any] = field(default_factory=dict)
    webhooks: Mapping[str, Any] = field(default_factory=dict)
    """What it sends to other systems, as OpenAPI describes that."""
    tidy: Sequence[Tidy] = ()
    """What forgets rows past their term; done every hour by a process that works."""


COLLECT: Final = (20_000, 50, 100)
"""When garbage that refers to itself is looked for. What a worker remembers of accounts is plain data without any, and
by Python's own thresholds (700, 10, 10) going through all of it took a fourth of a batch's time."""


def main(name: str, settings_type: type[_S], wire: Callable[[Base, _S], Service]) -> int:
    """Run a service until SIGTERM. Returns the exit code: `EX_CONFIG` (78) when only a person can mend it, in words."""
    parser = argparse.ArgumentParser(prog=f"python -m services.{name}.main")
    parser.add_argument("--role", choices=("api", "worker", "all"), default="all")
    parser.add_argument("--reread", action="store_true", help="forget how far the log was read, and end")
    arguments = parser.parse_args()
    gc.set_threshold(*COLLECT)
    try:
        settings = settings_type.load()
        logs.configure(name, settings.log_level)
        if settings.minded:
            end_with_parent()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            process = Process(name, settings, arguments.role, wire)
            port = settings.port_of(name)
            runner.run(_reread(process) if arguments.reread else _run(process, settings.host, port))
            # The process ends and gives all back at once: to look for garbage in what a worker remembers of accounts
            # takes seconds, and whoever stops a service waits for so long.
            gc.freeze()
    except (SettingsError, LogMismatch, Refused) as error:
        with contextlib.suppress(OSError):  # on a full disk it can't be told, and is yet so
            sys.stderr.write(f"{error}\n")
        return os.EX_CONFIG
    except processes.PortTaken as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _connect(name: str, settings: Settings, role: str) -> Base:
    url = settings.database()
    if url is None:
        raise SettingsError("KEEPWELL_DATABASE_URL is not set. `keepwell up` sets it for its own services.")
    clock, engine = SystemClock(), make_engine(url, name)
    uow = UnitOfWork(engine)

    async def check_database() -> None:
        await uow.once(select(1))

    figures = Figures(name)
    stream = make_stream(
        settings.broker, url, session_settings(name), settings.partitions, prefix=settings.kafka_prefix
    )
    return Base(
        name=name,
        role=role,
        clock=clock,
        figures=figures,
        engine=engine,
        uow=uow,
        stream=stream,
        keys=KeyStore(uow, clock, secrets.token_bytes),
        checks={"database": check_database},
        counts=Counts(figures, uow, stream, clock),
        mend=f"keepwell reread {name}" if settings.minded else f"python -m services.{name}.main --reread",
    )


class Process(Generic[_S]):
    """One process of a service, with all its parts: an app to serve and work to do, until it is stopped."""

    def __init__(self, name: str, settings: _S, role: str, wire: Callable[[Base, _S], Service]) -> None:
        self._base = _connect(name, settings, role)
        self._connected, self._ending = asyncio.Event(), asyncio.Event()
        self._base.checks["broker"] = self._check_broker
        self._service = service = wire(self._base, settings)
        self._health = WorkerHealth(service.worker, self._base.checks, self._base.clock) if service.worker else None
        self.app = _app(self._base, service, None if self._health is None else self._health.stuck)

    async def work(self) -> None:
        """Do the jobs until stopped. Raises what ends one of them, such as `LogMismatch`."""
        await _work([self._consume, *self._service.jobs], self._ending)

    def stop(self) -> None:
        """Finish what is at hand, then end."""
        self._ending.set()
        if self._service.worker is not None:
            self._service.worker.stop()
        self._service.on_stop()

    async def close(self) -> None:
        """Close every connection."""
        if self._service.close is not None:
            await self._service.close()
        await self._base.stream.stop()
        await self._base.uow.close()
        await self._base.engine.dispose()

    async def reread(self) -> None:
        """Forget how far the log was read: what was counted or sent is recognised when it comes again."""
        async with self._base.uow.begin() as c:
            await offsets.forget(c)

    async def _check_broker(self) -> None:
        if not self._connected.is_set():
            raise BrokerUnavailable("Not connected yet.")
        await self._base.stream.check()

    async def _consume(self) -> None:
        await _connected(self._base, self._service.prepare)
        self._connected.set()
        if self._base.role == "api":
            return
        minding = [] if self._health is None else [self._health.mind()]
        beside = [asyncio.ensure_future(work) for work in (_tidy(self._base, self._service), *minding)]
        try:
            if self._service.worker is not None:
                await self._service.worker.run()
            await self._ending.wait()
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)


async def _run(process: Process[_S], host: str, port: int) -> None:
    try:
        async with watched():
            await processes.run(process.app, host=host, port=port, jobs=[process.work], on_stop=process.stop)
    finally:
        await process.close()


async def _reread(process: Process[_S]) -> None:
    try:
        await process.reread()
    finally:
        await process.close()


async def _tidy(base: Base, service: Service) -> None:
    """Every hour forget what is past its term; what fails is done an hour later."""
    while True:
        for tidy in (*service.tidy, *([dead_letters.trim] if service.worker else [])):
            try:
                more: bool | None = True
                while more:
                    async with base.uow.begin() as c:
                        more = await tidy(c, base.clock.now())
            except Exception as error:
                _LOG.warning("Old rows stay for another hour (%s).", type(error).__name__, exc_info=_ours(error))
        try:
            await base.stream.trim()
        except Exception as error:
            _LOG.warning("The log is trimmed an hour later (%s).", type(error).__name__, exc_info=_ours(error))
        await base.counts.refresh()
        for alarm in base.counts.alarms():
            _LOG.error(alarm)
        await asyncio.sleep(_TIDY_EVERY)


def _ours(error: Exception) -> Exception | None:
    """The error where it is a fault of our own, of which a log should tell more than its name."""
    return None if isinstance(error, (*_PASSING, BrokerUnavailable)) else error


async def _connected(base: Base, prepare: Callable[[], Awaitable[None]] | None) -> None:
    """Wait for the broker and the database, however long it takes: who starts before them needs no help."""
    while True:
        try:
            await base.checks["database"]()
            await base.stream.start()
            if prepare is not None:
                await prepare()
            await base.uow.warm(_WARM, f"services.{base.name}.", "shared.")
        except (BrokerUnavailable, *_PASSING) as error:
            _LOG.warning("waiting for the database and the broker (%s)", type(error).__name__)
            await asyncio.sleep(_TRY_AGAIN)
        else:
            _LOG.info("ready", extra={"role": base.role, "broker": base.stream.kind})
            return


async def _work(jobs: Sequence[Callable[[], Awaitable[None]]], ending: asyncio.Event) -> None:
    """Run jobs until told to end, or until one fails, whose error is raised; then give all 6 s to finish."""
    running = [asyncio.ensure_future(job()) for job in jobs]
    end = asyncio.ensure_future(ending.wait())
    try:
        while not ending.is_set():
            left = [task for task in running if not task.done()]
            done, _ = await asyncio.wait([end, *left], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        await asyncio.wait(running, timeout=_GRACE)
    finally:
        for task in (end, *running):
            task.cancel()
        await asyncio.gather(end, *running, return_exceptions=True)


def _app(base: Base, service: Service, stuck: Callable[[], Awaitable[str | None]] | None) -> FastAPI:
    app = create_app(
        f"Keepwell {base.name}",
        "1",
        checks=base.checks,
        figures=base.figures,
        stuck=stuck,
        random=secrets.token_bytes,
        description=service.description,
        schemas=service.schemas,
        webhooks=service.webhooks,
    )
    app.state.keys = base.keys
    app.include_router(reader_routes(base.counts))
    for name, value in service.state.items():
        setattr(app.state, name, value)
    for router in (*service.probes, *(service.routers if base.role != "worker" else ())):
        app.include_router(router)
    return app
