"""Reads of scoring that wait for the reader's own events."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from services.scoring.api.own_write import NotYet, OwnWrites
from services.scoring.core.own_write import Stored
from shared.log.protocol import TopicPartition
from shared.log.tokens import token_of
from shared.messages.registry import USAGE
from tests.support.face import CLUSTER, Face, a_face
from tests.support.scoring import NOW, an_event, usage
from tests.support.stream import until


@pytest.fixture
async def face(database_url: str) -> AsyncIterator[Face]:
    async with a_face(database_url) as made:
        yield made


def a_token(end: int, cluster: str = CLUSTER, partition: int = 0) -> str:
    token = token_of({TopicPartition(USAGE, partition): end}, cluster)
    assert token is not None
    return token


async def read_up_to(face: Face, end: int) -> None:
    """What a worker's transaction leaves behind when it has read the topic's partition that far."""
    async with face.fed.uow.begin() as c:
        await c.execute(
            text(
                "INSERT INTO offsets (topic, partition, next, cluster) VALUES (:topic, 0, :next, :cluster) "
                "ON CONFLICT (topic, partition) DO UPDATE SET next = excluded.next"
            ),
            {"topic": USAGE, "next": end, "cluster": CLUSTER},
        )


def waits(face: Face) -> Any:
    return asyncio.create_task(face.client.get("/v1/accounts/acme", params={"at_least": a_token(7)}))


async def test_a_read_waits_until_its_events_were_read(face: Face) -> None:
    await read_up_to(face, 6)
    asked = waits(face)
    await asyncio.sleep(0.03)
    assert not asked.done()
    await face.fed.feed(an_event("account.updated", account="acme", traits={"name": "Acme"}))
    await read_up_to(face, 7)
    answer: httpx.Response = await asked
    assert answer.json()["name"] == "Acme"


async def test_a_read_waits_until_the_accounts_that_were_put_off_are_assessed(face: Face) -> None:
    await face.fed.feed(usage(NOW, account="acme"), behind=True)
    await read_up_to(face, 7)
    asked = waits(face)
    await asyncio.sleep(0.03)
    assert not asked.done()
    await face.fed.catch_up()
    answer: httpx.Response = await asked
    assert answer.json()["rev"] == 1


async def test_what_is_not_through_in_time_is_told_with_how_far_it_is(database_url: str) -> None:
    async with a_face(database_url, patience=0.05) as face:
        answer = await waits(face)
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (503, "not_yet", "2")
    assert "such as number 0 of keepwell.events.usage up to 7" in answer.json()["message"]


@pytest.mark.parametrize("path", ["/accounts", "/accounts/acme", "/accounts/acme/timeline", "/revenue", "/fingerprint"])
@pytest.mark.parametrize(
    ("token", "says"), [("nonsense", "no token that Keepwell gave"), (a_token(1, "elsewhere"), "another log")]
)
async def test_a_token_that_can_not_be_used_is_refused_at_every_read(
    face: Face, path: str, token: str, says: str
) -> None:
    problem = await face.get(path, status=400, at_least=token)
    assert says in problem["message"]


async def test_who_has_no_key_keeps_nobody_waiting(face: Face) -> None:
    async with asyncio.timeout(30):
        answer = await face.client.get("/v1/accounts", params={"at_least": a_token(7)}, auth=("wrong", ""))
    assert answer.status_code == 401


class Database:
    """What a look finds; each look takes half a second of a clock that only looks move."""

    def __init__(self) -> None:
        self.seconds, self.looks, self.next, self.fails = 0.0, 0, 0, False

    async def __call__(self, partitions: object, /) -> list[Stored]:
        self.looks, self.seconds = self.looks + 1, self.seconds + 0.5
        if self.fails:
            raise ConnectionError("gone")
        return [Stored(USAGE, 0, self.next, None, None)]

    def own_writes(self) -> OwnWrites:
        return OwnWrites(self, lambda: CLUSTER, clock=lambda: self.seconds)


WANTED = {TopicPartition(USAGE, 0): 1}


async def test_it_is_asked_for_five_seconds_and_no_longer() -> None:
    database = Database()
    with pytest.raises(NotYet):
        await database.own_writes().wait(WANTED)
    assert (database.looks, database.seconds) == (10, 5.0)


async def test_one_task_asks_for_all_who_wait_and_none_when_nobody_does() -> None:
    database = Database()
    own_writes = database.own_writes()
    waiting = [asyncio.create_task(own_writes.wait(WANTED)) for _ in range(50)]
    await until(lambda: database.looks >= 2)
    database.next = 1
    await asyncio.gather(*waiting)
    assert (asked := database.looks) < 10
    await asyncio.sleep(0.05)
    assert database.looks == asked


async def test_a_database_that_fails_fails_who_waits_and_the_next_asks_anew() -> None:
    database = Database()
    own_writes, database.fails = database.own_writes(), True
    with pytest.raises(ConnectionError):
        await own_writes.wait(WANTED)
    database.fails, database.next = False, 1
    await own_writes.wait(WANTED)
