"""The token of an answer: what of these events has yet to be read."""

from collections.abc import AsyncIterator

import pytest

from shared.log.partitioner import partition_of
from shared.log.protocol import TopicPartition
from shared.log.tokens import places_in
from shared.messages.registry import ACCOUNTS, USAGE
from tests.support.ingest import CLUSTER, House, a_house, alias_of, an_event

OURS = partition_of("northwind", 8)
(OTHER, THERE) = next((id, n) for id in "abcdefgh" if (n := partition_of(id, 8)) != OURS)


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with a_house(database_url) as made:
        yield made


async def test_an_answer_says_where_its_events_came_to_lie(house: House) -> None:
    await house.post(an_event("e1"))
    answer = await house.post(an_event("e2"), an_event("e3", account=OTHER), alias_of("northwind", "stripe:cus_1"))
    assert places_in(answer.json()["token"], CLUSTER) == {
        TopicPartition(USAGE, OURS): 2,
        TopicPartition(USAGE, THERE): 1,
        TopicPartition(ACCOUNTS, OURS): 1,
    }


async def test_what_waits_for_its_alias_is_not_in_the_token(house: House) -> None:
    answer = await house.post(an_event("e1", account="crm:1"))
    assert (answer.json()["accepted"], answer.json()["token"]) == (1, None)
    answer = await house.post(an_event("e2", account="crm:1"), an_event("e3"))
    assert places_in(answer.json()["token"], CLUSTER) == {TopicPartition(USAGE, OURS): 1}


async def test_a_change_by_hand_has_a_token_too(house: House) -> None:
    answer = await house.http.patch("/v1/accounts/northwind", json={"name": "Northwind"})
    assert places_in(answer.json()["token"], CLUSTER) == {TopicPartition(ACCOUNTS, OURS): 1}
