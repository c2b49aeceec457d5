"""The receivers that keep CRMs up to date: who calls is verified, each thing is done once, newer wins, and nothing is
answered 2xx that the CRM did not take."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from standardwebhooks import Webhook

from examples.hubspot import PROPERTIES, HubSpot
from examples.receiver import Change, Memory, NotTaken, named, receiver
from examples.salesforce import Salesforce
from examples.salesforce import field as salesforce_field
from examples.segment import Segment
from shared.messages.outward import AccountTold, CauseTold, DriverTold, HealthChanged, TraitsSet
from tests.support.crms import TOKEN, FakeHubSpot, FakeSalesforce, FakeSegment, salesforce

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
# A signature holds for five minutes.
AT = datetime.now(UTC).replace(microsecond=0)
NORTHWIND = AccountTold(id="north/wind", name="Northwind")


def health(rev: int = 7, score: float | None = 52.25, at: datetime = AT) -> dict[str, Any]:
    data = HealthChanged(
        account=NORTHWIND,
        rev=rev,
        at=at,
        score=score,
        previous_score=74.0,
        band="amber",
        previous_band="green",
        drivers=[DriverTold(kind="measure", name="feedback.nps", points=-13, reason="their admin scored us 2")],
        cause=CauseTold(kind="event", type="feedback.nps", id="e-1"),
        reason="" if score is not None else "too little is known",
    )
    return {"type": "health.changed", "timestamp": at.isoformat(), "data": msgspec.to_builtins(data)}


def traits(at: datetime = AT, **values: Any) -> dict[str, Any]:
    data = TraitsSet(account=NORTHWIND, traits=values, playbook="renewal@2", episode_id="ep-1")
    return {"type": "traits.set", "timestamp": at.isoformat(), "data": msgspec.to_builtins(data)}


@dataclass
class Door:
    """A receiver, as Keepwell calls it."""

    client: httpx.AsyncClient
    secret: str = SECRET

    async def __call__(self, event: dict[str, Any], id: str = "msg_1") -> httpx.Response:
        body = json.dumps(event)
        signature = Webhook(self.secret).sign(id, datetime.now(UTC), body)
        stamp = str(int(datetime.now(UTC).timestamp()))
        headers = {"webhook-id": id, "webhook-timestamp": stamp, "webhook-signature": signature}
        return await self.client.post("/keepwell", content=body, headers=headers)


@asynccontextmanager
async def a_door(apply: Callable[[Change], Awaitable[None]], state: Path | str = ":memory:") -> AsyncIterator[Door]:
    memory = Memory(state)
    app = receiver(SECRET, memory, apply, lambda: datetime.now(UTC))
    try:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://receiver") as client:
            yield Door(client)
    finally:
        memory.close()


@dataclass
class Taker:
    """Takes changes, or says why not."""

    taken: list[Change] = field(default_factory=list)
    answers: list[NotTaken] = field(default_factory=list)

    async def __call__(self, change: Change) -> None:
        await asyncio.sleep(0)
        if self.answers:
            raise self.answers.pop(0)
        self.taken.append(change)


async def test_nobody_but_keepwell_sets_anything() -> None:
    taker = Taker()
    async with a_door(taker) as door:
        door.secret = "whsec_c29tZWJvZHkgZWxzZSdzIHNlY3JldA=="
        assert (await door(health())).status_code == 401
        assert (await door.client.post("/keepwell", content=b"{}")).status_code == 401
    assert taker.taken == []


async def test_each_is_done_once_however_often_it_comes_and_after_a_restart(tmp_path: Path) -> None:
    taker, state = Taker(), tmp_path / "state.sqlite3"
    async with a_door(taker, state) as door:
        answers = await asyncio.gather(*(door(traits(stage="won"), "msg_2") for _ in range(5)), door(health()))
    async with a_door(taker, state) as door:
        answers += [await door(traits(stage="won"), "msg_2"), await door(health())]
    assert {answer.status_code for answer in answers} == {204}
    assert sorted(change.id for change in taker.taken) == ["msg_1", "msg_2"]


async def test_what_comes_late_does_not_win() -> None:
    taker = Taker()
    async with a_door(taker) as door:
        for number, rev in enumerate((7, 9, 8, 10)):
            assert (await door(health(rev, score=rev), f"msg_h{number}")).status_code == 204
        earlier = AT - timedelta(minutes=1)
        await door(traits(stage="won"), "msg_1")
        await door(traits(earlier, stage="open", size=3), "msg_2")
    assert [change.fields.get("keepwell_score") for change in taker.taken[:3]] == [7, 9, 10]
    assert [dict(change.fields) for change in taker.taken[3:]] == [{"keepwell_stage": "won"}, {"keepwell_size": 3}]


async def test_what_was_not_taken_is_no_success_and_is_done_when_it_comes_again() -> None:
    taker = Taker(answers=[NotTaken("busy", busy=True, after="7"), NotTaken("no such company")])
    async with a_door(taker) as door:
        busy, refused, taken = [await door(health()) for _ in range(3)]
    assert (busy.status_code, busy.headers["retry-after"]) == (503, "7")
    assert (refused.status_code, refused.text) == (502, "no such company")
    assert taken.status_code == 204
    assert len(taker.taken) == 1


async def test_other_events_are_none_of_its_business() -> None:
    taker = Taker()
    async with a_door(taker) as door:
        assert (await door({"type": "test", "timestamp": AT.isoformat(), "data": {}})).status_code == 204
    assert taker.taken == []


@pytest.mark.parametrize(
    ("trait", "name", "there"),
    [
        ("risk_reason", "keepwell_risk_reason", "Keepwell_Risk_Reason__c"),
        ("Risk  reason!", "keepwell_risk_reason", "Keepwell_Risk_Reason__c"),
        ("keepwell_stage", "keepwell_stage", "Keepwell_Stage__c"),
        ("score", "keepwell_trait_score", "Keepwell_Trait_Score__c"),
        ("…", None, None),
    ],
)
def test_a_trait_has_one_name_there_which_keepwell_ignores_when_it_comes_back(
    trait: str, name: str | None, there: str | None
) -> None:
    assert named(trait) == name
    assert (None if name is None else salesforce_field(name)) == there


def a_hubspot() -> FakeHubSpot:
    return FakeHubSpot(companies={"north/wind": {"name": "Northwind"}})


async def test_hubspot_shows_health_and_traits_once_its_properties_are_made() -> None:
    fake = a_hubspot()
    async with fake.client() as client:
        hubspot = HubSpot(client, TOKEN)
        await hubspot.set_up()
        await hubspot.set_up()
        assert fake.properties.keys() == {one["name"] for one in PROPERTIES}
        async with a_door(hubspot.apply) as door:
            assert (await door(health())).status_code == 204
            unknown = await door(traits(risk="high"), "msg_2")
            fake.properties["keepwell_risk"] = {}
            assert (await door(traits(risk=["late", "silent"]), "msg_2")).status_code == 204
            assert (await door(health(8, None), "msg_3")).status_code == 204
    assert (unknown.status_code, unknown.text) == (502, 'HubSpot answered 400 Property "keepwell_risk" does not exist')
    assert fake.companies["north/wind"] == {
        "name": "Northwind",
        "keepwell_score": "",
        "keepwell_band": "amber",
        "keepwell_reason": "too little is known",
        "keepwell_updated_at": AT.isoformat(),
        "keepwell_risk": "late; silent",
    }


async def test_what_hubspot_does_not_take_says_why_and_never_the_token(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    fake = FakeHubSpot()
    async with fake.client() as client, a_door(HubSpot(client, TOKEN).apply) as door:
        nobody = await door(health())
        fake.answers = [httpx.Response(429, headers={"Retry-After": "10"}), httpx.Response(502)]
        slow, down = await door(health()), await door(health())
        async with a_door(HubSpot(client, "wrong-secret").apply) as other:
            refused = await other(health())
    assert nobody.text == "no company of HubSpot has the keepwell_account_id north/wind"
    assert (slow.status_code, slow.headers["retry-after"], down.status_code) == (503, "10", 503)
    assert refused.text == "HubSpot answered 401 Authentication credentials not found."
    assert "secret" not in caplog.text.lower()


async def test_a_crm_that_cannot_be_reached_is_asked_again() -> None:
    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("nobody there", request=request)

    there = httpx.AsyncClient(transport=httpx.MockTransport(away))
    async with there as client, a_door(HubSpot(client, TOKEN).apply) as door:
        answer = await door(health())
    assert (answer.status_code, answer.text) == (503, "HubSpot can't be reached (ConnectError)")


def a_salesforce(client: httpx.AsyncClient, secret: str = TOKEN) -> Salesforce:
    return Salesforce(client, "https://acme.my.salesforce.com/", "app", secret)


async def test_salesforce_shows_health_and_traits_of_the_account_with_that_id() -> None:
    fake = FakeSalesforce(accounts={"north/wind": {"Name": "Northwind"}})
    async with fake.client() as client, a_door(a_salesforce(client).apply) as door:
        assert (await door(health())).status_code == 204
        unknown = await door(traits(risk="high"), "msg_2")
        fake.fields.add("Keepwell_Risk__c")
        assert (await door(traits(risk="high"), "msg_2")).status_code == 204
    assert "INVALID_FIELD: No such column 'Keepwell_Risk__c'" in unknown.text
    assert fake.tokens == 1
    assert fake.accounts["north/wind"] == {
        "Name": "Northwind",
        "Keepwell_Score__c": 52.25,
        "Keepwell_Band__c": "amber",
        "Keepwell_Reason__c": "their admin scored us 2",
        "Keepwell_Updated_At__c": AT.isoformat(),
        "Keepwell_Risk__c": "high",
    }


async def test_a_session_of_salesforce_that_has_ended_is_begun_anew_once_for_all() -> None:
    fake = FakeSalesforce(accounts={"north/wind": {}})
    async with fake.client() as client:
        salesforce = a_salesforce(client)
        async with a_door(salesforce.apply) as door:
            await door(health())
            fake.tokens += 1
            assert (await door(health(8), "msg_2")).status_code == 204
    assert fake.tokens == 3


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        (salesforce(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."), 503, "REQUEST_LIMIT_EXCEEDED"),
        (salesforce(400, "UNABLE_TO_LOCK_ROW", "try again"), 503, "UNABLE_TO_LOCK_ROW"),
        (httpx.Response(300, json=["/services/data/v62.0/sobjects/Account/1"]), 502, "several accounts"),
        (httpx.Response(503, headers={"Retry-After": "5"}), 503, "Salesforce answered 503"),
        (httpx.Response(400, content=b"<html>"), 502, "Salesforce answered 400"),
        (salesforce(404, "NOT_FOUND", "The requested resource does not exist"), 502, "no account of Salesforce"),
    ],
)
async def test_what_salesforce_does_not_take_is_asked_again(answer: httpx.Response, status: int, said: str) -> None:
    fake = FakeSalesforce(accounts={"north/wind": {}})
    async with fake.client() as client, a_door(a_salesforce(client).apply) as door:
        await door(health(1), "msg_0")
        fake.answers = [answer]
        refused = await door(health())
        assert (refused.status_code, said in refused.text) == (status, True)
        assert (await door(health())).status_code == 204


async def test_a_wrong_secret_of_salesforce_is_said_and_not_repeated() -> None:
    fake = FakeSalesforce()
    async with fake.client() as client, a_door(a_salesforce(client, "wrong-secret").apply) as door:
        answer = await door(health())
    assert answer.text == "Salesforce refuses the client's id or secret (400)"


async def test_a_platform_hears_of_groups_with_traits() -> None:
    fake = FakeSegment()
    async with fake.client() as client:
        async with a_door(Segment(client, TOKEN).apply) as door:
            assert (await door(traits(risk="high"))).status_code == 204
        async with a_door(Segment(client, "wrong").apply) as door:
            assert (await door(traits(risk="high"))).text == "Segment answered 401"
    [group] = fake.groups
    assert (group["groupId"], group["traits"]) == ("north/wind", {"keepwell_risk": "high"})
    assert (group["messageId"], group["timestamp"]) == ("msg_1", AT.isoformat())
