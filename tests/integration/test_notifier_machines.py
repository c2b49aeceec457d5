"""What SQL does to many deliveries at once is what the machines' tables say: every state meets every event."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from itertools import product
from typing import Any, NamedTuple, get_args

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.notifier import tables as t
from services.notifier.core import delivery, lease
from services.notifier.store import deliveries, leases, updating
from services.notifier.store.leases import AttemptRow, Result
from services.notifier.store.moves import lease_can
from tests.support.notifier import NOW, Desk, an_alert, notifier_engine

TOKEN = "token"
SOON = timedelta(seconds=30)
STANDINGS: list[tuple[delivery.State, lease.State]] = [
    ("waiting", "free"),
    ("sending", "held"),
    ("sending", "lapsed"),
    ("delivered", "free"),
    ("failed", "free"),
    ("cancelled", "free"),
]


def recording(event: delivery.Event, lease: str | None = TOKEN) -> Callable[[AsyncConnection, Any], Awaitable[Any]]:
    async def act(c: AsyncConnection, row: Any) -> None:
        history = AttemptRow(1, row.id, NOW, NOW, "sent", "", "")
        await leases.record(c, [Result(row.id, lease, event, NOW + SOON, "so", 0, NOW, history)], NOW)

    return act


async def withdraw(c: AsyncConnection, row: Any) -> None:
    await c.execute(t.deliveries.update().where(t.deliveries.c.id == row.id).values(cancelled_because="it recovered"))
    await recording("put_off")(c, row)


async def overtake(c: AsyncConnection, row: Any) -> None:
    await c.execute(t.deliveries.update().where(t.deliveries.c.id == row.id).values(outdated=True))
    await recording("sent")(c, row)


async def outdate(c: AsyncConnection, row: Any) -> None:
    shown = (getattr(row, name) for name in updating.SHOWN)
    own = (row.id, row.action_id, row.group_key, row.amends)
    same = {"kind": row.kind, "because": "", "state": "waiting", "due_at": NOW, "created_at": NOW}
    await updating.OUTDATE(c, [(*own, *shown)], **same)


class Act(NamedTuple):
    """One thing that the store does, and which events it is for a delivery and its lease."""

    event: delivery.Event
    of_lease: lease.Event | None
    act: Callable[[AsyncConnection, Any], Awaitable[Any]]


ACTS = [
    Act("leased", "taken", lambda c, row: leases.lease(c, {row.id: row.id}, "new", NOW, NOW + SOON)),
    *(Act(event, "returned", recording(event)) for event in ("sent", "put_off", "given_up")),
    Act("withdrawn", "returned", withdraw),
    Act("cut_off", "taken_back", recording("cut_off")),
    Act("given_up", "taken", recording("given_up", lease=None)),
    Act("cancelled", None, lambda c, row: deliveries.cancel(c, {row.action_id: "it recovered"}, NOW)),
    Act("gone", "returned", recording("gone")),
    Act("overtaken", "returned", overtake),
    Act("outdated", None, outdate),
    Act("retried", None, lambda c, row: deliveries.retry(c, row.id, NOW)),
]


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    async with notifier_engine(database_url) as made:
        yield made


async def test_every_state_meets_every_event_as_the_tables_say_or_stays(engine: AsyncEngine) -> None:
    assert {act.event for act in ACTS} == set(get_args(delivery.Event))
    assert {state for state, _ in STANDINGS} == set(get_args(delivery.State))
    cases = list(product(STANDINGS, ACTS))
    desk = Desk(engine)
    await desk.ask(*(an_alert(f"{n}", not_before=NOW + timedelta(days=1)) for n in range(len(cases))))
    rows = sorted(await desk.rows(), key=lambda row: int(row.action_id))
    for row, ((state, standing), (event, of_lease, act)) in zip(rows, cases, strict=True):
        async with engine.begin() as c:
            await c.execute(
                t.deliveries.update()
                .where(t.deliveries.c.id == row.id)
                .values(
                    state=state,
                    message_id=row.id,
                    lease=None if standing == "free" else TOKEN,
                    due_at=NOW + SOON if standing == "held" else NOW,
                )
            )
            await act(c, row)
            found = (await c.execute(select(t.deliveries).where(t.deliveries.c.id == row.id))).one()
        may = of_lease is None or (standing, of_lease) in lease.MOVES
        expected = delivery.MOVES.get((state, event), state) if may else state
        assert found.state == expected, (state, standing, event)
        if may and of_lease and (state, event) in delivery.MOVES and event != "given_up":
            held = lease.standing(found.lease is not None, found.due_at, NOW)
            assert held == lease.MOVES[standing, of_lease], (state, standing, event)
        elif found.state == state == "sending":
            assert found.lease == TOKEN, (state, standing, event)


async def test_a_lease_stands_in_sql_as_in_the_table(engine: AsyncEngine) -> None:
    desk = Desk(engine)
    await desk.ask(*(an_alert(id) for id in ("free", "held", "lapsed")))
    await desk.write("UPDATE deliveries SET lease = 't', due_at = :now WHERE action_id = 'lapsed'", now=NOW)
    await desk.write("UPDATE deliveries SET lease = 't', due_at = :at WHERE action_id = 'held'", at=NOW + SOON)
    events: tuple[lease.Event, ...] = get_args(lease.Event)
    async with engine.connect() as c:
        for event in events:
            asked = select(t.deliveries.c.action_id).where(lease_can(event))
            found = set((await c.execute(asked, {"now": NOW})).scalars())
            assert found == {state for state, name in lease.MOVES if name == event}
