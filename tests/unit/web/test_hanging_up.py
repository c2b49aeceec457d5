"""A client that hangs up in the middle of its body is a client's going: counted as such, and no fault of ours."""

import asyncio
import logging
import re
import socket
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from fastapi import FastAPI, Request, Response
from pydantic import BaseModel

from services.ingest.api.reading import body_within
from shared.figures import Figures
from shared.service.process import server_of
from shared.telemetry import metrics
from shared.web.app import create_app
from shared.web.routes import Router
from tests.support.ingest import counted_bytes
from tests.support.stream import until

SAID = "the client hung up in the middle of its body"


class Thing(BaseModel):
    name: str


def an_app(figures: Figures) -> FastAPI:
    app = create_app("test", "1", checks={}, figures=figures, random=counted_bytes())
    router = Router()

    @router.post("/raw")
    async def raw(request: Request) -> int:
        return len(await request.body())

    @router.post("/parsed")
    async def parsed(thing: Thing) -> str:
        return thing.name

    @router.post("/small")
    async def small(request: Request) -> int:
        return len(await body_within(request, 1000))

    @router.post("/caught")
    async def caught(request: Request) -> int:
        try:
            return len(await request.body())
        except ValueError:
            return 0

    @router.post("/early")
    async def early() -> Response:
        return Response(status_code=204)

    app.include_router(router)
    return app


@pytest.fixture
async def figures_and_port() -> AsyncIterator[tuple[Figures, int]]:
    figures = Figures("test")
    server = server_of(an_app(figures), "127.0.0.1", 0)
    running = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    yield figures, server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    with suppress(asyncio.CancelledError):
        await asyncio.wait_for(running, 10)


def counted(figures: Figures) -> dict[str, str]:
    """The status that each route's requests were counted with."""
    found = re.findall(r"request_seconds_count\{(.*?)\} [1-9]", metrics.text(figures).decode())
    labels = [dict(re.findall(r'(\w+)="(.*?)"', one)) for one in found]
    return {one["route"]: one["status"] for one in labels}


@pytest.mark.parametrize("path", ["/raw", "/parsed", "/small", "/caught"])
@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("hard", [False, True])
async def test_who_hangs_up_in_mid_body_is_counted_apart_and_no_error(
    figures_and_port: tuple[Figures, int], path: str, chunked: bool, hard: bool, caplog: pytest.LogCaptureFixture
) -> None:
    figures, port = figures_and_port
    caplog.set_level(logging.INFO)
    length = "Transfer-Encoding: chunked" if chunked else "Content-Length: 500"
    body = b'1f4\r\n{"name": "a' if chunked else b'{"name": "a'
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{length}\r\n\r\n".encode() + body
    )
    await writer.drain()
    await asyncio.sleep(0.05)
    if hard:
        raw: socket.socket = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    writer.close()
    await until(lambda: path in counted(figures))
    assert counted(figures)[path] == "499"
    loud = [record for record in caplog.records if record.levelno >= logging.WARNING or record.exc_info]
    assert [record.getMessage() for record in loud] == []
    assert [record.message for record in caplog.records if record.name == "keepwell.web"] == [SAID]
