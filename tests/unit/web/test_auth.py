"""API keys, where the database is slow, gone or about to change."""

import asyncio
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Executable

from shared.auth.keys import Caller, KeyStore
from shared.clock import Clock, SystemClock
from shared.pg.uow import UnitOfWork
from tests.support.ingest import counted_bytes
from tests.support.stream import NOON, SetClock, until

SECRET = b"secret of the tests"


class Database(UnitOfWork):
    """Has the keys that it was given. It can be slow (`answers`), and can refuse (`fails`)."""

    def __init__(self, *keys: str) -> None:
        self.keys = list(keys)
        self.asked = 0
        self.fails: Exception | None = None
        self.answers = asyncio.Event()
        self.answers.set()

    async def once(self, statement: Executable, parameters: Mapping[str, Any] | None = None) -> Sequence[Any]:
        self.asked += 1
        # As a reading finds it: what is made later is not in it.
        keys = list(self.keys)
        await self.answers.wait()
        if self.fails is not None:
            raise self.fails
        return [
            SimpleNamespace(
                hash=hmac.digest(SECRET, key.encode(), hashlib.sha256),
                name=key,
                scopes=["read"],
                source=f"{key}-source",
                sources=[f"{key}-till"],
                csm=None,
                types=[],
                events_per_second=None,
                largest=None,
                test=False,
                old_hash=None,
                old_until=None,
                revoked_at=None,
                secret=SECRET,
            )
            for key in keys
        ]


class Unmoved(Database):
    """Doesn't let go of who no longer wants to wait, as a connection that can't even be closed."""

    async def once(self, statement: Executable, parameters: Mapping[str, Any] | None = None) -> Sequence[Any]:
        while True:
            try:
                return await super().once(statement, parameters)
            except asyncio.CancelledError:
                continue


def a_store(database: Database, clock: Clock | None = None) -> KeyStore:
    return KeyStore(database, clock or SystemClock(), counted_bytes())


async def names(store: KeyStore, *keys: str) -> list[str | None]:
    return [found.name if found else None for found in await asyncio.gather(*(store.find(key) for key in keys))]


async def test_all_who_wait_for_a_database_that_hangs_fail_together() -> None:
    database = Database("kw_known")
    database.answers.clear()
    store = a_store(database)
    results = await asyncio.gather(*(store.find("kw_known") for _ in range(20)), return_exceptions=True)
    assert {type(result) for result in results} == {TimeoutError}
    assert database.asked == 1


async def test_who_comes_when_the_reading_is_overdue_is_told_at_once_and_all_is_well_when_it_answers() -> None:
    database = Unmoved("kw_known")
    database.answers.clear()
    store = a_store(database)
    with pytest.raises(TimeoutError):
        await store.find("kw_known")
    for _ in range(5):
        asked = asyncio.create_task(store.find("kw_known"))
        for _ in range(20):
            await asyncio.sleep(0)
        # It waited for nothing.
        assert isinstance(asked.exception(), TimeoutError)
    database.answers.set()
    await asyncio.sleep(0.01)
    assert await names(store, "kw_known") == ["kw_known"]


async def test_a_failure_is_shared_and_the_next_tries_again() -> None:
    database = Database("kw_known")
    database.fails = ConnectionRefusedError()
    store = a_store(database)
    results = await asyncio.gather(*(store.find("kw_known") for _ in range(5)), return_exceptions=True)
    assert {type(result) for result in results} == {ConnectionRefusedError}
    assert database.asked == 1
    database.fails = None
    assert await names(store, "kw_known") == ["kw_known"]


async def a_guess_that_waits(database: Database) -> tuple[KeyStore, asyncio.Task[Caller | None]]:
    """A store that knows the key, and somebody who waits for the database to say that theirs is none."""
    store = a_store(database, SetClock(NOON))
    await store.find("kw_known")
    database.answers.clear()
    guess = asyncio.create_task(store.find("kw_guess"))
    await until(lambda: database.asked == 2)
    return store, guess


async def test_a_known_key_does_not_wait_for_what_others_wait_for() -> None:
    database = Database("kw_known")
    store, guess = await a_guess_that_waits(database)
    assert await names(store, "kw_known") == ["kw_known"]
    assert not guess.done()
    database.answers.set()
    assert await guess is None


async def test_who_gives_up_waiting_takes_nothing_from_the_others() -> None:
    database = Database("kw_known")
    database.answers.clear()
    store = a_store(database)
    first, second = (asyncio.create_task(store.find("kw_known")) for _ in range(2))
    await asyncio.sleep(0.01)
    first.cancel()
    await asyncio.sleep(0.01)
    database.answers.set()
    found = await second
    assert found is not None
    assert database.asked == 1


async def test_a_key_made_elsewhere_is_known_though_the_keys_were_read_just_before() -> None:
    database = Database("kw_known")
    store = a_store(database)
    assert await names(store, "kw_known") == ["kw_known"]
    database.keys.append("kw_new")
    assert await names(store, "kw_new", "kw_new") == ["kw_new", "kw_new"]
    assert database.asked == 2


async def test_a_key_made_while_the_keys_are_slowly_read_is_known() -> None:
    database = Database("kw_known")
    store, guess = await a_guess_that_waits(database)
    database.keys.append("kw_new")
    new = asyncio.create_task(store.find("kw_new"))
    await asyncio.sleep(0.6)
    database.answers.set()
    assert await guess is None
    found = await new
    assert found is not None
    assert database.asked == 3


async def test_guessing_reads_the_keys_twice_a_second_at_most() -> None:
    database = Database("kw_known")
    store, seconds = a_store(database), asyncio.get_running_loop().time
    begun = seconds()

    async def guess(who: int) -> None:
        n = 0
        while seconds() < begun + 1.2:
            assert await store.find(f"kw_{who}_{n}") is None
            n += 1

    await asyncio.gather(*(guess(who) for who in range(10)))
    # However long it took: the first, and one each half second.
    assert database.asked <= 2 + (seconds() - begun) / store.again


async def test_what_any_key_sends_as_is_known_to_be_taken() -> None:
    store = a_store(Database("kw_a", "kw_b"))
    await store.find("kw_a")
    assert store.sources == {name + end for name in ("kw_a", "kw_b") for end in ("", "-source", "-till")}
