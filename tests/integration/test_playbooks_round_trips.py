"""How often playbooks ask the database: what waits together goes together, and nothing is lost by it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import msgspec
import pytest
from sqlalchemy import text

from services.playbooks import store
from shared.messages.deliveries import DeliverySettled
from tests.support.playbooks import DAY, HIGH, LOW, MONDAY, Floor, a_floor, an_assessment
from tests.support.stream import until

STEPS = "id: stalled\nwhen: usage.breadth < 40 %\nsteps: [{alert: Look, severity: high}, {task: Call, due: 1 day}]\n"
PEOPLE = "csms: [{id: own, name: Owner, email: owner@example.com}]\n"


@pytest.fixture
async def floor(database_url: str) -> AsyncIterator[Floor]:
    async with a_floor(database_url, STEPS, people=PEOPLE) as made:
        yield made


@contextmanager
def counted(floor: Floor) -> Iterator[list[None]]:
    """What the database is asked meanwhile, BEGIN and COMMIT left out."""
    asked = list[None]()
    floor.uow.watch(lambda: asked.append(None))
    yield asked
    floor.uow.watch(lambda: None)


def settled(*actions: str) -> DeliverySettled:
    return DeliverySettled(
        delivery_id="d", action_ids=[*actions], channel="inbox", state="delivered", at=MONDAY, attempts=1
    )


async def test_an_answer_that_fires_costs_five_statements_and_its_delivery_one(floor: Floor) -> None:
    accounts = [f"account-{number}" for number in range(3)]
    await floor.take(*((account, an_assessment(1, MONDAY, HIGH)) for account in accounts))
    for account in accounts:
        with counted(floor) as fired:
            async with floor.uow.begin() as c:
                one = floor.incoming(account, an_assessment(2, MONDAY, LOW))
                await floor.handler.handle(c, floor.partition, [one], MONDAY, False)
                asked = len(fired)
        told = [one.action_id for one in await floor.sent() if one.account.id == account]
        with counted(floor) as brought:
            async with floor.uow.begin() as c:
                await floor.handler.handle(c, floor.partition, [floor.incoming(account, settled(*told))], MONDAY, False)
    # It locks the account, its episodes, what is open there and who gets it; it writes as the transaction ends.
    assert (asked, len(fired), len(brought)) == (4, 5, 1)
    # No endpoint wants to hear of anything: what is staged is what it asked for.
    staged = await floor.rows("SELECT headers ->> 'ce_type' AS type FROM outbox")
    assert [row.type for row in staged] == ["action.requested"] * 3
    rows = await floor.rows("SELECT kind, delivery FROM items ORDER BY kind")
    assert [tuple(row) for row in rows] == [("alert", "delivered")] * 3 + [("task", "delivered")] * 3


async def test_what_fires_and_ends_at_once_is_noted_as_it_ended(database_url: str) -> None:
    async with a_floor(database_url, STEPS, people=PEOPLE) as floor:
        await floor.take(
            ("northwind", an_assessment(1, MONDAY, LOW)), ("northwind", an_assessment(2, MONDAY + DAY, HIGH))
        )
        await floor.take(("globex", an_assessment(1, MONDAY, LOW)))
        await floor.take(("globex", an_assessment(2, MONDAY + DAY, HIGH)))
        ends = await floor.rows("SELECT ended_at, ended_as FROM firings ORDER BY account_id")
    assert ends[0] == ends[1]
    assert ends[0].ended_at == MONDAY + DAY


async def test_what_became_of_a_message_is_known_to_what_comes_with_it(floor: Floor) -> None:
    actions = [one.action_id for one in await floor.assess(1, MONDAY, LOW)]
    await floor.take(("northwind", an_assessment(2, MONDAY + DAY, HIGH)), ("northwind", settled(*actions)))
    rows = await floor.rows("SELECT state, delivery FROM items")
    assert [tuple(row) for row in rows] == [("closed", "delivered")] * 2
    assert await floor.cancelled() == []


@pytest.mark.parametrize("together", [True, False])
async def test_what_arrived_by_one_road_was_delivered_whatever_another_comes_to(floor: Floor, together: bool) -> None:
    actions = [one.action_id for one in await floor.assess(1, MONDAY, LOW)]
    arrived = ("northwind", settled(*actions))
    failed = ("northwind", msgspec.structs.replace(settled(*actions), delivery_id="by hand", state="failed"))
    for batch in ([arrived, failed],) if together else ([arrived], [failed]):
        await floor.take(*batch)
    rows = await floor.rows("SELECT delivery FROM items")
    assert [row.delivery for row in rows] == ["delivered"] * 2


async def test_what_became_of_a_message_waits_for_who_moves_its_item_and_spoils_nothing(floor: Floor) -> None:
    actions = [one.action_id for one in await floor.assess(1, MONDAY, LOW)]
    async with asyncio.TaskGroup() as both, floor.uow.begin() as by_hand:
        await by_hand.execute(text("UPDATE items SET state = 'taken'"))
        both.create_task(_settle(floor, actions))
        await until(lambda: _someone_waits(floor))
    rows = await floor.rows("SELECT state, delivery FROM items")
    assert [tuple(row) for row in rows] == [("taken", "delivered")] * 2


async def _someone_waits(floor: Floor) -> bool:
    return bool(await floor.rows("SELECT pid FROM pg_locks WHERE NOT granted"))


async def _settle(floor: Floor, actions: list[str]) -> None:
    async with floor.uow.begin() as c:
        await store.note_settled(c, dict.fromkeys(actions, "delivered"))
