"""The status that scoring, playbooks and notifier tell by one piece of code."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI

from shared.auth.keys import KeyStore
from shared.clock import SystemClock
from shared.figures import Figures
from shared.log.local import LocalStream
from shared.log.protocol import BrokerUnavailable
from shared.pg.pool import make_engine, session_settings
from shared.pg.uow import UnitOfWork
from shared.service.status import status_routes
from shared.web.app import Check, create_app
from shared.worker.counts import Counts
from tests.support.ingest import ADMIN_KEY, counted_bytes


@asynccontextmanager
async def no_lifespan(_: FastAPI) -> AsyncIterator[None]:
    yield


@asynccontextmanager
async def a_service(database_url: str, name: str, checks: Mapping[str, Check]) -> AsyncIterator[httpx.AsyncClient]:
    """A service that tells its status, and no more."""
    owner, engine, clock = make_engine(database_url, "ingest"), make_engine(database_url, name), SystemClock()
    uow = UnitOfWork(engine)
    await KeyStore(UnitOfWork(owner), clock, counted_bytes()).ensure_admin(ADMIN_KEY)
    figures = Figures(name)
    counts = Counts(figures, uow, LocalStream(database_url, session_settings(name), 8), clock)
    counts.add_workers()
    app = create_app(name, "1", lifespan=no_lifespan, checks=checks, figures=figures, random=counted_bytes())
    app.state.keys = KeyStore(uow, clock, counted_bytes())
    app.include_router(status_routes(counts, clock=clock, worker=None))
    headers = {"authorization": f"Bearer {ADMIN_KEY}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x", headers=headers) as http:
        try:
            yield http
        finally:
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
