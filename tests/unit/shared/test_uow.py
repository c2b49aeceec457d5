"""What the unit of work makes of a database that dies."""

from typing import Any, cast

import pytest
from asyncpg import InternalClientError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.pg.uow import UnitOfWork


class DyingEngine:
    """An engine whose server dies while a connection is at work, as asyncpg then tells it."""

    @property
    def sync_engine(self) -> "DyingEngine":
        return self

    def execution_options(self, **_: Any) -> "DyingEngine":
        return self

    def connect(self) -> None:
        raise InternalClientError("cannot switch to state 15; another operation (2) is in progress")


async def test_a_server_that_dies_at_any_moment_is_a_lost_connection() -> None:
    uow = UnitOfWork(cast("AsyncEngine", DyingEngine()))
    with pytest.raises(ConnectionError):
        await uow.once(text("SELECT 1"))
    with pytest.raises(ConnectionError):
        async with uow.begin():
            pass
