"""Endpoints are called: what is told arrives once and signed, whatever receivers do."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from datetime import timedelta
from email.utils import format_datetime
from functools import partial
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifier.core.endpoints import FAILING_FROM, Filter
from services.notifier.store import calls, endpoints, retention
from shared.clock import SystemClock
from shared.messages.accounts import AccountErased, ContactErased
from shared.messages.actions import WebhookCard
from shared.messages.envelope import wrap
from tests.support.notifier import an_action, notifier_engine
from tests.support.stream import until
from tests.support.webhooks import (
    CUT_OFF,
    ENDLESS,
    HANG,
    NEVER_BEGINS,
    SECRET,
    TRACE,
    HookDesk,
    HookSink,
    Names,
    a_hook_sink,
    health,
    told,
)

OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    async with notifier_engine(database_url) as made:
        yield made


@pytest.fixture
async def sink() -> AsyncIterator[HookSink]:
    async with a_hook_sink() as made:
        yield made


async def came(sink: HookSink, number: int) -> None:
    await until(lambda: len(sink.got) >= number)


async def all_are(desk: HookDesk, *states: str) -> None:
    async def are() -> bool:
        return await desk.states() == list(states)

    await until(are)


async def tried(desk: HookDesk, *states: str, times: int = 1) -> None:
    """Return when each has been tried so often, and stands so."""

    async def are() -> bool:
        rows = await desk.rows()
        return all(row.attempts >= times for row in rows) and [row.state for row in rows] == list(states)

    await until(are)


def a_call_of(name: str, id: str = "act-1", **changes: Any) -> Any:
    return an_action(id, kind="webhook", webhook=WebhookCard(endpoint=name), task=None, recipient=None, **changes)


async def test_what_is_told_arrives_signed_and_is_in_the_log(engine: AsyncEngine, sink: HookSink) -> None:
    desk = HookDesk(engine)
    await desk.endpoint(sink.url)
    async with desk.open():
        event = told(score=3.0, comment="Żółć 😀", at=desk.clock.now())
        await desk.tell(event)
        await all_are(desk, "delivered")
    [hook] = sink.got
    assert hook.is_signed_by(SECRET)
    assert not hook.is_signed_by(OTHER)
    assert hook.body["type"] == "answer.received"
    assert hook.body["data"]["comment"] == "Żółć 😀"
    assert hook.body["timestamp"].replace("+00:00", "Z") == event.time.isoformat().replace("+00:00", "Z")
    assert hook.headers["user-agent"] == "Keepwell-Webhooks/1"
    assert hook.headers["traceparent"] == TRACE
    assert hook.headers["content-type"] == "application/json"
    [attempt] = await desk.rows("SELECT * FROM call_attempts")
    assert (attempt.outcome, attempt.status, attempt.answer) == ("delivered", 200, "ok")
    assert hook.headers["webhook-signature"] in attempt.headers


async def test_the_same_told_again_is_sent_once(engine: AsyncEngine, sink: HookSink) -> None:
    desk = HookDesk(engine)
    await desk.endpoint(sink.url)
    async with desk.open():
        await desk.tell(told())
        await all_are(desk, "delivered")
        await desk.tell(told())
        await desk.tell(told(id="event-2"))
        await all_are(desk, "delivered", "delivered")
    assert len(sink.got) == 2


async def test_without_an_endpoint_nothing_is_written(engine: AsyncEngine) -> None:
    desk = HookDesk(engine)
    await desk.tell(told())
    assert await desk.rows() == []


async def test_two_secrets_sign_for_a_day_after_a_rotation(engine: AsyncEngine, sink: HookSink) -> None:
    desk = HookDesk(engine)
    await desk.endpoint(sink.url)
    async with desk.uow.begin() as c:
        await endpoints.rotate(c, "ep_1", OTHER, desk.clock.now())
    async with desk.open():
        await desk.tell(told())
        await came(sink, 1)
        desk.later(hours=24)
        await desk.tell(told(id="event-2"))
        await came(sink, 2)
    assert sink.got[0].headers["webhook-signature"].count("v1,") == 2
    assert (sink.got[0].is_signed_by(SECRET), sink.got[0].is_signed_by(OTHER)) == (True, True)
    assert (sink.got[1].is_signed_by(SECRET), sink.got[1].is_signed_by(OTHER)) == (False, True)


async def test_it_is_tried_ten_times_over_three_days_under_one_id(engine: AsyncEngine, sink: HookSink) -> None:
    desk = HookDesk(engine)
    sink.otherwise = (500, {}, b"broken")
    await desk.endpoint(sink.url)
    began = desk.clock.now()
    async with desk.open():
        await desk.tell(told())
        for tries in range(1, 11):

            async def recorded(tries: int = tries) -> bool:
                [row] = await desk.rows()
                return bool(row.attempts == tries and row.state != "sending")

            await until(recorded)
            [row] = await desk.rows()
            if row.state == "waiting":
                desk.clock.move(row.due_at - desk.clock.now())
                [held] = await desk.rows("SELECT held_until FROM endpoints")
                if held.held_until is not None and held.held_until > desk.clock.now():
                    desk.clock.move(held.held_until - desk.clock.now())
                desk.caller.wake()
        await all_are(desk, "failed")
    [row] = await desk.rows()
    assert row.reason == "given up after 10 tries; the last: it answered 500 Internal Server Error"
    assert len({one.id for one in sink.got}) == 1
    assert len({one.headers["webhook-timestamp"] for one in sink.got}) == 10
    assert all(one.is_signed_by(SECRET) for one in sink.got)
    assert timedelta(hours=75) < desk.clock.now() - began < timedelta(hours=77)


async def test_what_gets_through_later_is_delivered(engine: AsyncEngine, sink: HookSink) -> None:
    desk = HookDesk(engine)
    sink.answers = [(503, {}, b"deploying")]
    await desk.endpoint(sink.url)
    async with desk.open():
        await desk.tell(told())
        await tried(desk, "waiting")
        desk.later(seconds=6)
        await all_are(desk, "delivered")
    assert (await desk.one()).failures == 0
    assert len(sink.got) == 2


async def test_gone_disables_and_what_waits_is_missed_until_it_is_replayed(engine: AsyncEngine, sink: HookSink) -> None:
    desk = HookDesk(engine)
    since = desk.clock.now()
    sink.answers = [(500, {}, b""), (410, {}, b"")]
    await desk.endpoint(sink.url)
    async with desk.open():
        await desk.tell(told(id="waits"))
        await tried(desk, "waiting")
        desk.later(seconds=1)
        await desk.tell(told(id="gone"))
        await all_are(desk, "missed", "failed")
        assert (await desk.one()).disabled_because == "it answered 410 Gone"
        desk.later(seconds=1)
        await desk.tell(told(id="after"))
        await all_are(desk, "missed", "failed", "missed")
        await desk.change(enabled=True, disabled_because="")
        assert await desk.replay(since) == 3
        await all_are(desk, "delivered", "delivered", "delivered")
    assert [len(one.types) for one in await desk.staged("webhooks.wanted")] == [12, 12, 12]


@pytest.mark.parametrize("as_date", [False, True])
async def test_retry_after_holds_the_endpoint(engine: AsyncEngine, sink: HookSink, as_date: bool) -> None:
    desk = HookDesk(engine)
    asked = format_datetime(desk.clock.now() + timedelta(seconds=120)) if as_date else "120"
    sink.answers = [(429, {"Retry-After": asked}, b"")]
    await desk.endpoint(sink.url)
    async with desk.open():
        await desk.tell(told())
        await tried(desk, "waiting")
        desk.later(seconds=60)
        await desk.tell(told(id="event-2"))
        desk.later(seconds=58)
        assert (await desk.states()).count("delivered") == 0
        desk.later(seconds=3)
        await all_are(desk, "delivered", "delivered")
    assert len(sink.got) == 3


async def test_a_redirect_is_not_followed(engine: AsyncEngine, sink: HookSink) -> None:
    desk = HookDesk(engine)
    sink.answers = [(302, {"Location": f"http://127.0.0.1:{sink.port}/elsewhere?token=secret"}, b"")]
    await desk.endpoint(sink.url)
    async with desk.open():
        await desk.tell(told())
        await tried(desk, "waiting")
    [row] = await desk.rows()
    assert row.reason == "it answered 302 Found and points to 127.0.0.1; redirects are not followed"
    assert [one.path for one in sink.got] == ["/hook"]


@pytest.mark.parametrize(
    ("answer", "state", "uncertain"), [(HANG, "waiting", 1), (CUT_OFF, "waiting", 1), (ENDLESS, "delivered", 0)]
)
async def test_whoever_does_not_answer_as_one_should_is_cut_off(
    engine: AsyncEngine, sink: HookSink, answer: object, state: str, uncertain: int
) -> None:
    desk = HookDesk(engine, timeout=0.5)
    sink.answers = [answer]
    await desk.endpoint(sink.url)
    async with desk.open():
        await desk.tell(told())
        await tried(desk, state)
        [row] = await desk.rows()
        assert row.uncertain == uncertain
        desk.later(seconds=6)
        await all_are(desk, "delivered")
    [first, *_] = await desk.rows("SELECT * FROM call_attempts ORDER BY attempt")
    assert len(first.answer) <= 4_000


async def test_one_that_hangs_holds_up_no_other(engine: AsyncEngine, sink: HookSink) -> None:
    async with a_hook_sink(otherwise=HANG) as stuck:
        desk = HookDesk(engine, timeout=3.0)
        await desk.endpoint(stuck.url, "ep_stuck")
        await desk.endpoint(sink.url, "ep_well")
        async with desk.open():
            await desk.tell(*(told(id=f"event-{number}") for number in range(100)))
            await came(sink, 100)
            assert (len(stuck.got), stuck.most_at_once) == (8, 8)
            assert sink.most_at_once <= 8


async def test_whoever_never_begins_to_answer_is_cut_off_before_that_holds_up_others(
    engine: AsyncEngine, sink: HookSink
) -> None:
    desk = HookDesk(engine, timeout=30.0)
    sink.answers = [NEVER_BEGINS] * 8
    await desk.endpoint(sink.url)
    async with desk.open():
        await desk.tell(*(told(id=f"event-{number}") for number in range(8)))
        await tried(desk, *["waiting"] * 8)
        kept = await desk.rows("SELECT reason, status FROM call_attempts")
    assert {(row.reason, row.status) for row in kept} == {("the connection broke: its answer has no end", None)}


@pytest.mark.parametrize("is_told", [True, False])
async def test_what_waits_its_turn_goes_as_its_endpoint_is_by_then(
    engine: AsyncEngine, sink: HookSink, is_told: bool
) -> None:
    """`is_told`: by this process; else another changes it, and this one sees so within seconds."""
    sink.delay = 0.2
    async with a_hook_sink() as other:
        desk = HookDesk(engine)
        await desk.endpoint(sink.url)
        async with desk.open():
            await desk.tell(*(told(id=f"event-{number}") for number in range(60)))
            await came(sink, 8)
            async with desk.uow.begin() as c:
                now = desk.clock.now()
                await endpoints.change(c, "ep_1", {"url": other.url}, now)
                await endpoints.rotate(c, "ep_1", OTHER, now)
            if is_told:
                desk.caller.changed()
            else:
                desk.clock.move(timedelta(seconds=6))
                desk.caller.wake()
            already = len(sink.got)
            await all_are(desk, *["delivered"] * 60)
    assert len(sink.got) <= already + 16
    assert len({*sink.ids, *other.ids}) == len(sink.got) + len(other.got) == 60
    assert all(hook.is_signed_by(SECRET) and hook.is_signed_by(OTHER) for hook in other.got)


async def test_nothing_goes_any_more_to_one_that_was_deleted_or_says_that_it_is_gone(
    engine: AsyncEngine, sink: HookSink
) -> None:
    sink.delay = 0.2
    async with a_hook_sink(otherwise=(410, {}, b""), delay=0.2) as gone:
        desk = HookDesk(engine)
        await desk.endpoint(sink.url, "ep_deleted")
        await desk.endpoint(gone.url, "ep_gone")
        async with desk.open():
            await desk.tell(*(told(id=f"event-{number}") for number in range(60)))
            await came(sink, 8)
            await desk.change("ep_deleted", deleted_at=desk.clock.now())
            already = len(sink.got)

            async def none_waits() -> bool:
                return not {"waiting", "sending"} & set(await desk.states())

            await until(none_waits)
    assert len(sink.got) <= already + 16
    assert len(gone.got) <= 8
    rows = await desk.rows("SELECT endpoint_id, state, count(*) AS n FROM calls GROUP BY 1, 2 ORDER BY 1, 2")
    assert {(row.endpoint_id, row.state) for row in rows} == {
        *(("ep_deleted", "delivered"), ("ep_deleted", "cancelled")),
        *(("ep_gone", "failed"), ("ep_gone", "missed")),
    }


async def test_nothing_waits_for_one_that_was_deleted(engine: AsyncEngine, sink: HookSink) -> None:
    sink.delay = 0.2
    desk = HookDesk(engine)
    await desk.endpoint(sink.url)
    async with desk.open():
        await desk.tell(*(told(id=f"event-{number}") for number in range(60)))
        await came(sink, 8)
        await desk.change(deleted_at=desk.clock.now())
        desk.caller.changed()

        async def none_waits() -> bool:
            return not {"waiting", "sending"} & set(await desk.states())

        await until(none_waits)


async def test_one_that_only_fails_is_probed_by_one_call_at_a_time(engine: AsyncEngine, sink: HookSink) -> None:
    desk = HookDesk(engine)
    sink.otherwise, sink.delay = (500, {}, b""), 0.01
    await desk.endpoint(sink.url)

    async def fails_on(before: int) -> bool:
        return bool((await desk.one()).failures > before and "sending" not in await desk.states())

    async with desk.open():
        await desk.tell(*(told(id=f"event-{number}") for number in range(100)))
        await until(partial(fails_on, FAILING_FROM - 1))
        assert FAILING_FROM <= len(sink.got) < 2 * FAILING_FROM
        for _ in range(3):
            sink.most_at_once, before = 0, len(sink.got)
            desk.later(minutes=6)
            await until(partial(fails_on, before))
            assert (sink.most_at_once, len(sink.got)) == (1, before + 1)
        sink.otherwise = (200, {}, b"")
        desk.later(minutes=6)
        await until(lambda: len(sink.got) > before + 2)
        desk.later(minutes=40)
        await all_are(desk, *["delivered"] * 100)
    assert (await desk.one()).failures == 0


async def test_one_that_only_failed_for_five_days_is_disabled(engine: AsyncEngine, sink: HookSink) -> None:
    desk = HookDesk(engine)
    sink.otherwise = (500, {}, b"")
    await desk.endpoint(sink.url)
    async with desk.open():
        await desk.tell(told())
        await tried(desk, "waiting")
        desk.later(days=5)
        await all_are(desk, "missed")
    assert not (await desk.one()).enabled
    assert "only failed for 5 days" in (await desk.one()).disabled_because


async def test_after_a_day_out_a_range_is_replayed(engine: AsyncEngine, sink: HookSink) -> None:
    desk = HookDesk(engine)
    await desk.endpoint(sink.url)
    async with desk.open():
        await desk.tell(told(id="before"))
        await came(sink, 1)
        desk.later(minutes=1)
        since = desk.clock.now()
        sink.otherwise = (500, {}, b"")
        for hour in range(24):
            await desk.tell(told(id=f"hour-{hour}"))
            desk.later(hours=1)
        await until(partial(_is_left_in_peace, desk))
        sink.otherwise = (200, {}, b"")
        assert await desk.replay(since, undelivered_only=True) == 24
        await desk.tell(told(id="after"))
        await all_are(desk, *["delivered"] * 26)
        before = len(sink.got)
        assert await desk.replay(since) == 25
        await came(sink, before + 25)
    assert len(set(sink.ids)) == 26


async def _is_left_in_peace(desk: HookDesk) -> bool:
    """Whether it has failed so often that it is left in peace, and nothing is under way."""
    return (await desk.one()).failures >= FAILING_FROM and "sending" not in await desk.states()


async def test_a_killed_caller_loses_nothing(engine: AsyncEngine, sink: HookSink) -> None:
    desk = HookDesk(engine)
    sink.answers = [HANG]
    await desk.endpoint(sink.url)
    task = asyncio.create_task(desk.caller.run())
    await desk.tell(told())
    await came(sink, 1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    for lane in desk.caller._lanes.values():
        for one in lane.running:
            one.cancel()
    desk.caller = desk.a_caller()
    desk.clock.move(timedelta(seconds=61))
    async with desk.open():
        await all_are(desk, "delivered")
    assert sink.ids[0] == sink.ids[1]
    attempts = await desk.rows("SELECT * FROM call_attempts ORDER BY attempt")
    assert [one.outcome for one in attempts] == ["uncertain", "delivered"]


async def test_two_callers_at_once_send_each_once(engine: AsyncEngine, sink: HookSink) -> None:
    desk = HookDesk(engine)
    await desk.endpoint(sink.url)
    await desk.tell(*(told(id=f"event-{number}") for number in range(300)))
    other = desk.a_caller()
    task = asyncio.create_task(other.run())
    async with desk.open():
        await all_are(desk, *["delivered"] * 300)
        other.stop()
        await task
    assert len(sink.got) == len(set(sink.ids)) == 300


async def test_a_name_that_leads_inside_later_is_refused_at_the_connection(engine: AsyncEngine) -> None:
    names = Names({"hooks.example.com": [["93.184.216.34"], ["127.0.0.1"]]})
    desk = HookDesk(engine, names, networks="")
    await desk.guard.check("https://hooks.example.com/a")
    await desk.endpoint("https://hooks.example.com/a")
    async with desk.open():
        await desk.tell(told())
        await tried(desk, "waiting")
    [row] = await desk.rows()
    assert row.reason.startswith("It may not be reached: hooks.example.com leads to 127.0.0.1")
    assert row.uncertain == 0


async def test_a_connection_goes_to_the_address_that_was_checked(engine: AsyncEngine, sink: HookSink) -> None:
    # Whoever asked a second time would be led elsewhere.
    names = Names({"hooks.example.com": [["127.0.0.1"], ["169.254.169.254"]]})
    desk = HookDesk(engine, names)
    await desk.endpoint(f"http://hooks.example.com:{sink.port}/a")
    async with desk.open():
        await desk.tell(told())
        await all_are(desk, "delivered")
    assert names.asked == ["hooks.example.com"]
    assert sink.got[0].headers["host"] == f"hooks.example.com:{sink.port}"


async def test_tls_goes_by_the_name_and_the_connection_by_the_address(engine: AsyncEngine) -> None:
    greetings: list[bytes] = []

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        greetings.append(await reader.read(4096))
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    desk = HookDesk(engine, Names({"hooks.example.com": [["127.0.0.1"]]}))
    await desk.endpoint(f"https://hooks.example.com:{port}/a")
    async with desk.open(), server:
        await desk.tell(told())
        await tried(desk, "waiting")
    assert greetings[0][0] == 0x16, "a TLS handshake"
    assert b"hooks.example.com" in greetings[0]
    assert (desk.trust.verify_mode, desk.trust.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert "no connection" in (await desk.rows())[0].reason


async def test_one_bad_address_among_good_ones_is_enough(engine: AsyncEngine) -> None:
    desk = HookDesk(engine, Names({"hooks.example.com": [["93.184.216.34", "10.0.0.1"]]}), networks="")
    await desk.endpoint("https://hooks.example.com/a")
    async with desk.open():
        await desk.tell(told())
        await tried(desk, "waiting")
    assert "10.0.0.1 is no public address" in (await desk.rows())[0].reason


async def test_a_filter_keeps_back_what_does_not_fit(engine: AsyncEngine, sink: HookSink) -> None:
    desk = HookDesk(engine)
    await desk.endpoint(sink.url, types=["task.opened"], filter=Filter(severity=["critical"], plans=["pro"]))
    async with desk.open():
        await desk.tell(
            told("task.opened", "1", severity="critical"),
            told("task.opened", "2", severity="low"),
            told("task.closed", "3", severity="critical"),
        )
        await came(sink, 1)
    assert [row.type for row in await desk.rows()] == ["task.opened"]


async def test_health_is_told_by_what_the_endpoint_heard_last(engine: AsyncEngine, sink: HookSink) -> None:
    desk = HookDesk(engine)
    await desk.endpoint(sink.url, "ep_1", score_by=5)
    async with a_hook_sink() as bands:
        await desk.endpoint(bands.url, "ep_2")
        async with desk.open():
            await desk.tell(health(1, 78, "green", 80, "green"))
            await desk.tell(health(2, 76, "green", 78, "green"), health(3, 74, "green", 76, "green"))
            await came(sink, 1)
            await desk.tell(health(3, 74, "green", 76, "green"), health(4, 60, "amber", 74, "green"))
            await came(sink, 2)
            await came(bands, 1)
    first, second = sorted((one.body["data"] for one in sink.got), key=lambda data: data["rev"])
    assert (first["rev"], first["previous_score"], first["score"]) == (3, 80, 74)
    assert (second["rev"], second["previous_score"], second["previous_band"]) == (4, 74, "green")
    [only] = bands.got
    assert (only.body["data"]["rev"], only.body["data"]["previous_score"]) == (4, 80)


async def test_a_playbook_calls_an_endpoint_by_its_name_and_hears_how_that_ended(
    engine: AsyncEngine, sink: HookSink
) -> None:
    desk = HookDesk(engine)
    await desk.endpoint(sink.url, name="crm", types=["task.opened"])
    async with desk.open():
        await desk.tell(a_call_of("crm"))
        await all_are(desk, "delivered")
    assert sink.got[0].body["type"] == "playbook.called"
    assert sink.got[0].body["data"]["account"]["score"] == 52
    [settled] = await desk.staged("delivery.settled")
    assert (settled.action_ids, settled.state, settled.channel) == (["act-1"], "delivered", "webhook:crm")


async def test_a_call_of_an_endpoint_that_is_not_there_ends_in_words(engine: AsyncEngine) -> None:
    desk = HookDesk(engine)
    await desk.tell(a_call_of("crm"))
    [settled] = await desk.staged("delivery.settled")
    assert settled.state == "cancelled"
    assert settled.reason == "there is no endpoint named crm: POST /v1/endpoints makes one"


async def test_a_playbooks_call_ends_when_its_endpoint_is_disabled_or_deleted(engine: AsyncEngine) -> None:
    desk = HookDesk(engine, Names())
    await desk.endpoint("https://hooks.example.com/a", name="crm")
    await desk.tell(a_call_of("crm", "act-1"))
    await desk.change(enabled=False, disabled_because="turned off by tests")
    await desk.tell(a_call_of("crm", "act-2"))
    await desk.change(enabled=True, disabled_because="")
    await desk.tell(a_call_of("crm", "act-3"))
    await desk.change(deleted_at=desk.clock.now(), secret="")
    told_of = [(one.action_ids[0], one.state) for one in await desk.staged("delivery.settled")]
    assert told_of == [("act-1", "failed"), ("act-2", "failed"), ("act-3", "cancelled")]
    assert [one.types == [] for one in await desk.staged("webhooks.wanted")] == [False, False, False, True]


async def test_whoever_is_erased_is_in_no_body(engine: AsyncEngine, sink: HookSink) -> None:
    desk = HookDesk(engine)
    sink.otherwise = (500, {}, b"kim@northwind.example said no")
    await desk.endpoint(sink.url)
    async with desk.open():
        await desk.tell(
            told(id="of-kim", contact_id="kim"),
            told(id="of-lee", contact_id="lee"),
            told(id="names-kim", title="Call Kim Long-Name today"),
        )
        await tried(desk, "waiting", "waiting", "waiting")
        erased = ContactErased(contact_id="kim", texts=["Kim Long-Name"])
        await desk.tell(
            wrap(erased, id="e", source="crm", type="contact.erased", subject="northwind", time=SystemClock().now())
        )
    rows = await desk.rows()
    assert sorted((row.state, row.erased) for row in rows) == [
        *[("cancelled", True), ("cancelled", True)],
        ("waiting", False),
    ]
    assert not any(b"Kim" in row.body or row.contact_id == "kim" for row in rows)
    answers = await desk.rows("SELECT a.answer FROM call_attempts a JOIN calls c ON c.id = a.call_id WHERE c.erased")
    assert {one.answer for one in answers} == {""}
    whole = wrap(
        AccountErased(), id="w", source="crm", type="account.erased", subject="northwind", time=desk.clock.now()
    )
    await desk.tell(whole)
    assert {(row.state, row.body) for row in await desk.rows()} == {("cancelled", b"")}
    assert await desk.replay(desk.clock.now() - timedelta(days=1)) == 0


async def test_what_ended_a_month_ago_is_forgotten_and_what_waits_stays(engine: AsyncEngine, sink: HookSink) -> None:
    desk = HookDesk(engine)
    sink.answers = [(200, {}, b""), (500, {}, b"")]
    await desk.endpoint(sink.url)
    async with desk.open():
        await desk.tell(told())
        await all_are(desk, "delivered")
        desk.later(seconds=1)
        await desk.tell(told(id="waits"))
        await tried(desk, "delivered", "waiting")
    desk.clock.move(timedelta(days=31))
    async with desk.uow.begin() as c:
        await retention.forget(c, desk.clock.now())
    assert await desk.states() == ["waiting"]
    [left] = await desk.rows("SELECT reason FROM call_attempts")
    assert left.reason == "it answered 500 Internal Server Error"
    await desk.change(deleted_at=desk.clock.now(), secret="")
    desk.clock.move(timedelta(days=31))
    async with desk.uow.begin() as c:
        await retention.forget(c, desk.clock.now())
    assert await desk.rows() == await desk.rows("SELECT * FROM endpoints") == []


async def test_what_a_wrong_clock_has_put_off_is_due(engine: AsyncEngine, sink: HookSink) -> None:
    desk = HookDesk(engine)
    sink.answers = [(429, {"Retry-After": "3600"}, b"")]
    await desk.endpoint(sink.url)
    desk.clock.move(timedelta(days=40))
    async with desk.open():
        await desk.tell(told())
        await tried(desk, "waiting")
        await until(partial(_is_held, desk))
        desk.later(days=-40)
        desk.later(minutes=2)
        await all_are(desk, "delivered")


async def _is_held(desk: HookDesk) -> bool:
    return (await desk.one()).held_until is not None


async def test_a_test_is_tried_once_even_where_the_endpoint_is_disabled(engine: AsyncEngine, sink: HookSink) -> None:
    from services.notifier.api.endpoints import _test

    desk = HookDesk(engine)
    await desk.endpoint(sink.url, enabled=False)
    sink.answers = [(500, {}, b"")]
    async with desk.open():
        for number in (1, 2):
            async with desk.uow.begin() as c:
                await calls.add_test(c, _test("ep_1", desk.clock.now()), desk.clock.now())
            desk.later(seconds=1)
            await came(sink, number)
        await all_are(desk, "failed", "delivered")
    assert sink.got[1].body["type"] == "test"
