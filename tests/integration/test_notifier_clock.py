"""The clock ran ahead while something was written, and is right again: nobody waits for it longer than was meant."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifier.core.grouping import believed
from services.notifier.core.retry import Later
from services.notifier.store.clock import LONGEST_LEASE
from shared.messages import envelope
from shared.messages.actions import ActionRequested
from tests.support.notifier import NOW, Desk, an_account, an_action, an_alert, an_incoming, notifier_engine
from tests.support.stream import until

TWO_HOURS, FORTY_DAYS = timedelta(hours=2), timedelta(days=40)
MORNING = NOW + timedelta(hours=22)
aheads = pytest.mark.parametrize("ahead", [TWO_HOURS, FORTY_DAYS], ids=["2 hours", "40 days"])


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    async with notifier_engine(database_url) as made:
        yield made


@pytest.fixture
def desk(engine: AsyncEngine) -> Desk:
    return Desk(engine)


async def attempted(desk: Desk, count: int) -> None:
    async def done() -> bool:
        return len(await desk.rows("SELECT 1 FROM attempts")) >= count

    await until(done)


@aheads
async def test_what_was_put_off_and_what_came_to_a_held_target_go_when_the_clock_is_right(
    desk: Desk, ahead: timedelta
) -> None:
    desk.channel.outcomes = [Later(reason="slow down", after=600)]
    desk.clock.move(ahead)
    async with desk.open():
        await desk.ask(an_action("a"))
        await attempted(desk, 1)
        desk.later(seconds=-ahead.total_seconds())
        await desk.ask(an_alert("b", account=an_account("contoso")))
        await until(lambda: len(desk.channel.got) == 2)
        assert desk.channel.titles()[1] == "Usage fell by half in two weeks"
        await desk.watch.look()
        desk.wake()
        await until(lambda: len(desk.channel.got) == 3)


@aheads
async def test_a_hold_that_is_set_anew_is_as_long_as_it_says(desk: Desk, ahead: timedelta) -> None:
    desk.channel.outcomes = [Later(reason="slow down", after=60)] * 2
    desk.clock.move(ahead)
    async with desk.open():
        await desk.ask(an_action("a"))
        await attempted(desk, 1)
        desk.later(seconds=-ahead.total_seconds())
        await desk.ask(an_alert("b"))
        await attempted(desk, 2)
        (hold,) = await desk.rows("SELECT * FROM holds")
        assert (hold.since, hold.until) == (NOW, NOW + timedelta(seconds=60))


@aheads
async def test_a_window_that_was_opened_ahead_keeps_nothing_back(desk: Desk, ahead: timedelta) -> None:
    desk.clock.move(ahead)
    async with desk.open():
        await desk.ask(an_alert("a"))
        await desk.ask(an_alert("b", account=an_account("contoso")))
        await until(lambda: len(desk.channel.got) == 1)
        desk.later(seconds=-ahead.total_seconds())
        await desk.ask(an_alert("c", account=an_account("fabrikam")))
        await until(lambda: len(desk.channel.got) == 2)
        await desk.watch.look()
        desk.later(minutes=1)
        await until(lambda: len(desk.channel.got) == 3)


@aheads
async def test_what_a_sender_had_in_hand_when_it_was_killed_goes_as_soon_as_from_any_other(
    desk: Desk, ahead: timedelta
) -> None:
    desk.channel.open.clear()
    desk.clock.move(ahead)
    doomed = asyncio.create_task(desk.sender.run())
    await desk.ask(an_action())
    await until(lambda: len(desk.channel.got) == 1)
    await desk.kill(doomed)
    desk.clock.move(-ahead)
    desk.sender = desk.a_sender()
    desk.channel.open.set()
    await desk.watch.look()
    desk.clock.move(LONGEST_LEASE)
    async with desk.open():
        await until(lambda: len(desk.channel.got) == 2)
    first, second = desk.channel.got
    assert first.delivery_id == second.delivery_id


@aheads
async def test_a_sender_that_goes_on_finds_what_others_write_when_its_clock_is_right(
    desk: Desk, ahead: timedelta
) -> None:
    desk.clock.move(ahead)
    async with desk.open():
        await desk.looked()
        desk.clock.move(-ahead)
        async with desk.uow.begin() as c:
            await desk.handler.handle(c, 0, [an_incoming(an_action())], NOW, False)
        # Nobody wakes it: another process has written this.
        desk.handler.forget(0)
        await until(lambda: len(desk.channel.got) == 1)


async def test_what_waits_for_an_hour_of_somebodys_day_still_does(desk: Desk) -> None:
    desk.clock.move(TWO_HOURS)
    await desk.ask(an_alert("a", not_before=MORNING))
    desk.clock.move(-TWO_HOURS)
    await desk.watch.look()
    (row,) = await desk.rows()
    assert row.due_at == MORNING


async def test_an_hour_that_is_further_off_than_any_waits_as_long_as_was_meant(desk: Desk) -> None:
    desk.clock.move(FORTY_DAYS)
    await desk.ask(an_alert("a", not_before=MORNING + FORTY_DAYS))
    desk.clock.move(-FORTY_DAYS)
    await desk.watch.look()
    (row,) = await desk.rows()
    assert row.due_at == MORNING


@aheads
async def test_an_hour_that_playbooks_set_while_their_clock_was_ahead_is_as_far_off_as_they_meant(
    desk: Desk, ahead: timedelta
) -> None:
    told = an_alert("a", not_before=NOW + ahead + timedelta(minutes=10))
    await desk.ask(said_at(told, ahead))
    (row,) = await desk.rows()
    assert row.due_at == NOW + timedelta(minutes=10)
    # Two machines are never quite of one time.
    assert believed(MORNING, NOW + timedelta(seconds=30), NOW) == MORNING


def said_at(action: ActionRequested, ahead: timedelta) -> envelope.Event:
    return envelope.wrap(
        action,
        id=action.action_id,
        source="keepwell/playbooks",
        type="action.requested",
        subject=action.account.id,
        time=NOW + ahead,
    )


async def test_right_clocks_change_nothing(desk: Desk) -> None:
    desk.channel.outcomes = [Later(reason="slow down", after=600)]
    async with desk.open():
        await desk.ask(an_action("a"), an_alert("b"), an_alert("c"), an_alert("d", not_before=MORNING))
        await attempted(desk, 1)
        await desk.looked()
        before = [(row.id, row.due_at) for row in await desk.rows()]
        await desk.watch.look()
        assert [(row.id, row.due_at) for row in await desk.rows()] == before
