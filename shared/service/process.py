"""Runs a service's HTTP edge and its background jobs in one event loop, and ends them within 10 s of a SIGTERM."""

import asyncio
import errno
import logging
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from shared.settings import SettingsError
from shared.web.connection import Connection

_LOG = logging.getLogger(__name__)
_GRACE = 8.0


class PortTaken(Exception):
    """Another process listens there, perhaps not for long; the text is a sentence."""


class Server(uvicorn.Server):
    """Uvicorn that leaves signals to us, and parts with clients that keep it waiting."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them."""
        yield

    async def on_tick(self, counter: int) -> bool:
        """Called every 0.1 s. Returns whether to end."""
        if counter % 5 == 0:
            now = asyncio.get_running_loop().time()
            for connection in list(self.server_state.connections):
                if isinstance(connection, Connection):
                    connection.look(now)
        return await super().on_tick(counter)


def server_of(app: ASGIApp, host: str, port: int, connection: type[Connection] = Connection) -> Server:
    """A server for `app`, with limits on what a client may cost."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=connection,
        ws="none",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=5,
        lifespan="off",
    )
    return Server(config)


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises `SettingsError` where this machine can't, `PortTaken` where another does."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(
                f"The port {port} at {host} is taken. End what listens there, or set KEEPWELL_PORT."
            ) from None
        raise SettingsError(f"KEEPWELL_HOST is {host!r}, where nothing can listen: {error.strerror}.") from None


async def run(
    app: FastAPI,
    *,
    host: str,
    port: int,
    jobs: Sequence[Callable[[], Awaitable[None]]] = (),
    on_stop: Callable[[], None] = lambda: None,
) -> None:
    """Serve `app` and run `jobs` until SIGTERM or SIGINT, or until a job fails, whose error is raised.

    `on_stop` asks the jobs to finish what is at hand; after 8 s they are cancelled.
    """
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    server = server_of(app, host, port)
    serving = asyncio.ensure_future(server.serve(sockets=[listening(host, port)]))
    working = [asyncio.ensure_future(job()) for job in jobs]
    waiting = asyncio.ensure_future(stopping.wait())
    try:
        await asyncio.wait([serving, *working, waiting], return_when=asyncio.FIRST_COMPLETED)
    finally:
        on_stop()
        server.should_exit = True
        waiting.cancel()
        _, late = await asyncio.wait([serving, *working], timeout=_GRACE)
        for task in late:
            _LOG.warning("A job did not finish within %s s and was cancelled.", _GRACE)
            task.cancel()
        results = await asyncio.gather(serving, *working, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            raise result
