"""Accounts and contacts that people change by hand: each is an event in their key's name."""

from collections.abc import AsyncIterator

import httpx
import msgspec
import pytest

from shared.documents.shelf import Version
from shared.documents.store import Store
from shared.pg.pool import make_engine
from shared.pg.uow import UnitOfWork
from tests.support.ingest import House, a_house
from tests.support.logins import as_service
from tests.support.stream import NOON


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with a_house(database_url) as made:
        yield made


async def patch(house: House, path: str, body: object, **headers: str) -> httpx.Response:
    return await house.http.patch(f"/v1/{path}", json=body, headers=headers)


async def test_what_is_changed_is_published_as_the_event_that_says_so(house: House) -> None:
    given = {"owner": "ben@example.com", "seats": None, "move_open": True}
    answer = await patch(house, "accounts/north%2Fwind", given)
    assert (answer.status_code, answer.json()["accepted"]) == (202, 1)
    contact = await patch(
        house, "contacts/northwind/kim", {"traits": {"email": "kim@north.example"}, "role": "champion"}
    )
    assert contact.status_code == 202
    first, second = house.broker.events()
    assert (first.type, first.subject, first.source) == ("account.updated", "north/wind", "admin")
    assert msgspec.json.decode(first.data) == {"traits": {"owner": "ben@example.com", "seats": None}, "move_open": True}
    assert (second.type, second.subject) == ("contact.updated", "northwind")
    assert msgspec.json.decode(second.data) == {
        "contact_id": "kim",
        "traits": {"email": "kim@north.example"},
        "role": "champion",
    }


async def test_sent_again_under_its_key_it_is_the_same_event(house: House) -> None:
    for _ in range(2):
        await patch(house, "accounts/northwind", {"plan": "pro"}, **{"Idempotency-Key": "crm-7"})
    assert [event.id for event in house.broker.events()] == ["crm-7", "crm-7"]
    await patch(house, "accounts/northwind", {"plan": "pro"})
    await patch(house, "accounts/northwind", {"plan": "pro"})
    assert len({event.id for event in house.broker.events()}) == 3


async def test_what_can_not_be_meant_is_refused_in_a_sentence(house: House) -> None:
    answer = await patch(house, "accounts/a", {"ownr": "ben@example.com"})
    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_trait")
    assert "no trait 'ownr'. Did you mean 'owner'?" in answer.json()["message"]
    answer = await patch(house, "accounts/a", ["owner"])
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_json")
    answer = await patch(house, "accounts/a", {"seats": "ten"})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_data")
    assert house.broker.events() == []


async def test_a_trait_that_the_catalogue_declares_is_no_misspelt_one(house: House, database_url: str) -> None:
    engine = make_engine(as_service(database_url, "scoring"), "scoring")
    text = b"traits: {seat: text}"
    async with UnitOfWork(engine).begin() as c:
        shelf = Store("scoring", ("catalogue",))
        await shelf.lock(c)
        await shelf.add(c, [Version("catalogue", "main", 1, text, "application/yaml", "admin", NOON, False)])
    await engine.dispose()
    assert (await patch(house, "accounts/a", {"seat": "window", "industry": "air"})).status_code == 202
    assert (await patch(house, "accounts/a", {"plann": "pro"})).json()["code"] == "unknown_trait"


async def test_it_needs_the_scope_operate(house: House) -> None:
    made = await house.http.post("/v1/keys", json={"name": "app", "scopes": ["ingest"]})
    headers = {"Authorization": f"Bearer {made.json()['key']}"}
    answer = await patch(house, "accounts/a", {"plan": "pro"}, **headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
