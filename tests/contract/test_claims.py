"""Each event is counted once, however often it comes and on whichever day."""

import asyncio
import gc
import tracemalloc
from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.messages.envelope import Event
from shared.pg.uow import UnitOfWork
from shared.worker.bloom import Bloom
from shared.worker.claims import Claims, digest_of, trim
from tests.support.stream import NOON

DAY = timedelta(days=1)


def an_event(id: str, *, days_ago: float = 0, source: str = "app", history: str | None = None) -> Event:
    return Event(
        id=id, source=source, type="usage.recorded", subject="northwind", time=NOON - days_ago * DAY, history=history
    )


async def claim(engine: AsyncEngine, claims: Claims, *events: Event, now: datetime = NOON) -> list[bool]:
    async with UnitOfWork(engine).begin() as c:
        return await claims.claim(c, 0, events, now)


async def test_a_repeat_is_known_in_the_same_batch_in_the_next_and_after_a_restart(engine: AsyncEngine) -> None:
    claims = Claims()
    assert await claim(engine, claims, an_event("1"), an_event("2"), an_event("1")) == [True, True, False]
    assert await claim(engine, claims, an_event("2"), an_event("3")) == [False, True]
    assert await claim(engine, Claims(), an_event("1"), an_event("3"), an_event("4")) == [False, False, True]


async def test_the_same_id_from_another_source_is_another_event(engine: AsyncEngine) -> None:
    claims = Claims()
    assert await claim(engine, claims, an_event("1b", source="a"), an_event("b", source="a1")) == [True, True]


async def test_the_same_id_from_the_same_source_is_another_event_at_another_account(engine: AsyncEngine) -> None:
    claims, other = Claims(), replace(an_event("1"), subject="contoso")
    assert await claim(engine, claims, an_event("1"), other, other) == [True, True, False]
    assert await claim(engine, Claims(), an_event("1", days_ago=1), other) == [False, False]


@pytest.mark.parametrize("days_ago", [range(1), range(60), range(0, 400, 8)], ids=["today", "many days", "history"])
async def test_what_is_remembered_keeps_to_its_bound_and_nothing_is_counted_twice(
    engine: AsyncEngine, days_ago: range
) -> None:
    bound = 400_000
    claims = Claims(bound)
    batches = [
        [an_event(f"{batch}-{i}", days_ago=days_ago[i % len(days_ago)]) for i in range(3000)] for batch in range(6)
    ]
    for batch in batches:
        assert all(await claim(engine, claims, *batch))
        assert claims.held() <= bound
        # Sent again at once, and later.
        assert not any(await claim(engine, claims, *batch))
    for batch in batches:
        assert not any(await claim(engine, claims, *batch))
        assert claims.held() <= bound


async def test_the_bytes_that_are_counted_are_those_that_python_takes(engine: AsyncEngine) -> None:
    claims, events = Claims(), [an_event(str(i)) for i in range(20_000)]
    tracemalloc.start()
    try:
        await claim(engine, claims, *events)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        held = claims.held()
        claims.forget(0)
        gc.collect()
        freed = before - tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert freed == pytest.approx(held, rel=0.25)


async def test_partitions_that_claim_at_once_over_the_bound_all_stay_exact(engine: AsyncEngine) -> None:
    claims, uow = Claims(200_000), UnitOfWork(engine)

    async def claimed(partition: int, batch: int) -> list[bool]:
        async with uow.begin() as c:
            return await claims.claim(c, partition, [an_event(f"{batch}-{i}") for i in range(5000)], NOON)

    for seen_before in (False, True):
        for batch in range(3):
            found = await asyncio.gather(*(claimed(partition, batch) for partition in range(4)))
            assert {one for fresh in found for one in fresh} == {not seen_before}
            assert claims.held() <= 200_000


@pytest.mark.parametrize("days_ago", [0, 20], ids=["today", "a day of history"])
async def test_a_day_too_large_to_be_held_is_not_read_anew_as_it_grows(engine: AsyncEngine, days_ago: int) -> None:
    claims, uow, turns = Claims(2**21), UnitOfWork(engine), list[int]()
    uow.watch(lambda: turns.append(1))
    batches = [[an_event(f"{batch}-{i}", days_ago=days_ago) for i in range(2000)] for batch in range(40)]
    before: list[Event] = []
    for batch in batches:
        async with uow.begin() as c:
            # Some of the batch before are sent again: they are known without any row.
            fresh = await claims.claim(c, 0, [*before, *batch], NOON)
        assert fresh == [*(False for _ in before), *(True for _ in batch)]
        before = batch[-20:]
    assert claims.held() <= 2**21
    # Each writes its own; the day is read when it is first asked for, and as often as it doubles.
    assert len(turns) <= len(batches) + 25
    assert await claim(engine, claims, *batches[0], an_event("new", days_ago=days_ago)) == [*[False] * 2000, True]


async def test_a_closed_day_is_known_by_its_filter_and_made_sure_by_its_rows(engine: AsyncEngine) -> None:
    many = [an_event(str(i), days_ago=20) for i in range(3000)]
    assert all(await claim(engine, Claims(), *many))
    claims = Claims()
    assert not any(await claim(engine, claims, *many))
    strangers = [an_event(f"new-{i}", days_ago=20) for i in range(3000)]
    # About one in a hundred looks known to the filter; the rows say that it is not.
    assert all(await claim(engine, claims, *strangers))
    assert not any(await claim(engine, Claims(), *strangers, *many))
    async with engine.connect() as c:
        assert (await c.execute(text("SELECT count(*) FROM claim_filters"))).scalar_one() >= 1


async def test_an_event_sent_again_with_a_time_on_the_next_day_is_known(engine: AsyncEngine) -> None:
    for days_ago in (0, 1, 10):
        id = f"moved-{days_ago}"
        assert await claim(engine, Claims(), an_event(id, days_ago=days_ago)) == [True]
        assert await claim(engine, Claims(), an_event(id, days_ago=days_ago + 1)) == [False]


async def test_a_day_that_closes_while_it_is_remembered_keeps_what_it_knew(engine: AsyncEngine) -> None:
    claims = Claims()
    assert await claim(engine, claims, an_event("1")) == [True]
    assert await claim(engine, claims, an_event("1"), now=NOON + 3 * DAY) == [False]


async def test_what_was_rolled_back_was_not_claimed_once_it_is_forgotten(engine: AsyncEngine) -> None:
    claims = Claims()
    async with engine.connect() as c:
        assert await claims.claim(c, 0, [an_event("1")], NOON) == [True]
        await c.rollback()
    claims.forget(0)
    assert await claim(engine, claims, an_event("1")) == [True]


async def test_claims_stay_fifty_days_and_those_of_history_415(engine: AsyncEngine) -> None:
    await claim(engine, Claims(), an_event("live", days_ago=30), an_event("old", days_ago=300, history="import"))
    async with UnitOfWork(engine).begin() as c:
        await trim(c, NOON + 21 * DAY)
    assert await claim(engine, Claims(), an_event("old", days_ago=300, history="import")) == [False]
    assert await claim(engine, Claims(), an_event("live", days_ago=30)) == [True]


def test_a_filter_knows_what_it_was_made_of_and_few_strangers() -> None:
    known = [digest_of("app", str(i), "northwind") for i in range(2000)]
    filter = Bloom(bytearray(Bloom.of(known, len(known)).tobytes()))
    assert all(digest in filter for digest in known)
    strangers = sum(digest_of("else", str(i), "northwind") in filter for i in range(10_000))
    assert strangers < 300
