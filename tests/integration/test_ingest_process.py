"""The real process, on the local log, with the clients that people use."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from cloudevents.core.bindings import http as bindings
from cloudevents.core.v1.event import CloudEvent
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from deploy.local.postgres import Postgres
from shared.messages import envelope
from shared.messages.envelope import Event
from shared.pg.pool import async_url
from tests.support.ingest import ADMIN_KEY, an_event
from tests.support.logins import as_service
from tests.support.ports import free_ports
from tests.support.stream import until

ROOT = Path(__file__).parents[2]
HEADERS = {"authorization": f"Bearer {ADMIN_KEY}"}


@asynccontextmanager
async def an_ingest(database_url: str, role: str = "all") -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """`python -m services.ingest.main`, and where it listens; ended by SIGTERM."""
    port = free_ports()
    settings = {
        "KEEPWELL_DATABASE_URL": as_service(database_url, "ingest"),
        "KEEPWELL_PORT": str(port),
        "KEEPWELL_ADMIN_KEY": ADMIN_KEY,
        "KEEPWELL_LOG_LEVEL": "WARNING",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.ingest.main", "--role", role), cwd=ROOT, env={**os.environ, **settings}
    )
    url = f"http://127.0.0.1:{port}"
    try:
        async with httpx.AsyncClient(base_url=url) as http:

            async def ready() -> bool:
                try:
                    return (await http.get("/readyz")).status_code == 200
                except httpx.TransportError:
                    return False

            await until(ready)
        yield process, url
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(process.wait(), 15)


async def log_of(database_url: str) -> list[Event]:
    """Everything in the local log, as it was read."""
    engine = create_async_engine(async_url(database_url))
    try:
        async with engine.connect() as c:
            rows = await c.execute(text('SELECT value FROM log.records ORDER BY time, topic, partition, "offset"'))
            return [envelope.decode(bytes(row.value)) for row in rows]
    finally:
        await engine.dispose()


def a_cloud_event(id: str) -> CloudEvent:
    attributes: dict[str, Any] = {
        "id": id,
        "source": "https://app.example.com",
        "type": "feedback.nps",
        "subject": "zürich & söhne",
        "team": "größe",
    }
    return CloudEvent(attributes=attributes, data={"contact_id": "c1", "score": 9, "comment": "prima, schön"})


async def test_what_real_clients_send_is_in_the_log_and_sigterm_ends_it_cleanly(database_url: str) -> None:
    async with an_ingest(database_url) as (process, url), httpx.AsyncClient(base_url=url, headers=HEADERS) as http:
        binary = bindings.to_binary_event(a_cloud_event("binary"))
        structured = bindings.to_structured_event(a_cloud_event("structured"))
        untyped = {name: value for name, value in binary.headers.items() if name.lower() != "content-type"}
        untyped["ce-id"] = "untyped"
        for headers, body in (
            (binary.headers, binary.body),
            (structured.headers, structured.body),
            (untyped, binary.body),
        ):
            answer = await http.post("/v1/events", headers=headers, content=body)
            assert answer.status_code == 202, answer.text
        found = await log_of(database_url)
        assert {(e.id, e.source, e.subject) for e in found} == {
            (id, "https://app.example.com", "zürich & söhne") for id in ("binary", "structured", "untyped")
        }
        assert len({bytes(e.data) for e in found}) <= 2
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 10) == 0


async def test_ten_megabytes_get_an_answer_in_words_announced_or_not(database_url: str) -> None:
    async def in_chunks() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 100_000

    async with an_ingest(database_url) as (_, url), httpx.AsyncClient(base_url=url, headers=HEADERS) as http:
        for body in (b" " * 10_000_000, in_chunks()):
            answer = await http.post("/v1/events", content=body)
            assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_what_waited_reaches_the_log_by_the_relay_of_another_process(database_url: str) -> None:
    async with (
        an_ingest(database_url, "worker"),
        an_ingest(database_url, "api") as (_, url),
        httpx.AsyncClient(base_url=url, headers=HEADERS) as http,
    ):
        await http.post("/v1/events", json=[an_event("early", account="stripe:cus_1")])
        update = an_event("set", "account.updated", data={"traits": {"aliases": ["stripe:cus_1"]}})
        assert (await http.post("/v1/events", json=[update])).status_code == 202

        async def arrived() -> bool:
            found = {(e.id, e.subject) for e in await log_of(database_url)}
            return found == {("set", "northwind"), ("early", "northwind")}

        async def sent() -> bool:
            return bool((await http.get("/v1/status")).json()["outbox"] == 0)

        await until(arrived)
        await until(sent)


async def test_a_worker_has_the_probes_and_its_status_only(database_url: str) -> None:
    async with an_ingest(database_url, "worker") as (_, url), httpx.AsyncClient(base_url=url, headers=HEADERS) as http:
        assert (await http.get("/healthz")).status_code == 200
        assert (await http.get("/v1/status")).json()["ready"] is True
        assert (await http.post("/v1/events", json=[an_event()])).status_code == 404


async def test_a_short_admin_key_is_refused_in_words(database_url: str) -> None:
    settings = {
        "KEEPWELL_DATABASE_URL": as_service(database_url, "ingest"),
        "KEEPWELL_ADMIN_KEY": "short",
        "KEEPWELL_PORT": str(free_ports()),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.ingest.main"),
        cwd=ROOT,
        env={**os.environ, **settings},
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == os.EX_CONFIG
    assert b"KEEPWELL_ADMIN_KEY can't be used: give it 16 characters or more" in said


async def test_it_lives_through_its_databases_absence(postgres: Postgres, database_url: str) -> None:
    """The database is cut off, and comes back; the process stays and serves again."""
    name = database_url.rpartition("/")[2]
    async with an_ingest(database_url) as (process, url), httpx.AsyncClient(base_url=url, headers=HEADERS) as http:
        assert (await http.post("/v1/events", json=[an_event("before")])).status_code == 202
        postgres.query(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false", database="postgres")
        postgres.query(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'", database="postgres"
        )

        async def refused() -> bool:
            answer = await http.post("/v1/events", json=[an_event("during")])
            return answer.status_code == 503 and "retry-after" in answer.headers

        await until(refused)
        assert (await http.get("/readyz")).status_code == 503
        assert (await http.get("/healthz")).status_code == 200
        postgres.query(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true", database="postgres")

        async def taken() -> bool:
            return (await http.post("/v1/events", json=[an_event("during")])).status_code == 202

        await until(taken)
        assert process.returncode is None
        assert {e.id for e in await log_of(database_url)} == {"before", "during"}
