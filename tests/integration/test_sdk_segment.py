"""Clients of Segment, RudderStack and Jitsu at ingest's door, on a real database."""

import gzip
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from tests.support.ingest import ADMIN_KEY, House, a_house

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
        await house.http.post("/api/s/track.json", content=body, headers={"x-write-key": ADMIN_KEY}),
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
