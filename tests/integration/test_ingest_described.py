"""What ingest's OpenAPI document shows can be sent as it stands there."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from shared.messages.registry import CUSTOMER_EVENTS
from tests.support.described import Example, examples, without_example
from tests.support.ingest import House, a_house, heard_of

NAMES = {"{account}": "northwind", "{contact}": "c-4", "{person}": "u-17", "{name}": "shop"}


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with a_house(database_url) as made:
        yield made


async def sent(house: House, one: Example) -> int:
    path = one.path
    opened = (await house.http.post("/v1/imports")).json()["import_id"]
    for name, value in {**NAMES, "{id}": "web" if "/mappings/" in path else opened}.items():
        path = path.replace(name, value)
    body = one.value if isinstance(one.value, str) else msgspec.json.encode(one.value)
    answer = await house.http.request(one.method, path, content=body, headers={"content-type": one.media})
    said: Any = answer.json() if answer.content and "json" in answer.headers.get("content-type", "") else {}
    assert not said.get("refused"), (str(one), said)
    return answer.status_code


async def test_every_body_has_an_example_and_each_of_them_is_taken(house: House, database_url: str) -> None:
    await heard_of(database_url, "northwind")
    document = house.app.openapi()
    assert without_example(document) == []
    found = list(examples(document))
    assert {one.name for one in found if one.path == "/v1/events"} >= set(CUSTOMER_EVENTS)
    for one in found:
        assert await sent(house, one) in one.codes, str(one)
    published = {event.type for event in house.broker.events()}
    assert published == set(CUSTOMER_EVENTS)
