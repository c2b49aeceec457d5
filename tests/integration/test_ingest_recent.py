"""What came in lately: shown as a list and live, of whom it may be, and of keys in test mode alone."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import httpx
import msgspec
import pytest

from services.ingest.core.dialects import segment
from services.ingest.core.mapping import DEFAULT
from services.ingest.core.senders import Sender
from services.ingest.core.sent import Record, Said
from services.ingest.receiving.listening import AT_HAND, MOST, Told
from services.ingest.store.recent import Wanted
from services.ingest.views import LeftOut
from shared.log.protocol import Record as Logged
from shared.messages import registry
from shared.messages.assessments import AccountAssessed, Cause, Driver
from shared.service.process import server_of
from tests.support.ingest import ADMIN_KEY, FakeTail, House, a_house, alias_of, an_event
from tests.support.logins import as_owner
from tests.support.stream import NOON, until

WEB = Sender("segment-prod", "web")


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with a_house(database_url) as house:
        yield house


async def items(house: House, **params: Any) -> list[dict[str, Any]]:
    """What is listed, once it is written."""
    await house.parts.watching.write()
    found = (await house.http.get("/v1/recent", params={**params, "live": "false"})).raise_for_status().json()["items"]
    return list(found)


async def test_what_came_is_shown_as_sent_as_understood_and_with_what_became_of_it(house: House) -> None:
    bad = an_event("e2", "feedback.nps", data={"score": 11})
    await house.post(an_event("e1"), bad, alias_of("acme", "crm:1"), an_event("e3", account="crm:1"))
    third, known, second, first = await items(house)
    assert (first["key"], first["door"], first["fate"], first["test"]) == ("admin", "events", "taken", False)
    assert json.loads(first["sent"]) == an_event("e1")
    assert first["understood"][0] == {
        **{"type": "usage.recorded", "id": "e1", "account": "northwind", "feature": "reports"},
        **{"alias": None, "user": None},
    }
    assert (second["fate"], second["code"]) == ("refused", "invalid_data")
    assert second["reason"].startswith("data.score must be at most 10")
    assert (third["understood"][0]["account"], third["understood"][0]["alias"]) == ("acme", "crm:1")
    assert [one["id"] for one in await items(house, fate="refused")] == [second["id"]]
    assert [one["id"] for one in await items(house, account="acme")] == [third["id"], known["id"]]
    assert await items(house, key="another") == []
    assert await items(house, since=(NOON + timedelta(seconds=1)).isoformat()) == []
    as_list = {"accept": "application/json"}
    page = (await house.http.get("/v1/recent", params={"limit": 1}, headers=as_list)).json()
    rest = await items(house, cursor=page["next_cursor"])
    assert [one["id"] for one in rest] == [known["id"], second["id"], first["id"]]


async def test_a_clients_records_name_the_mapping_and_the_rule(house: House) -> None:
    said = Said(id="m1", type="usage.recorded", data={"feature": "reports"}, account="acme", user="u1")
    records = [
        Record(sent=b'{"type":"track","event":"Report Opened"}', said=(said,)),
        Record(sent=b'{"type":"track","event":"Heartbeat"}', why="dropped by web@3: drop 'Heartbeat*'"),
        Record(sent=b"nonsense", refused=("invalid_json", "It is no JSON.")),
    ]
    answer = await house.parts.reception.records(records, WEB, "segment")
    assert (answer.accepted, [one.index for one in answer.refused]) == (2, [2])
    refused, dropped, taken = await items(house)
    assert [(one["mapping"], one["kind"], one["name"]) for one in (taken, dropped)] == [
        ("default", "track", "Report Opened"),
        ("default", "track", "Heartbeat"),
    ]
    assert (dropped["fate"], dropped["reason"]) == ("dropped", "dropped by web@3: drop 'Heartbeat*'")
    assert (refused["fate"], refused["sent"]) == ("refused", "nonsense")


async def test_a_body_that_cannot_be_read_is_shown_as_well(house: House) -> None:
    assert (await house.http.post("/v1/batch", content=b"{broken")).status_code == 400
    [one] = await items(house)
    assert (one["door"], one["fate"], one["code"], one["sent"]) == ("segment", "refused", "no_batch", "{broken")


async def test_of_a_flood_some_is_shown_and_the_rest_counted_and_the_oldest_goes(house: House) -> None:
    for second in range(45):
        await house.post(*(an_event(f"e{second}-{number}") for number in range(100)))
        await house.parts.watching.write()
        house.clock.move(timedelta(seconds=1))
    [count] = await house.rows("SELECT count(*) AS rows, sum(skipped) AS skipped FROM recent")
    assert count["rows"] == 1_000
    assert count["skipped"] == 40 * 75
    assert len(house.broker.messages) == 4_500


async def test_whoever_is_erased_is_shown_no_more_nor_again(house: House) -> None:
    kim = "kim@example.com"
    answer = an_event("e1", "feedback.nps", "acme", data={"contact_id": kim, "score": 3})
    nobodys = Record(sent=msgspec.json.encode({"type": "track", "userId": kim}), why="says nothing")
    await house.post(alias_of("acme", "crm:1"), answer, an_event("e2", account="contoso"))
    await house.parts.reception.records([nobodys], WEB, "segment")
    assert len(await items(house)) == 4
    await house.post(an_event("e3", "contact.erased", "acme", data={"contact_id": kim}))
    assert [one["understood"][0]["account"] for one in await items(house)] == ["contoso"]
    await house.post({**answer, "id": "e4", "account": "crm:1"}, {**answer, "id": "e5", "account": "acme"})
    await house.parts.reception.records([nobodys], WEB, "segment")
    await house.post(an_event("e6", account="acme"))
    assert [one["understood"][0]["id"] for one in await items(house)] == ["e6", "e2"]
    await house.post(an_event("e7", "account.erased", "acme", data={}))
    await house.post(an_event("e8", account="crm:1"))
    assert [one["understood"][0]["id"] for one in await items(house)] == ["e2"]


async def test_what_a_key_in_test_mode_sends_is_judged_and_shown_and_counts_nowhere(house: House) -> None:
    await house.post(alias_of("acme", "crm:1"))
    await house.parts.watching.write()
    before, sent = await _rows(house), len(house.broker.messages)
    trying = Sender("segment-prod", "web-test", operates=True, test=True)
    events = [
        an_event("t1"),
        an_event("t2", "feedback.nps", data={"score": 11}),
        an_event("t3", account="crm:1"),
        an_event("t4", account="crm:unknown"),
        alias_of("contoso", "crm:1", id="t5"),
        alias_of("contoso", "crm:2", id="t6"),
        an_event("t7", "account.merged", data={"into": "nobody"}),
        an_event("t8", "account.erased", data={}),
    ]
    raws = [msgspec.Raw(msgspec.json.encode(one)) for one in events]
    answer = await house.parts.reception.events(raws, trying, "events")
    assert answer.test is True
    assert (answer.accepted, [one.code for one in answer.refused]) == (
        5,
        ["invalid_data", "alias_taken", "unknown_account"],
    )
    said = Said(id="m1", type="usage.recorded", data={"feature": "reports"}, account="acme")
    record = Record(sent=b'{"type":"track"}', said=(said,))
    assert (await house.parts.reception.records([record], trying, "segment")).test is True
    assert (await _rows(house), len(house.broker.messages)) == (before, sent)
    assert {one["test"] for one in await items(house, test="true")} == {True}
    assert len(await items(house, test="true")) == 8
    after = await _rows(house)
    assert {**after, "recent": 0} == {**before, "recent": 0}


async def test_a_key_may_be_made_for_tests_by_whatever_door_it_sends(house: House) -> None:
    made = await house.http.post("/v1/keys", json={"name": "web-test", "scopes": ["ingest"], "test": True})
    headers = {"authorization": f"Bearer {made.json()['key']}"}
    answer = await house.post(an_event("e1"), headers=headers)
    assert (answer.status_code, answer.json()["test"], answer.json()["accepted"]) == (202, True, 1)
    assert "test" not in (await house.post(an_event("e1", account="contoso"))).json()
    call = {"type": "track", "event": "Report Opened", "userId": "u1", "groupId": "acme", "messageId": "m1"}
    group = {"type": "group", "groupId": "acme", "userId": "u1", "messageId": "m2", "traits": {"name": "Acme"}}
    unknown = {**call, "groupId": None, "userId": "u2", "messageId": "m3"}
    before = await _rows(house)
    sent = await house.http.post("/v1/batch", json={"batch": [call, group, unknown]}, headers=headers)
    assert sent.json() == {"success": True}
    assert await _rows(house) == before
    assert len(house.broker.messages) == 1
    shown = await items(house, test="true")
    assert [(one["door"], one["fate"]) for one in shown] == [
        ("segment", "waiting"),
        ("segment", "taken"),
        ("segment", "taken"),
        ("events", "taken"),
    ]
    assert shown[0]["reason"] == "nobody has said which account user 'u2' belongs to"
    again = await house.http.post("/v1/batch", json={"batch": [{**unknown, "userId": "u1"}]})
    assert again.json() == {"success": True}
    assert (await items(house))[0]["fate"] == "waiting", "what a test said of a user is not known"


async def test_a_key_for_tests_opens_and_ends_no_import(house: House) -> None:
    made = await house.http.post("/v1/keys", json={"name": "web-test", "scopes": ["ingest"], "test": True})
    headers = {"authorization": f"Bearer {made.json()['key']}"}
    live = (await house.http.post("/v1/imports")).json()["import_id"]
    before = await _rows(house)
    opened = await house.http.post("/v1/imports", json={"name": "past"}, headers=headers)
    assert (opened.status_code, opened.json()["state"], opened.json()["name"]) == (201, "open", "past")
    for id in (live, opened.json()["import_id"]):
        ended = await house.http.post(f"/v1/imports/{id}/end", headers=headers)
        assert (ended.status_code, ended.json()["state"]) == (200, "ended")
        assert (await house.http.get(f"/v1/imports/{id}", headers=headers)).json()["state"] == "ended"
    assert await _rows(house) == before
    assert (await house.http.get(f"/v1/imports/{live}")).json()["state"] == "open"


async def test_what_a_test_says_again_of_a_user_is_not_remembered(house: House) -> None:
    async def say(sender: Sender, minutes: int, account: str) -> None:
        group = {"type": "group", "userId": "u1", "groupId": account, "messageId": f"m{minutes}"}
        group["timestamp"] = (NOON + timedelta(minutes=minutes)).isoformat()
        records = segment.records(msgspec.json.encode(group), "group", DEFAULT, house.clock.now())
        await house.parts.reception.records(records, sender, segment.DOOR)

    await say(Sender("web"), -60, "acme")
    await say(Sender("web", "web-test", test=True), -55, "acme")
    await say(Sender("web"), -57, "globex")
    known = await house.rows("SELECT account_id FROM known_users ORDER BY at")
    assert [row["account_id"] for row in known] == ["acme", "globex"]


async def _rows(house: House) -> dict[str, int]:
    tables = await house.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'ingest'")
    counts = [await house.rows(f'SELECT count(*) AS n FROM "{one["tablename"]}"') for one in tables]
    return {one["tablename"]: rows[0]["n"] for one, rows in zip(tables, counts, strict=True)}


@asynccontextmanager
async def served(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """Its app behind a real server, with what runs beside it."""
    server = server_of(house.app, "127.0.0.1", 0)
    parts = house.parts
    running = [asyncio.create_task(one) for one in (server.serve(), parts.watching.run(), parts.listening.run())]
    await until(lambda: server.started)
    (port,) = {socket.getsockname()[1] for one in server.servers for socket in one.sockets}
    headers = {"authorization": f"Bearer {ADMIN_KEY}"}
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=10) as http:
            yield http
    finally:
        parts.watching.stop()
        parts.listening.stop()
        server.should_exit = True
        async with asyncio.timeout(10):
            await asyncio.gather(*running)


async def told(lines: AsyncIterator[str], count: int) -> list[dict[str, Any]]:
    """The next events of a stream, as its event, id and data; what keeps the line open is left out."""
    found: list[dict[str, Any]] = []
    fields: dict[str, Any] = {}
    async with asyncio.timeout(10):
        async for line in lines:
            name, _, value = line.partition(": ")
            if line and name:
                fields[name] = value
            elif "data" in fields:
                found.append({**fields, "data": json.loads(fields["data"])})
            if not line:
                fields = {}
            if len(found) == count:
                break
    return found


def assessed(account: str, at: datetime = NOON) -> Logged:
    """What scoring says of an account."""
    said = AccountAssessed(
        rev=2,
        at=NOON,
        cause=Cause(kind="event", source="admin", id="e1", type="feedback.nps"),
        facts={},
        score=5200,
        previous_score=7400,
        band="amber",
        previous_band="green",
        scorecard="default@1",
        drivers=[Driver(kind="measure", name="feedback.nps", points=-2200, reason="a detractor")],
    )
    event = {
        "specversion": "1.0", "id": "a1", "source": "keepwell/scoring", "type": "account.assessed",
        "subject": account, "time": NOON, "data": said,
    }  # fmt: skip
    headers = {"ce_type": "account.assessed"}
    return Logged(registry.ASSESSMENTS, 0, 1, at, account, msgspec.json.encode(event), headers)


async def test_it_is_told_live_with_what_became_of_the_account(house: House) -> None:
    tail: FakeTail = house.broker.end
    async with served(house) as http, http.stream("GET", "/v1/recent", params={"key": "admin"}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        await until(lambda: tail.reads)
        lines = answer.aiter_lines()
        await tail.coming.put(assessed("acme", NOON - timedelta(seconds=1)))
        await house.post(an_event("e1", account="acme"))
        await tail.coming.put(assessed("acme"))
        await tail.coming.put(assessed("contoso"))
        record, before = await told(lines, 2)
        assert (record["event"], record["data"]["understood"][0]["account"]) == ("record", "acme")
        assert (before["event"], before["data"]["account"]) == ("assessed", "acme"), "it was quicker"
        await tail.coming.put(assessed("contoso"))
        await tail.coming.put(assessed("acme"))
        [after] = await told(lines, 1)
        assert (after["event"], after["data"]["account"]) == ("assessed", "acme"), "theirs alone"
        await house.post(an_event("e2", account="acme"))
        assert [one["event"] for one in await told(lines, 1)] == ["record"], "what was told is not told again"


async def test_what_becomes_of_an_account_is_told_to_who_asked_for_it(house: House) -> None:
    tail: FakeTail = house.broker.end
    async with served(house) as http:
        async with http.stream("GET", "/v1/recent", params={"account": "acme"}) as answer:
            await until(lambda: tail.reads)
            await tail.coming.put(assessed("contoso"))
            await tail.coming.put(assessed("acme"))
            [one] = await told(answer.aiter_lines(), 1)
        data = one["data"]
        assert (one["event"], data["account"], data["before"], data["score"]) == ("assessed", "acme", 74.0, 52.0)
        assert data["moved"] == [{"name": "feedback.nps", "points": -22.0, "reason": "a detractor"}]
        assert (data["source"], data["id"], data["band_before"], data["band"]) == ("admin", "e1", "green", "amber")
        await until(lambda: not house.parts.listening._listeners)
        await until(lambda: not tail.reads)


async def test_who_comes_back_goes_on_behind_what_they_had(house: House) -> None:
    await house.post(*(an_event(f"e{number}") for number in range(3)))
    first = (await items(house))[-1]["id"]
    async with (
        served(house) as http,
        http.stream("GET", "/v1/recent", headers={"last-event-id": str(first)}) as answer,
    ):
        assert [one["data"]["understood"][0]["id"] for one in await told(answer.aiter_lines(), 2)] == ["e1", "e2"]


async def test_so_many_may_listen_and_none_for_longer_than_the_process(house: House) -> None:
    listening = house.parts.listening
    async with served(house) as http, http.stream("GET", "/v1/recent") as answer:
        lines = answer.aiter_lines()
        others = [listening.join(Wanted()) for _ in range(MOST - 1)]
        full = await http.get("/v1/recent", params={"live": "true"})
        assert (full.status_code, full.json()["code"]) == (503, "busy")
        for one in others:
            listening.leave(one)
        assert await anext(lines) == ": ping"
        listening.stop()
        async with asyncio.timeout(5):
            assert {line async for line in lines} <= {"", ": ping"}


async def test_who_takes_nothing_is_told_how_much_was_left_out(house: House) -> None:
    listening = house.parts.listening
    listener = listening.join(Wanted(account="acme"))
    for _ in range(AT_HAND + 7):
        listening._tell_of([assessed("acme")])
    told = listening.told(listener, None)
    events = [one async for one in _first(told, AT_HAND + 2)]
    assert [one and one.event for one in (events[0], events[1], events[-1])] == [None, "assessed", "left_out"]
    assert events[-1] is not None
    assert events[-1].body == LeftOut(records=7)


async def _first(told: AsyncIterator[Told | None], count: int) -> AsyncIterator[Told | None]:
    for _ in range(count):
        yield await anext(told)


async def test_what_cannot_be_written_is_not_shown_and_nothing_else_suffers(house: House, database_url: str) -> None:
    await house.post(an_event("e1"))
    await as_owner(database_url, "ALTER TABLE ingest.recent RENAME TO gone")
    await house.parts.watching.write()
    await as_owner(database_url, "ALTER TABLE ingest.gone RENAME TO recent")
    await house.post(an_event("e2"))
    assert [one["understood"][0]["id"] for one in await items(house)] == ["e2"]
