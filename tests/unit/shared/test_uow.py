"""What the unit of work makes of a database that dies."""

from types import TracebackType
from typing import Any, cast

import pytest
from asyncpg import InternalClientError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.pg.uow import UnitOfWork


class DyingEngine:
    """An engine whose server dies while a connection is at work, as asyncpg then tells it."""

    def execution_options(self, **_: Any) -> "DyingEngine":
        return self

    def connect(self) -> "DyingEngine":
        return self

    async def __aenter__(self) -> "DyingEngine":
        raise InternalClientError("cannot switch to state 15; another operation (2) is in progress")

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        return None


async def test_a_server_that_dies_at_any_moment_is_a_lost_connection() -> None:
    uow = UnitOfWork(cast("AsyncEngine", DyingEngine()))
    with pytest.raises(ConnectionError):
        await uow.once(text("SELECT 1"))
    with pytest.raises(ConnectionError):
        async with uow.begin():
            pass
