"""What a key may send, how it gives way to another, and what is known of its use."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ingest.api.events import sender_of
from services.ingest.core.senders import LARGEST, Sender
from services.ingest.receiving.limiting import Rates
from services.ingest.receiving.usage import Usage
from services.ingest.store.usage import KEPT_DAYS, forget
from shared.figures import Figures
from shared.pg.uow import UnitOfWork
from tests.support.ingest import House, a_house, an_event

HOUR = timedelta(hours=1)


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with a_house(database_url) as made:
        yield made


async def a_key(house: House, name: str = "app", **more: Any) -> str:
    answer = await house.http.post("/v1/keys", json={"name": name, "scopes": ["ingest"], **more})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["key"])


async def sends(house: House, key: str, *events: Any) -> httpx.Response:
    return await house.post(*(events or [an_event()]), headers={"authorization": f"Bearer {key}"})


async def rotated(house: House, name: str = "app", **how: Any) -> str:
    answer = await house.http.post(f"/v1/keys/{name}/rotate", json=how)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["key"])


async def usage_of(house: House, name: str = "app", **asked: str) -> list[dict[str, Any]]:
    await house.usage.write()
    found: list[dict[str, Any]] = (await house.http.get(f"/v1/keys/{name}/usage", params=asked)).json()["items"]
    return found


async def test_a_rotated_key_works_beside_the_new_one_until_its_time_is_up(house: House) -> None:
    old = await a_key(house)
    new = await rotated(house)
    house.clock.move(23 * HOUR)
    assert [(await sends(house, key)).status_code for key in (old, new)] == [202, 202]
    house.clock.move(HOUR)
    assert [(await sends(house, key)).status_code for key in (old, new)] == [401, 202]


async def test_the_overlap_may_be_chosen_and_be_none(house: House) -> None:
    old = await a_key(house)
    new = await rotated(house, overlap_hours=0)
    assert [(await sends(house, key)).status_code for key in (old, new)] == [401, 202]


async def test_a_name_has_two_keys_at_most(house: House) -> None:
    keys = [await a_key(house), await rotated(house), await rotated(house)]
    assert [(await sends(house, key)).status_code for key in keys] == [401, 202, 202]


async def test_revoking_ends_both_keys_and_the_name_may_begin_anew(house: House) -> None:
    keys = [await a_key(house, types=["usage.recorded"]), await rotated(house)]
    await house.http.delete("/v1/keys/app")
    assert [(await sends(house, key)).status_code for key in keys] == [401, 401]
    assert (await house.http.post("/v1/keys/app/rotate")).status_code == 404
    keys.append(await a_key(house))
    assert [(await sends(house, key)).status_code for key in keys] == [401, 401, 202]
    listed = next(one for one in (await house.http.get("/v1/keys")).json()["items"] if one["name"] == "app")
    assert (listed["types"], listed["old_until"], listed["revoked_at"]) == ([], None, None)


async def test_what_a_key_is_stays_when_it_is_rotated(house: House) -> None:
    await a_key(house, types=["feedback.nps"], events_per_second=7, test=True, csm="ana@example.com")
    found = await house.parts.keys.find(await rotated(house))
    assert found is not None
    assert (found.types, found.events_per_second, found.test, found.csm) == (
        frozenset({"feedback.nps"}),
        7,
        True,
        "ana@example.com",
    )


async def test_the_key_of_the_settings_is_changed_there(house: House) -> None:
    for answer in (
        await house.http.post("/v1/keys/admin/rotate"),
        await house.http.patch("/v1/keys/admin", json={"test": True}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "key_from_settings")


async def test_no_key_is_told_but_once(house: House, caplog: pytest.LogCaptureFixture) -> None:
    keys = [await a_key(house), await rotated(house)]
    shown = (await house.http.get("/v1/keys")).text + caplog.text + (await house.http.get("/metrics")).text
    assert not any(key in shown for key in keys)


async def test_a_key_sends_the_types_that_it_may_and_is_told_which_these_are(house: House) -> None:
    key = await a_key(house, types=["usage.recorded", "ticket.opened"])
    churned = an_event("c", "account.churned")
    answer = await sends(house, key, an_event(), churned)
    [refusal] = answer.json()["refused"]
    assert (answer.json()["accepted"], refusal["index"], refusal["code"]) == (1, 1, "type_not_allowed")
    assert refusal["message"] == ("This key may not send account.churned. It may send ticket.opened, usage.recorded.")
    answer = await house.http.patch("/v1/keys/app", json={"types": ["account.churned"]})
    assert answer.status_code == 204
    answer = await sends(house, key, an_event(), churned)
    assert (answer.json()["accepted"], answer.json()["refused"][0]["index"]) == (1, 0)


async def test_a_type_that_there_is_not_is_refused_with_the_nearest(house: House) -> None:
    answer = await house.http.post("/v1/keys", json={"name": "x", "scopes": ["ingest"], "types": ["ticket.open"]})
    assert answer.status_code == 400
    assert "did you mean 'ticket.opened'?" in answer.json()["message"]


async def test_a_name_that_no_key_can_have_is_refused_in_words(house: House) -> None:
    for name in ("", "a b", "é", "-x", "a\n", "x" * 65):
        answer = await house.http.post("/v1/keys", json={"name": name, "scopes": ["ingest"]})
        assert answer.status_code == 400
        assert "a key's name is 64 letters" in answer.json()["message"]


async def test_a_change_changes_what_it_names(house: House) -> None:
    await a_key(house, types=["usage.recorded"], events_per_second=5)
    await house.http.patch("/v1/keys/app", json={"test": True, "largest": 1000})
    listed = next(one for one in (await house.http.get("/v1/keys")).json()["items"] if one["name"] == "app")
    assert (listed["types"], listed["events_per_second"], listed["test"], listed["largest"]) == (
        ["usage.recorded"],
        5,
        True,
        1000,
    )
    assert (await house.http.patch("/v1/keys/app", json={})).status_code == 400
    assert (await house.http.patch("/v1/keys/nobody", json={"test": True})).status_code == 404


async def test_a_sender_is_told_what_its_key_may(house: House) -> None:
    key = await a_key(house, types=["feedback.nps"], events_per_second=7, test=True, sources=["web"])
    caller = await house.parts.keys.find(key)
    assert caller is not None
    assert sender_of(caller, frozenset()) == Sender(
        "web", "app", frozenset({"web"}), frozenset(), False, frozenset({"feedback.nps"}), True, 7, LARGEST
    )


async def test_an_event_may_be_as_long_as_its_key_allows(house: House) -> None:
    key = await a_key(house, largest=300)
    answer = await sends(house, key, an_event(), an_event("long", note="x" * 300))
    assert (answer.json()["accepted"], answer.json()["refused"][0]["code"]) == (1, "too_large")


async def test_over_its_rate_nothing_is_taken_and_it_is_told_when_to_come_again(database_url: str) -> None:
    async with a_house(database_url, rates=Rates(1, 0, 0)) as house:
        key, free = await a_key(house), await a_key(house, "free", events_per_second=0)
        assert (await sends(house, key, *(an_event(f"e{n}") for n in range(60)))).status_code == 202
        answer = await sends(house, key, an_event("one more"))
        assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
        assert len(house.broker.messages) == 60
        assert (await sends(house, free, *(an_event(f"f{n}") for n in range(99)))).status_code == 202
        house.clock.move(timedelta(seconds=int(answer.headers["retry-after"])))
        assert (await sends(house, key, an_event("one more"))).status_code == 202


async def test_too_many_requests_are_turned_away_before_their_body_is_read(database_url: str) -> None:
    async with a_house(database_url, rates=Rates(0, 1, 0)) as house:
        key = await a_key(house)
        for _ in range(60):
            await sends(house, key)
        assert (await sends(house, key)).status_code == 429

        async def body() -> AsyncIterator[bytes]:
            yield b"["
            raise AssertionError("the body was read")

        answer = await house.http.post(
            "/v1/events", content=body(), headers={"authorization": f"Bearer {key}", "content-type": "application/json"}
        )
        assert answer.status_code == 429


async def test_usage_is_told_by_day_and_type(house: House) -> None:
    key = await a_key(house)
    await sends(house, key, an_event("e1"), an_event("e2"), an_event("c", "account.churned"), {"id": "bad"})
    await usage_of(house)
    house.clock.move(24 * HOUR)
    await sends(house, key, an_event("e3"))
    await sends(house, key, an_event("e4"))
    later, earlier = await usage_of(house)
    assert earlier.pop("bytes") > 100
    assert earlier == {
        "day": "2026-05-20",
        "requests": 1,
        "events": 3,
        "refused": 1,
        "limited": 0,
        "types": {"account.churned": 1, "usage.recorded": 2},
    }
    assert (later["day"], later["requests"], later["events"]) == ("2026-05-21", 2, 2)
    assert [one["day"] for one in await usage_of(house, to="2026-05-20")] == ["2026-05-20"]
    assert (await house.http.get("/v1/keys/nobody/usage")).status_code == 404


async def test_what_a_limit_kept_out_is_counted_and_others_usage_is_their_own(database_url: str) -> None:
    async with a_house(database_url, rates=Rates(0, 1, 0)) as house:
        key, other = await a_key(house), await a_key(house, "other")
        for _ in range(62):
            await sends(house, key)
        await sends(house, other)
        [day] = await usage_of(house)
        assert (day["requests"], day["events"], day["limited"]) == (62, 60, 2)
        [day] = await usage_of(house, "other")
        assert (day["requests"], day["limited"]) == (1, 0)
        figures = (await house.http.get("/metrics")).text
        assert 'keepwell_key_limited_total{key="app"} 2' in figures


async def test_bodies_that_can_not_be_read_are_requests_as_well_and_refused(database_url: str) -> None:
    async with a_house(database_url, rates=Rates(0, 1, 0)) as house:
        doors = {"/v1/events": 400, "/v1/batch": 400, "/batch/": 400}
        head = {"authorization": f"Bearer {await a_key(house)}", "content-type": "application/json"}
        for _ in range(20):
            for door, status in doors.items():
                assert (await house.http.post(door, content=b"nonsense", headers=head)).status_code == status
        assert (await house.http.post("/v1/batch", content=b"nonsense", headers=head)).status_code == 429
        [day] = await usage_of(house)
        assert (day["requests"], day["events"], day["refused"], day["limited"]) == (61, 0, 60, 1)
        assert day["bytes"] == 60 * len(b"nonsense")


class Flaky(UnitOfWork):
    """A database that is away as long as the test wants."""

    away = True

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        if self.away:
            raise ConnectionError("gone")
        async with super().begin() as c:
            yield c


async def test_counts_that_can_not_be_written_are_written_later_with_what_came_since(house: House) -> None:
    await a_key(house)
    database = Flaky(house.engine)
    usage = Usage(database, house.clock, Figures("ingest"))
    usage.receive("app", 10)
    await usage.write()
    usage.receive("app", 5)
    database.away = False
    await usage.write()
    [day] = await usage_of(house)
    assert (day["requests"], day["bytes"]) == (2, 15)


async def test_days_are_forgotten_after_four_hundred(house: House) -> None:
    await sends(house, await a_key(house))
    await usage_of(house)
    house.clock.move(timedelta(days=KEPT_DAYS))
    await sends(house, await rotated(house))
    assert len(await usage_of(house, **{"from": "2026-01-01"})) == 2
    async with house.parts.uow.begin() as c:
        await forget(c, house.clock.now() + timedelta(days=1))
    assert len(await usage_of(house, **{"from": "2026-01-01"})) == 1
