"""The notifier as it is wired: an action on the log becomes a Slack message, and the HTTP face tells of it."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import time, timedelta
from itertools import count
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from services.notifier.main import wire
from services.notifier.settings import NotifierSettings
from shared.auth.keys import KeyStore
from shared.clock import SystemClock
from shared.log.local import LocalStream
from shared.log.protocol import Outgoing
from shared.messages import envelope, registry
from shared.messages.accounts import ContactConsented, ContactUpdated
from shared.messages.actions import ActionRequested, ContactCard, Recipient
from shared.messages.digests import DayCard, DayLine
from shared.messages.preferences import BUTTON, PreferencesChanged, read_asked
from shared.pg.pool import make_engine, session_settings
from shared.pg.uow import UnitOfWork
from shared.service.service import Process
from tests.support.chat_sinks import Workflow, a_hook, chat
from tests.support.logins import as_service
from tests.support.notifier import (
    NOW,
    THE_OWNER,
    MailSink,
    SlackSink,
    a_mail_sink,
    a_slack_sink,
    an_account,
    an_action,
    an_alert,
    notifier_engine,
    says,
)
from tests.support.stream import until

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
async def slack() -> AsyncIterator[SlackSink]:
    async with a_slack_sink() as sink:
        yield sink


@pytest.fixture
async def mail() -> AsyncIterator[MailSink]:
    async with a_mail_sink() as sink:
        yield sink


class Running:
    """A running notifier, its HTTP face as a client with a key, and a producer of actions."""

    def __init__(self, client: httpx.AsyncClient, stream: LocalStream) -> None:
        self.client = client
        self._stream = stream

    async def publish(self, actions: Sequence[ActionRequested]) -> None:
        await self.send([_on_the_log(action) for action in actions])

    async def send(self, messages: Sequence[Outgoing]) -> None:
        producer = self._stream.producer()
        await producer.start()
        await producer.publish(messages)
        await producer.stop()

    async def get(self, path: str, **query: str) -> Any:
        response = await self.client.get(path, params=query)
        assert response.status_code == 200, response.text
        return response.json()

    async def deliveries(self, **query: str) -> list[dict[str, Any]]:
        return list((await self.get("/v1/deliveries", **query))["items"])


def _on_the_log(action: ActionRequested) -> Outgoing:
    event = envelope.wrap(
        action,
        id=action.action_id,
        source="keepwell/playbooks",
        type="action.requested",
        subject=action.account.id,
        time=SystemClock().now(),
    )
    return Outgoing(registry.ACTIONS, action.account.id, envelope.encode(event), {"traceparent": TRACE})


@asynccontextmanager
async def a_notifier(
    database_url: str, key: str = "tests", csm: str | None = None, **settings: Any
) -> AsyncIterator[Running]:
    engine = make_engine(as_service(database_url, "ingest"), "ingest")
    keys = KeyStore(UnitOfWork(engine), SystemClock(), secrets.token_bytes)
    secret = await keys.create(key, ["read", "operate"], source=key, sources=[], csm=csm)
    await engine.dispose()
    service = Process(
        "notifier", NotifierSettings.load(database_url=as_service(database_url, "notifier"), **settings), "all", wire
    )
    stream = LocalStream(as_service(database_url, "playbooks"), session_settings("playbooks"), 8)
    await stream.start()
    working = asyncio.ensure_future(service.work())
    transport = httpx.ASGITransport(service.app)
    headers = {"Authorization": f"Bearer {secret}"}
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://notifier", headers=headers) as client:

            async def ready() -> bool:
                status = (await client.get("/v1/status")).json()
                return bool(status["held_partitions"] == 8)

            await until(ready)
            yield Running(client, stream)
    finally:
        service.stop()
        await asyncio.wait_for(working, 15)
        await service.close()
        await stream.stop()


async def test_an_action_on_the_log_becomes_a_slack_message_with_its_trace(database_url: str, slack: SlackSink) -> None:
    async with a_notifier(database_url, slack_bot_token="xoxb-1", slack_api_url=f"{slack.url}/api") as notifier:
        an_hour_ago = SystemClock().now() - timedelta(hours=1)
        await notifier.publish([an_action(caused_at=an_hour_ago)])
        await asyncio.wait_for(slack.arrived.wait(), 10)

        async def delivered() -> bool:
            return [d["state"] for d in await notifier.deliveries()] == ["delivered"]

        await until(delivered)
        [listed] = await notifier.deliveries(account="northwind", channel="slack", state="delivered")
        one = await notifier.get(f"/v1/deliveries/{listed['id']}")
    [posted] = slack.got
    assert posted.headers["traceparent"] == TRACE
    assert posted.body["blocks"] == one["rendered"]["blocks"]
    assert one["as_sent"]
    assert 3600 <= listed["seconds"] < 3700
    assert [attempt["outcome"] for attempt in one["attempt_history"]] == ["sent"]
    assert "Call their admin" in one["rendered"]["text"]


async def test_what_teams_refuses_comes_by_the_chat_and_both_are_shown_as_sent(database_url: str) -> None:
    async with a_hook(Workflow().judge) as teams, a_hook(chat) as space:
        teams.answers = [(400, {}, b'{"error":{"code":"InvalidParameter"}}')]
        hooks = {"teams_webhook_url": teams.url, "chat_webhook_url": space.url}
        async with a_notifier(database_url, **hooks) as notifier:
            await notifier.publish([an_action("a", recipient=Recipient(id="ana", name="Ana"))])
            await asyncio.wait_for(space.arrived.wait(), 10)
            await notifier.publish([an_alert("b", playbook="other@1", channel="teams")])

            async def delivered() -> bool:
                return len(await notifier.deliveries(state="delivered")) == 2

            await until(delivered)
            [by_teams] = await notifier.deliveries(channel="teams:webhook", state="delivered")
            [by_chat] = await notifier.deliveries(channel="chat")
            card = (await notifier.get(f"/v1/deliveries/{by_teams['id']}"))["rendered"]
            said = (await notifier.get(f"/v1/deliveries/{by_chat['id']}"))["rendered"]
    assert teams.got[-1].headers["traceparent"] == TRACE
    assert teams.got[-1].body["attachments"][0]["content"] == card["card"]
    assert "Usage fell by half" in card["text"]
    assert space.got[0].body == {"text": said["posted"]}
    assert "Meant for Ana: Teams answered 400 InvalidParameter" in said["posted"]
    assert "for Ana" in said["posted"]
    assert said["text"].startswith("For Ana\nMeant for Ana: Teams answered 400")


async def test_email_and_inbox_go_their_ways_and_the_inbox_is_read_over_http(database_url: str, mail: MailSink) -> None:
    smtp = f"smtp://127.0.0.1:{mail.port}?from=keepwell@example.com"
    async with a_notifier(database_url, smtp_url=smtp) as notifier:
        await notifier.publish([an_action("a", channel="email"), an_alert("b", channel="inbox")])

        async def delivered() -> bool:
            return [d["state"] for d in await notifier.deliveries()] == ["delivered", "delivered"]

        await until(delivered)
        inbox = await notifier.get("/v1/inbox", recipient=THE_OWNER.id)
        nobody = await notifier.get("/v1/inbox", recipient="someone-else")
        [listed] = await notifier.deliveries(channel="email")
        letter = (await notifier.get(f"/v1/deliveries/{listed['id']}"))["rendered"]
    assert mail.recipients == ["owner@example.com"]
    assert letter["subject"] == "Northwind: Call their admin"
    assert [item["subject"] for item in inbox["items"]] == ["Northwind: Usage fell by half in two weeks"]
    assert "74 → 52 amber" in inbox["items"][0]["text"]
    assert nobody == {"items": [], "next_cursor": None}


async def test_a_failed_delivery_is_shown_and_tried_again_by_hand(database_url: str, slack: SlackSink) -> None:
    slack.answers = [says("channel_not_found")]
    async with a_notifier(database_url, slack_bot_token="xoxb-1", slack_api_url=f"{slack.url}/api") as notifier:
        await notifier.publish([an_action(channel="slack:#gone")])

        async def failed() -> bool:
            return len(await notifier.deliveries(state="failed")) == 1

        await until(failed)
        [listed] = await notifier.deliveries(state="failed")
        assert "invite the bot" in listed["reason"]
        # It has gone on to whom it is for: nobody has to do anything about it.
        assert (await notifier.get("/v1/status"))["details"]["deliveries"]["failed"] == 0
        path = f"/v1/deliveries/{listed['id']}/retry"
        assert (await notifier.client.post(path)).status_code == 202

        async def delivered() -> bool:
            return len(await notifier.deliveries(state="delivered")) == 2

        await until(delivered)
        again = await notifier.client.post(path)
        unknown = await notifier.client.post("/v1/deliveries/dlv_0/retry")
    assert (again.status_code, again.json()["code"]) == (409, "not_failed")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")


async def test_a_delivery_that_took_another_road_is_found_by_its_item_and_tells_the_roads(
    database_url: str, slack: SlackSink, mail: MailSink
) -> None:
    slack.answers = [says("user_not_found")]
    smtp = f"smtp://127.0.0.1:{mail.port}?from=keepwell@example.com"
    sinks = {"slack_bot_token": "xoxb-1", "slack_api_url": f"{slack.url}/api", "smtp_url": smtp}
    async with a_notifier(database_url, **sinks) as notifier:
        began = SystemClock().now()
        await notifier.publish([an_alert(item_id="alr-1"), an_action(channel="inbox", account=an_account("contoso"))])

        async def delivered() -> bool:
            return len(await notifier.deliveries(state="delivered")) == 2

        await until(delivered)
        second, first = await notifier.deliveries(item="alr-1")
        by_task = await notifier.deliveries(item="tsk-41", recipient=THE_OWNER.id)
        one = await notifier.get(f"/v1/deliveries/{second['id']}")
        status = (await notifier.get("/v1/status"))["details"]["deliveries"]
        assert len(await notifier.deliveries(since=began.isoformat())) == 3
        assert await notifier.deliveries(until=began.isoformat()) == []
        assert await notifier.deliveries(recipient="nobody") == []
    why = "It could not come by Slack: Slack says user_not_found"
    assert [(road["channel"], road["state"], road["because"]) for road in one["roads"]] == [
        ("slack:U012AB3CD", "failed", ""),
        ("email:owner@example.com", "delivered", why),
    ]
    assert (second["instead_of"], second["road"], first["road"]) == (first["id"], 1, 0)
    assert [each["account"] for each in by_task] == ["contoso"]
    assert (one["recipient_name"], one["together"], one["waited"]) == (THE_OWNER.name, 1, "")
    assert why in one["rendered"]["text"]
    letter = mail.letters[0].get_body(("plain",))
    assert letter is not None
    assert why in letter.get_content()
    # What has gone on is no failure that waits for anybody.
    assert status["failed"] == 0


async def test_deliveries_are_paged_newest_first(database_url: str) -> None:
    async with a_notifier(database_url) as notifier:
        await notifier.publish([an_alert(f"alert-{n}", playbook=f"p{n}@1") for n in range(7)])

        async def delivered() -> bool:
            return len(await notifier.deliveries(state="delivered")) == 7

        await until(delivered)
        page = await notifier.get("/v1/deliveries", limit="3")
        seen = [one["action_id"] for one in page["items"]]
        while page["next_cursor"]:
            page = await notifier.get("/v1/deliveries", limit="3", cursor=page["next_cursor"])
            seen += [one["action_id"] for one in page["items"]]
        wrong = await notifier.client.get("/v1/deliveries", params={"cursor": "nonsense"})
        keyless = await notifier.client.get("/v1/deliveries", headers={"Authorization": ""})
    assert sorted(seen) == sorted(f"alert-{n}" for n in range(7))
    assert wrong.status_code == 400
    assert keyless.status_code == 401


async def test_what_is_settled_reaches_the_log(database_url: str) -> None:
    async with a_notifier(database_url) as notifier:
        await notifier.publish([an_action()])
        engine = make_engine(as_service(database_url, "notifier"), "notifier")

        async def told() -> bool:
            async with engine.connect() as c:
                found = await c.execute(text("SELECT value FROM log.records WHERE topic = 'keepwell.deliveries'"))
                return [envelope.decode(row.value).subject for row in found] == ["northwind"]

        await until(told)
        await engine.dispose()


def _told(type: str, id: str, **data: Any) -> Outgoing:
    """What is told of Kim at Northwind."""
    struct = registry.CUSTOMER_EVENTS[type][1]
    at = SystemClock().now()
    event = envelope.wrap(
        struct(contact_id="kim", **data), id=id, source="crm", type=type, subject="northwind", time=at
    )
    return Outgoing(registry.ACCOUNTS, "northwind", envelope.encode(event), {})


async def test_the_address_book_says_how_a_person_is_reached_until_they_are_erased(database_url: str) -> None:
    traits = {"name": "Kim", "email": "kim@northwind.example", "phone": "+49 30 1234", "language": "de"}
    async with a_notifier(database_url) as notifier:
        empty = await notifier.get("/v1/fingerprint")
        await notifier.send([_told("contact.updated", "1", traits=traits)])
        await notifier.send([_told("contact.consented", "2", kind="survey", text="You may ask me.")])

        async def known() -> bool:
            answer = await notifier.client.get("/v1/contacts/northwind/kim")
            return answer.status_code == 200 and bool(answer.json()["consents"])

        await until(known)
        kim = await notifier.get("/v1/contacts/northwind/kim")
        everybody = await notifier.get("/v1/contacts/northwind")
        full = await notifier.get("/v1/fingerprint")
        await notifier.send([_told("contact.erased", "3")])

        async def erased() -> bool:
            return (await notifier.client.get("/v1/contacts/northwind/kim")).status_code == 404

        await until(erased)
        nobody = await notifier.get("/v1/contacts/northwind")
    assert {name: kim[name] for name in traits} == traits
    assert [(one["kind"], one["consented"], one["text"]) for one in kim["consents"]] == [
        ("survey", True, "You may ask me.")
    ]
    assert everybody == {"items": [kim], "next_cursor": None}
    assert (empty["contacts"], full["contacts"]) == (0, 1)
    assert empty["fingerprint"] != full["fingerprint"]
    assert nobody["items"] == []


async def test_reading_the_log_again_sends_nothing_again(database_url: str) -> None:
    async def delivered(notifier: Running, count: int) -> None:
        async def so() -> bool:
            return len(await notifier.deliveries(state="delivered")) == count

        await until(so)

    async with a_notifier(database_url) as notifier:
        await notifier.publish([an_action("a"), an_alert("b", playbook="b@1")])
        await delivered(notifier, 2)
    own = as_service(database_url, "notifier")
    service = Process("notifier", NotifierSettings.load(database_url=own), "api", wire)
    await service.reread()
    await service.close()
    async with a_notifier(database_url, key="again") as notifier:
        await notifier.publish([an_alert("c", playbook="c@1")])
        await delivered(notifier, 3)
        assert [one["attempts"] for one in await notifier.deliveries()] == [1, 1, 1]


async def test_alerts_for_a_hundred_people_go_at_once_each_as_a_message_of_its_own(
    database_url: str, slack: SlackSink
) -> None:
    # How fast is measured by the benchmarks; here nobody may wait for a group or for anybody else's minute.
    async with a_notifier(database_url, slack_bot_token="xoxb-1", slack_api_url=f"{slack.url}/api") as notifier:
        for n in range(100):
            owner = THE_OWNER.__class__(id=f"csm-{n}", name=f"Owner {n}", slack=f"U{n:05}")
            caused_at = SystemClock().now()
            alert = an_alert(f"a-{n}", account=an_account(f"account-{n}"), recipient=owner, caused_at=caused_at)
            await notifier.publish([alert])

        async def delivered() -> bool:
            return len(await notifier.deliveries(state="delivered", limit="200")) == 100

        await until(delivered)
        ended = await notifier.deliveries(limit="200")
    assert [one["attempts"] for one in ended] == [1] * 100
    assert len({one["message_id"] for one in ended}) == 100


async def test_a_notifier_with_wrong_settings_says_which_without_the_secret() -> None:
    for wrong in (
        {"smtp_url": "http://user:verysecret@mail"},
        {"smtp_url": "smtp://user:verysecret@mail"},
        {"smtp_url": "smtp://user:verysecret@mail:99999999?from=a@b.example"},
        {"slack_webhook_url": "verysecret"},
        {"teams_webhook_url": "http://teams.example.com/verysecret"},
        {"default_channel": "pigeon"},
    ):
        with pytest.raises(Exception) as refused:
            NotifierSettings.load(**wrong)
        assert f"KEEPWELL_{next(iter(wrong)).upper()}" in str(refused.value)
        assert "verysecret" not in str(refused.value)


async def test_what_somebody_prefers_counts_for_what_comes_then_and_is_told_on(
    database_url: str, mail: MailSink
) -> None:
    mine = {
        "digest": {"daily": "09:15", "weekly": None},
        "quiet": {"from": "20:00", "to": "07:30", "except": "high"},
        "channel": "inbox",
        "digest_from": "low",
    }
    smtp = f"smtp://127.0.0.1:{mail.port}?from=keepwell@example.com"
    async with a_notifier(database_url, csm="Owner@Example.com", smtp_url=smtp) as notifier:
        nothing = await notifier.get("/v1/preferences/me")
        assert (nothing["digest"], nothing["set_at"]) == ({"daily": "08:30", "weekly": "mon 08:30"}, None)
        put = await notifier.client.put("/v1/preferences/me", json=mine)
        assert put.status_code == 200, put.text
        assert {name: put.json()[name] for name in mine} == mine
        assert await notifier.get("/v1/preferences/owner@example.com") == put.json() | {"person": "owner@example.com"}

        numbers = count()

        async def goes_to_the_inbox() -> bool:
            account = f"account-{next(numbers)}"
            await notifier.publish([an_action(account, account=an_account(account), severity="critical")])
            await until(lambda: _is_planned(notifier, account))
            channel: str = (await notifier.deliveries(account=account))[0]["channel"]
            return channel == f"inbox:{THE_OWNER.id}"

        await until(goes_to_the_inbox)
    engine = make_engine(as_service(database_url, "playbooks"), "playbooks")
    async with engine.connect() as c:
        rows = (await c.execute(text("SELECT value FROM log.records WHERE key = '$company'"))).scalars().all()
    await engine.dispose()
    (told,) = [registry.data_of(envelope.decode(value)) for value in rows]
    assert isinstance(told, PreferencesChanged)
    assert (told.person, told.preferences.waits, told.preferences.weekly) == ("owner@example.com", "low", None)


async def _is_planned(notifier: Running, account: str) -> bool:
    return bool(await notifier.deliveries(account=account))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"digest": {"daily": "25:00"}}, "`25:00` is no time of day; write one such as 08:30."),
        ({"digest": {"weekly": "mondy 08:30"}}, "`mondy` is no day of the week"),
        ({"quiet": {"from": "20:00", "to": "20:00"}}, "nothing could ever come"),
        (
            {"quiet": {"from": "20:00", "to": "09:00"}},
            "08:30, when `digest.daily` and what waits for it comes, lies in",
        ),
        ({"digest_from": "urgent"}, "digest_from"),
        ({"channel": "fax"}, "channel"),
        ({"silence": True}, "silence"),
    ],
)
async def test_what_cannot_be_preferred_is_refused_in_words(
    database_url: str, body: dict[str, Any], words: str
) -> None:
    async with a_notifier(database_url) as notifier:
        put = await notifier.client.put("/v1/preferences/ana", json=body)
        assert put.status_code in (400, 422)
        assert words in put.text


async def test_a_csm_sets_their_own_preferences_alone(database_url: str) -> None:
    async with a_notifier(database_url, csm="ana@example.com") as notifier:
        assert (await notifier.client.put("/v1/preferences/ana@example.com", json={})).status_code == 200
        refused = await notifier.client.put("/v1/preferences/ben@example.com", json={})
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


async def test_a_digest_asks_with_what_its_reader_has_set(database_url: str, slack: SlackSink) -> None:
    keys = {"slack_bot_token": "xoxb-1", "slack_signing_secret": "s" * 32, "public_url": "https://keepwell.example.com"}
    async with a_notifier(database_url, slack_api_url=f"{slack.url}/api", **keys) as notifier:
        put = await notifier.client.put(f"/v1/preferences/{THE_OWNER.id}", json={"digest": {"daily": "10:15"}})
        assert put.status_code == 200, put.text
        numbers = count()

        async def asks_with_it() -> bool:
            number, before = next(numbers), len(slack.got)
            line = DayLine(part="today", account_id="acme", account="Acme", title="Call them")
            day = DayCard(since=NOW, lines=[line], numbers={"today": 1})
            account = an_account(f"account-{number}")
            await notifier.publish([an_action(f"day-{number}", kind="digest", task=None, day=day, account=account)])
            await until(lambda: len(slack.got) > before)
            buttons = [one for block in slack.got[-1].body["blocks"] for one in block.get("elements", ())]
            [asked] = [read_asked(one["value"]) for one in buttons if one.get("action_id") == BUTTON]
            assert asked.person == THE_OWNER.id
            return asked.preferences.daily == time(10, 15)

        await until(asks_with_it)
        sent = slack.got[-1].body["blocks"]
        delivery = await notifier.get(f"/v1/deliveries/{sent[0]['block_id']}")
        assert delivery["rendered"]["blocks"] == sent


def whole(mail: MailSink) -> dict[str, str]:
    """What letters to customers' people need."""
    smtp = f"smtp://127.0.0.1:{mail.port}?from=keepwell@example.com"
    return {"smtp_url": smtp, "public_url": "https://keepwell.example.com", "link_keys": "k" * 40}


