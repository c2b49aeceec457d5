"""Endpoints as a developer meets them: by HTTP, on a notifier as it is wired."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from services.notifier.core.endpoints import MOST
from shared.clock import SystemClock
from shared.log.protocol import Outgoing
from shared.messages import envelope, registry
from tests.integration.test_notifier_service import Running, a_notifier
from tests.support.described import examples
from tests.support.stream import until
from tests.support.webhooks import HookSink, a_hook_sink, told

LOCAL = "127.0.0.0/8"


@pytest.fixture
async def sink() -> AsyncIterator[HookSink]:
    async with a_hook_sink() as made:
        yield made


@pytest.fixture
async def notifier(database_url: str) -> AsyncIterator[Running]:
    async with a_notifier(database_url, webhook_networks=LOCAL) as running:
        yield running


async def make(notifier: Running, url: str, **more: Any) -> dict[str, Any]:
    response = await notifier.client.post("/v1/endpoints", json={"url": url, **more})
    assert response.status_code == 201, response.text
    made: dict[str, Any] = response.json()
    return made


async def refused(notifier: Running, **body: Any) -> dict[str, Any]:
    found: dict[str, Any] = (await notifier.client.post("/v1/endpoints", json=body)).json()
    return found


async def tell(notifier: Running, *ids: str) -> None:
    events = [told(id=id, score=3.0) for id in ids]
    await notifier.send([Outgoing(registry.ACTIONS, one.subject, envelope.encode(one)) for one in events])


async def test_from_the_subscription_to_the_replay(notifier: Running, sink: HookSink) -> None:
    made = await make(notifier, sink.url, name="crm", types=["answer.received"], description="ours")
    assert made["enabled"] is True
    assert made["secret"].startswith("whsec_")
    path = f"/v1/endpoints/{made['id']}"
    await tell(notifier, "one", "two")
    await until(lambda: len(sink.got) == 2)
    assert all(hook.is_signed_by(made["secret"]) for hook in sink.got)
    [listed] = (await notifier.get("/v1/endpoints"))["items"]
    assert listed == await notifier.get(path)
    assert "secret" not in listed

    rotated = (await notifier.client.post(f"{path}/rotate")).json()
    tested = await notifier.client.post(f"{path}/test")
    assert tested.status_code == 202
    await until(lambda: len(sink.got) == 3)
    assert sink.got[2].id == tested.json()["id"]
    assert sink.got[2].is_signed_by(made["secret"])
    assert sink.got[2].is_signed_by(rotated["secret"])

    async def log(**query: str) -> list[Any]:
        return list((await notifier.get(f"{path}/deliveries", **query))["items"])

    async def are_delivered() -> bool:
        return [one["state"] for one in await log()] == ["delivered"] * 3

    await until(are_delivered)
    assert [one["type"] for one in await log(type="test")] == ["test"]
    assert len(await log(account="northwind", state="delivered")) == 2
    assert await log(until="2026-01-01T00:00:00Z") == []
    one = await notifier.get(f"{path}/deliveries/{sink.got[0].id}")
    assert one["body"] == sink.got[0].body
    [attempt] = one["attempt_history"]
    assert (attempt["status"], attempt["answer"], attempt["outcome"]) == (200, "ok", "delivered")
    assert attempt["headers"]["webhook-id"] == sink.got[0].id
    assert attempt["answer_headers"]["content-length"] == "2"

    since = (SystemClock().now() - timedelta(hours=1)).isoformat()
    replayed = await notifier.client.post(f"{path}/replay", json={"since": since})
    assert (replayed.status_code, replayed.json()) == (202, {"count": 3})
    await until(lambda: len(sink.got) == 6)
    assert sorted(sink.ids[3:]) == sorted(sink.ids[:3])
    none = await notifier.client.post(f"{path}/replay", json={"since": since, "undelivered_only": True})
    assert none.json()["count"] <= 3
    await until(are_delivered)
    before = len(sink.got)
    again = await notifier.client.post(f"{path}/deliveries/{sink.got[0].id}/retry")
    assert again.status_code == 202
    await until(lambda: len(sink.got) == before + 1)


async def test_turned_off_it_misses_and_is_deleted_for_good(notifier: Running, sink: HookSink) -> None:
    made = await make(notifier, sink.url, filter={"severity": ["high"]})
    path = f"/v1/endpoints/{made['id']}"
    off = await notifier.client.patch(path, json={"enabled": False, "filter": None})
    assert (off.json()["enabled"], off.json()["filter"]["severity"]) == (False, [])
    assert off.json()["disabled_because"] == "turned off by tests"
    await tell(notifier, "missed")

    async def is_missed() -> bool:
        found = (await notifier.get(f"{path}/deliveries"))["items"]
        return [one["state"] for one in found] == ["missed"]

    await until(is_missed)
    refusal = await notifier.client.post(f"{path}/replay", json={"since": "2026-01-01T00:00:00Z"})
    assert (refusal.status_code, refusal.json()["code"]) == (409, "disabled")
    [troubled] = (await notifier.get("/v1/status"))["details"]["webhooks"]["troubled"]
    assert (troubled["endpoint"], troubled["state"]) == (made["id"], "disabled")
    on = await notifier.client.patch(path, json={"enabled": True, "url": f"{sink.url}/other", "score_by": 5})
    assert (on.json()["enabled"], on.json()["score_by"]) == (True, 5)
    count = (await notifier.client.post(f"{path}/replay", json={"since": "2026-01-01T00:00:00Z"})).json()["count"]
    assert count == 1
    await until(lambda: [one.path for one in sink.got] == ["/hook/other"])
    assert (await notifier.client.delete(path)).status_code == 204
    assert (await notifier.client.get(path)).status_code == 404
    assert (await notifier.client.get(f"{path}/deliveries")).status_code == 404


REFUSED = (
    ("http://93.184.216.34/a", "Without TLS"),
    ("https://10.0.0.1/a", "no public address"),
    ("https://169.254.169.254/latest", "secrets"),
    ("https://[::ffff:10.0.0.1]/a", "no public address"),
    ("https://[64:ff9b::a00:1]/a", "network of its own"),
    ("https://0x7f.1/a", "no host"),
    ("https://2130706433/a", "no host"),
    ("https://user:pw@93.184.216.34/a", "user"),
    ("https://93.184.216.34/a#b", "fragment"),
    ("ftp://93.184.216.34/a", "https://"),
    ("https://no-such-host.invalid/a", "does not resolve"),
    ("nonsense", "https://"),
)
"""Addresses that may not be reached, and a word of why; every form is in the tests of the addresses themselves."""


async def test_an_address_that_may_not_be_reached_is_refused(notifier: Running) -> None:
    for url, words in REFUSED:
        found = await refused(notifier, url=url)
        assert (found["status"], found["code"]) == (422, "address_refused"), url
        assert words in found["message"], url
        assert "pw" not in found["message"].replace("KEEPWELL", "")


async def test_what_cannot_be_is_refused_in_words(notifier: Running, sink: HookSink) -> None:
    unknown = await refused(notifier, url=sink.url, types=["task.open"])
    assert "Did you mean `task.opened`?" in unknown["message"]
    never = await refused(notifier, url=sink.url, types=["health.changed"], filter={"severity": ["high"]})
    assert "`health.changed` has none" in never["message"]
    made = await make(notifier, sink.url, name="crm")
    taken = await refused(notifier, url=sink.url, name="crm")
    assert (taken["status"], taken["code"]) == (409, "name_taken")
    path = f"/v1/endpoints/{made['id']}"
    patched = await notifier.client.patch(path, json={"types": ["answer.received"], "filter": {"matters": ["money"]}})
    assert patched.status_code == 400
    moved = await notifier.client.patch(path, json={"url": "https://10.0.0.1/a"})
    assert (moved.status_code, moved.json()["code"]) == (422, "address_refused")
    backwards = {"since": "2026-11-02T00:00:00Z", "until": "2026-11-01T00:00:00Z"}
    replayed = await notifier.client.post(f"{path}/replay", json=backwards)
    assert (replayed.status_code, "not after `since`" in replayed.json()["message"]) == (400, True)
    assert (await notifier.client.post("/v1/endpoints/ep_none/test")).status_code == 404
    assert (await notifier.client.get(f"{path}/deliveries/msg_none")).status_code == 404


async def test_there_are_never_more_than_the_most_however_many_are_made_at_once(
    notifier: Running, sink: HookSink
) -> None:
    for number in range(MOST - 2):
        await make(notifier, sink.url, name=f"no-{number}")
    answers = await asyncio.gather(
        *(notifier.client.post("/v1/endpoints", json={"url": sink.url}) for _ in range(6)),
    )
    assert sorted(one.status_code for one in answers) == [201, 201, 409, 409, 409, 409]
    assert {one.json()["code"] for one in answers if one.status_code == 409} == {"too_many"}


async def test_the_document_describes_what_is_sent(notifier: Running) -> None:
    document = (await notifier.client.get("/openapi.json")).json()
    hook = document["webhooks"]["health.changed"]["post"]
    schema = hook["requestBody"]["content"]["application/json"]["schema"]
    assert schema["properties"]["data"] == {"$ref": "#/components/schemas/HealthChanged"}
    assert "previous_score" in document["components"]["schemas"]["HealthChanged"]["properties"]
    assert {one["name"] for one in hook["parameters"]} == {"webhook-id", "webhook-timestamp", "webhook-signature"}


async def test_what_the_document_shows_can_be_sent_as_it_stands_there(notifier: Running, sink: HookSink) -> None:
    names = {
        "/v1/endpoints/{id}": (await make(notifier, sink.url))["id"],
        "/v1/templates/{id}": "half-an-hour",
        "{person}": "ben@example.com",
    }
    shown = [one for one in examples(await notifier.get("/openapi.json")) if "send-test" not in one.path]
    assert len(shown) > 8
    for one in shown:
        path, body = one.path, one.value
        for name, value in names.items():
            path = path.replace(name, name.replace("{id}", value).replace("{person}", value))
        if path == "/v1/endpoints":
            # Only here can that address be reached.
            body = {**body, "url": sink.url}
        content = body if isinstance(body, str) else msgspec.json.encode(body)
        answer = await notifier.client.request(one.method, path, content=content, headers={"content-type": one.media})
        assert answer.status_code in one.codes, (str(one), answer.text)
