"""What was refused is kept as it was sent, listed, and sent again when what was wrong is mended."""

import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from services.ingest.core import refusals
from services.ingest.store import refused
from shared.messages.erasing import Forgetting
from tests.support.ingest import House, a_house, an_event
from tests.support.stream import NOON

BROKEN = b'{"id":"b","type":"usage.recorded","account":"acme","data":{"feature":"caf\xe9"}}'


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with a_house(database_url) as house:
        yield house


async def listed(house: House, **params: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await house.http.get("/v1/refused", params=params)).json()["items"]
    return found


async def test_what_is_refused_is_listed_as_it_was_sent(house: House) -> None:
    wrong = msgspec.json.encode(an_event("w", "usage.recordet", source="shop"))
    answer = await house.http.post("/v1/events", content=b"[" + wrong + b"," + BROKEN + b"]")
    assert answer.status_code == 400
    await house.post(an_event("good"))
    one, other = sorted(await listed(house), key=lambda one: one["event_id"])
    assert base64.b64decode(one.pop("bytes")) == BROKEN
    assert one["encoding"] == "base64"
    assert (one["code"], one["event_id"], one["account"], one["key"]) == ("invalid_json", "b", "acme", "admin")
    assert other["bytes"].encode() == wrong
    assert (other["code"], other["source"], other["door"], other["times"]) == ("unknown_type", "shop", "events", 1)
    assert "usage.recorded" in other["reason"]
    assert other["at"] == "2026-05-20T12:00:00Z"
    assert [one["event_id"] for one in await listed(house, code="unknown_type", key="admin")] == ["w"]
    assert await listed(house, key="nobody") == []
    assert await listed(house, since="2026-05-20T12:00:01Z") == []
    assert (await house.http.get(f"/v1/refused/{other['id']}")).json() == other
    assert (await house.http.get("/v1/status")).status_code == 200


async def test_the_same_again_is_kept_once_and_counted(house: House) -> None:
    for _ in range(3):
        await house.post(an_event("w", "usage.recordet"), an_event("w", "usage.recordet"))
        house.clock.move(timedelta(hours=1))
    [one] = await listed(house)
    assert (one["times"], one["at"], one["last_at"]) == (3, "2026-05-20T12:00:00Z", "2026-05-20T14:00:00Z")


async def test_what_is_mended_is_sent_again_from_when_it_was_received(house: House) -> None:
    opened = (await house.http.post("/v1/imports")).json()["import_id"]
    await house.http.post(f"/v1/imports/{opened}/end")
    early = an_event("early", time="2026-05-20T12:20:00Z", data={"feature": "x"})
    far = {**an_event("far"), "time": "2026-05-21T13:00:00Z"}
    never = an_event("never", "usage.recordet")
    await house.post(early, far, never, an_event("ended", history=opened, time="2026-05-20T12:00:00Z"))
    assert {one["event_id"] for one in await listed(house)} == {"far", "never", "ended"}
    house.clock.move(timedelta(days=1))
    done = (await house.http.post("/v1/refused/replay", json={"code": "in_future"})).json()
    assert done == {"taken": 1, "refused": [], "left": 0, "before": "2026-05-21T12:00:00Z"}
    assert {one["event_id"] for one in await listed(house)} == {"never", "ended"}
    assert house.broker.events()[-1].id == "far"
    done = (await house.http.post("/v1/refused/replay", json={"key": "admin", "before": "2026-06-01T00:00:00Z"})).json()
    assert (done["taken"], sorted(one["code"] for one in done["refused"])) == (0, ["import_ended", "unknown_type"])
    assert {one["times"] for one in await listed(house)} == {2}
    for body in ({}, {"ids": ["x"], "more": 1}):
        assert (await house.http.post("/v1/refused/replay", json=body)).status_code == 400