def of_a_person(type: str, data: Any) -> Outgoing:
    event = envelope.wrap(
        data, id=f"{type}-1", source="crm", type=type, subject="northwind", time=SystemClock().now() - timedelta(days=1)
    )
    return Outgoing(registry.ACCOUNTS, "northwind", envelope.encode(event), {"ce_type": type})


def a_promise(id: str) -> ActionRequested:
    """What a playbook asks for that acknowledges a bad answer."""
    owner = Recipient(id="ana", name="Ana Lima", email="ana@example.com", time_zone="Europe/Berlin")
    card = ContactCard(template="call-promised", roles=[], consent="service", contact_id="kim", sender=owner)
    return an_action(id, kind="message", task=None, recipient=None, message=card, caused_at=SystemClock().now())


async def test_a_customers_person_is_written_to_in_their_language_and_a_bounce_ends_it(
    database_url: str, mail: MailSink
) -> None:
    known = {"name": "Kim Fox", "email": "kim@northwind.example", "language": "sv"}
    async with a_notifier(database_url, **whole(mail)) as notifier:
        await notifier.send(
            [
                of_a_person("contact.updated", ContactUpdated(contact_id="kim", traits=known, role="admin")),
                of_a_person("contact.consented", ContactConsented(contact_id="kim", kind="service")),
            ]
        )

        async def is_known() -> bool:
            answer = await notifier.client.get("/v1/contacts/northwind/kim")
            return answer.status_code == 200 and bool(answer.json()["consents"])

        await until(is_known)

        async def ended(count: int) -> bool:
            states = [one["state"] for one in await notifier.deliveries(account="northwind", contact="kim")]
            return len(states) == count and not {"waiting", "sending"} & set(states)

        await notifier.publish([a_promise("a")])
        await until(lambda: ended(1))
        [listed] = await notifier.deliveries(contact="kim")
        one = await notifier.get(f"/v1/deliveries/{listed['id']}")
        mail.refuse_recipient = "550 5.1.1 <kim@northwind.example> unknown"
        await notifier.publish([a_promise("b")])
        await until(lambda: ended(2))
        kim = await notifier.get("/v1/contacts/northwind/kim")
        status = (await notifier.client.get("/v1/status")).json()
    [letter] = mail.letters
    assert letter["Subject"] == "Tack för ditt svar: vi ringer dig"
    assert (listed["channel"], listed["state"], listed["contact_id"]) == ("contact:kim", "delivered", "kim")
    assert one["as_sent"]
    assert one["rendered"]["text"].startswith("Hej Kim,\n\ntack för att du")
    assert "/u/" not in str(one), "the way out is nobody's but theirs"
    assert (kim["roles"], kim["has_left"]) == (["admin"], False)
    assert kim["bounced"]["reason"] == "the mail server says 550 5.1.1 their address unknown"
    assert "contact:" not in str(status), "no road of ours is broken"


