"""Ingest through its HTTP face, on a real database."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from shared.log.protocol import Unconfirmed
from shared.messages import asyncapi, registry
from tests.support.ingest import ADMIN_KEY, House, a_house, alias_of, an_event
from tests.support.stream import NOON, until


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with a_house(database_url) as house:
        yield house


async def test_what_is_accepted_is_with_the_broker(house: House) -> None:
    answer = await house.post(an_event("e1"), an_event("e2", account="contoso", plan="kept"))
    assert answer.status_code == 202
    assert (answer.json()["accepted"], answer.json()["refused"]) == (2, [])
    first, second = house.broker.events()
    assert (first.id, first.subject, first.source, first.time) == ("e1", "northwind", "admin", NOON)
    assert (first.accepted, first.timeless) == (NOON, True)
    assert [m.key for m in house.broker.messages] == ["northwind", "contoso"]
    assert msgspec.json.decode(house.broker.messages[1].value)["plan"] == "kept"
    assert second.id == "e2"


async def test_a_batch_says_which_events_it_did_not_take(house: House) -> None:
    answer = await house.post(an_event("e1"), an_event("e2", "feedback.nps", data={"score": 11}), {"id": "e3"})
    assert answer.status_code == 202
    assert answer.json()["accepted"] == 1
    assert [(r["index"], r["id"], r["code"]) for r in answer.json()["refused"]] == [
        (1, "e2", "invalid_data"),
        (2, "e3", "missing_type"),
    ]


async def test_when_nothing_was_taken_it_is_a_problem_with_the_same_list(house: House) -> None:
    answer = await house.post(an_event(id=""))
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert (body["code"], body["accepted"]) == ("missing_id", 0)
    assert "counted once" in body["message"]
    assert body["refused"][0]["code"] == "missing_id"
    assert house.broker.messages == []


async def test_the_trace_of_the_post_goes_on_with_the_event(house: House) -> None:
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    answer = await house.post(an_event(), headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
    assert trace in answer.headers["traceparent"]
    assert house.broker.messages[0].headers == {
        "traceparent": answer.headers["traceparent"],
        "ce_type": "usage.recorded",
    }


async def test_gzip_is_unpacked(house: House) -> None:
    packed = gzip.compress(msgspec.json.encode([an_event()]))
    answer = await house.http.post("/v1/events", content=packed, headers={"content-encoding": "gzip"})
    assert answer.status_code == 202


async def test_a_body_of_ten_megabytes_is_refused_in_words(house: House) -> None:
    for body, encoding in ((b" " * 10_000_000, "identity"), (gzip.compress(b" " * 10_000_000), "gzip")):
        answer = await house.http.post("/v1/events", content=body, headers={"content-encoding": encoding})
        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
        assert "5 MB" in answer.json()["message"]


async def test_more_than_a_thousand_events_are_refused(house: House) -> None:
    answer = await house.post(*[an_event(f"e{n}") for n in range(1001)])
    assert (answer.status_code, answer.json()["code"]) == (413, "too_many")


async def test_an_unconfirmed_publish_is_answered_503_and_the_next_has_a_new_producer(house: House) -> None:
    house.broker.fails = [Unconfirmed("gone")]
    answer = await house.post(an_event())
    assert (answer.status_code, answer.json()["code"]) == (503, "broker_unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert (await house.post(an_event())).status_code == 202
    assert len(house.broker.producers) == 2
    assert house.broker.producers[0].stopped


async def test_while_a_publish_is_overdue_others_are_refused_at_once(house: House) -> None:
    house.broker.confirms.clear()
    assert (await house.post(an_event("slow"))).status_code == 503
    assert (await house.post(an_event("next"))).status_code == 503
    assert house.broker.asked == 1
    house.broker.confirms.set()
    await asyncio.sleep(0.01)
    assert (await house.post(an_event("later"))).status_code == 202
    assert [event.id for event in house.broker.events()] == ["slow", "later"]


async def test_without_a_key_and_with_a_wrong_one_the_sender_is_told_what_to_do(house: House) -> None:
    for header, code in (("", "no_key"), ("Bearer kw_nobody", "unknown_key"), ("Basic ???", "no_key")):
        answer = await house.post(an_event(), headers={"authorization": header})
        assert (answer.status_code, answer.json()["code"]) == (401, code)
        assert "WWW-Authenticate" in answer.headers
        assert "kw_nobody" not in answer.text


async def test_the_handshake_of_web_hooks_is_answered_at_once_to_anybody(house: House) -> None:
    asked = {"WebHook-Request-Origin": "example.com", "authorization": ""}
    more = {"WebHook-Request-Rate": "120", "WebHook-Request-Callback": "https://example.com/granted?id=1"}
    for headers in (asked, {**asked, **more}):
        answer = await house.http.options("/v1/events", headers=headers)
        assert (answer.status_code, answer.headers["allow"]) == (200, "POST, OPTIONS")
        assert answer.headers["WebHook-Allowed-Origin"] == "example.com"
        assert answer.headers["WebHook-Allowed-Rate"] == "*"
    wrong = await house.http.options("/v1/events", headers={**asked, "WebHook-Request-Rate": "0"})
    assert (wrong.status_code, wrong.json()["code"]) == (400, "invalid_request")
    assert "WebHook-Allowed-Origin" not in (await house.http.options("/v1/events")).headers


async def test_the_topics_are_described_to_anybody(house: House) -> None:
    answer = await house.http.get("/asyncapi.json", headers={"authorization": ""})
    assert (answer.status_code, answer.text) == (200, asyncapi.text())


# Aliases


async def test_an_event_with_an_unknown_alias_waits_and_goes_when_the_alias_is_set(house: House) -> None:
    early = an_event("early", account="stripe:cus_1", time="2026-05-19T10:00:00Z")
    assert (await house.post(early)).json()["accepted"] == 1
    assert (await house.post(early)).json()["accepted"] == 1
    assert house.broker.messages == []
    waiting = (await house.http.get("/v1/waiting")).json()
    assert [(w["id"], w["alias"]) for w in waiting["items"]] == [("early", "stripe:cus_1")]
    status = (await house.http.get("/v1/status")).json()
    assert status["waiting"] == [{"alias": "stripe:cus_1", "events": 1, "since": "2026-05-20T12:00:00Z"}]
    house.clock.move(timedelta(hours=1))
    assert (await house.post(alias_of("northwind", "stripe:cus_1"))).status_code == 202
    [moved] = await house.outbox()
    assert (moved.id, moved.subject, moved.source) == ("early", "northwind", "admin")
    assert moved.accepted == NOON + timedelta(hours=1)
    assert moved.history is None
    assert (await house.http.get("/v1/waiting")).json()["items"] == []
    await house.post(an_event("late", account="stripe:cus_1"))
    assert [(e.id, e.subject) for e in house.broker.events()] == [("set", "northwind"), ("late", "northwind")]


async def test_an_alias_that_another_account_holds_is_refused(house: House) -> None:
    await house.post(alias_of("northwind", "stripe:cus_1"))
    answer = await house.post(alias_of("contoso", "stripe:cus_1"))
    assert (answer.status_code, answer.json()["code"]) == (400, "alias_taken")
    assert "'northwind'" in answer.json()["message"]


async def test_one_request_may_use_an_alias_before_it_sets_it(house: House) -> None:
    answer = await house.post(an_event("e1", account="stripe:cus_1"), alias_of("northwind", "stripe:cus_1"))
    assert (answer.json()["accepted"], answer.json()["refused"]) == (2, [])
    assert [(e.id, e.subject) for e in house.broker.events()] == [("e1", "northwind"), ("set", "northwind")]


async def test_an_accounts_own_id_may_have_an_aliass_form(house: House) -> None:
    await house.post(an_event("early", account="org:7"))
    await house.post(an_event("a", "account.updated", "org:7", data={"traits": {"name": "Seven"}}))
    assert [e.subject for e in await house.outbox()] == ["org:7"]
    await house.post(an_event("late", account="org:7"))
    assert [(e.id, e.subject) for e in house.broker.events()] == [("a", "org:7"), ("late", "org:7")]


async def test_what_waited_for_over_34_days_is_released_as_history_that_ends(house: House) -> None:
    await house.post(an_event("old", account="stripe:cus_1", time="2026-05-20T12:00:00Z"))
    house.clock.move(timedelta(days=20))
    await house.post(an_event("young", account="stripe:cus_1", time="2026-06-09T12:00:00Z"))
    house.clock.move(timedelta(days=15))
    await house.post(alias_of("northwind", "stripe:cus_1"))
    old, young, *ends = await house.outbox()
    assert (old.id, young.id) == ("old", "young")
    assert young.history is None
    assert old.history is not None
    assert [(e.type, e.subject) for e in ends] == [("history.ended", old.history)] * 5
    imports = (await house.http.get("/v1/imports")).json()["items"]
    assert [(i["import_id"], i["state"], i["events"]) for i in imports] == [(old.history, "ended", 1)]


# Imports


async def test_history_of_any_age_goes_into_an_open_import_until_it_ends(house: House) -> None:
    made = await house.http.post("/v1/imports", json={"name": "crm.jsonl"})
    assert made.status_code == 201
    id = made.json()["import_id"]
    old = an_event("h1", time="2024-01-01T00:00:00Z", history=id)
    assert (await house.post(old)).json()["accepted"] == 1
    assert house.broker.events()[0].history == id
    ended = (await house.http.post(f"/v1/imports/{id}/end", json={"act_on_found": True})).json()
    assert (ended["state"], ended["events"], ended["ended_by"]) == ("ended", 1, "admin")
    ends = await house.outbox()
    rows = await house.rows("SELECT topic, to_partition FROM outbox")
    assert len({(row["topic"], row["to_partition"]) for row in rows}) == 5 * 8
    assert msgspec.json.decode(ends[0].data)["act_on_found"] is True
    answer = await house.post(old)
    assert (answer.status_code, answer.json()["code"]) == (400, "import_ended")
    again = await house.http.post(f"/v1/imports/{id}/end")
    assert (again.status_code, len(await house.outbox())) == (200, 40)


async def test_an_import_ends_only_when_its_publishes_are_confirmed_or_long_gone(house: House) -> None:
    id = (await house.http.post("/v1/imports")).json()["import_id"]
    house.broker.confirms.clear()
    assert (await house.post(an_event(history=id, time="2025-05-20T12:00:00Z"))).status_code == 503
    assert (await house.http.post(f"/v1/imports/{id}/end")).json()["state"] == "ending"
    assert await house.outbox() == []
    house.broker.confirms.set()
    house.clock.move(timedelta(seconds=61))
    assert (await house.http.post(f"/v1/imports/{id}/end")).json()["state"] == "ended"


async def test_a_request_of_history_costs_three_statements_however_many_events_it_has(house: House) -> None:
    id = (await house.http.post("/v1/imports")).json()["import_id"]
    statements: list[int] = []
    house.parts.uow.watch(lambda: statements.append(1))
    counts = []
    for number, many in enumerate((1, 1, 300)):
        statements.clear()
        events = [an_event(f"{number}-{n}", time="2025-05-20T12:00:00Z", history=id) for n in range(many)]
        answer = (await house.post(*events)).json()
        assert (answer["accepted"], answer["refused"]) == (many, [])
        counts.append(len(statements))
    # Locked; noted as under way; confirmed and counted. A statement that is new is looked at before, once.
    assert counts[1:] == [3, 3]
    assert (await house.rows("SELECT events FROM imports"))[0]["events"] == 302
    assert await house.rows("SELECT 1 FROM import_publishes") == []


async def test_history_needs_an_import_that_is_there(house: House) -> None:
    answer = await house.post(an_event(history="imp_none", time="2025-05-20T12:00:00Z"))
    assert (answer.status_code, answer.json()["code"]) == (400, "unknown_import")
    assert (await house.http.post("/v1/imports/imp_none/end")).status_code == 404


# Keys


async def test_a_key_does_what_its_scopes_say_until_it_is_revoked(house: House) -> None:
    made = await house.http.post("/v1/keys", json={"name": "backend", "scopes": ["ingest"], "source": "app"})
    assert made.status_code == 201
    key = made.json()["key"]
    mine = {"authorization": f"Bearer {key}"}
    assert (await house.post(an_event(), headers=mine)).status_code == 202
    assert house.broker.events()[0].source == "app"
    denied = await house.http.get("/v1/waiting", headers=mine)
    assert (denied.status_code, denied.json()["code"]) == (403, "scope_missing")
    assert "'read'" in denied.json()["message"]
    basic = await house.http.post("/v1/events", json=an_event("e2"), auth=(key, ""), headers={"authorization": ""})
    assert basic.status_code == 202
    again = await house.http.post("/v1/keys", json={"name": "backend", "scopes": ["read"]})
    assert (again.status_code, again.json()["code"]) == (409, "key_exists")
    assert (await house.http.delete("/v1/keys/backend")).status_code == 204
    assert (await house.post(an_event(), headers=mine)).status_code == 401
    listed = (await house.http.get("/v1/keys")).json()["items"]
    assert [(k["name"], k["revoked_at"] is None) for k in listed] == [("admin", True), ("backend", False)]
    assert key not in str(listed)
    assert (await house.http.post("/v1/keys", json={"name": "backend", "scopes": ["read"]})).status_code == 201


async def a_key(house: House, name: str, *scopes: str, **more: Any) -> dict[str, str]:
    made = await house.http.post("/v1/keys", json={"name": name, "scopes": scopes, **more})
    assert made.status_code == 201
    return {"authorization": f"Bearer {made.json()['key']}"}


async def test_a_key_sends_in_its_own_name_and_no_others_which_outlives_them(house: House) -> None:
    await a_key(house, "crm", "ingest")
    assert (await house.http.delete("/v1/keys/crm")).status_code == 204
    shop = await a_key(house, "shop", "ingest")
    sources = ("shop", "till", "crm", "Stripe", "admin")
    answer = await house.post(*(an_event(f"e{n}", source=s) for n, s in enumerate(sources)), headers=shop)
    assert answer.status_code == 202
    assert [(r["index"], r["code"]) for r in answer.json()["refused"]] == [(n, "reserved_source") for n in (2, 3, 4)]
    assert [event.source for event in house.broker.events()] == ["shop", "till"]


async def test_a_key_may_be_narrowed_to_some_sources(house: House) -> None:
    shop = await a_key(house, "shop", "ingest", sources=["till", "web"])
    answer = await house.post(an_event("e1"), an_event("e2", source="web"), an_event("e3", source="x"), headers=shop)
    assert [(r["index"], r["code"]) for r in answer.json()["refused"]] == [(2, "source_not_allowed")]
    assert [event.source for event in house.broker.events()] == ["till", "web"]
    listed = (await house.http.get("/v1/keys")).json()["items"]
    assert [(k["name"], k["source"], k["sources"]) for k in listed] == [
        ("admin", "admin", []),
        ("shop", "till", ["till", "web"]),
    ]


async def test_no_key_is_made_in_the_name_of_a_webhook_or_of_keepwell(house: House) -> None:
    for wanted in (
        {"name": "Stripe"},
        {"name": "a", "source": "keepwell/x"},
        {"name": "a", "sources": ["b", " stripe"]},
    ):
        answer = await house.http.post("/v1/keys", json={"scopes": ["ingest"], **wanted})
        assert (answer.status_code, answer.json()["code"]) == (400, "reserved_source")


async def test_erasing_needs_more_than_the_right_to_send(house: House) -> None:
    erase = an_event("e1", "account.erased")
    sender, both = await a_key(house, "app", "ingest"), await a_key(house, "desk", "ingest", "operate")
    refused = await house.post(erase, headers=sender)
    assert (refused.status_code, refused.json()["code"]) == (400, "scope_missing")
    assert (await house.post(erase, headers=both)).status_code == 202
    assert (await house.post(erase)).status_code == 202


async def test_a_revoked_admin_key_stays_revoked_until_another_is_set(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    assert (await house.http.delete("/v1/keys/admin")).status_code == 204
    # As at the next start, with the same settings.
    await house.app.state.keys.ensure_admin(ADMIN_KEY)
    assert (await house.http.get("/v1/keys")).status_code == 401
    assert "Set another KEEPWELL_ADMIN_KEY" in caplog.text
    await house.app.state.keys.ensure_admin("another key, long enough")
    other = {"authorization": "Bearer another key, long enough"}
    assert (await house.http.get("/v1/keys", headers=other)).status_code == 200


async def test_only_hashes_are_stored(house: House) -> None:
    rows = await house.rows("SELECT * FROM access.keys")
    assert b"kw_" not in rows[0]["hash"]
    assert len(rows[0]["hash"]) == 32


async def test_another_services_key_is_known_within_seconds_and_gone_within_five(house: House) -> None:
    from shared.auth.keys import KeyStore
    from shared.pg.uow import UnitOfWork

    other = KeyStore(UnitOfWork(house.engine), house.clock, lambda n: b"x" * n)
    assert await other.find("kw_nobody") is None
    key = (await house.http.post("/v1/keys", json={"name": "csm", "scopes": ["read"], "csm": "a@b.co"})).json()["key"]
    house.clock.move(timedelta(seconds=1))
    found = await other.find(key)
    assert found is not None
    assert (found.csm, found.may("read"), found.may("operate")) == ("a@b.co", True, False)
    await house.http.delete("/v1/keys/csm")
    house.clock.move(timedelta(seconds=5))
    assert await other.find(key) is None


@asynccontextmanager
async def keys_that_nobody_can_read(house: House) -> AsyncIterator[None]:
    """As from a database that hangs, for who has to read the keys anew."""
    async with house.engine.connect() as c:
        await c.execute(text("LOCK TABLE access.keys IN ACCESS EXCLUSIVE MODE"))
        yield
        await c.rollback()


async def test_when_the_keys_cannot_be_read_every_sender_hears_within_seconds_and_is_taken_later(house: House) -> None:
    assert (await house.post(an_event("before"))).status_code == 202
    async with keys_that_nobody_can_read(house):
        assert (await house.post(an_event("known"))).status_code == 202
        house.clock.move(timedelta(seconds=6))
        async with asyncio.timeout(20):
            answers = await asyncio.gather(*(house.post(an_event(f"e{n}")) for n in range(10)))
        assert {(a.status_code, a.json()["code"]) for a in answers} == {(503, "database_unavailable")}
        assert all("Retry-After" in a.headers for a in answers)

    async def taken() -> bool:
        return (await house.post(an_event("after"))).status_code == 202

    await until(taken)


async def test_while_the_broker_keeps_us_waiting_the_answer_waits_for_no_database(house: House) -> None:
    house.broker.confirms.clear()
    assert (await house.post(an_event("slow"))).status_code == 503
    async with keys_that_nobody_can_read(house):
        house.clock.move(timedelta(seconds=6))
        async with asyncio.timeout(3):
            answer = await house.post(an_event("next"))
        assert (answer.status_code, answer.json()["code"]) == (503, "broker_unavailable")
    house.broker.confirms.set()


# The face


async def test_the_document_is_true_about_security_problems_and_types(house: House) -> None:
    document = (await house.http.get("/openapi.json")).json()
    operation = document["paths"]["/v1/events"]["post"]
    assert operation["security"] == [{"Bearer": []}, {"Basic": []}]
    assert {"202", "401", "403", "default"} <= set(operation["responses"])
    assert "422" not in str(document["paths"])
    schemas = document["components"]["schemas"]
    assert schemas["NpsAnswered"]["properties"]["score"]["maximum"] == 10
    assert len(schemas["Event"]["oneOf"]) == len(registry.CUSTOMER_EVENTS)
    for name in _references(document):
        assert name in schemas


def _references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"].rpartition("/")[2]} if "$ref" in value else set()
        return own.union(*(_references(inner) for inner in value.values()))
    return set().union(*(_references(inner) for inner in value)) if isinstance(value, list) else set()
