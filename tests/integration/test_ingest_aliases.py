"""Events that wait for an alias, when requests and what lets them go work at the same time."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest
from sqlalchemy import text

from deploy.local.postgres import Postgres
from services.ingest.core.senders import Sender
from services.ingest.publishing.releasing import PART, Releasing
from tests.support.ingest import House, a_house, a_housekeeper, alias_of, an_app, an_event, counted_bytes, heard_of
from tests.support.stream import NOON, until


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with a_house(database_url) as house:
        yield house


async def waiting(house: House) -> list[tuple[str, str]]:
    """The ids of what waits, and their aliases."""
    rows = await house.rows("SELECT id, alias FROM waiting ORDER BY source, id")
    return [(row["id"], row["alias"]) for row in rows]


async def nothing_waits(house: House) -> bool:
    return not await waiting(house)


async def published(house: House) -> Counter[str]:
    """How often each event was given to the broker or staged for it, without those that set aliases."""
    events = [*house.broker.events(), *await house.outbox()]
    return Counter(event.id for event in events if event.type == "usage.recorded")


async def let_wait(house: House, count: int, account: str = "stripe:cus_1", **more: Any) -> None:
    for first in range(0, count, 1000):
        these = range(first, min(first + 1000, count))
        assert (await house.post(*(an_event(f"e{n}", account=account, **more) for n in these))).status_code == 202


def after_a_restart(house: House) -> Releasing:
    """What another process has, which knows of nothing."""
    parts = house.parts
    return Releasing(uow=parts.uow, clock=house.clock, random=counted_bytes(), partitions=8, wake_relay=lambda: None)


@asynccontextmanager
async def running(releasing: Releasing) -> AsyncIterator[None]:
    """While it moves what is left, as in the process that keeps house."""
    task = asyncio.create_task(releasing.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def someone_waits_for_a_lock(house: House) -> bool:
    return len(await house.rows("SELECT pid FROM pg_locks WHERE NOT granted")) == 1


# In parts


async def test_the_request_that_sets_an_alias_moves_a_part_and_a_process_started_later_the_rest(house: House) -> None:
    count = 2 * PART + 10
    await let_wait(house, count)
    assert (await house.post(alias_of("northwind", "stripe:cus_1"))).status_code == 202
    assert len(await waiting(house)) == count - PART
    releasing = after_a_restart(house)
    async with running(releasing):
        await a_housekeeper(house, releasing).look()
        await until(lambda: nothing_waits(house))
    assert await published(house) == Counter({f"e{n}": 1 for n in range(count)})
    assert {event.subject for event in await house.outbox()} == {"northwind"}
    assert await releasing.go_on() is False


async def test_what_is_left_goes_at_once_where_the_alias_was_set(house: House) -> None:
    await let_wait(house, PART + 1)
    async with running(house.releasing):
        await house.post(alias_of("northwind", "stripe:cus_1"))
        # Nobody looks what there is to do.
        await until(lambda: nothing_waits(house))


async def test_letting_go_lives_through_a_lost_connection(house: House, postgres: Postgres) -> None:
    await let_wait(house, PART + 1)
    await house.post(alias_of("northwind", "stripe:cus_1"))
    async with running(house.releasing):
        async with house.engine.connect() as c:
            await c.execute(text("SELECT FROM aliases FOR UPDATE"))
            house.releasing.wake()
            await until(lambda: someone_waits_for_a_lock(house))
            postgres.query("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted", database="postgres")
            await c.rollback()
        await until(lambda: nothing_waits(house))
    assert await published(house) == Counter({f"e{n}": 1 for n in range(PART + 1)})


async def test_what_waited_too_long_is_one_import_whatever_the_parts_and_ends_with_the_last(house: House) -> None:
    await let_wait(house, PART + 10, time="2026-05-20T12:00:00Z")
    house.clock.move(timedelta(days=35))
    await house.post(alias_of("northwind", "stripe:cus_1"))
    assert Counter(event.type for event in await house.outbox()) == {"usage.recorded": PART}
    assert await house.releasing.go_on() is True
    assert await house.releasing.go_on() is False
    events = await house.outbox()
    assert Counter(event.type for event in events) == {"usage.recorded": PART + 10, "history.ended": 5}
    assert {event.type for event in events[-5:]} == {"history.ended"}
    [history] = {event.history for event in events if event.type == "usage.recorded"}
    assert {event.subject for event in events[-5:]} == {history}
    [made] = (await house.http.get("/v1/imports")).json()["items"]
    assert (made["import_id"], made["state"], made["events"]) == (history, "ended", PART + 10)


# Sent again


async def test_what_waits_stays_as_it_was_when_it_is_sent_again(house: House) -> None:
    await house.post(an_event("e1", account="stripe:cus_1", data={"feature": "first"}, time="2026-05-20T11:00:00Z"))
    house.clock.move(timedelta(hours=1))
    await house.post(an_event("e1", account="stripe:cus_1", data={"feature": "second"}, time="2026-05-20T11:30:00Z"))
    [kept] = (await house.http.get("/v1/waiting")).json()["items"]
    assert (kept["received_at"], kept["time"]) == ("2026-05-20T12:00:00Z", "2026-05-20T11:00:00Z")
    await house.post(alias_of("northwind", "stripe:cus_1"))
    [moved] = await house.outbox()
    assert msgspec.json.decode(moved.data) == {"feature": "first"}


async def test_one_id_under_two_aliases_is_two_events_and_both_wait(house: House) -> None:
    """Identity is source, id and account: whether they are one and the same is known when their accounts are."""
    answer = await house.post(
        *(an_event("e1", account=alias) for alias in ("stripe:cus_1", "stripe:cus_2", "stripe:cus_1")),
        an_event("e1", account="northwind"),
    )
    assert answer.json()["accepted"] == 4
    assert await waiting(house) == [("e1", "stripe:cus_1"), ("e1", "stripe:cus_2")]
    await house.post(alias_of("contoso", "stripe:cus_1", id="set1"), alias_of("fabrikam", "stripe:cus_2", id="set2"))
    assert {(e.id, e.subject) for e in await house.outbox()} == {("e1", "contoso"), ("e1", "fabrikam")}


async def test_one_id_days_apart_is_two_events_and_both_wait(house: House) -> None:
    times = ("2026-05-18T12:00:00Z", "2026-05-18T23:00:00Z", "2026-05-20T11:00:00Z")
    await house.post(*(an_event("e1", account="stripe:cus_1", time=time) for time in times))
    await house.post(alias_of("northwind", "stripe:cus_1"))
    assert sorted(f"{e.time:%d %H}" for e in await house.outbox()) == ["18 12", "20 11"]


async def test_the_answer_says_what_waits_and_for_which_alias(house: House) -> None:
    answer = await house.post(
        an_event("e1"),
        an_event("e2", account="https://acme.example"),
        an_event("e3", account="stripe:cus_1"),
        an_event("e4", account="crm:1", type="account.updated", data={"traits": {"name": "Own id"}}),
    )
    assert answer.json()["waiting"] == [
        {"index": 1, "id": "e2", "alias": "https://acme.example"},
        {"index": 2, "id": "e3", "alias": "stripe:cus_1"},
    ]
    assert (await house.post(an_event("e5"))).json()["waiting"] == []


async def test_what_waits_is_listed_in_pages_whatever_its_ids_are(house: House) -> None:
    odd = "\U0001f600" * 120
    await house.post(*(an_event(f"{odd}{n}", account=f"crm:{odd}{n % 2}", source=odd * 2) for n in range(4)))
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await house.http.get(f"/v1/waiting?limit=1{cursor and '&cursor='}{cursor}")).json()
        seen += [one["id"] for one in page["items"]]
        cursor = page["next_cursor"]
    assert sorted(seen) == [f"{odd}{n}" for n in range(4)]


# At the same time


async def all_taken(*posts: Awaitable[httpx.Response]) -> None:
    answers = await asyncio.gather(*posts)
    assert [answer.status_code for answer in answers] == [202] * len(answers), [a.text for a in answers]


async def test_an_alias_that_is_set_while_events_with_it_come_in_leaves_none_behind(house: House) -> None:
    rounds, requests = 25, 4
    for n in range(rounds):
        alias = f"stripe:cus_{n}"
        await house.post(an_event(f"first-{n}", account=alias))
        events = [house.post(an_event(f"e{n}-{i}", account=alias)) for i in range(requests)]
        await all_taken(*events[::2], house.post(alias_of(f"account-{n}", alias, id=f"set{n}")), *events[1::2])
    assert await waiting(house) == []
    wanted = {f"e{n}-{i}" for n in range(rounds) for i in range(requests)} | {f"first-{n}" for n in range(rounds)}
    assert await published(house) == Counter(dict.fromkeys(wanted, 1))


async def test_whoever_sets_an_alias_waits_for_an_event_that_is_just_being_kept(house: House) -> None:
    await house.post(an_event("first", account="stripe:cus_1"))
    keep = text(
        "INSERT INTO waiting (source, id, alias, day, type, time, received_at, value, headers) "
        "VALUES ('admin', 'late', 'stripe:cus_1', '2026-05-20', 'usage.recorded', :now, :now, '', '{}')"
    )
    async with house.engine.connect() as c:
        # Its request can't go on until this transaction ends: it has seen that the alias has no account.
        await c.execute(keep, {"now": NOON})
        late = asyncio.create_task(house.post(an_event("late", account="stripe:cus_1")))
        await until(lambda: someone_waits_for_a_lock(house))
        setting = asyncio.create_task(house.post(alias_of("northwind", "stripe:cus_1")))
        await asyncio.wait([setting], timeout=0.3)
        await c.rollback()
    await all_taken(late, setting)
    assert await waiting(house) == []
    assert await published(house) == Counter(["first", "late"])


async def test_two_requests_with_the_same_events_under_different_aliases_are_both_taken(house: House) -> None:
    for n in range(10):
        ids = [f"e{n}-{i}" for i in range(200)]
        await all_taken(
            house.post(*(an_event(id, account=f"stripe:a{n}") for id in ids)),
            house.post(*(an_event(id, account=f"stripe:b{n}") for id in reversed(ids))),
        )
    assert len(await waiting(house)) == 10 * 400


async def test_keeping_under_another_alias_and_letting_go_at_the_same_time_lose_nothing(house: House) -> None:
    for n in range(10):
        ids = [f"e{n}-{i}" for i in range(100)]
        await house.post(*(an_event(id, account=f"stripe:a{n}") for id in reversed(ids)))
        await all_taken(
            house.post(alias_of(f"account-{n}", f"stripe:a{n}", id=f"set{n}")),
            house.post(*(an_event(id, account=f"stripe:b{n}") for id in ids)),
        )
        await house.post(alias_of(f"account-{n}", f"stripe:b{n}", id=f"again{n}"))
    assert await waiting(house) == []
    assert set(await published(house)) == {f"e{n}-{i}" for n in range(10) for i in range(100)}


# Accounts that go on as others


def merge(account: str, into: str, id: str = "m") -> dict[str, Any]:
    return an_event(id, "account.merged", account, data={"into": into})


async def test_what_is_sent_of_a_merged_account_goes_to_the_new_one_at_once_here_and_soon_elsewhere(
    house: House, database_url: str
) -> None:
    await heard_of(database_url, "new")
    other, *_ = an_app(house.engine, house.broker, house.clock, house.http)
    elsewhere: Any = other.state.ingest.intake
    assert (await house.post(alias_of("old", "stripe:cus_1"), an_event("before", account="old"))).status_code == 202
    await elsewhere.take([msgspec.Raw(msgspec.json.encode(an_event("seen", account="old")))], Sender("app"))
    assert (await house.post(merge("old", "new"))).status_code == 202
    await house.post(an_event("e1", account="old"), an_event("e2", account="stripe:cus_1"))
    await elsewhere.take([msgspec.Raw(msgspec.json.encode(an_event("late", account="old")))], Sender("app"))
    house.clock.move(timedelta(seconds=5))
    await elsewhere.take([msgspec.Raw(msgspec.json.encode(an_event("later", account="old")))], Sender("app"))
    went = {event.id: event.subject for event in house.broker.events()}
    assert went == {
        **dict.fromkeys(("set", "before", "seen", "m", "late"), "old"),
        **dict.fromkeys(("e1", "e2", "later"), "new"),
    }
    both = await house.post(an_event("x", "contact.erased", "old", data={"contact_id": "kim"}))
    assert both.json()["accepted"] == 1
    assert [event.subject for event in house.broker.events()[-2:]] == ["old", "new"]


async def test_what_waits_of_somebody_who_is_erased_is_deleted_and_the_answer_says_when_topics_forget(
    house: House,
) -> None:
    ticket = {"ticket_id": "T-1", "priority": "low", "opened_at": NOON.isoformat(), "title": "Kim can't log in"}
    await house.post(
        an_event("by kim", "ticket.opened", "stripe:cus_1", data={**ticket, "requester": "kim"}),
        an_event("of kim", "feedback.nps", "stripe:cus_1", data={"contact_id": "kim", "score": 2, "comment": "no"}),
        an_event("of lee", "feedback.nps", "stripe:cus_1", data={"contact_id": "lee", "score": 9}),
        an_event("other", "feedback.nps", "stripe:cus_2", data={"contact_id": "kim", "score": 9}),
    )
    answer = await house.post(an_event("x", "contact.erased", "stripe:cus_1", data={"contact_id": "kim"}))
    assert await waiting(house) == [("of lee", "stripe:cus_1"), ("other", "stripe:cus_2"), ("x", "stripe:cus_1")]
    assert answer.json()["topics_forget_by"] == (NOON + timedelta(days=14)).isoformat().replace("+00:00", "Z")
    assert "topics_forget_by" not in (await house.post(an_event("y"))).json()
    await house.post(an_event("z", "account.erased", "stripe:cus_1"))
    assert await waiting(house) == [("other", "stripe:cus_2"), ("x", "stripe:cus_1"), ("z", "stripe:cus_1")]


async def test_an_account_is_merged_only_into_one_that_was_heard_of_and_not_erased(
    house: House, database_url: str
) -> None:
    await heard_of(database_url, "gone", gone=True)
    await heard_of(database_url, "new")
    for into in ("nobody", "gone"):
        answer = (await house.post(merge("old", into))).json()
        assert (answer["code"], f"no account '{into}'" in answer["message"]) == ("unknown_account", True)
    assert (await house.post(merge("old", "new"))).status_code == 202
    assert (await house.post(merge("new", "old"))).json()["code"] == "circle"
    assert await house.rows("SELECT account_id, into_id FROM merged") == [{"account_id": "old", "into_id": "new"}]
    assert (await house.post(merge("old", "new", "again"))).status_code == 202


async def test_of_two_mergings_at_once_that_would_make_a_circle_one_is_refused(house: House, database_url: str) -> None:
    for n in range(5):
        a, b = f"a{n}", f"b{n}"
        await heard_of(database_url, a, b)
        answers = await asyncio.gather(house.post(merge(a, b, f"m{n}")), house.post(merge(b, a, f"w{n}")))
        assert sorted(answer.status_code for answer in answers) == [202, 400]


async def test_what_waited_and_is_let_go_after_a_merging_goes_to_the_new_account(
    house: House, database_url: str
) -> None:
    await heard_of(database_url, "new")
    await let_wait(house, PART + 5)
    await house.post(alias_of("old", "stripe:cus_1"))
    await house.post(merge("old", "new"))
    assert await house.releasing.go_on() is True
    assert Counter(event.subject for event in await house.outbox()) == {"old": PART, "new": 5}
