"""What a process goes on with when something that it does every hour fails."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, cast

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.clock import SystemClock
from shared.service.service import Base, Service, _tidy
from tests.support.stream import until


class Untidy:
    """A unit of work and a stream, of which only what tidying asks for is there."""

    def __init__(self) -> None:
        self.trimmed = 0
        self.clock = SystemClock()
        self.uow = self
        self.stream = self
        self.counts = self

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[None]:
        yield

    async def refresh(self) -> None:
        pass

    def alarms(self) -> list[str]:
        return []

    async def trim(self) -> None:
        self.trimmed += 1
        raise RuntimeError("a fault of ours")


async def test_what_fails_while_tidying_keeps_nothing_else_from_being_tidied(
    caplog: pytest.LogCaptureFixture,
) -> None:
    base, done = Untidy(), []

    async def broken(c: AsyncConnection, now: datetime) -> None:
        raise KeyError("a fault of ours")

    async def sound(c: AsyncConnection, now: datetime) -> None:
        done.append(now)

    service = Service(description="", tidy=(broken, sound))
    tidying = asyncio.create_task(_tidy(cast("Base", cast("Any", base)), service))
    await until(lambda: bool(done) and base.trimmed == 1)
    await asyncio.sleep(0)
    assert not tidying.done()
    tidying.cancel()
    await asyncio.gather(tidying, return_exceptions=True)
    assert "KeyError" in caplog.text
