"""What a client may cost before it has said who it is: the real server, and clients that are sockets."""

import asyncio
import resource
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI, Request

from shared.figures import Figures
from shared.service.process import server_of
from shared.web.app import create_app
from shared.web.body import Limits
from shared.web.connection import LARGEST_HEAD, LONGEST_URL, Connection
from tests.support.ingest import counted_bytes
from tests.support.stream import until

GET = b"GET /healthz HTTP/1.1\r\nHost: keepwell\r\n"


class Quick(Connection):
    """With less patience than the real one."""

    head_seconds = 0.5
    left_seconds = 0.5
    farewell_seconds = 0.5
    most = 20


def an_app() -> FastAPI:
    app = create_app(
        "test",
        "1",
        checks={},
        figures=Figures("test"),
        random=counted_bytes(),
        limits=Limits(body=200_000, bodies=300_000, patience=0.5),
    )

    @app.post("/v1/size")
    async def size(request: Request) -> int:
        return len(await request.body())

    @app.post("/v1/refused")
    async def refused() -> None:
        return None

    @app.post("/v1/held")
    async def held(request: Request) -> int:
        body = await request.body()
        await app.state.release.wait()
        return len(body)

    return app


class Client:
    """A client that may do anything."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def try_to_send(self, *data: bytes) -> None:
        """Send until it is cut off."""
        try:
            for piece in data:
                await self.send(piece)
        except OSError:
            pass

    async def answer(self) -> tuple[int, str]:
        """The status and the rest of an answer, up to its end."""
        head = (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 10)).decode()
        lines = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
        body = await asyncio.wait_for(self.reader.readexactly(int(lines.get("content-length", "0"))), 10)
        return int(head.split()[1]), head.lower() + body.decode()

    async def is_closed(self) -> bool:
        try:
            return await asyncio.wait_for(self.reader.read(), 5) == b""
        except ConnectionError:
            return True


class Place:
    """Where the server listens."""

    def __init__(self, app: FastAPI, port: int) -> None:
        self.app, self.port, self.clients = app, port, list[Client]()

    async def client(self) -> Client:
        self.clients.append(Client(*await asyncio.open_connection("127.0.0.1", self.port)))
        return self.clients[-1]

    async def neighbour(self) -> None:
        """Somebody else is answered."""
        client = await self.client()
        await client.send(GET + b"\r\n")
        assert (await client.answer())[0] == 200


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    app = an_app()
    app.state.release = asyncio.Event()
    server = server_of(app, "127.0.0.1", 0, Quick)
    serving = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    place = Place(app, server.servers[0].sockets[0].getsockname()[1])
    yield place
    app.state.release.set()
    for client in place.clients:
        client.writer.close()
    server.should_exit = True
    await serving


def header(name: str, size: int) -> bytes:
    return f"{name}: ".encode() + b"v" * size + b"\r\n"


async def test_three_hundred_headers_of_a_megabyte_are_431_and_take_no_memory(place: Place) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    client = await place.client()
    sending = asyncio.create_task(client.try_to_send(GET, *([header("x", 1_000_000)] * 300)))
    status, said = await client.answer()
    assert (status, "headers_too_large" in said, "connection: close" in said) == (431, True, True)
    await place.neighbour()
    await asyncio.wait_for(sending, 5)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000  # KB; ours and the client's


@pytest.mark.parametrize(
    "headers",
    [header("x", LARGEST_HEAD), header("x", 100) * 400, b"x" * (LARGEST_HEAD + 1), b"ce-" + header("x", LARGEST_HEAD)],
    ids=["one long value", "many", "a name without end", "an attribute"],
)
async def test_a_head_that_is_too_large_is_431_however_it_is_made(place: Place, headers: bytes) -> None:
    client = await place.client()
    await client.try_to_send(GET, headers, b"\r\n")
    assert (await client.answer())[0] == 431


@pytest.mark.parametrize("pieces", [1, 40])
async def test_an_endless_address_is_414(place: Place, pieces: int) -> None:
    client = await place.client()
    await client.try_to_send(b"GET /", *([b"a" * (LONGEST_URL * 5 // pieces)] * pieces))
    assert (await client.answer())[0] == 414


async def test_an_address_that_is_a_little_too_long_is_414_in_a_whole_request(place: Place) -> None:
    client = await place.client()
    await client.try_to_send(b"GET /healthz?" + b"a" * LONGEST_URL + b" HTTP/1.1\r\nHost: keepwell\r\n\r\n")
    assert (await client.answer())[0] == 414


async def test_a_head_of_decent_size_is_read_whatever_its_pieces(place: Place) -> None:
    client = await place.client()
    for piece in (GET, *([header("x", 500)] * 50), b"\r\n"):
        await client.send(piece)
    assert (await client.answer())[0] == 200


async def test_trailers_have_the_limit_of_a_head(place: Place) -> None:
    client = await place.client()
    chunked = b"POST /v1/size HTTP/1.1\r\nHost: keepwell\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n"
    await client.try_to_send(chunked, *([header("x", 20_000)] * 50))
    assert (await client.answer())[0] == 431
    assert await client.is_closed()


async def test_half_a_head_is_408_in_time_however_it_dribbles(place: Place) -> None:
    client = await place.client()
    dribbling = asyncio.create_task(dribble(client, GET + header("x", 1000)))
    assert (await client.answer())[0] == 408
    assert not dribbling.done()
    dribbling.cancel()


async def dribble(client: Client, data: bytes) -> None:
    for byte in data:
        await client.try_to_send(bytes([byte]))
        await asyncio.sleep(0.02)


async def test_who_connects_and_says_nothing_is_let_go(place: Place) -> None:
    assert await (await place.client()).is_closed()


async def test_who_sends_line_ends_for_ever_between_requests_is_let_go(place: Place) -> None:
    client = await place.client()
    await client.send(GET + b"\r\n")
    assert (await client.answer())[0] == 200
    dribbling = asyncio.create_task(dribble(client, b"\r\n" * 100))
    assert await client.is_closed()
    dribbling.cancel()


async def test_a_body_that_dribbles_is_408(place: Place) -> None:
    client = await place.client()
    await client.send(b"POST /v1/size HTTP/1.1\r\nHost: keepwell\r\nContent-Length: 1000\r\n\r\n")
    dribbling = asyncio.create_task(dribble(client, b"x" * 1000))
    status, said = await client.answer()
    assert (status, "too_slow" in said) == (408, True)
    assert await client.is_closed()
    dribbling.cancel()


async def test_two_hundred_half_open_connections_keep_nobody_waiting(place: Place) -> None:
    for number in range(232):
        client = await place.client()
        await client.try_to_send(GET[: number % len(GET)])
        if number % 40 == 39:
            await place.neighbour()
    await place.neighbour()


async def test_when_all_connections_are_at_work_who_comes_is_told_to_come_again(place: Place) -> None:
    for _ in range(Quick.most):
        await (await place.client()).send(b"POST /v1/held HTTP/1.1\r\nHost: keepwell\r\nContent-Length: 1\r\n\r\nx")
    await asyncio.sleep(0.1)
    status, said = await (await place.client()).answer()
    assert (status, "retry-after: " in said) == (503, True)
    place.app.state.release.set()
    assert {(await client.answer())[0] for client in place.clients[: Quick.most]} == {200}


async def test_all_bodies_together_are_bounded_and_room_comes_back(place: Place) -> None:
    body = b"x" * 200_000
    post = b"HTTP/1.1\r\nHost: keepwell\r\nContent-Length: 200000\r\n\r\n" + body
    first = await place.client()
    await first.send(b"POST /v1/held " + post)
    await asyncio.sleep(0.1)
    second = await place.client()
    await second.try_to_send(b"POST /v1/size " + post)
    status, said = await second.answer()
    assert (status, "busy" in said, "retry-after: " in said) == (503, True, True)
    place.app.state.release.set()
    assert (await first.answer())[0] == 200
    third = await place.client()
    await third.send(b"POST /v1/size " + post)
    assert (await third.answer())[0] == 200


@pytest.mark.parametrize("more", [b"", b"Connection: close\r\n"])
async def test_an_answer_before_the_body_arrives_though_the_client_sends_on(place: Place, more: bytes) -> None:
    client = await place.client()
    post = b"POST /nowhere HTTP/1.1\r\nHost: keepwell\r\nContent-Length: 50000000\r\n" + more + b"\r\n"
    sending = asyncio.create_task(client.try_to_send(post, *([b"x" * 100_000] * 20)))
    await asyncio.sleep(0.2)
    assert (await client.answer())[0] == 404
    await sending
    assert await client.is_closed()


async def test_requests_in_one_go_are_answered_in_order_and_not_without_end(place: Place) -> None:
    client = await place.client()
    await client.send((GET + b"\r\n") * 5)
    assert [(await client.answer())[0] for _ in range(5)] == [200] * 5
    greedy = await place.client()
    await greedy.try_to_send((GET + b"\r\n") * 5000)
    assert len(await greedy.reader.read()) < 100_000
    await place.neighbour()


async def test_what_is_no_http_is_a_problem_in_words(place: Place) -> None:
    client = await place.client()
    await client.send(b"\x16\x03\x01 nonsense\r\n\r\n")
    status, said = await client.answer()
    assert (status, "application/problem+json" in said, "invalid_http" in said) == (400, True, True)


async def test_a_request_that_comes_in_while_the_last_is_answered_is_not_given_its_answer(place: Place) -> None:
    client = await place.client()
    await client.send(b"POST /v1/held HTTP/1.1\r\nHost: keepwell\r\nContent-Length: 1\r\n\r\nx")
    await asyncio.sleep(0.1)
    await client.try_to_send(b"GET /" + b"a" * 100_000)
    assert await client.is_closed()


async def test_blank_lines_are_no_request_and_counted_like_one(place: Place) -> None:
    client = await place.client()
    await client.try_to_send(b"\r\n" * LARGEST_HEAD)
    assert (await client.answer())[0] == 431


async def test_who_sends_several_requests_at_once_gets_all_answers_also_when_the_last_asks_to_close(
    place: Place,
) -> None:
    client = await place.client()
    size = b"POST /v1/size HTTP/1.1\r\nHost: keepwell\r\nContent-Length: 2\r\n"
    await client.send(size + b"\r\nab" + size + b"Connection: close\r\n\r\nab")
    assert [(await client.answer())[0] for _ in range(2)] == [200, 200]
    assert await client.is_closed()


async def test_what_runs_when_the_next_request_is_refused_ends_without_a_fault(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    client = await place.client()
    await client.send((GET + b"\r\n") * 40)
    assert await client.is_closed()
    await place.neighbour()
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
