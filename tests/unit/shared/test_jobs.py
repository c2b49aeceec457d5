"""Jobs that are computed beside a service, one after the other."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from shared.clock import SystemClock
from shared.jobs import store
from shared.jobs.runner import Busy, Jobs
from shared.pg.uow import UnitOfWork

WANTED = store.Wanted("dry-run", "playbooks", "stalled", None, {}, "ana")


class Written(UnitOfWork):
    """Remembers the state that each statement writes."""

    def __init__(self) -> None:
        self.states: list[str] = []

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Any]:
        """A transaction that is always committed."""
        yield self

    async def execute(self, statement: Any) -> None:
        """What would be written."""
        self.states.append(statement.compile().params["state"])


async def stuck(_: str) -> bool:
    await asyncio.Event().wait()
    return True


async def no_room(_: str) -> bool:
    raise BlockingIOError("Resource temporarily unavailable")


@pytest.mark.parametrize("compute", [stuck, no_room])
async def test_what_gets_stuck_or_can_not_begin_fails_and_lets_the_next_one_go(compute: Any) -> None:
    written = Written()
    jobs = Jobs(written, SystemClock(), bytes, compute, longest=timedelta(0) if compute is stuck else timedelta(days=1))
    for _ in range(2):
        await jobs.ask(WANTED)
    await jobs.ended()
    assert written.states == ["waiting", "waiting", "failed", "failed"]


async def test_where_many_wait_one_more_is_refused_and_closing_ends_all() -> None:
    jobs = Jobs(Written(), SystemClock(), bytes, stuck)
    for _ in range(10):
        await jobs.ask(WANTED)
    with pytest.raises(Busy):
        await jobs.ask(WANTED)
    await jobs.close()
