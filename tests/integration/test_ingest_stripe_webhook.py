"""Stripe's webhook endpoint, and what ingest does beside the door."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from tests.support.ingest import STRIPE_SECRET, House, a_house, a_housekeeper, an_event
from tests.support.stream import NOON, until

INVOICE = json.loads((Path(__file__).parents[1] / "golden" / "stripe" / "invoice.json").read_text())


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with a_house(database_url) as house:
        yield house


async def from_stripe(house: House, type: str, secret: str = STRIPE_SECRET, **changes: Any) -> httpx.Response:
    """Post an event as Stripe does, without any API key."""
    stamp = int(NOON.timestamp())
    event = {"id": "evt_1", "type": type, "created": stamp - 5, "data": {"object": {**INVOICE, **changes}}}
    body = json.dumps(event).encode()
    signature = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    headers = {"stripe-signature": f"t={stamp},v1={signature}", "authorization": ""}
    return await house.http.post("/v1/webhooks/stripe", content=body, headers=headers)


async def test_a_signed_invoice_is_published(house: House) -> None:
    answer = await from_stripe(house, "invoice.paid", metadata={"account_id": "northwind"})
    assert (answer.status_code, answer.json()["accepted"]) == (202, 1)
    [event] = house.broker.events()
    assert (event.id, event.source, event.type, event.subject) == ("evt_1", "stripe", "invoice.paid", "northwind")


async def test_an_invoice_without_an_account_waits_for_its_customer(house: House) -> None:
    for _ in range(2):
        answer = await from_stripe(house, "invoice.payment_failed")
        assert (answer.status_code, answer.json()["accepted"]) == (202, 1)
    assert house.broker.messages == []
    status = (await house.http.get("/v1/status")).json()
    assert [(w["alias"], w["events"]) for w in status["waiting"]] == [("stripe:cus_QXg1o8vcGmoR32", 1)]
    traits = {"traits": {"aliases": ["stripe:cus_QXg1o8vcGmoR32"]}}
    await house.post(an_event("set", "account.updated", data=traits))
    assert [(e.type, e.subject) for e in await house.outbox()] == [("invoice.payment_failed", "northwind")]


async def test_a_wrong_signature_is_refused_and_other_types_are_ignored(house: House) -> None:
    answer = await from_stripe(house, "invoice.paid", secret="whsec_other")
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_signature")
    assert STRIPE_SECRET not in answer.text
    answer = await from_stripe(house, "charge.refunded")
    assert (answer.status_code, answer.json()["accepted"]) == (200, 0)
    assert house.broker.messages == []


async def test_without_a_secret_stripe_is_asked_to_come_again(database_url: str) -> None:
    async with a_house(database_url, stripe_secret=None) as house:
        answer = await from_stripe(house, "invoice.paid")
        assert (answer.status_code, answer.json()["code"]) == (503, "stripe_not_set_up")
        assert int(answer.headers["retry-after"]) > 0


async def test_an_import_that_is_silent_for_an_hour_ends_visibly(house: House) -> None:
    id = (await house.http.post("/v1/imports")).json()["import_id"]
    keeper = a_housekeeper(house)
    house.clock.move(timedelta(minutes=40))
    await house.post(an_event(history=id, time="2025-05-20T12:00:00Z"))
    house.clock.move(timedelta(minutes=59))
    await keeper.look()
    assert (await house.http.get(f"/v1/imports/{id}")).json()["state"] == "open"
    house.clock.move(timedelta(minutes=2))
    await keeper.look()
    ended = (await house.http.get(f"/v1/imports/{id}")).json()
    assert (ended["state"], ended["ended_by"]) == ("ended", "silence")
    assert len(await house.outbox()) == 40


async def test_an_import_that_speaks_while_it_is_being_ended_as_silent_stays_open(house: House) -> None:
    id = (await house.http.post("/v1/imports")).json()["import_id"]
    house.clock.move(timedelta(minutes=61))
    async with house.engine.connect() as c:
        # What a request does that has just let events of the import in.
        await c.execute(text("UPDATE imports SET last_event_at = :now"), {"now": house.clock.now()})
        looking = asyncio.create_task(a_housekeeper(house).look())

        async def waits() -> bool:
            return len(await house.rows("SELECT pid FROM pg_locks WHERE NOT granted")) == 1

        await until(waits)
        await c.commit()
    await looking
    assert (await house.http.get(f"/v1/imports/{id}")).json()["state"] == "open"


async def test_an_end_that_waited_for_a_publish_is_finished_later(house: House) -> None:
    id = (await house.http.post("/v1/imports")).json()["import_id"]
    house.broker.confirms.clear()
    await house.post(an_event(history=id, time="2025-05-20T12:00:00Z"))
    await house.http.post(f"/v1/imports/{id}/end")
    keeper = a_housekeeper(house)
    await keeper.look()
    assert (await house.http.get(f"/v1/imports/{id}")).json()["state"] == "ending"
    house.clock.move(timedelta(seconds=61))
    await keeper.look()
    assert (await house.http.get(f"/v1/imports/{id}")).json()["state"] == "ended"
    house.broker.confirms.set()
