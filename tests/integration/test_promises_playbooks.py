"""Nothing that an account does later puts off what is to come at an instant."""

from shared.messages.deliveries import DeliveryResponded
from tests.support.playbooks import DAY, HOUR, LOW, MONDAY, a_floor

STALLED = "id: stalled\nwhen: usage.breadth < 40 %\nsteps: [alert: Look here]\n"
SILENT = "id: silent\nwhen: days_since account.signed_at >= 14 days\nsteps: [alert: No value yet]\n"


async def test_a_snoozed_alert_comes_back_on_time_whatever_else_the_account_waits_for(database_url: str) -> None:
    async with a_floor(database_url, STALLED, SILENT) as floor:
        (alert,) = await floor.assess(1, MONDAY, LOW)
        tomorrow = MONDAY + DAY
        snoozed = DeliveryResponded(
            delivery_id="d", action_id=alert.action_id, response="snoozed", at=MONDAY, actor="own", until=tomorrow
        )
        await floor.take(("northwind", snoozed))
        # From now on there is something to look at in two weeks.
        await floor.assess(2, MONDAY + HOUR, {**LOW, "account.signed_at": MONDAY.isoformat()})
        assert [again.title for again in await floor.pass_until(tomorrow)] == ["Again: Look here"]
        assert [late.title for late in await floor.pass_until(MONDAY + 14 * DAY)] == ["No value yet"]
