"""What senders and readers hear while the database takes no connections, for whatever reason."""

from collections.abc import Callable

import pytest
from sqlalchemy import make_url, text

from deploy.local.postgres import Postgres
from shared.pg.pool import make_engine
from shared.pg.uow import UnitOfWork
from shared.web.problems import unexpected
from tests.support.ports import free_ports


def _nobody_listens(url: str) -> str:
    return make_url(url).set(port=free_ports()).render_as_string(hide_password=False)


def _no_such_database(url: str) -> str:
    return make_url(url).set(database="nowhere").render_as_string(hide_password=False)


def _no_such_login(url: str) -> str:
    return make_url(url).set(username="nobody", password="guessed").render_as_string(hide_password=False)


async def _heard(url: str) -> tuple[int, str]:
    engine = make_engine(url, "ingest")
    try:
        with pytest.raises(Exception) as raised:
            await UnitOfWork(engine).once(text("SELECT 1"))
    finally:
        await engine.dispose()
    problem = unexpected(raised.value, "a request")
    assert int((problem.headers or {}).get("Retry-After", "0")) > 0
    return problem.status_code, problem.code


@pytest.mark.parametrize("elsewhere", [_nobody_listens, _no_such_database, _no_such_login])
async def test_a_database_that_cannot_be_reached_will_be_later(
    database_url: str, elsewhere: Callable[[str], str]
) -> None:
    assert await _heard(elsewhere(database_url)) == (503, "database_unavailable")


async def test_a_database_that_takes_no_connections_will_later(database_url: str, postgres: Postgres) -> None:
    name = make_url(database_url).database
    postgres.query(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false", database="postgres")
    try:
        assert await _heard(database_url) == (503, "database_unavailable")
    finally:
        postgres.query(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true", database="postgres")
