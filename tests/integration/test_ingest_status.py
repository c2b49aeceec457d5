"""The status that scoring, playbooks and notifier tell by one piece of code."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.auth.keys import KeyStore
from shared.clock import SystemClock
from shared.figures import Figures
from shared.log.local import LocalStream
from shared.log.protocol import BrokerUnavailable, Outgoing, Record
from shared.messages import registry
from shared.pg.pool import make_engine, session_settings
from shared.pg.uow import UnitOfWork
from shared.service.readers import reader_routes
from shared.service.status import status_routes
from shared.web.app import Check, create_app
from shared.worker import dead_letters, outbox, timers
from shared.worker.counts import Counts
from tests.support.ingest import ADMIN_KEY, counted_bytes
from tests.support.logins import as_service
from tests.support.stream import NOON, publish, until


@asynccontextmanager
async def a_service(database_url: str, name: str, checks: Mapping[str, Check]) -> AsyncIterator[httpx.AsyncClient]:
    """A service that tells its status, and no more."""
    owner, engine, clock = (
        make_engine(as_service(database_url, "ingest"), "ingest"),
        make_engine(as_service(database_url, name), name),
        SystemClock(),
    )
    uow = UnitOfWork(engine)
    await KeyStore(UnitOfWork(owner), clock, counted_bytes()).ensure_admin(ADMIN_KEY)
    figures = Figures(name)
    counts = Counts(figures, uow, LocalStream(as_service(database_url, name), session_settings(name), 8), clock)
    counts.add_workers()
    app = create_app(name, "1", checks=checks, figures=figures, random=counted_bytes())
    app.state.keys = KeyStore(uow, clock, counted_bytes())
    app.include_router(status_routes(counts, clock=clock, worker=None))
    app.include_router(reader_routes(counts))
    await counts.stream.start()
    headers = {"authorization": f"Bearer {ADMIN_KEY}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x", headers=headers) as http:
        try:
            yield http
        finally:
            await counts.stream.stop()
            await owner.dispose()
            await engine.dispose()


async def fine() -> None:
    return None


async def gone() -> None:
    raise BrokerUnavailable("kafka:9092")


@pytest.mark.parametrize("name", ["scoring", "playbooks", "notifier"])
async def test_the_status_says_ready_only_while_all_that_is_needed_answers(database_url: str, name: str) -> None:
    checks: dict[str, Check] = {"database": fine, "broker": fine}
    async with a_service(database_url, name, checks) as http:
        assert (await http.get("/v1/status")).json()["ready"] is True
        checks["broker"] = gone
        assert (await http.get("/readyz")).status_code == 503
        status = (await http.get("/v1/status")).json()
        assert (status["service"], status["ready"]) == (name, False)


async def test_status_and_metrics_tell_the_same_counts(database_url: str) -> None:
    async with a_service(database_url, "scoring", {"database": fine}) as http, rows(database_url, "scoring") as c:
        for stream_id in range(7):
            await outbox.stage(c, stream_id % 8, [Outgoing(registry.ASSESSMENTS, "a", b"{}")])
        await timers.set_earlier(c, 0, {"northwind": NOON})
        await dead_letters.keep(c, [(Record(registry.USAGE, 0, i, NOON, "a", b"?"), "why") for i in range(3)], NOON)
        await c.commit()
        status, shown = (await http.get("/v1/status")).json(), await scraped(http)
    assert (status["outbox"], status["timers"], status["dead_letters"]) == (7, 1, 3)
    assert shown["keepwell_outbox_messages"] == 7
    assert shown["keepwell_timers"] == 1
    assert shown["keepwell_dead_letters_waiting"] == 3
    assert shown["keepwell_database_bytes"] == status["database_bytes"] > 0
    assert shown["keepwell_database_up"] == 1


async def test_a_scrape_over_a_database_that_hangs_tells_what_was_last_known_and_that_it_hangs(
    database_url: str,
) -> None:
    async with a_service(database_url, "scoring", {"database": fine}) as http, rows(database_url, "scoring") as c:
        await outbox.stage(c, 0, [Outgoing(registry.ASSESSMENTS, "a", b"{}")])
        await c.commit()
        assert (await http.get("/v1/status")).json()["outbox"] == 1
        await c.execute(text("LOCK TABLE outbox IN ACCESS EXCLUSIVE MODE"))
        async with asyncio.timeout(20):
            assert (await http.get("/v1/status")).status_code == 200
            shown = await scraped(http)
        assert (shown["keepwell_outbox_messages"], shown["keepwell_database_up"]) == (1, 0)
        await c.rollback()

        async def up_again() -> bool:
            await http.get("/v1/status")
            return (await scraped(http))["keepwell_database_up"] == 1

        await until(up_again)


async def test_a_reader_that_is_behind_is_warned_of_and_one_that_is_gone_for_good_is_forgotten(
    database_url: str,
) -> None:
    log = LocalStream(as_service(database_url, "scoring"), session_settings("scoring"), 8)
    await log.start()
    reader = log.consumer("keepwell.playbooks", [registry.ASSESSMENTS])
    await reader.start()
    async with a_service(database_url, "scoring", {"database": fine}) as http, rows(database_url, "scoring") as c:
        assert (await http.get("/v1/status")).json()["alarms"] == []
        await publish(log, Outgoing(registry.ASSESSMENTS, "a", b"{}"))
        await c.execute(text("UPDATE log.records SET time = time - interval '8 days'"))
        await c.commit()
        [alarm] = (await http.get("/v1/status")).json()["alarms"]
        assert alarm.startswith("playbooks has not read what was accepted 8 days ago.")
        assert "keepwell readers forget playbooks" in alarm
        assert (await scraped(http))['keepwell_oldest_unread_seconds{reader="playbooks"}'] > 8 * 24 * 3600
        [item] = (await http.get("/v1/readers")).json()["items"]
        assert item["service"] == "playbooks"
        assert (await http.delete("/v1/readers/playbooks")).status_code == 409
        await reader.stop()

        async def forgotten() -> bool:
            return (await http.delete("/v1/readers/playbooks")).status_code == 204

        await until(forgotten)
        assert (await http.delete("/v1/readers/playbooks")).status_code == 404
        assert (await http.get("/v1/status")).json()["alarms"] == []
    await log.stop()


@asynccontextmanager
async def rows(database_url: str, name: str) -> AsyncIterator[AsyncConnection]:
    """A connection to put rows there."""
    engine = make_engine(as_service(database_url, name), name)
    async with engine.connect() as c:
        yield c
    await engine.dispose()


async def scraped(http: httpx.AsyncClient) -> dict[str, float]:
    """What /metrics shows, by name and labels."""
    answer = await http.get("/metrics")
    assert answer.status_code == 200
    lines = [line for line in answer.text.splitlines() if line.startswith("keepwell_")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}
