"""Messages that people act on: whatever becomes of what a message told, it says so where it is read."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import msgspec
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifier import queries
from services.notifier.channels.inbox import InboxChannel
from services.notifier.channels.rendering import Renderer
from services.notifier.channels.slack import SlackChannel, open_client
from services.notifier.core.retry import MOST_TRIES, Later, Never
from services.notifier.core.routing import Setup
from services.notifier.store import deliveries
from shared.messages.actions import ActionCancelled, ActionRequested, Colleague, ItemChanged
from shared.messages.moves import read_handle
from shared.pg.uow import UnitOfWork
from tests.support.notifier import (
    HANG,
    NOW,
    Desk,
    ScriptedChannel,
    SlackSink,
    a_slack_sink,
    an_account,
    an_action,
    an_alert,
    notifier_engine,
    of_kim,
    says,
)
from tests.support.stream import until

TASK = "tsk-41"
COLLEAGUES = [Colleague(id="ben", name="Ben Ode"), Colleague(id="lee", name="Lee Wong")]
ALL = ["take", "done", "snooze", "reassign", "false_alarm"]


def a_task(id: str = "act-1", item: str = TASK, **changes: Any) -> ActionRequested:
    action = an_action(id, item_id=item, colleagues=COLLEAGUES, **changes)
    assert action.task is not None
    return msgspec.structs.replace(action, task=msgspec.structs.replace(action.task, task_id=item))


def moved(state: str, item: str = TASK, **changes: Any) -> ItemChanged:
    fields: dict[str, Any] = {"actor": "csm-3", "by": "Kim Lee", "words": state, "assignee_id": "csm-3"}
    return ItemChanged(item_id=item, state=state, **(fields | changes))


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    async with notifier_engine(database_url) as made:
        yield made


@pytest.fixture
async def slack() -> AsyncIterator[SlackSink]:
    async with a_slack_sink() as sink:
        yield sink


@asynccontextmanager
async def a_desk(engine: AsyncEngine, slack: SlackSink, setup: Setup | None = None) -> AsyncIterator[Desk]:
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(open_client(timeout=1.0))
        channel = SlackChannel(client, Renderer(interactive=True), api_url=slack.api_url, bot_token="xoxb-1")
        desk = Desk(engine, channel=channel, setup=setup or Setup(slack="bot"))
        await stack.enter_async_context(desk.open())
        yield desk


def buttons(body: dict[str, Any]) -> list[list[str]]:
    return [
        [element["action_id"] for element in block["elements"]]
        for block in body["blocks"]
        if block["type"] == "actions"
    ]


def says_so(slack: SlackSink, *words: str) -> Any:
    """Every message that can be read says all of these."""
    return lambda: (
        bool(slack.shown)
        and all(word in body["text"] or word in str(body["blocks"]) for body in slack.shown.values() for word in words)
    )


def updates(slack: SlackSink) -> list[dict[str, Any]]:
    return [posted.body for posted in slack.got if posted.path.endswith("/chat.update")]


async def is_delivered(desk: Desk, count: int = 1) -> None:
    async def done() -> bool:
        return (await desk.states()).count("delivered") >= count

    await until(done)


async def test_a_message_has_the_moves_of_its_task_and_a_handle_for_each(engine: AsyncEngine, slack: SlackSink) -> None:
    async with a_desk(engine, slack) as desk:
        await desk.ask(a_task())
        await is_delivered(desk)
    assert buttons(slack.only()) == [ALL]
    [block] = [block for block in slack.only()["blocks"] if block["type"] == "actions"]
    handles = {element["action_id"]: read_handle(element["value"]) for element in block["elements"]}
    assert {(one.item_id, one.account_id, one.kind) for one in handles.values()} == {(TASK, "northwind", "task")}
    assert handles["reassign"].to == COLLEAGUES
    assert handles["take"].to == []
    assert [element.get("style") for element in block["elements"]] == ["primary", None, None, None, None]


async def test_what_is_taken_says_who_took_it_wherever_it_was_told_with_the_buttons_of_now(
    engine: AsyncEngine, slack: SlackSink
) -> None:
    async with a_desk(engine, slack) as desk:
        await desk.ask(a_task(), a_task("act-2", channel="slack:#cs", playbook="late@1"))
        await is_delivered(desk, 2)
        await desk.ask(moved("taken"))
        await until(says_so(slack, "Kim Lee took it · 10:14"))
        await is_delivered(desk, 4)
        settled = await desk.settled()
    assert len(slack.shown) == 2
    assert [buttons(body) for body in slack.shown.values()] == [[ALL[1:]], [ALL[1:]]]
    assert sorted(one.action_ids[0] for one in settled) == ["act-1", "act-2"]


async def test_each_change_is_told_in_turn_by_the_same_update(engine: AsyncEngine, slack: SlackSink) -> None:
    async with a_desk(engine, slack) as desk:
        await desk.ask(a_task())
        await is_delivered(desk)
        await desk.ask(moved("taken"))
        await until(says_so(slack, "Kim Lee took it"))
        await desk.ask(moved("snoozed", until=NOW + timedelta(days=5)))
        await until(says_so(slack, "Snoozed until Monday 10:14 by Kim Lee"))
        await desk.ask(moved("done", words="called, all fine"))
        await until(says_so(slack, "Done: Call their admin", "Done by Kim Lee: called, all fine"))
        await is_delivered(desk, 2)
        rows = await desk.rows()
        kept = await desk.rows("SELECT message ->> 'status' AS status FROM messages")
    assert [(row.kind, row.state) for row in rows] == [("task", "delivered"), ("update", "delivered")]
    assert buttons(slack.only()) == []
    assert [row.status for row in kept] == ["Done by Kim Lee: called, all fine"]


async def test_of_what_has_gone_to_somebody_else_only_others_than_its_reader_can_do_something(
    engine: AsyncEngine, slack: SlackSink
) -> None:
    async with a_desk(engine, slack) as desk:
        await desk.ask(a_task(), a_task("act-2", channel="slack:#cs", playbook="late@1"))
        await is_delivered(desk, 2)
        given = moved("open", words="reassigned to Ben Ode: she knows them", assignee_id="ben", assignee="Ben Ode")
        await desk.ask(given)
        await until(says_so(slack, "Given to Ben Ode by Kim Lee: she knows them"))
    by_channel = {channel[0]: buttons(body) for (channel, _), body in slack.shown.items()}
    assert by_channel == {"D": [], "C": [ALL]}


async def test_changes_while_an_update_is_sent_are_one_more_and_the_last_stands(
    engine: AsyncEngine, slack: SlackSink
) -> None:
    async with a_desk(engine, slack) as desk:
        await desk.ask(a_task())
        await is_delivered(desk)
        slack.answers = [HANG]
        await desk.ask(moved("taken"))
        await until(lambda: len(updates(slack)) == 1)
        await desk.ask(moved("snoozed", until=NOW + timedelta(days=5)))
        await desk.ask(moved("taken", by="Ben Ode"))
        assert len(updates(slack)) == 1

        async def stands(state: str, outdated: bool) -> bool:
            return [(row.state, row.outdated) for row in await desk.rows() if row.kind == "update"] == [
                (state, outdated)
            ]

        await until(partial(stands, "sending", True))
        # The one that hangs is cut off, and nobody knows whether it came.
        await until(partial(stands, "waiting", True))
        desk.later(seconds=2)
        await until(says_so(slack, "Ben Ode took it"))
        await is_delivered(desk, 2)
    assert len(updates(slack)) == 2


async def test_a_change_while_the_update_is_under_way_goes_after_it(engine: AsyncEngine) -> None:
    desk = Desk(engine)
    async with desk.open():
        await desk.ask(a_task())
        await is_delivered(desk)
        desk.channel.open.clear()
        await desk.ask(moved("taken"))
        await until(lambda: len(desk.channel.got) == 2)
        await desk.ask(moved("snoozed"))
        await desk.ask(moved("done", words="done"))
        await desk.looked()
        assert len(desk.channel.got) == 2
        desk.channel.open.set()
        await until(lambda: len(desk.channel.got) == 3)
        await is_delivered(desk, 2)
        await desk.looked()
    assert [one.message.status for one in desk.channel.got] == ["", "Kim Lee took it · 10:14", "Done by Kim Lee"]
    assert {one.amends.message_id for one in desk.channel.got[1:] if one.amends} == {desk.channel.got[0].delivery_id}


async def test_what_moves_while_its_message_is_being_sent_is_told_once_that_is_there(engine: AsyncEngine) -> None:
    desk = Desk(engine)
    desk.channel.open.clear()
    async with desk.open():
        await desk.ask(a_task())
        await until(lambda: len(desk.channel.got) == 1)
        await desk.ask(moved("taken"))
        await desk.looked()
        assert len(desk.channel.got) == 1
        desk.channel.open.set()
        await is_delivered(desk)
        desk.later(seconds=1)
        await is_delivered(desk, 2)
    assert [one.message.status for one in desk.channel.got] == ["", "Kim Lee took it · 10:14"]


async def test_what_waits_goes_as_it_stands(engine: AsyncEngine, slack: SlackSink) -> None:
    later = NOW + timedelta(hours=1)
    async with a_desk(engine, slack) as desk:
        await desk.ask(a_task(not_before=later), a_task("act-2", item="tsk-2", not_before=later, playbook="p@2"))
        await desk.ask(moved("taken"))
        await desk.ask(moved("closed", item="tsk-2"), ActionCancelled(action_id="act-2", reason="paid"))
        desk.later(hours=2)
        await is_delivered(desk)
    assert len(slack.got) == 1
    assert "Kim Lee took it · 10:14" in slack.only()["text"]
    assert buttons(slack.only()) == [ALL[1:]]


async def test_what_is_over_says_so_and_why(engine: AsyncEngine, slack: SlackSink) -> None:
    async with a_desk(engine, slack) as desk:
        await desk.ask(a_task())
        await is_delivered(desk)
        await desk.ask(moved("closed", by="", actor="keepwell", words="paid", over_since=NOW))
        await until(says_so(slack, "Over: Call their admin", "Over since Wed 18 Nov 2026, 10:14 Berlin time: paid"))
    assert "What to do" not in str(slack.only()["blocks"])
    assert buttons(slack.only()) == []


async def test_in_a_message_about_many_each_says_how_it_stands(engine: AsyncEngine, slack: SlackSink) -> None:
    later = NOW + timedelta(hours=1)
    async with a_desk(engine, slack) as desk:
        some = [
            a_task(f"act-{n}", item=f"tsk-{n}", account=an_account(f"customer-{n}"), not_before=later) for n in range(3)
        ]
        await desk.ask(*some)
        desk.later(hours=1)
        await is_delivered(desk, 3)
        assert buttons(slack.only()) == [ALL, ALL, ALL]
        await desk.ask(moved("taken", item="tsk-1"))
        await desk.ask(moved("done", item="tsk-2", words="done"))
        await until(says_so(slack, "Kim Lee took it", "Done by Kim Lee"))
        assert sorted(buttons(slack.only()), key=len) == [ALL[1:], ALL]
        await is_delivered(desk, 4)
        rows = await desk.rows()
    assert [row.kind for row in rows].count("update") == 1


@pytest.mark.parametrize(
    "error", ["message_not_found", "cant_update_message", "edit_window_closed", "channel_not_found"]
)
async def test_what_can_t_be_changed_any_more_is_let_be(engine: AsyncEngine, slack: SlackSink, error: str) -> None:
    async with a_desk(engine, slack) as desk:
        await desk.ask(a_task())
        await is_delivered(desk)
        slack.answers = [says(error)]
        await desk.ask(moved("taken"))

        async def has_ended() -> bool:
            return [row.state for row in await desk.rows() if row.kind == "update"] == ["cancelled"]

        await until(has_ended)
        await desk.ask(moved("done"))
        await desk.looked()
        settled, held = await desk.settled(), await desk.rows("SELECT * FROM holds")
    assert len(updates(slack)) == 1
    assert [one.state for one in settled] == ["delivered"]
    assert held == []


async def test_a_message_that_somebody_deleted_is_not_written_again(engine: AsyncEngine, slack: SlackSink) -> None:
    async with a_desk(engine, slack) as desk:
        await desk.ask(a_task())
        await is_delivered(desk)
        slack.delete()
        await desk.ask(moved("taken"))
        await until(lambda: len(updates(slack)) == 1)
        await desk.looked()
    assert slack.shown == {}


async def test_what_lies_in_an_inbox_says_how_it_stands(engine: AsyncEngine) -> None:
    desk = Desk(engine, channel=InboxChannel(UnitOfWork(engine)), setup=Setup())
    async with desk.open():
        await desk.ask(a_task())
        await is_delivered(desk)
        await desk.ask(moved("taken"))
        await is_delivered(desk, 2)
        rows = await desk.rows("SELECT message ->> 'status' AS status FROM inbox")
    assert [row.status for row in rows] == ["Kim Lee took it · 10:14"]


async def test_an_update_that_must_wait_goes_later_with_what_is_so_then(
    engine: AsyncEngine,
) -> None:
    desk = Desk(engine)
    async with desk.open():
        await desk.ask(a_task())
        await is_delivered(desk)
        desk.channel.outcomes = [Later(reason="busy", after=60)]
        await desk.ask(moved("taken"))
        await until(lambda: len(desk.channel.got) == 2)
        await desk.ask(moved("done", words="done"))
        await desk.looked()
        assert len(desk.channel.got) == 2
        desk.later(minutes=2)
        await is_delivered(desk, 2)
    assert desk.channel.got[-1].message.status == "Done by Kim Lee"
    assert desk.channel.got[-1].amends is not None


async def test_one_that_was_overtaken_often_is_tried_as_often_as_any(engine: AsyncEngine) -> None:
    desk = Desk(engine)

    def has_begun(number: int) -> bool:
        return len(desk.channel.got) == number

    async with desk.open():
        await desk.ask(a_task())
        await is_delivered(desk)
        desk.channel.open.clear()
        await desk.ask(moved("taken"))
        for number in range(MOST_TRIES):
            await until(partial(has_begun, number + 2))
            await desk.ask(moved("snoozed" if number % 2 else "taken", by=f"Kim {number}"))
            # Lets through what has begun, and nothing after it.
            desk.channel.open.set()
            desk.channel.open.clear()
        await until(partial(has_begun, MOST_TRIES + 2))
        desk.channel.outcomes = [Later(reason="busy")]
        desk.channel.open.set()
        await until(lambda: not desk.channel.outcomes)
        await desk.looked()
        desk.later(minutes=2)
        await is_delivered(desk, 2)
    assert f"Kim {MOST_TRIES - 1}" in desk.channel.got[-1].message.status


async def test_what_moves_while_the_last_try_of_an_update_fails_is_told_all_the_same(engine: AsyncEngine) -> None:
    desk = Desk(engine)
    async with desk.open():
        await desk.ask(a_task())
        await is_delivered(desk)
        desk.channel.outcomes = [Later(reason="busy")]
        await desk.ask(moved("taken"))
        await until(lambda: not desk.channel.outcomes)
        await desk.looked()
        await desk.write(f"UPDATE deliveries SET tries = {MOST_TRIES - 1} WHERE kind = 'update'")
        desk.channel.open.clear()
        desk.later(minutes=2)
        await until(lambda: len(desk.channel.got) == 3)
        await desk.ask(moved("done", words="done"))
        desk.channel.outcomes = [Later(reason="busy")]
        desk.channel.open.set()
        await is_delivered(desk, 2)
    assert desk.channel.got[-1].message.status == "Done by Kim Lee"


async def test_what_failed_for_good_and_is_tried_by_hand_goes_as_it_stands(engine: AsyncEngine) -> None:
    desk = Desk(engine)
    desk.channel.outcomes = [Never(reason="no")]
    async with desk.open():
        await desk.ask(a_task())

        async def failed() -> bool:
            return await desk.states() == ["failed"]

        await until(failed)
        await desk.ask(moved("taken"))
        [row] = await desk.rows()
        async with desk.uow.begin() as c:
            await deliveries.retry(c, row.id, desk.clock.now())
        desk.later(seconds=1)
        await is_delivered(desk)
    assert desk.channel.got[-1].message.status == "Kim Lee took it · 10:14"


def refused(**changes: Any) -> ItemChanged:
    fields: dict[str, Any] = {"actor": "slack:U0STRANGER", "by": "", "refused": "Ben has taken it already."}
    return moved("taken", **(fields | changes))


async def test_whoever_clicked_and_can_t_have_it_is_told_where_they_clicked(
    engine: AsyncEngine, slack: SlackSink
) -> None:
    async with a_desk(engine, slack) as desk:
        await desk.ask(a_task())
        await is_delivered(desk)
        await desk.ask(refused(response_url=slack.response_url()))
        await until(lambda: slack.words == ["Ben has taken it already."])
        await is_delivered(desk, 2)
        settled = await desk.settled()
    assert updates(slack) == []
    assert [one.action_ids for one in settled] == [["act-1"]]


async def test_what_an_event_names_is_never_called_unless_it_is_slacks(engine: AsyncEngine, slack: SlackSink) -> None:
    async with a_slack_sink() as elsewhere, a_desk(engine, slack) as desk:
        await desk.ask(refused(response_url=elsewhere.response_url()))
        await is_delivered(desk)
        await desk.ask(refused(actor="csm-3", response_url="https://hooks.slack.com.example.com/x"))
        await until(lambda: bool(slack.got))
        assert elsewhere.got == []
    [told] = slack.got
    assert (told.path, told.body["channel"], told.body["text"]) == (
        "/api/chat.postMessage",
        "U0STRANGER",
        "Ben has taken it already.",
    )


async def test_a_word_for_whoever_clicked_is_tried_again_and_not_after_half_an_hour(engine: AsyncEngine) -> None:
    desk = Desk(engine)
    desk.channel.outcomes = [Later(reason="down"), Later(reason="down", after=3600)]
    async with desk.open():
        await desk.ask(refused())
        await until(lambda: len(desk.channel.got) == 1)
        desk.later(seconds=2)
        await until(lambda: len(desk.channel.got) == 2)
        desk.later(hours=2)

        async def given_up() -> bool:
            return await desk.states() == ["cancelled"]

        await until(given_up)
        assert await desk.settled() == []
    assert len(desk.channel.got) == 2


async def test_of_whoever_was_erased_no_note_about_what_was_done_stays(engine: AsyncEngine, slack: SlackSink) -> None:
    async with a_desk(engine, slack) as desk:
        await desk.ask(of_kim("contact.updated", traits={"name": "Kim Miller"}))
        await desk.ask(a_task())
        await is_delivered(desk)
        await desk.ask(moved("done", by="Ana", words="Kim Miller says all is fine"))
        await is_delivered(desk, 2)
        await desk.ask(of_kim("contact.erased", 1))
        await until(lambda: "Miller" not in str(slack.shown))
        kept = await desk.rows("SELECT message ->> 'status' AS status FROM messages")
        rows = await desk.rows()
    assert [row.status for row in kept] == ["Done by Ana: [erased]"]
    assert "Done by Ana: [erased]" in slack.only()["text"]
    assert not any(b"Miller" in (row.item_stands or b"") for row in rows)
    # What changes a message has no words of its own that anybody could forget to erase.
    assert [b"lost tickets" in row.action for row in rows] == [True, False]


async def test_an_alert_with_its_task_moves_by_its_task(engine: AsyncEngine, slack: SlackSink) -> None:
    both = an_alert("a", item_id="alr-1", task=an_action().task, colleagues=COLLEAGUES)
    async with a_desk(engine, slack) as desk:
        await desk.ask(both)
        await is_delivered(desk)
        assert buttons(slack.only()) == [ALL]
        await desk.ask(moved("taken"))
        await until(says_so(slack, "Kim Lee took it"))
    [block] = [block for block in slack.only()["blocks"] if block["type"] == "actions"]
    assert {read_handle(element["value"]).item_id for element in block["elements"]} == {TASK}


async def test_what_moved_before_it_took_another_road_says_so_there(engine: AsyncEngine) -> None:
    mail = ScriptedChannel("email")
    desk = Desk(engine, setup=Setup(slack="bot", email=True), goes_on=True, beside=(mail,))
    desk.channel.outcomes = [Never(reason="no such user")]
    desk.channel.open.clear()
    async with desk.open():
        await desk.ask(a_task())
        await until(lambda: len(desk.channel.got) == 1)
        await desk.ask(moved("taken"))
        desk.channel.open.set()
        await until(lambda: len(mail.got) == 1)
        desk.later(seconds=1)

        async def has_ended() -> bool:
            return sorted(await desk.states()) == ["delivered", "failed", "failed"]

        await until(has_ended)
        await desk.looked()
    assert mail.got[0].message.status == "Kim Lee took it · 10:14"
    assert len(desk.channel.got) == 1


async def test_a_delivery_shows_its_message_as_it_reads_now_and_updates_are_none_of_their_own(
    engine: AsyncEngine,
) -> None:
    desk = Desk(engine)
    async with desk.open():
        await desk.ask(a_task())
        await is_delivered(desk)
        await desk.ask(moved("taken"))
        await is_delivered(desk, 2)
        [told, update] = await desk.rows()
        async with desk.uow.begin() as c:
            listed = await queries.deliveries(c, queries.Sought(), before=None, most=9)
            shown = [await queries.delivery(c, row.id) for row in (told, update)]
    assert [row["id"] for row in listed] == [told.id]
    assert [one["message"]["status"] for one in shown if one] == ["Kim Lee took it · 10:14"] * 2


async def test_what_waits_to_be_changed_holds_up_nothing_new(engine: AsyncEngine, slack: SlackSink) -> None:
    async with a_desk(engine, slack) as desk:
        await desk.ask(a_task())
        await is_delivered(desk)
        slack.answers = [(429, {"Retry-After": "3600"}, b'{"ok":false,"error":"ratelimited"}')]
        await desk.ask(moved("taken"))
        await until(lambda: len(updates(slack)) == 1)
        await desk.ask(a_task("act-2", item="tsk-2", playbook="late@1"))
        await is_delivered(desk, 2)
        assert "Kim Lee took it" not in str(slack.shown)
        desk.later(hours=1, seconds=1)
        await until(lambda: "Kim Lee took it" in str(slack.shown))
