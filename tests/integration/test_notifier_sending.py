"""From an action to the end of its deliveries, on a real database: once, in time, together where they should be."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Executable, Row, text
from sqlalchemy.exc import InterfaceError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.notifier import queries
from services.notifier.channels.inbox import InboxChannel
from services.notifier.core.amending import Amends
from services.notifier.core.delivery import Expected
from services.notifier.core.retry import MOST_TRIES, Fatal, Later, Never, Outcome
from services.notifier.core.routing import Setup
from services.notifier.core.together import compose_group
from services.notifier.store import deliveries, leases, retention
from shared.messages.actions import ActionCancelled, ActionRequested, ItemChanged, Recipient, SurveyCard
from shared.pg.uow import UnitOfWork
from shared.telemetry import metrics
from tests.support.everywhere import COLUMNS, searches
from tests.support.notifier import (
    NOW,
    Counted,
    Desk,
    ScriptedChannel,
    alerts_that_turned_red,
    an_account,
    an_action,
    an_alert,
    an_incoming,
    notifier_engine,
    of_kim,
)
from tests.support.stream import until


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    async with notifier_engine(database_url) as made:
        yield made


@pytest.fixture
def desk(engine: AsyncEngine) -> Desk:
    return Desk(engine)


@pytest.fixture
def mail(engine: AsyncEngine) -> Desk:
    return Desk(engine, channel=ScriptedChannel("email"), setup=Setup(email=True))


async def settles(desk: Desk, count: int = 1) -> None:
    async def done() -> bool:
        return len(await desk.settled()) >= count

    await until(done)


async def attempted(desk: Desk, count: int) -> None:
    """Wait until that many attempts have ended and are recorded."""

    async def done() -> bool:
        return len(await desk.rows("SELECT 1 FROM attempts")) >= count

    await until(done)


async def test_what_is_asked_is_sent_at_once_and_told_back(desk: Desk) -> None:
    async with desk.open():
        await desk.ask(an_action())
        await settles(desk)
    [row] = await desk.rows()
    [settled] = await desk.settled()
    assert desk.channel.titles() == ["Call their admin"]
    assert desk.channel.got[0].delivery_id == row.id
    assert (settled.state, settled.action_ids, settled.channel, settled.uncertain) == (
        "delivered",
        ["act-1"],
        "slack:U012AB3CD",
        False,
    )


async def test_an_action_that_comes_again_is_not_sent_again(desk: Desk) -> None:
    async with desk.open():
        await desk.ask(an_action(), an_action())
        await settles(desk)
        await desk.ask(an_action())
        await desk.ask(an_alert())
        await settles(desk, 2)
    assert desk.channel.titles() == ["Call their admin", "Usage fell by half in two weeks"]


async def test_a_message_alone_is_planned_by_two_statements_leased_by_one_and_recorded_by_one(desk: Desk) -> None:
    planned, sent = list[int](), list[int]()
    desk.uow.watch(lambda: planned.append(1))
    desk.looks.watch(lambda: sent.append(1))
    async with desk.open():
        for number in range(3):
            desk.later(minutes=5)
            await desk.looked()
            planned.clear()
            sent.clear()
            ended = desk.looks.ended
            await desk.ask(an_action(f"act-{number}"))
            await settles(desk, number + 1)
            # Nothing is looked for where nothing else can be due, and neither statement needs a transaction.
            assert desk.looks.ended == ended
    assert (len(planned), len(sent)) == (2, 2)


def for_people(count: int) -> list[ActionRequested]:
    people = (Recipient(id=f"csm-{n}", name=f"Owner {n}", slack=f"U{n:05}") for n in range(count))
    return [an_action(f"for-{person.id}", recipient=person) for person in people]


async def test_what_one_look_found_is_not_looked_for_again_when_there_is_room(desk: Desk) -> None:
    await desk.ask(*for_people(48))
    async with desk.open():
        await settles(desk, 48)
        assert desk.looks.ended == 1
    assert len({dispatch.delivery_id for dispatch in desk.channel.got}) == 48


async def test_many_messages_at_once_are_leased_and_recorded_together(desk: Desk) -> None:
    sent = list[int]()
    desk.looks.watch(lambda: sent.append(1))
    async with desk.open():
        await desk.ask(an_action())
        await settles(desk)
        desk.later(minutes=5)
        await desk.looked()
        sent.clear()
        ended = desk.looks.ended
        await desk.ask(*for_people(48))
        await settles(desk, 49)
        # As many as the channel sends at once are leased by one statement, and recorded by one, or by two at most where
        # the first that has ended didn't wait for the others.
        assert desk.looks.ended == ended
    assert len(sent) <= 3 * 3
    assert len({dispatch.delivery_id for dispatch in desk.channel.got}) == 49


class EndsWhileRecording(Counted):
    """Lets what is being sent end while the first result is being recorded."""

    channel: ScriptedChannel

    async def once(self, statement: Executable, parameters: Mapping[str, Any] | None = None) -> Sequence[Row[Any]]:
        rows = await super().once(statement, parameters)
        if "given_message" in (parameters or {}):
            self.channel.open.set()
            await asyncio.sleep(0.01)
        return rows


async def test_what_ends_while_others_are_recorded_is_recorded_alone_as_well(desk: Desk) -> None:
    looks = desk.looks = EndsWhileRecording(desk.engine)
    looks.channel = desk.channel
    desk.sender = desk.a_sender()
    async with desk.open():
        await desk.looked()
        ended = looks.ended
        desk.channel.quick = 1
        desk.channel.open.clear()
        await desk.ask(*for_people(2))
        await settles(desk, 2)
        assert looks.ended == ended


async def test_what_waits_for_its_minute_costs_nothing_until_then(desk: Desk) -> None:
    sent = list[int]()
    desk.looks.watch(lambda: sent.append(1))
    first, *others = alerts_that_turned_red(20)
    async with desk.open():
        await desk.ask(first)
        await settles(desk)
        await desk.looked()
        sent.clear()
        for alert in others:
            await desk.ask(alert)
        assert sent == []
        desk.later(minutes=1)
        await settles(desk, 20)
    assert len(desk.channel.got) == 2


async def test_while_nothing_comes_a_sender_asks_now_and_then_by_one_statement(desk: Desk) -> None:
    sent = list[int]()
    desk.looks.watch(lambda: sent.append(1))
    async with desk.open():
        await desk.looked()
        sent.clear()
        ended = desk.looks.ended
        for number in range(1, 4):
            desk.clock.move(timedelta(seconds=6))
            desk.sender.expect([])
            await until(lambda number=number: len(sent) >= number)  # type: ignore[misc]
        assert (len(sent), desk.looks.ended) == (3, ended)
        # What somebody else wrote is found all the same.
        async with desk.uow.begin() as c:
            await desk.handler.handle(c, 0, [an_incoming(an_action())], desk.clock.now(), False)
        desk.clock.move(timedelta(seconds=6))
        desk.sender.expect([])
        await settles(desk)


async def test_while_another_sender_looks_nothing_is_sent_past_it(desk: Desk) -> None:
    async with desk.open():
        await desk.looked()
        async with desk.uow.begin() as c:
            await leases.lock(c, "slack")
            await desk.ask(an_action())
            await asyncio.sleep(0.1)
            assert desk.channel.got == []
        await settles(desk)
        # Nor is a result recorded past it.
        desk.later(minutes=5)
        desk.channel.open.clear()
        await desk.looked()
        await desk.ask(an_action("b"))
        await until(lambda: len(desk.channel.got) == 2)
        async with desk.uow.begin() as c:
            await leases.lock(c, "slack")
            desk.channel.open.set()
            await asyncio.sleep(0.1)
            assert len(await desk.settled()) == 1
        await settles(desk, 2)
    assert len(desk.channel.got) == 2


async def test_what_is_cancelled_before_its_sender_was_told_is_not_sent(desk: Desk) -> None:
    async with desk.open():
        await desk.looked()
        for what in (an_action("a"), ActionCancelled(action_id="a", reason="it recovered")):
            async with desk.uow.begin() as c:
                await desk.handler.handle(c, 0, [an_incoming(what)], NOW, False)
        desk.sender.expect([Expected((await desk.rows())[0].id, NOW)])
        await desk.looked()
    assert desk.channel.got == []
    assert await desk.states() == ["cancelled"]


async def test_what_waited_while_nobody_sent_goes_with_what_comes_then(desk: Desk) -> None:
    first, second, third = alerts_that_turned_red(3)
    for alert, minutes in ((first, 0), (second, 0), (third, 3)):
        desk.clock.move(timedelta(minutes=minutes))
        await desk.ask(alert)
    async with desk.open():
        await settles(desk, 3)
    assert len(desk.channel.got) == 1


async def test_what_goes_without_its_company_is_kept_under_the_id_that_it_was_sent_under(desk: Desk) -> None:
    await desk.ask(*alerts_that_turned_red(3))
    desk.later(minutes=3)
    first, *_ = await desk.rows("SELECT id FROM deliveries ORDER BY id")
    async with desk.uow.begin() as other:
        # Somebody has all the others in hand.
        await other.execute(text("SELECT 1 FROM deliveries WHERE id <> :id FOR UPDATE"), {"id": first.id})
        async with desk.open():
            await settles(desk)
    [sent] = desk.channel.got
    assert sent.delivery_id != first.id
    for kept in ("SELECT id FROM messages", "SELECT message_id AS id FROM attempts"):
        assert [row.id for row in await desk.rows(kept)] == [sent.delivery_id]


async def test_what_can_not_be_brought_yet_ends_at_once_and_says_why(desk: Desk) -> None:
    survey = an_action("ask", kind="survey", task=None, survey=SurveyCard(survey="nps", roles=["champion"]))
    async with desk.open():
        await desk.ask(survey, an_alert())
        await settles(desk, 2)
        await desk.ask(survey)
        await settles(desk, 2)
    told = {one.action_ids[0]: (one.state, one.reason) for one in await desk.settled()}
    assert told["ask"] == ("cancelled", "a survey can't be sent by this release yet")
    assert len(desk.channel.got) == 1
    assert sorted(await desk.states()) == ["cancelled", "delivered"]


async def test_a_bad_deploy_is_two_messages_an_owner_not_fifty(desk: Desk) -> None:
    async with desk.open():
        await desk.ask(*alerts_that_turned_red(10))
        await settles(desk)
        for alert in alerts_that_turned_red(50)[10:]:
            await desk.ask(alert)
        desk.later(seconds=59)
        await desk.looked()
        assert len(desk.channel.got) == 1
        desk.later(seconds=1)
        await settles(desk, 50)
    assert desk.channel.titles() == ["Usage fell by half in two weeks", "49 of your accounts turned red"]
    assert {row.message_id for row in await desk.rows()} == {d.delivery_id for d in desk.channel.got}


async def test_partitions_that_decide_at_the_same_moment_agree_on_who_was_first(desk: Desk) -> None:
    playbooks = [f"playbook-{n}@1" for n in range(8)]
    one = [an_alert(f"one-{p}", playbook=p) for p in playbooks]
    other = [an_alert(f"other-{p}", playbook=p, account=an_account("contoso")) for p in reversed(playbooks)]
    async with desk.open():
        await asyncio.gather(desk.ask(*one, partition=0), desk.ask(*other, partition=1))
        await settles(desk, 8)
        await desk.looked()
        assert len(desk.channel.got) == 8
        desk.later(seconds=60)
        await settles(desk, 16)
    assert sorted(await desk.states()) == ["delivered"] * 16


async def test_what_time_caused_waits_for_the_morning_and_goes_together(desk: Desk) -> None:
    monday = NOW + timedelta(hours=60)
    async with desk.open():
        await desk.ask(
            an_alert("a", not_before=monday),
            an_action("b", not_before=monday, account=an_account("contoso")),
        )
        desk.later(hours=59)
        await desk.looked()
        assert desk.channel.got == []
        desk.later(hours=1)
        await settles(desk, 2)
    assert desk.channel.titles() == ["1 alert, 1 task about 2 of your accounts"]


async def test_whom_to_call_and_how_is_filled_in_when_it_is_sent(desk: Desk) -> None:
    call = an_action(title="Call Kim (admin)", contact_id="kim", contact="Kim (admin)")
    await desk.ask(call, of_kim("contact.updated", traits={"phone": "+49 30 1", "email": "kim@old.example"}))
    await desk.ask(of_kim("contact.updated", 1, traits={"email": "kim@northwind.example"}))
    async with desk.open():
        await settles(desk)
    [sent] = desk.channel.got
    [row] = await desk.rows()
    async with desk.uow.begin() as c:
        shown = await queries.delivery(c, row.id)
    assert sent.message.contact == "Kim (admin) · +49 30 1, kim@northwind.example"
    assert b"kim@" not in row.action
    assert shown is not None
    assert shown["message"]["contact"] == sent.message.contact


async def test_of_whoever_was_erased_no_word_stays_in_what_was_sent_or_waits(engine: AsyncEngine) -> None:
    desk = Desk(engine, channel=InboxChannel(UnitOfWork(engine)), setup=Setup())
    kim = {"name": "Kim Miller", "email": "kim@northwind.example", "phone": "+49 30 1234"}
    about: dict[str, Any] = {"contact_id": "kim", "contact": "Kim Miller (admin)", "title": "Call Kim Miller (admin)"}
    async with desk.open():
        await desk.ask(of_kim("contact.updated", traits=kim), an_alert("a1", playbook="p1@1", **about))
        await desk.ask(an_alert("a2", playbook="p2@1", why=["Kim Miller left", "usage fell"]))
        await settles(desk, 2)
        await desk.ask(an_alert("a3", **about, not_before=NOW + timedelta(days=1)))
    columns = [tuple(row) for row in await desk.rows(COLUMNS) if row.table_schema == "notifier"]
    words = ("Kim", "1234", "kim@northwind")
    asked = dict(searches(columns, words, but=("notifier.outbox",)))
    assert len([place for place, count in asked.items() if (await desk.rows(count))[0].count]) >= 4
    # By the address book, and by what playbooks found beside.
    await desk.ask(of_kim("contact.erased", 1))
    await desk.ask(of_kim("contact.erased", 2, texts=["third time support lost our ticket"]))
    asked = dict(searches(columns, (*words, "third time"), but=("notifier.outbox",)))
    assert [place for place, count in asked.items() if (await desk.rows(count))[0].count] == []
    [told] = [row for row in await desk.rows("SELECT message::text AS said FROM inbox") if "usage fell" in row.said]
    assert "[erased]" in told.said


async def test_a_message_that_is_sent_while_its_contact_is_erased_is_kept_without_their_words(desk: Desk) -> None:
    about: dict[str, Any] = {"contact_id": "kim", "contact": "Kim Miller", "title": "Call Kim Miller"}
    desk.channel.open.clear()
    async with desk.open():
        await desk.ask(an_alert("a1", **about))
        await until(lambda: bool(desk.channel.got))
        await desk.ask(of_kim("contact.erased", 1, texts=["Kim Miller"]))
        desk.channel.open.set()
        await settles(desk)
    [kept] = await desk.rows("SELECT message::text AS said FROM messages")
    assert "Kim" not in kept.said


async def test_a_message_that_is_sent_between_reading_and_erasing_is_kept_without_their_words(desk: Desk) -> None:
    about: dict[str, Any] = {"contact_id": "kim", "contact": "Kim Miller", "title": "Call Kim Miller"}
    waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'UPDATE deliveries%'"
    await desk.ask(an_alert("a1", **about))
    async with desk.uow.begin() as other:
        [row] = (await other.execute(text("SELECT id FROM deliveries FOR UPDATE"))).all()
        erasing = asyncio.create_task(desk.ask(of_kim("contact.erased", 1, texts=["Kim Miller"])))

        async def waits() -> bool:
            return len(await desk.rows(waiting)) == 1

        await until(waits)
        values = {"id": row.id, "message": '{"title": "Call Kim Miller"}', "at": NOW}
        await other.execute(text("UPDATE deliveries SET state = 'delivered', message_id = id"))
        await other.execute(text("INSERT INTO messages VALUES (:id, CAST(:message AS jsonb), :at)"), values)
    await erasing
    [kept] = await desk.rows("SELECT message::text AS said FROM messages")
    assert "Kim" not in kept.said


async def test_what_is_cancelled_while_it_waits_is_not_sent(desk: Desk) -> None:
    later = NOW + timedelta(hours=1)
    async with desk.open():
        await desk.ask(an_alert("a", not_before=later), an_alert("b", not_before=later))
        await desk.ask(ActionCancelled(action_id="a", reason="it recovered"))
        desk.later(hours=2)
        await settles(desk, 2)
    first, second = await desk.settled()
    assert (first.state, first.action_ids, first.reason) == ("cancelled", ["a"], "it recovered")
    assert (second.state, second.action_ids) == ("delivered", ["b"])


async def test_what_waits_is_sent_as_it_was_said_last(desk: Desk) -> None:
    later = NOW + timedelta(hours=1)
    bad, worse, worst = (
        an_alert("a", title=title, revision=revision, not_before=later)
        for revision, title in enumerate(("Bad", "Worse", "Worst"))
    )
    async with desk.open():
        await desk.ask(bad)
        await desk.ask(worse)
        desk.later(hours=2)
        await settles(desk)
        await desk.ask(worst)
    (row,) = await desk.rows("SELECT action FROM deliveries")
    assert b'"Worse"' in bytes(row.action)


async def test_a_delivery_knows_the_item_that_it_tells_of_and_the_task_in_it(mail: Desk) -> None:
    desk = mail
    with_task, task = an_action("a", kind="alert", item_id="alr-7"), an_action("b", item_id="tsk-41")
    told = [with_task, task, an_alert("c", about="alr-7"), an_alert("d", playbook="other@1")]
    async with desk.open():
        await desk.ask(*told)
        await settles(desk, 4)
        await desk.ask(over("b"))
        await settles(desk, 5)
    rows = await desk.rows("SELECT action_id, item_id, task_id FROM deliveries ORDER BY action_id")
    assert [tuple(row) for row in rows] == [
        ("a", "alr-7", "tsk-41"),
        ("b", "tsk-41", "tsk-41"),
        ("b-over", "tsk-41", "tsk-41"),
        ("c", "alr-7", None),
        ("d", None, None),
    ]


def over(action: str, words: str = "paid") -> ItemChanged:
    return ItemChanged(
        item_id="tsk-41", state="closed", actor="keepwell", words=words, action_id=action, over_since=NOW
    )


async def test_what_was_told_and_is_over_says_so_in_answer_to_the_letter_once(mail: Desk) -> None:
    desk = mail
    async with desk.open():
        await desk.ask(an_action())
        await settles(desk)
        await desk.ask(over("act-1"))
        await settles(desk, 2)
        await desk.ask(over("act-1"), over("nobody-heard-of-it"))
        await desk.looked()
    first, second = desk.channel.got
    assert second.message.title == "Over: Call their admin"
    assert second.message.reasons[0].text == "was so, and is over since Wed 18 Nov 2026, 10:14 Berlin time: paid"
    assert second.amends == Amends(first.delivery_id, "r1")
    assert first.amends is None
    assert [row.amends for row in await desk.rows()] == [None, first.delivery_id]


async def test_what_went_by_mail_with_others_or_was_never_delivered_is_left_as_it_was(mail: Desk) -> None:
    desk = mail
    async with desk.open():
        await desk.ask(*(an_alert(f"a{n}", not_before=NOW + timedelta(hours=1)) for n in range(2)), an_alert("later"))
        await settles(desk)
        await desk.ask(over("a0"))
        desk.later(hours=1)
        await settles(desk, 3)
        await desk.ask(over("a0"), over("a1"))
        await desk.looked()
    assert len(desk.channel.got) == 2


async def test_what_was_cut_off_has_nothing_to_be_answered(mail: Desk) -> None:
    desk = mail
    desk.channel.outcomes = [Never(reason="no")]
    desk.channel.open.clear()
    async with desk.open():
        await desk.ask(an_action())
        await until(lambda: bool(desk.channel.got))
        await desk.ask(over("act-1"))
        desk.channel.open.set()
        await settles(desk)
        desk.later(minutes=3)
        await settles(desk, 2)
    assert await desk.states() == ["failed", "failed"]
    assert len(desk.channel.got) == 1


async def test_what_is_asked_and_cancelled_in_one_batch_is_not_sent(desk: Desk) -> None:
    async with desk.open():
        await desk.ask(an_action("a"), ActionCancelled(action_id="a", reason="a false alarm"))
        await desk.ask(an_alert("b"))
        await settles(desk, 2)
    assert desk.channel.titles() == ["Usage fell by half in two weeks"]


async def ask_and_cancel_while_it_is_sent(desk: Desk) -> None:
    desk.channel.open.clear()
    await desk.ask(an_action("a"))
    await until(lambda: len(desk.channel.got) == 1)
    await desk.ask(ActionCancelled(action_id="a", reason="it recovered"))
    desk.channel.open.set()


async def test_cancelling_comes_too_late_once_sending_has_begun(desk: Desk) -> None:
    async with desk.open():
        await ask_and_cancel_while_it_is_sent(desk)
        await settles(desk)
    assert await desk.states() == ["delivered"]


async def test_what_was_cancelled_while_it_was_being_sent_and_surely_failed_is_not_tried_again(desk: Desk) -> None:
    desk.channel.outcomes = [Later(reason="the mail server is down")]
    async with desk.open():
        await ask_and_cancel_while_it_is_sent(desk)
        await settles(desk)
        desk.later(hours=1)
        await desk.looked()
    [settled] = await desk.settled()
    assert (settled.state, settled.reason, settled.attempts) == ("cancelled", "it recovered", 1)
    assert len(desk.channel.got) == 1


async def test_what_was_cancelled_while_it_was_being_sent_and_may_have_arrived_goes_on(desk: Desk) -> None:
    desk.channel.outcomes = [Later(reason="no answer", uncertain=True)]
    async with desk.open():
        await ask_and_cancel_while_it_is_sent(desk)
        await attempted(desk, 1)
        desk.later(seconds=2)
        await settles(desk)
    assert await desk.states() == ["delivered"]


async def test_a_channel_that_is_busy_is_held_and_what_waits_goes_as_one(desk: Desk) -> None:
    desk.channel.outcomes = [Later(reason="slow down", after=30)]
    async with desk.open():
        await desk.ask(an_action("a"))
        await attempted(desk, 1)
        await desk.ask(an_alert("b"), an_alert("c", playbook="other@1", account=an_account("contoso")))
        elsewhere = an_account("fabrikam")
        other = an_alert("d", account=elsewhere, channel="slack:#renewals")
        await desk.ask(other)
        await until(lambda: len(desk.channel.got) == 2)
        desk.later(seconds=29)
        await desk.looked()
        assert [d.target for d in desk.channel.got] == ["U012AB3CD", "#renewals"]
        desk.later(seconds=1)
        await settles(desk, 4)
    assert desk.channel.titles()[2:] == ["2 alerts, 1 task about 2 of your accounts"]


async def test_a_hold_of_a_clock_that_was_ahead_holds_up_nothing_when_it_is_right_again(desk: Desk) -> None:
    desk.channel.outcomes = [Later(reason="slow down", after=30)]
    desk.later(days=40)
    async with desk.open():
        await desk.ask(an_action("a"))
        await attempted(desk, 1)
    desk.sender = desk.a_sender()
    desk.later(days=-40)
    await desk.ask(an_alert("b", account=an_account("contoso")))
    async with desk.open():
        await until(lambda: len(desk.channel.got) == 2)


async def test_a_failure_is_tried_again_later_and_each_attempt_is_kept(desk: Desk) -> None:
    desk.channel.outcomes = [Later(reason="Slack can't be reached"), Later(reason="Slack can't be reached")]
    async with desk.open():
        await desk.ask(an_action())
        await attempted(desk, 1)
        desk.later(seconds=1)
        await attempted(desk, 2)
        desk.later(seconds=5)
        await settles(desk)
    [row] = await desk.rows()
    attempts = await desk.rows("SELECT * FROM attempts ORDER BY attempt")
    assert (row.state, row.attempts, row.uncertain) == ("delivered", 3, 0)
    assert [a.outcome for a in attempts] == ["later", "later", "sent"]
    assert [d.repeat for d in desk.channel.got] == [False, False, False]


async def test_tries_are_bounded_and_end_as_failed(desk: Desk) -> None:
    desk.channel.outcomes = [Later(reason="Slack can't be reached")] * MOST_TRIES
    async with desk.open():
        await desk.ask(an_action())
        for tries in range(1, MOST_TRIES + 1):
            await attempted(desk, tries)
            desk.later(hours=10)
        await settles(desk)
    [settled] = await desk.settled()
    assert (settled.state, settled.attempts) == ("failed", MOST_TRIES)
    assert settled.reason == f"given up after {MOST_TRIES} tries; the last: Slack can't be reached"


async def test_a_refused_delivery_fails_visibly_and_can_be_tried_by_hand(desk: Desk) -> None:
    desk.channel.outcomes = [Never(reason="Slack says channel_not_found")]
    async with desk.open():
        await desk.ask(an_action())
        await settles(desk)
        [row] = await desk.rows()
        assert (row.state, row.reason) == ("failed", "Slack says channel_not_found")
        async with desk.uow.begin() as c:
            assert await deliveries.retry(c, row.id, desk.clock.now()) == "slack"
            assert await deliveries.retry(c, row.id, desk.clock.now()) is None
        desk.sender.wake()
        await settles(desk, 2)
    assert [settled.state for settled in await desk.settled()] == ["failed", "delivered"]
    assert len({d.delivery_id for d in desk.channel.got}) == 1


async def test_a_revoked_token_holds_everything_until_it_is_mended(desk: Desk) -> None:
    desk.channel.outcomes = [Fatal(reason="the token was revoked")]
    async with desk.open():
        await desk.ask(an_action("a"))
        await attempted(desk, 1)
        await desk.ask(an_alert("b", channel="slack:#renewals"))
        await desk.looked()
        assert len(desk.channel.got) == 1
        async with desk.uow.begin() as c:
            [hold] = (await queries.status(c, desk.clock.now()))["holds"]
        assert (hold["channel"], hold["reason"]) == ("slack", "the token was revoked")
        desk.later(seconds=60)
        await settles(desk, 2)
    assert await desk.states() == ["delivered", "delivered"]


async def test_a_sender_killed_midway_leaves_an_uncertain_delivery_that_goes_again_under_its_id(desk: Desk) -> None:
    desk.channel.open.clear()
    doomed = asyncio.create_task(desk.sender.run())
    await desk.ask(an_action())
    await until(lambda: len(desk.channel.got) == 1)
    await desk.kill(doomed)
    assert await desk.states() == ["sending"]
    desk.sender = desk.a_sender()
    desk.channel.open.set()
    desk.clock.move(timedelta(seconds=60))
    async with desk.open():
        await settles(desk)
    [row] = await desk.rows()
    [settled] = await desk.settled()
    first, second = desk.channel.got
    assert first.delivery_id == second.delivery_id
    assert (first.repeat, second.repeat) == (False, True)
    assert (settled.state, settled.uncertain, row.uncertain) == ("delivered", True, 1)
    assert [a.outcome for a in await desk.rows("SELECT * FROM attempts ORDER BY attempt")] == ["uncertain", "sent"]


async def test_what_may_have_arrived_is_not_cancelled_and_keeps_its_company(desk: Desk) -> None:
    later = NOW + timedelta(hours=1)
    desk.channel.outcomes = [Later(reason="no answer", uncertain=True)]
    async with desk.open():
        await desk.ask(an_alert("a", not_before=later), an_action("b", not_before=later))
        desk.later(hours=1)
        await attempted(desk, 2)
        await desk.ask(ActionCancelled(action_id="a", reason="it recovered"), an_alert("c", not_before=NOW))
        desk.later(seconds=2)
        await settles(desk, 3)
    together, again = [d for d in desk.channel.got if len(d.message.items) == 2]
    assert together.delivery_id == again.delivery_id
    assert again.repeat
    assert {settled.state for settled in await desk.settled()} == {"delivered"}


@asynccontextmanager
async def begun_together(desk: Desk, tried_before: int, end: Outcome) -> AsyncIterator[None]:
    """Two alerts go as one message, whose attempt ends so; one was tried alone before, and surely did not arrive."""
    desk.channel.outcomes = [Later(reason="the mail server is down")] * tried_before + [end]
    async with desk.open():
        await desk.ask(an_alert("a", account=an_account("alpha")))
        for tries in range(1, tried_before + 1):
            await attempted(desk, tries)
            if tries < tried_before:
                desk.later(hours=10)
    # Nobody sends meanwhile: a look between the next two lines would take the second alert alone.
    desk.sender = desk.a_sender()
    await desk.ask(an_alert("b", account=an_account("beta")))
    desk.later(hours=10)
    async with desk.open():
        await attempted(desk, tried_before + 2)
        yield


async def test_what_may_have_arrived_as_one_message_goes_as_that_one_again_however_often_each_was_tried(
    desk: Desk,
) -> None:
    async with begun_together(desk, 3, Later(reason="no answer", uncertain=True)):
        assert len({row.due_at for row in await desk.rows()}) == 1
        desk.later(seconds=2)
        await settles(desk, 2)
    first, again = desk.channel.got[3:]
    assert first.delivery_id == again.delivery_id
    assert set(first.message.accounts) == set(again.message.accounts) == {"alpha", "beta"}
    assert again.repeat


async def test_one_message_is_given_up_by_all_of_it_or_by_none_and_tried_again_by_hand_as_one(desk: Desk) -> None:
    never_sure = Later(reason="no answer", uncertain=True)
    async with begun_together(desk, MOST_TRIES - 1, never_sure):
        assert await desk.states() == ["waiting", "waiting"]
        desk.channel.outcomes = [never_sure] * (MOST_TRIES - 1)
        for tries in range(2, MOST_TRIES + 1):
            desk.later(hours=10)
            await attempted(desk, MOST_TRIES - 1 + 2 * tries)
        await settles(desk, 2)
        assert await desk.states() == ["failed", "failed"]
        async with desk.uow.begin() as c:
            assert await deliveries.retry(c, (await desk.rows())[0].id, desk.clock.now()) == "slack"
        desk.sender.wake()
        await settles(desk, 4)
    together = desk.channel.got[MOST_TRIES - 1 :]
    assert {frozenset(dispatch.message.accounts) for dispatch in together} == {frozenset({"alpha", "beta"})}
    assert len({dispatch.delivery_id for dispatch in together}) == 1
    assert [settled.state for settled in await desk.settled()] == ["failed"] * 2 + ["delivered"] * 2


async def test_what_surely_did_not_arrive_is_given_up_each_by_its_own_tries(desk: Desk) -> None:
    async with begun_together(desk, MOST_TRIES - 1, Later(reason="the mail server is down")):
        await settles(desk)
        assert sorted(await desk.states()) == ["failed", "waiting"]
        desk.later(hours=1)
        await settles(desk, 2)
    together, left = desk.channel.got[-2:]
    assert (set(together.message.accounts), left.message.accounts) == ({"alpha", "beta"}, ["beta"])
    assert together.delivery_id != left.delivery_id


async def test_a_message_that_was_cut_off_is_given_up_by_all_of_it_or_by_none(desk: Desk) -> None:
    later = NOW + timedelta(hours=1)
    desk.channel.open.clear()

    def sent(count: int) -> bool:
        return len(desk.channel.got) == count

    await desk.ask(an_alert("a", not_before=later), an_action("b", not_before=later))
    desk.clock.move(timedelta(hours=1))
    await desk.write("UPDATE deliveries SET tries = :tries WHERE action_id = 'a'", tries=MOST_TRIES - 1)
    for killed in range(1, MOST_TRIES + 1):
        doomed = asyncio.create_task(desk.sender.run())
        await until(partial(sent, killed))
        await desk.kill(doomed)
        desk.sender = desk.a_sender()
        desk.clock.move(timedelta(seconds=60))
    async with desk.open():
        await settles(desk, 2)
    assert {len(dispatch.message.items) for dispatch in desk.channel.got} == {2}
    assert {dispatch.delivery_id for dispatch in desk.channel.got} == {(await desk.rows())[0].message_id}
    assert {settled.state for settled in await desk.settled()} == {"failed"}
    history = await desk.rows("SELECT * FROM attempts WHERE delivery_id = (SELECT min(id) FROM deliveries)")
    assert [one.outcome for one in history] == ["uncertain"] * MOST_TRIES


async def test_one_message_goes_together_again_although_its_parts_come_due_apart(desk: Desk) -> None:
    async with begun_together(desk, 1, Later(reason="no answer", uncertain=True)):
        await desk.write("UPDATE deliveries SET due_at = due_at + interval '1 hour' WHERE action_id = 'a'")
        desk.later(seconds=2)
        await settles(desk, 2)
    first, again = desk.channel.got[1:]
    assert set(first.message.accounts) == set(again.message.accounts) == {"alpha", "beta"}


async def test_what_is_left_of_a_message_goes_under_an_id_of_its_own(desk: Desk) -> None:
    async with begun_together(desk, 1, Later(reason="no answer", uncertain=True)):
        await desk.write("UPDATE deliveries SET state = 'delivered', settled_at = :now WHERE action_id = 'a'", now=NOW)
        desk.later(seconds=2)
        await settles(desk)
    together, left = desk.channel.got[1:]
    assert left.message.accounts == ["beta"]
    assert left.delivery_id != together.delivery_id
    assert left.repeat


async def test_two_senders_send_each_message_once(desk: Desk) -> None:
    others = [desk.a_sender(), desk.a_sender()]
    tasks = [asyncio.create_task(sender.run()) for sender in others]
    async with desk.open():
        for n in range(60):
            await desk.ask(an_alert(f"alert-{n}", playbook=f"playbook-{n}@1"))
            for sender in others:
                sender.wake()
        await settles(desk, 60)
    for sender in others:
        sender.stop()
    await asyncio.gather(*tasks)
    assert len(desk.channel.got) == 60
    assert len({d.delivery_id for d in desk.channel.got}) == 60


async def test_a_result_that_comes_after_the_lease_has_ended_changes_nothing(desk: Desk) -> None:
    desk.channel.open.clear()
    slow = asyncio.create_task(desk.sender.run())
    await desk.ask(an_action())
    await until(lambda: len(desk.channel.got) == 1)
    first = desk.sender
    desk.clock.move(timedelta(seconds=60))
    quick = ScriptedChannel(outcomes=[Later(reason="busy", after=3600)])
    slow_channel, desk.channel = desk.channel, quick
    desk.sender = desk.a_sender()
    async with desk.open():
        await until(lambda: len(quick.got) == 1)
        await attempted(desk, 1)
        slow_channel.open.set()
        first.stop()
        await slow
        assert await desk.states() == ["waiting"]
        assert await desk.settled() == []


class Flaky(Counted):
    """A database whose connection breaks at the commits that a test names: before, or before that is answered."""

    def __init__(self, engine: AsyncEngine) -> None:
        super().__init__(engine)
        self.breaks = 0
        self.commits = False

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        async with super().begin() as c:
            yield c
            if not self.commits:
                self._break()
        self._break()

    async def once(self, statement: Executable, parameters: Mapping[str, Any] | None = None) -> Sequence[Row[Any]]:
        if not self.commits:
            self._break()
        rows = await super().once(statement, parameters)
        self._break()
        return rows

    def _break(self) -> None:
        if self.breaks:
            self.breaks -= 1
            raise InterfaceError("", {}, Exception("connection is closed"))


@pytest.mark.parametrize("commits", [False, True])
async def test_a_result_is_kept_while_the_database_is_away_and_nothing_is_sent_twice(desk: Desk, commits: bool) -> None:
    flaky = desk.looks = Flaky(desk.engine)
    flaky.commits = commits
    desk.sender = desk.a_sender()
    desk.channel.open.clear()
    async with desk.open():
        await desk.ask(an_action())
        await until(lambda: len(desk.channel.got) == 1)
        flaky.breaks = 2
        desk.channel.open.set()
        await until(lambda: flaky.breaks == 0)
        await desk.looked()
    assert len(desk.channel.got) == 1
    assert await desk.states() == ["delivered"]
    assert len(await desk.settled()) == len(await desk.rows("SELECT * FROM attempts WHERE outcome = 'sent'")) == 1


async def test_a_lease_whose_answer_was_lost_is_a_send_that_was_cut_off(desk: Desk) -> None:
    flaky = desk.looks = Flaky(desk.engine)
    flaky.commits = True
    desk.sender = desk.a_sender()
    async with desk.open():
        await desk.looked()
        flaky.breaks = 1
        await desk.ask(an_action())
        await until(lambda: flaky.breaks == 0)
        assert desk.channel.got == []
        desk.later(minutes=1)
        await attempted(desk, 1)
        desk.later(minutes=1)
        await settles(desk)
    assert [dispatch.repeat for dispatch in desk.channel.got] == [True]


async def test_stopping_lets_what_is_under_way_end(desk: Desk) -> None:
    desk.channel.open.clear()
    task = asyncio.create_task(desk.sender.run())
    await desk.ask(an_action())
    await until(lambda: len(desk.channel.got) == 1)
    desk.sender.stop()
    await asyncio.sleep(0.05)
    desk.channel.open.set()
    await asyncio.wait_for(task, 15)
    assert await desk.states() == ["delivered"]


async def test_a_fault_of_ours_does_not_stop_the_sender(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(ScriptedChannel):
        async def send(self, dispatch: object) -> None:  # type: ignore[override]
            raise KeyError("https://hooks.slack.com/services/secret")

    good, desk.channel = desk.channel, Broken()
    desk.sender = desk.a_sender()
    async with desk.open():
        await desk.ask(an_action())
        await attempted(desk, 1)
    desk.channel = good
    desk.sender = desk.a_sender()
    desk.clock.move(timedelta(seconds=10))
    async with desk.open():
        await settles(desk)
    assert await desk.states() == ["delivered"]
    assert "secret" not in caplog.text
    assert "secret" not in str(await desk.rows("SELECT * FROM attempts"))


async def test_an_account_that_never_renews_keeps_no_message_back(desk: Desk) -> None:
    never = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    async with desk.open():
        await desk.ask(an_alert("a", account=an_account(renews_at=never)))
        await settles(desk)
    [dispatch] = desk.channel.got
    assert dispatch.message.headline == "Northwind · Pro · €4,200/month"


async def test_with_nothing_set_up_it_goes_to_the_inbox(engine: AsyncEngine) -> None:
    desk = Desk(engine, channel=InboxChannel(UnitOfWork(engine)), setup=Setup())
    async with desk.open():
        await desk.ask(an_action(channel="slack:#cs-escalations"))
        await settles(desk)
    [row] = await desk.rows()
    [item] = await desk.rows("SELECT * FROM inbox")
    assert item.recipient == "csm-3"
    assert row.because == "asked for slack:#cs-escalations, but Slack is not set up"


async def test_the_trace_and_the_time_from_the_event_travel_along(desk: Desk) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with desk.open():
        async with desk.uow.begin() as c:
            await desk.handler.handle(c, 3, [an_incoming(an_action(), trace)], desk.clock.now(), False)
        desk.handler.committed(3)
        await settles(desk)
    [row] = await desk.rows("SELECT * FROM outbox")
    assert desk.channel.got[0].traceparent == trace
    assert (row.partition, row.headers["traceparent"]) == (3, trace)
    assert 'keepwell_event_to_effect_seconds_sum{effect="delivered"} 0.08' in metrics.text(desk.figures).decode()
    assert 'keepwell_deliveries_total{channel="slack",state="delivered"} 1.0' in metrics.text(desk.figures).decode()


async def test_what_ended_long_ago_is_forgotten_and_what_waits_is_not(desk: Desk) -> None:
    waits = NOW + timedelta(days=900)
    async with desk.open():
        await desk.ask(an_action("a"), an_alert("b", not_before=waits))
        await settles(desk)
        await desk.uow.once(*deliveries.put_in_inbox("i", "own", NOW, compose_group([an_action("i")], NOW)))
        for days, left in ((399, 2), (2, 1)):
            desk.clock.move(timedelta(days=days))
            async with desk.uow.begin() as c:
                await retention.forget(c, desk.clock.now())
            assert len(await desk.rows()) == left
    [row] = await desk.rows()
    assert (row.action_id, row.state) == ("b", "waiting")
    for table in ("attempts", "messages", "inbox", "gates"):
        assert await desk.rows(f"SELECT * FROM {table}") == []
