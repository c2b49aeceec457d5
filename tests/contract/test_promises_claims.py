"""An event sent again is known even when its day is another one by then."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.messages.envelope import Event
from shared.pg.uow import UnitOfWork
from shared.worker.claims import Claims
from tests.support.stream import NOON

DAY = timedelta(days=1)
MIDNIGHT = NOON + DAY / 2


async def claim(engine: AsyncEngine, claims: Claims, id: str, received: datetime, now: datetime) -> bool:
    """Claim an event that came without a time, and so has the time at which it was received."""
    event = Event(id=id, source="app", type="usage.recorded", subject="northwind", time=received, timeless=True)
    async with UnitOfWork(engine).begin() as c:
        [first] = await claims.claim(c, 0, [event], now)
    return first


@pytest.mark.parametrize("days_later", [0, 1, 10])
async def test_an_event_without_a_time_that_is_sent_again_after_midnight_counts_once(
    engine: AsyncEngine, days_later: int
) -> None:
    before, after = MIDNIGHT - timedelta(minutes=1), MIDNIGHT + timedelta(minutes=1)
    claims = Claims()
    assert await claim(engine, claims, "1", before, before)
    # Read soon after or days later, by the same worker or the next one.
    assert not await claim(engine, claims, "1", after, after + days_later * DAY)
    assert not await claim(engine, Claims(), "1", after, after + days_later * DAY)
    assert await claim(engine, Claims(), "2", after, after + days_later * DAY)