async def test_one_without_a_time_counts_from_when_it_was_first_received(house: House) -> None:
    """What was wrong with it is mended in the table here, as a mapping or a declaration would mend it."""
    await house.post(an_event("e1", "usage.recordet", data={"feature": "x"}))
    [row] = await listed(house)
    async with house.parts.uow.begin() as c:
        await c.exec_driver_sql("UPDATE refused SET bytes = replace(convert_from(bytes, 'UTF8'), 'det', 'ded')::bytea")
    house.clock.move(timedelta(days=3))
    assert (await house.http.post(f"/v1/refused/{row['id']}/replay")).json()["taken"] == 1
    [event] = house.broker.events()
    assert event.time == NOON
    assert (await house.http.post(f"/v1/refused/{row['id']}/replay")).status_code == 404


async def test_a_body_that_can_not_be_read_and_a_vendors_are_kept_as_well(house: House) -> None:
    await house.http.post("/v1/events", content=b'[{"id":"e1"')
    await house.http.patch("/v1/accounts/acme", json={"seats": "many"})
    found = {one["door"]: one for one in await listed(house)}
    assert found["events"]["bytes"] == '[{"id":"e1"'
    assert (found["patch"]["code"], found["patch"]["account"]) == ("invalid_data", "acme")
    [id] = [one["id"] for one in found.values() if one["door"] == "events"]
    done = (await house.http.post(f"/v1/refused/{id}/replay")).json()
    assert (done["taken"], done["refused"][0]["code"]) == (0, "invalid_json")
    assert (await house.http.delete(f"/v1/refused/{id}")).status_code == 204
    assert (await house.http.delete(f"/v1/refused/{id}")).status_code == 404


async def test_there_is_room_for_so_much_a_day_and_what_is_beyond_is_counted(house: House) -> None:
    more = refusals.MOST_RECORDS + 5
    for first in range(0, more, 1000):
        await house.post(*(an_event(f"e{n}", "nothing") for n in range(first, min(more, first + 1000))))
    page = (await house.http.get("/v1/refused", params={"limit": 1})).json()
    assert page["left_out"] == 5
    assert await house.rows("SELECT count(*) AS n FROM refused") == [{"n": refusals.MOST_RECORDS}]
    house.clock.move(timedelta(days=1))
    await house.post(an_event("tomorrow", "nothing"))
    assert len(await listed(house, since="2026-05-21T00:00:00Z")) == 1
    pages, cursor = 0, page["next_cursor"]
    while cursor is not None:
        page = (await house.http.get("/v1/refused", params={"limit": 400, "cursor": cursor})).json()
        pages, cursor = pages + 1, page["next_cursor"]
    assert pages == 3
    async with house.parts.uow.begin() as c:
        while await refused.forget_old(c, house.clock.now() + timedelta(days=32)):
            pass
    assert await house.rows("SELECT id FROM refused") == await house.rows("SELECT key FROM refused_days") == []


async def test_whoever_is_erased_is_forgotten_there_as_well(house: House) -> None:
    await house.post(an_event("set", "account.updated", "acmé", data={"traits": {"aliases": ["stripe:cus_1"]}}))
    nps = {"contact_id": "kim", "score": 99}
    by_alias = {"id": "1", "type": "feedback.nps", "account": "stripe:cus_1", "data": nps}
    await house.post(by_alias)
    await house.http.post("/v1/events", content=b'[{"id":"2","type":"x","account":"acm\\u00e9","data":{}}, nonsense')
    await house.http.post("/v1/events", content='{"id":"3","type":"x","account":"acmé","data":{"who":"kim"}}'.encode())
    await house.post(an_event("4", "feedback.nps", "other", data=nps), an_event("5", "nothing", "acmé2"))

    async def left() -> set[str]:
        return {one["event_id"] or "?" for one in await listed(house)}

    assert await left() == {"1", "?", "3", "4", "5"}
    async with house.parts.uow.begin() as c:
        await refused.forget(c, Forgetting("acmé", "kim"))
    assert await left() == {"?", "4", "5"}
    await house.post(an_event("x", "account.erased", "acmé"))
    assert await left() == {"4", "5"}
    async with house.parts.uow.begin() as c:
        await refused.forget(c, Forgetting("somebody", "kim@other.example", ["99"]))
    assert await left() == {"5"}
