"""Clients of Segment, RudderStack and Jitsu at ingest's door, on a real database."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from services.ingest.store import known
from shared.messages.envelope import Event
from tests.support.ingest import ADMIN_KEY, House, a_house, alias_of, an_event
from tests.support.stream import NOON

AUTH = (ADMIN_KEY, "")


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with a_house(database_url) as house:
        del house.http.headers["authorization"]
        yield house


def a_track(id: str = "m1", **more: Any) -> dict[str, Any]:
    """A track that names its account."""
    return {
        "type": "track",
        "messageId": id,
        "userId": "u1",
        "event": "Report Run",
        "properties": {"pages": 3},
        "context": {"groupId": "acme"},
        **more,
    }


async def test_a_batch_is_taken_record_by_record(house: House) -> None:
    batch = {"batch": [a_track("m1"), a_track("m2", event=""), a_track("m3"), 7], "sentAt": None}
    answer = await house.http.post("/v1/batch", content=msgspec.json.encode(batch), auth=AUTH)
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    assert [(e.id, e.type, e.subject) for e in house.broker.events()] == [
        ("m1", "usage.recorded", "acme"),
        ("m3", "usage.recorded", "acme"),
    ]
    data = msgspec.json.decode(house.broker.messages[0].value)["data"]
    assert data == {"feature": "Report Run", "user_id": "u1"}


async def test_the_key_is_taken_wherever_a_client_puts_it(house: House) -> None:
    body = msgspec.json.encode(a_track())
    in_body = msgspec.json.encode({"writeKey": ADMIN_KEY, "batch": [a_track()]})
    taken = [
        await house.http.post("/v1/track", content=body, auth=AUTH),
        await house.http.post("/v1/track", content=body, headers={"authorization": f"Bearer {ADMIN_KEY}"}),
        await house.http.post("/api/s/s2s/track", content=body, headers={"x-write-key": f"{ADMIN_KEY}:secret"}),
        await house.http.post("/api/s/track.json", content=body, headers={"x-write-key": f"keepwell:{ADMIN_KEY}"}),
        await house.http.post("/v1/batch", content=in_body),
        await house.http.post(
            "/v1/batch",
            content=gzip.compress(in_body),
            headers={"content-type": "application/x-www-form-urlencoded"},
        ),
    ]
    assert [answer.status_code for answer in taken] == [200] * 6
    assert len(house.broker.messages) == 6
    nobody = await house.http.post("/v1/batch", content=body)
    assert (nobody.status_code, nobody.json()["code"]) == (401, "no_key")
    stranger = await house.http.post("/v1/batch", content=body, auth=("kw_stranger", ""))
    assert (stranger.status_code, stranger.json()["code"]) == (401, "unknown_key")


async def send(house: House, *records: dict[str, Any], **more: Any) -> None:
    body = msgspec.json.encode({"batch": records, **more})
    answer = await house.http.post("/v1/batch", content=body, auth=AUTH)
    assert answer.status_code == 200


def nameless(id: str, user: str = "u1", **more: Any) -> dict[str, Any]:
    return {"type": "track", "messageId": id, "userId": user, "event": "Report Run", **more}


def at(minutes: int) -> str:
    return (NOON + timedelta(minutes=minutes)).isoformat()


def subjects(events: list[Event]) -> list[tuple[str, str]]:
    return [(event.id, event.subject) for event in events]


async def test_what_names_no_account_is_of_where_its_user_was_by_then(house: House) -> None:
    await send(house, a_track("m1", timestamp=at(-60)), a_track("m2", timestamp=at(-30), context={"groupId": "globex"}))
    await send(house, nameless("m3", timestamp=at(-45)), nameless("m4"), nameless("m5", timestamp=at(-90)))
    assert subjects(house.broker.events())[2:] == [("m3", "acme"), ("m4", "globex"), ("m5", "acme")]


async def test_who_is_not_placed_waits_until_the_first_word_of_it(house: House) -> None:
    await send(
        house, nameless("m1"), {"type": "identify", "messageId": "m2", "userId": "u1", "traits": {"email": "a@b.co"}}
    )
    assert house.broker.messages == []
    assert len(await house.rows("SELECT source FROM waiting")) == 2
    await send(
        house, {"type": "group", "messageId": "m3", "userId": "u1", "groupId": "acme", "traits": {"name": "Acme"}}
    )
    assert subjects(house.broker.events()) == [("m3", "acme")]
    assert subjects(await house.outbox()) == [("m1", "acme"), ("m2", "acme")]
    assert "aliases" not in msgspec.json.decode(house.broker.messages[0].value)["data"]["traits"]


async def test_who_is_at_an_account_that_nobody_knows_yet_waits_for_that(house: House) -> None:
    await send(house, nameless("m1"))
    await send(house, a_track("m2", context={"groupId": "stripe:cus_1"}), nameless("m3"))
    assert {row["alias"] for row in await house.rows("SELECT alias FROM waiting")} == {"stripe:cus_1"}
    assert (await house.post(alias_of("acme", "stripe:cus_1"), auth=AUTH)).status_code == 202
    assert sorted(subjects(await house.outbox())) == [("m1", "acme"), ("m2", "acme"), ("m3", "acme")]


async def test_an_event_that_comes_again_is_of_the_same_account(house: House) -> None:
    await send(house, a_track("m1", timestamp=at(-60)))
    await send(house, nameless("m2"))
    await send(house, a_track("m3", timestamp=at(-30), context={"groupId": "globex"}), nameless("m2"), nameless("m4"))
    assert subjects(house.broker.events())[1:] == [("m2", "acme"), ("m3", "globex"), ("m2", "acme"), ("m4", "globex")]
    house.clock.move(timedelta(hours=25))
    async with house.parts.uow.begin() as c:
        assert not await known.forget(c, house.clock.now())
    assert await house.rows("SELECT source FROM resolved") == []


async def test_what_is_said_again_and_again_is_thinned_after_a_day(house: House) -> None:
    for minutes, account in ((0, "acme"), (15, "acme"), (20, "globex"), (30, "acme"), (45, "acme"), (60, "acme")):
        await send(house, a_track(f"m{minutes}", timestamp=at(minutes - 90), context={"groupId": account}))
    house.clock.move(timedelta(hours=24))
    async with house.parts.uow.begin() as c:
        assert not await known.forget(c, house.clock.now())
    left = await house.rows("SELECT at, account_id FROM known_users ORDER BY at")
    assert [(row["account_id"], (row["at"] - NOON) / timedelta(minutes=1)) for row in left] == [
        ("acme", -90),
        ("globex", -70),
        ("acme", -60),
    ]


async def test_what_somebody_did_before_they_signed_in_is_theirs(house: House) -> None:
    visitor = {"type": "page", "messageId": "m1", "anonymousId": "a1", "name": "Pricing"}
    await send(house, visitor)
    await send(house, {"type": "identify", "messageId": "m2", "anonymousId": "a1", "userId": "u1"})
    assert house.broker.messages == []
    await send(house, {"type": "alias", "messageId": "m3", "previousId": "old", "userId": "u1"}, nameless("m4", "old"))
    await send(house, a_track("m5"))
    assert sorted(subjects(await house.outbox())) == [("m1", "acme"), ("m2", "acme"), ("m4", "acme")]
    await send(house, {**visitor, "messageId": "m6"})
    assert subjects(house.broker.events()) == [("m5", "acme"), ("m6", "acme")]


async def test_a_known_user_costs_no_database(house: House) -> None:
    await send(house, a_track("m1"))
    async with house.engine.begin() as c:
        await c.execute(text("LOCK TABLE known_users IN ACCESS EXCLUSIVE MODE"))
        async with asyncio.timeout(5):
            await send(house, a_track("m2"), a_track("m3", timestamp=at(5)))
    assert len(house.broker.messages) == 3


async def test_whoever_is_erased_was_nowhere(house: House) -> None:
    link = {"type": "identify", "messageId": "m2", "anonymousId": "a1", "userId": "u1"}
    await send(house, a_track("m1"), link, a_track("m3", userId="u2"))
    erased = an_event("x1", "contact.erased", "acme", data={"contact_id": "u1"})
    assert (await house.post(erased, auth=AUTH)).status_code == 202
    assert [row["user_id"] for row in await house.rows("SELECT user_id FROM known_users")] == ["u2"]
    assert [row["alias"] for row in await house.rows("SELECT alias FROM aliases")] == ["user:admin/u2"]
    assert (await house.post(an_event("x2", "account.erased", "acme"), auth=AUTH)).status_code == 202
    assert await house.rows("SELECT source FROM known_users") == []


async def test_what_is_refused_is_kept_and_taken_once_it_can_be(house: House) -> None:
    nobody = {"messageId": "m1", "event": "Report Run", "timestamp": at(-5)}
    answer = await house.http.post("/v1/track", content=msgspec.json.encode(nobody), auth=AUTH)
    assert answer.status_code == 200
    kept = (await house.http.get("/v1/refused", auth=AUTH)).json()["items"]
    assert [(one["code"], one["door"]) for one in kept] == [("missing_account", "segment")]
    unreadable = await house.http.post("/v1/batch", content=b'{"batch": 7}', auth=AUTH)
    assert (unreadable.status_code, unreadable.json()["code"]) == (400, "no_batch")
    assert "message" in unreadable.json()
    assert len((await house.http.get("/v1/refused", auth=AUTH)).json()["items"]) == 2


async def test_one_id_for_two_users_is_two_events(house: House) -> None:
    for user, account in (("u1", "acme"), ("u2", "globex")):
        await send(house, a_track(f"{user}-known", userId=user, timestamp=at(-60), context={"groupId": account}))
    await send(house, nameless("m1"), {**nameless("m1"), "userId": "u2"})
    await send(house, nameless("m2"))
    await send(house, {**nameless("m2"), "userId": "u2"})
    told = subjects(house.broker.events())[2:]
    assert told == [("m1", "acme"), ("m1", "globex"), ("m2", "acme"), ("m2", "globex")]


async def test_a_long_chain_of_names_is_walked_no_further_than_it_matters(house: House) -> None:
    chain = [
        {"type": "alias", "messageId": f"a{i}", "userId": f"n{i + 1}", "previousId": f"n{i}"} for i in range(1_500)
    ]
    await send(house, *chain)
    async with asyncio.timeout(5):
        await send(house, nameless("m1", "n1"), nameless("m2", "n0"))
        await send(house, {"type": "group", "messageId": "m3", "userId": "n0", "groupId": "acme"})
    assert sorted(subjects(await house.outbox())) == [("m1", "acme"), ("m2", "acme")]


async def test_a_name_that_everybody_has_keeps_nobody_waiting(house: House) -> None:
    async with asyncio.timeout(60):
        for batch in range(2):
            visits = [
                {
                    "type": "identify",
                    "messageId": f"m{batch}-{i}",
                    "userId": "undefined",
                    "anonymousId": f"a{batch}-{i}",
                }
                | {"timestamp": (NOON - timedelta(seconds=3_000 * batch + i)).isoformat()}
                for i in range(3_000)
            ]
            await send(house, *visits)
        await send(house, nameless("m1", "undefined"))
    await send(house, {"type": "group", "messageId": "m2", "userId": "undefined", "groupId": "acme"})
    await send(house, nameless("m3", "a1-7"))
    assert subjects(house.broker.events()) == [("m2", "acme"), ("m3", "acme")]
