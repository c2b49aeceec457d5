"""The days of accounts on a real database: recorded once, read back, erased and forgotten."""

from datetime import datetime
from typing import Any

import pytest

from services.playbooks import days
from shared.messages.accounts import ContactErased
from shared.messages.assessments import Cause
from tests.support.playbooks import DAY, HOUR, MONDAY, Floor, a_floor, an_assessment

ALERT = "id: stalled\nwhen: usage.breadth < 40 %\nsteps: [{alert: Look}]"


async def _read(floor: Floor, name: str, since: datetime = MONDAY - DAY) -> dict[str, list[Any]]:
    """By account what a fact was at the end of each day from Monday to Thursday."""
    found: dict[str, list[Any]] = {}
    async for pasts in days.read(floor.uow, since.date()):
        for past in pasts:
            ends = (past.on((MONDAY + day * DAY).date()) for day in range(4))
            found[past.account] = [None if end is None else end.get(name) for end in ends]
    return found


async def _rows(floor: Floor) -> int:
    (row,) = await floor.rows("SELECT count(*) AS number FROM days")
    return int(row.number)


async def test_each_day_is_recorded_once_whatever_is_sent_again_and_whoever_goes_on(database_url: str) -> None:
    async with a_floor(database_url, ALERT) as floor:
        await floor.assess(1, MONDAY, {"usage.breadth": 50.0})
        await floor.assess(2, MONDAY + DAY, {"usage.breadth": 60.0})
        await floor.assess(3, MONDAY + DAY + HOUR, {"usage.breadth": 70.0})
        await floor.take(("contoso", an_assessment(1, MONDAY + 2 * DAY, {"usage.breadth": 90.0})))
        with pytest.raises(ZeroDivisionError):
            await _broken(floor, 4, MONDAY + 3 * DAY)
        floor.handler.forget(floor.partition)
        async with floor.uow.begin() as c:
            await floor.handler.taken(c, floor.partition, MONDAY + 3 * DAY)
        for rev in (3, 4, 4):
            await floor.assess(rev, MONDAY + 3 * DAY, {"usage.breadth": 80.0})
        assert await _read(floor, "usage.breadth") == {
            "contoso": [None, None, 90.0, 90.0],
            "northwind": [50.0, 70.0, 70.0, 80.0],
        }
        assert await _rows(floor) == 2, "of northwind its first day and the second; the last is not over"


async def _broken(floor: Floor, rev: int, at: datetime) -> None:
    """A transaction that doesn't end."""
    async with floor.uow.begin() as c:
        one = floor.incoming("northwind", an_assessment(rev, at, {"usage.breadth": 1.0}))
        await floor.handler.handle(c, floor.partition, [one], at, False)
        raise ZeroDivisionError


async def test_old_days_are_forgotten_some_at_a_time_and_the_others_stay_what_they_were(database_url: str) -> None:
    async with a_floor(database_url, ALERT) as floor:
        for day in range(4):
            await floor.assess(day + 1, MONDAY + day * DAY, {"usage.breadth": 50.0 + day})
        async with floor.uow.begin() as c:
            assert not await days.forget(c, MONDAY + days.KEPT + DAY)
        assert (await _read(floor, "usage.breadth"))["northwind"][1:] == [51.0, 52.0, 53.0]
        assert await _rows(floor) == 1


async def test_in_no_day_a_word_stays_of_who_was_erased(database_url: str) -> None:
    async with a_floor(database_url, ALERT) as floor:
        kim = {"contacts.main": "Kim Miller (admin)", "contacts.main_id": "kim", "usage.breadth": 50.0}
        await floor.assess(1, MONDAY, kim)
        await floor.assess(2, MONDAY + DAY, {**kim, "contacts.main": "Kim Miller (champion)"})
        await floor.assess(3, MONDAY + 2 * DAY, {"contacts.main": "Kim Miller", "usage.breadth": 60.0})
        cause = Cause(kind="event", source="app", id="e-1", type="contact.erased", data={"contact_id": "kim"})
        erased = ContactErased(contact_id="kim", texts=["Kim Miller"])
        await floor.assess(4, MONDAY + 2 * DAY + HOUR, {"usage.breadth": 60.0}, cause=cause, erased=erased)
        assert (await _read(floor, "contacts.main"))["northwind"][:2] == ["[erased]", "[erased]"]
        assert (await _read(floor, "usage.breadth"))["northwind"] == [50.0, 50.0, 60.0, 60.0]
        for table in ("days", "accounts"):
            column = "record" if table == "days" else "standing"
            stored = await floor.rows(f"SELECT position('Kim'::bytea in {column}) AS at FROM {table}")
            assert {row.at for row in stored} == {0}, table
        await floor.assess(5, MONDAY + 3 * DAY, {}, gone="erased")
        assert await _rows(floor) == 0
        assert (await _read(floor, "usage.breadth"))["northwind"][:3] == [None, None, None]