async def test_a_template_is_shown_as_a_person_would_read_it_and_sent_to_oneself(
    database_url: str, mail: MailSink
) -> None:
    async with a_notifier(database_url, **whole(mail)) as notifier:
        known = {"name": "王小明", "email": "w@northwind.example", "language": "zh-CN"}
        await notifier.send(
            [of_a_person("contact.updated", ContactUpdated(contact_id="kim", traits=known, role="admin"))]
        )
        at = "/v1/templates/payment-failed"

        async def shown(**asked: str) -> httpx.Response:
            return await notifier.client.post(f"{at}/preview", json=asked)

        async def is_known() -> bool:
            return (await shown(account="northwind", contact="kim")).status_code == 200

        await until(is_known)
        theirs = (await shown(account="northwind", contact="kim")).json()
        german = (await shown(language="de-AT")).json()
        draft = (await shown(text="id: payment-failed\nlanguages: {en: {subject: S, body: B}}\n")).json()
        wrong = [
            (await shown(contact="kim")).status_code,
            (await shown(account="northwind", contact="nobody")).status_code,
            (await shown(text="id: other\nlanguages: {en: {subject: S, body: B}}\n")).status_code,
            (await shown(text="id: [")).status_code,
            (await notifier.client.post("/v1/templates/gone/preview", json={})).status_code,
            (await notifier.client.post(f"{at}/send-test", json={"to": "nobody"})).status_code,
        ]
        sent = await notifier.client.post(f"{at}/send-test", json={"to": "me@example.com", "language": "ru"})

        async def delivered() -> bool:
            return bool((await notifier.get(f"/v1/deliveries/{sent.json()['id']}"))["state"] == "delivered")

        await until(delivered)
        test = await notifier.get(f"/v1/deliveries/{sent.json()['id']}")
        async with notifier_engine(database_url) as engine, engine.connect() as c:
            counted = (await c.execute(text("SELECT count(*) FROM written_to"))).scalar_one()
            told = (await c.execute(text("SELECT count(*) FROM outbox"))).scalar_one()
    assert theirs["language"] == "zh"
    assert len(theirs["previews"]) == 7
    chinese = next(one for one in theirs["previews"] if one["language"] == "zh")
    assert chinese["text"].startswith("王小明，您好：")
    assert '<html lang="zh">' in chinese["html"]
    assert [(one["language"], "4.200,00\u00a0€" in one["text"]) for one in german["previews"]] == [("de", True)]
    assert [(one["subject"], one["problem"]) for one in draft["previews"]] == [("S", "")]
    assert wrong == [400, 404, 422, 422, 404, 400]
    assert (sent.status_code, test["kind"], test["channel"]) == (202, "test", "contact:me@example.com")
    [letter] = mail.letters
    assert str(letter["Subject"]).startswith("[Проверка] Платёж на сумму 4 200,00")
    assert mail.recipients == ["me@example.com"]
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert (counted, told) == (0, 0)


async def test_without_a_way_out_neither_a_letter_nor_a_test_goes(database_url: str, mail: MailSink) -> None:
    without = {name: value for name, value in whole(mail).items() if name != "public_url"}
    async with a_notifier(database_url, **without) as notifier:
        await notifier.publish([a_promise("a")])

        async def ended() -> bool:
            return [one["state"] for one in await notifier.deliveries()] == ["cancelled"]

        await until(ended)
        [one] = await notifier.deliveries()
        answer = await notifier.client.post("/v1/templates/call-promised/send-test", json={"to": "me@example.com"})
    assert one["reason"].startswith("they could not unsubscribe: KEEPWELL_PUBLIC_URL")
    assert (answer.status_code, answer.json()["code"]) == (409, "letters_not_set_up")
    assert mail.letters == []
