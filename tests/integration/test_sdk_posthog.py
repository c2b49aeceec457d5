"""Clients of PostHog at ingest's door, on a real database."""

import gzip
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from tests.support.ingest import ADMIN_KEY, House, a_house
from tests.support.stream import NOON


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with a_house(database_url) as house:
        del house.http.headers["authorization"]
        yield house


def a_capture(uuid: str, event: str = "Report Run", **props: Any) -> dict[str, Any]:
    return {
        "uuid": uuid,
        "event": event,
        "distinct_id": "u1",
        "timestamp": (NOON + timedelta(hours=2)).isoformat(),
        "properties": {"$lib": "posthog-python", **props},
    }


def in_acme(uuid: str) -> dict[str, Any]:
    company: dict[str, Any] = {"$groups": {"company": "acme"}}
    return a_capture(uuid, **company)


async def send(house: House, *captures: Any, path: str = "/batch/", **more: Any) -> None:
    body = {"batch": captures, "api_key": ADMIN_KEY, "sent_at": (NOON + timedelta(hours=3)).isoformat(), **more}
    packed = gzip.compress(msgspec.json.encode(body))
    answer = await house.http.post(path, content=packed, headers={"content-encoding": "gzip"})
    assert (answer.status_code, answer.json()) == (200, {"status": 1})


async def test_a_batch_is_taken_record_by_record_by_a_clock_that_is_set_right(house: House) -> None:
    company: dict[str, Any] = {"$groups": {"company": "acme"}}
    await send(
        house, a_capture("c1", **company), a_capture("c2", "", **company), a_capture("c3", "$pageview", **company)
    )
    taken = [msgspec.json.decode(message.value) for message in house.broker.messages]
    assert [(one["id"], one["subject"], one["data"]["feature"]) for one in taken] == [
        ("c1", "acme", "Report Run"),
        ("c3", "acme", "page view"),
    ]
    assert {event.time for event in house.broker.events()} == {NOON - timedelta(hours=1)}


async def test_groups_and_people_become_accounts_and_contacts(house: House) -> None:
    group = a_capture("g1", "$groupidentify", **{"$group_type": "company", "$group_key": "acme"})
    group["properties"]["$group_set"] = {"name": "Acme", "seats": 12, "mrr": 400}
    group["distinct_id"] = "2f1d8f0e-random"
    person = a_capture("p1", "$identify", **{"$anon_distinct_id": "a1"})
    person["$set"] = {"email": "ana@acme.example"}
    visit = {**a_capture("v1"), "distinct_id": "a1"}
    await send(house, visit, person, group, a_capture("t1", "$groupidentify", **{"$group_type": "team"}))
    assert [(event.id, event.subject) for event in house.broker.events()] == [("g1", "acme")]
    data = msgspec.json.decode(house.broker.messages[0].value)["data"]
    assert data == {"traits": {"mrr": 400, "name": "Acme", "seats": 12}}
    await send(house, in_acme("c1"), path="/capture")
    assert sorted((event.id, event.subject) for event in await house.outbox()) == [("p1", "acme"), ("v1", "acme")]


async def test_one_event_alone_and_flags(house: House) -> None:
    one = msgspec.json.encode({**in_acme("c1"), "token": ADMIN_KEY})
    assert (await house.http.post("/i/v0/e/", content=one)).status_code == 200
    assert [event.subject for event in house.broker.events()] == ["acme"]
    asked = await house.http.post("/flags/?v=2", content=msgspec.json.encode({"token": ADMIN_KEY, "distinct_id": "u1"}))
    assert (asked.status_code, asked.json()["flags"]) == (200, {})
    assert (await house.http.post("/decide", json={"token": "kw_stranger"})).status_code == 401


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/capture/", {"api_key": ADMIN_KEY, "event": "", "distinct_id": "u1"}),
        ("/e/", [{"event": "", "properties": {"token": ADMIN_KEY}}]),
        ("/v1/track", {"writeKey": f"{ADMIN_KEY}:", "userId": "u1"}),
        ("/v1/batch", {"writeKey": ADMIN_KEY, "batch": 5}),
    ],
)
async def test_a_key_in_a_body_is_kept_nowhere(house: House, path: str, body: Any) -> None:
    assert (await house.http.post(path, json=body)).status_code in {200, 400}
    await house.parts.watching.write()
    kept = [row["bytes"] for row in await house.rows("SELECT bytes FROM refused")]
    shown = [row["sent"] for row in await house.rows("SELECT sent FROM recent")]
    assert len(kept) == len(shown) == 1
    assert not any(ADMIN_KEY.encode() in bytes(one) for one in (*kept, *shown))
    assert all(b"kw_***" in bytes(one) for one in (*kept, *shown))
