"""What a worker that is behind puts off is done when it has caught up, or after half a minute."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.figures import Figures
from shared.log.local import LocalStream
from shared.log.protocol import Stream
from shared.messages import registry
from shared.pg.pool import session_settings
from shared.pg.uow import UnitOfWork
from shared.worker.loop import Plan, Worker
from tests.support.hooked import HookedStream, nothing
from tests.support.logins import as_service
from tests.support.stream import Noter, SetClock, a_usage_event, publish, running, until

SECOND = timedelta(seconds=1)
NUMBER = 0


@pytest.fixture
def make_stream(database_url: str) -> Callable[[], Stream]:
    """One home will do: each poll of the local log finds what was published before it."""
    return lambda: LocalStream(as_service(database_url, "scoring"), session_settings("scoring"), 8)


class Busy:
    """A worker that each poll gives something to handle, which is behind by then, until `calm`."""

    def __init__(self, stream: Stream, engine: AsyncEngine) -> None:
        self.noter, self.clock = Noter(), SetClock()
        self._hooked = HookedStream(stream)
        self._hooked.before_poll = self._one_more
        topics = (registry.USAGE,)
        self.worker = Worker(
            Plan("scoring", topics, topics, behind_at=1),
            self.noter,
            stream=self._hooked,
            uow=UnitOfWork(engine),
            clock=self.clock,
            owner="test",
            mend="keepwell mend",
            figures=Figures("scoring"),
        )

    async def _one_more(self) -> None:
        await publish(self._hooked, a_usage_event(str(len(self.noter.batches))))

    async def works_on(self) -> None:
        """Wait until it has handled some more."""
        target = len(self.noter.batches) + 4
        await until(lambda: len(self.noter.batches) >= target)

    def calm(self) -> None:
        self._hooked.before_poll = nothing


@pytest.fixture
async def busy(stream: Stream, engine: AsyncEngine) -> AsyncIterator[Busy]:
    """Behind, with something that was put off just now."""
    made = Busy(stream, engine)
    async with running(made.worker):
        await made.works_on()
        made.noter.put_off[NUMBER] = made.clock.now()
        yield made


async def test_what_was_put_off_waits_while_the_worker_is_behind_and_half_a_minute_at_most(busy: Busy) -> None:
    await busy.works_on()
    busy.clock.move(29 * SECOND)
    await busy.works_on()
    assert busy.noter.caught_up == []
    busy.clock.move(SECOND)
    await busy.works_on()
    assert busy.noter.caught_up == [NUMBER]


async def test_what_was_put_off_is_done_at_once_when_the_worker_has_caught_up(busy: Busy) -> None:
    await busy.works_on()
    assert busy.noter.caught_up == []
    busy.calm()
    await until(lambda: busy.noter.caught_up == [NUMBER])
