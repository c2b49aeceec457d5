"""Usage that a busy worker put off is told of when it has caught up, or after half a minute, and not before."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from services.scoring.handler import PLAN, ScoringHandler
from shared.figures import Figures
from shared.log.local import LocalStream
from shared.log.protocol import Outgoing
from shared.messages import envelope, registry
from shared.messages.envelope import Event
from shared.pg.pool import session_settings
from shared.pg.uow import UnitOfWork
from shared.worker.loop import Worker
from tests.support.hooked import HookedStream, nothing
from tests.support.logins import as_service
from tests.support.scoring import NOW, SHIPPED, scoring_engine, traits, usage
from tests.support.stream import SetClock, publish, running, until

SECOND = timedelta(seconds=1)


class Busy:
    """A scoring worker that each poll gives usage of another account, and which is behind by then, until `calm`."""

    def __init__(self, log: LocalStream, engine: AsyncEngine) -> None:
        self._engine = engine
        self._hooked = HookedStream(log)
        self._hooked.before_poll = self._one_more
        self._polls = 0
        self.clock = SetClock(NOW)
        figures = Figures("scoring")
        self.worker = Worker(
            replace(PLAN, behind_at=1),
            ScoringHandler(lambda: SHIPPED, figures, self.clock),
            stream=self._hooked,
            uow=UnitOfWork(engine),
            clock=self.clock,
            owner="test",
            mend="keepwell mend",
            figures=figures,
        )

    async def _one_more(self) -> None:
        self._polls += 1
        await self.send(usage(NOW, account="contoso"))

    async def send(self, *events: Event) -> None:
        await publish(
            self._hooked,
            *(Outgoing(registry.topic_of(one.type), one.subject, envelope.encode(one)) for one in events),
        )

    async def works_on(self) -> None:
        """Wait until it has read, and handled, some more."""
        target = self._polls + 5
        await until(lambda: self._polls >= target)

    def calm(self) -> None:
        self._hooked.before_poll = nothing

    async def marked(self) -> bool:
        async with self._engine.connect() as c:
            rows = await c.execute(text("SELECT marked_at IS NOT NULL AS marked FROM accounts WHERE id = 'acme'"))
            return bool(rows.scalar_one_or_none())

    async def told(self) -> list[str]:
        """The causes of what was told of the account, in order."""
        async with self._engine.connect() as c:
            rows = await c.execute(
                text("SELECT value FROM log.records WHERE topic = :topic AND key = 'acme' ORDER BY \"offset\""),
                {"topic": registry.ASSESSMENTS},
            )
            return [registry.data_of(envelope.decode(row.value)).cause.kind for row in rows]

    async def was_told(self) -> bool:
        return await self.told() == ["event"]

    async def usage_was_told(self) -> bool:
        return await self.told() == ["event", "usage"]


@pytest.fixture
async def busy(database_url: str) -> AsyncIterator[Busy]:
    """Behind, with usage of an account that is not told of yet."""
    log = LocalStream(as_service(database_url, "scoring"), session_settings("scoring"), 8)
    await log.start()
    try:
        async with scoring_engine(database_url) as engine:
            made = Busy(log, engine)
            async with running(made.worker):
                await made.works_on()
                await made.send(traits(name="Acme", seats=10, plan="pro"))
                await until(made.was_told)
                await made.send(usage(NOW, user="ada"), usage(NOW, user="bob"))
                await made.works_on()
                yield made
    finally:
        await log.stop()


async def test_usage_is_told_after_half_a_minute_by_a_worker_that_stays_behind(busy: Busy) -> None:
    busy.clock.move(29 * SECOND)
    await busy.works_on()
    assert await busy.marked()
    assert await busy.was_told()
    busy.clock.move(SECOND)
    await until(busy.usage_was_told)
    assert not await busy.marked()


async def test_usage_is_told_at_once_by_a_worker_that_has_caught_up(busy: Busy) -> None:
    await busy.works_on()
    assert await busy.was_told()
    busy.calm()
    await until(busy.usage_was_told)
    assert not await busy.marked()
