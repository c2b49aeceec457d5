"""What ends without arriving goes on by the next road, once; playbooks hear of the last."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import time

import msgspec
import pytest
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.notifier import preferences
from services.notifier.core.retry import MOST_IN_VAIN, MOST_TRIES, Fatal, Later, Never, Outcome, Sent
from services.notifier.core.routing import Setup
from services.notifier.sending.watching import Watch
from services.notifier.store import deliveries
from shared.messages.actions import ActionCancelled, Recipient, Severity
from shared.messages.preferences import Preferences, Quiet
from shared.pg.uow import UnitOfWork
from tests.support.notifier import NOW, Desk, ScriptedChannel, an_account, an_action, an_alert, notifier_engine
from tests.support.stream import until

NO_CHANNEL = Never(reason="Slack says channel_not_found")
NO_USER = Never(reason="Slack says user_not_found")
NO_BOX = Never(reason="the mail server says 550 no such user")
ANA = Recipient(id="ana", name="Ana", slack="U0ANA", email="ana@example.com")
MAX = Recipient(id="max", name="Max", slack="U0MAX")


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    async with notifier_engine(database_url) as made:
        yield made


def a_desk(engine: AsyncEngine, slack: list[Outcome], mail: list[Outcome], fallback: str | None = None) -> Desk:
    return Desk(
        engine,
        ScriptedChannel(outcomes=slack),
        Setup(slack="bot", email=True, fallback=fallback),
        goes_on=True,
        beside=(ScriptedChannel("email", outcomes=mail), ScriptedChannel("inbox")),
    )


async def settles(desk: Desk, count: int = 1) -> None:
    async def done() -> bool:
        return len(await desk.settled()) >= count

    await until(done)


async def roads(desk: Desk) -> list[tuple[str, str, str]]:
    rows = await desk.rows("SELECT * FROM deliveries ORDER BY action_id, road")
    return [(f"{row.transport}:{row.target}", row.state, row.because) for row in rows]


async def test_what_no_road_of_theirs_brings_goes_to_who_answers_for_them(engine: AsyncEngine) -> None:
    desk = a_desk(engine, [NO_CHANNEL, NO_USER, NO_CHANNEL], [NO_BOX], "#customer-success")
    async with desk.open():
        await desk.ask(an_alert(recipient=ANA, channel="slack:#cs-escalations", then=[MAX]))
        await settles(desk)
    said = "Slack says channel_not_found", "Slack says user_not_found", "the mail server says 550 no such user"
    assert await roads(desk) == [
        ("slack:#cs-escalations", "failed", ""),
        ("slack:U0ANA", "failed", f"Meant for #cs-escalations: {said[0]}"),
        ("email:ana@example.com", "failed", f"Meant for #cs-escalations: {said[0]}; {said[1]}"),
        ("slack:#customer-success", "failed", f"Meant for #cs-escalations: {'; '.join(said)}"),
        ("slack:U0MAX", "delivered", f"Meant for #cs-escalations: {'; '.join(said)}"),
    ]
    # Playbooks hear of the one that came through, and of no other.
    (settled,) = await desk.settled()
    assert (settled.state, settled.channel, settled.action_ids) == ("delivered", "slack:U0MAX", ["alert-1"])
    assert desk.channel.got[-1].message.detour == f"Meant for #cs-escalations: {'; '.join(said)}"
    assert desk.channel.got[-1].message.recipient == "Ana"


@pytest.mark.parametrize(("severity", "waits"), [("low", True), ("critical", False)])
async def test_who_hears_in_place_of_somebody_is_left_in_peace_in_their_quiet_hours(
    engine: AsyncEngine, severity: Severity, *, waits: bool
) -> None:
    desk = a_desk(engine, [NO_USER], [NO_BOX])
    night = Preferences(quiet=Quiet(start=time(NOW.hour), end=time(20)))
    async with desk.uow.begin() as c:
        await preferences.put(c, "MAX", night, "max", NOW)
    async with desk.open():
        await desk.ask(an_alert(recipient=ANA, severity=severity, then=[MAX]))

        async def goes_on() -> bool:
            return len(await roads(desk)) == 3

        await until(goes_on)
        if not waits:
            await settles(desk)
    [*_, last] = await desk.rows("SELECT * FROM deliveries ORDER BY road")
    assert (last.target, last.state) == ("U0MAX", "waiting" if waits else "delivered")
    assert not waits or last.due_at == NOW.replace(hour=20, minute=0)


async def test_when_nobody_can_be_reached_it_lies_in_the_inbox_and_is_in_no_loop(engine: AsyncEngine) -> None:
    desk = a_desk(engine, [NO_USER], [NO_BOX])
    async with desk.open():
        await desk.ask(an_action(recipient=ANA))
        await settles(desk)
    assert [(channel, state) for channel, state, _ in await roads(desk)] == [
        ("slack:U0ANA", "failed"),
        ("email:ana@example.com", "failed"),
        ("inbox:ana", "delivered"),
    ]


async def test_what_is_given_up_after_all_its_tries_goes_on_too(engine: AsyncEngine) -> None:
    desk = a_desk(engine, [Later(reason="Slack can't be reached")] * MOST_TRIES, [])
    async with desk.open():
        await desk.ask(an_action(recipient=ANA))
        for tries in range(1, MOST_TRIES + 1):

            async def tried(count: int = tries) -> bool:
                return len(await desk.rows("SELECT 1 FROM attempts")) >= count

            await until(tried)
            desk.later(hours=10)
        await settles(desk)
    assert [channel for channel, _, _ in await roads(desk)] == ["slack:U0ANA", "email:ana@example.com"]


async def test_each_of_what_failed_as_one_message_goes_on_and_they_go_as_one_again(engine: AsyncEngine) -> None:
    desk = a_desk(engine, [NO_CHANNEL], [])
    await desk.ask(
        *(an_alert(f"a{n}", recipient=ANA, channel="slack:#gone", account=an_account(f"c{n}")) for n in range(3))
    )
    desk.later(minutes=1)
    async with desk.open():
        await settles(desk, 3)
    first, second = desk.channel.got
    assert (first.target, second.target) == ("#gone", "U0ANA")
    assert set(first.message.accounts) == set(second.message.accounts) == {"c0", "c1", "c2"}
    assert second.message.detour == "Meant for #gone: Slack says channel_not_found"
    assert {settled.state for settled in await desk.settled()} == {"delivered"}


async def test_a_crash_between_the_end_of_one_road_and_the_next_loses_nothing_and_sends_once(
    engine: AsyncEngine,
) -> None:
    desk = a_desk(engine, [NO_USER], [])
    doomed = asyncio.create_task(desk.sender.run())
    await desk.ask(an_action(recipient=ANA))

    async def failed() -> bool:
        return "failed" in await desk.states()

    await until(failed)
    await desk.kill(doomed)
    desk.sender = desk.a_sender()
    async with desk.open():
        await settles(desk)
    mail = desk.others[0].channel
    assert isinstance(mail, ScriptedChannel)
    assert len(mail.got) == 1
    assert len(desk.channel.got) == 1


async def test_what_was_called_back_meanwhile_goes_no_further(engine: AsyncEngine) -> None:
    desk = a_desk(engine, [NO_USER], [])
    desk.channel.open.clear()
    async with desk.open():
        await desk.ask(an_action(recipient=ANA))
        await until(lambda: bool(desk.channel.got))
        await desk.ask(ActionCancelled(action_id="act-1", reason="it recovered"))
        desk.channel.open.set()
        await settles(desk)
    assert [state for _, state, _ in await roads(desk)] == ["failed"]


async def test_one_that_is_tried_again_by_hand_takes_no_road_twice(engine: AsyncEngine) -> None:
    desk = a_desk(engine, [NO_USER, NO_USER], [])
    async with desk.open():
        await desk.ask(an_action(recipient=ANA))
        await settles(desk)
        first, *_ = await desk.rows("SELECT id FROM deliveries WHERE state = 'failed'")
        async with desk.uow.begin() as c:
            assert await deliveries.retry(c, first.id, desk.clock.now()) == "slack"
        desk.wake()
        await settles(desk, 2)
    assert [channel for channel, _, _ in await roads(desk)] == ["slack:U0ANA", "email:ana@example.com"]
    assert [settled.state for settled in await desk.settled()] == ["delivered", "failed"]


async def test_what_waits_on_another_road_is_restated_as_the_first_would_be(engine: AsyncEngine) -> None:
    desk = a_desk(engine, [NO_USER], [Later(reason="the mail server is busy", after=600)])
    async with desk.open():
        await desk.ask(an_alert(recipient=ANA))

        async def tried_by_mail() -> bool:
            return len(await desk.rows("SELECT 1 FROM attempts")) == 2

        await until(tried_by_mail)
        await desk.ask(an_alert(recipient=ANA, revision=1, title="Worse"))
        desk.later(minutes=11)
        await settles(desk)
    mail = desk.others[0].channel
    assert isinstance(mail, ScriptedChannel)
    assert mail.got[-1].message.title == "Worse"


OPS = ("slack:#ops", "email:ops@example.com")


def watched(engine: AsyncEngine, slack: list[Outcome], mail: list[Outcome] | None = None) -> Desk:
    desk = a_desk(engine, slack, mail or [])
    desk.watch = Watch(desk.uow, desk.clock, OPS)
    desk.sender = desk.a_sender()
    desk.others = [desk.a_sender(channel) for channel in desk.beside]
    return desk


def to_ops(channel: object) -> list[tuple[str, str]]:
    assert isinstance(channel, ScriptedChannel)
    targets = ("#ops", "ops@example.com")
    return [(one.target, one.message.title) for one in channel.got if one.target in targets]


async def test_ops_hear_once_that_a_road_is_broken_and_once_that_it_works_again(engine: AsyncEngine) -> None:
    gone = Never(reason="Slack says channel_not_found", is_road=True)
    desk = watched(engine, [gone, Sent(), gone, Sent(), Sent(), Sent()])
    async with desk.open():
        for number in range(2):
            await desk.ask(an_action(f"a{number}", recipient=ANA, channel="slack:#cs", playbook=f"p{number}@1"))
            await settles(desk, number + 1)
        await desk.watch.look()
        assert desk.watch.alarms == [
            "Messages by slack:#cs don't arrive since Wed 18 Nov 2026, 09:14 UTC, and take other roads:"
            " Slack says channel_not_found."
        ]
        await desk.watch.look()
        desk.wake()
        await settles(desk, 3)
        assert to_ops(desk.channel) == [("#ops", "Messages by slack:#cs don't arrive")]
        desk.later(hours=3)
        await desk.ask(an_action("mended", recipient=ANA, channel="slack:#cs"))
        await settles(desk, 4)
        for _ in range(2):
            await desk.watch.look()
        desk.wake()
        await settles(desk, 5)
    assert to_ops(desk.channel)[1:] == [("#ops", "Messages by slack:#cs arrive again")]
    assert desk.watch.alarms == []
    assert await desk.rows("SELECT * FROM roads") == []


async def test_that_teams_is_broken_is_told_in_the_other_chat(engine: AsyncEngine) -> None:
    gone = Fatal(reason="Teams answered 404 WorkflowNotFound")
    teams, chat = ScriptedChannel(name="teams", outcomes=[gone]), ScriptedChannel(name="chat")
    desk = Desk(engine, teams, Setup(teams=True, chat=True), goes_on=True, beside=[chat], ops=("teams", "chat"))
    async with desk.open():
        await desk.ask(an_action(recipient=ANA))

        async def noted() -> bool:
            return bool(await desk.rows("SELECT 1 FROM roads"))

        await until(noted)
        await desk.watch.look()
        desk.wake()
        await settles(desk)
    assert [(one.target, one.message.title) for one in chat.got] == [("webhook", "Messages by Teams don't arrive")]


class CutOff(UnitOfWork):
    """Loses its connection as the first transaction ends."""

    is_cut_off = False

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        async with super().begin() as c:
            yield c
            if not self.is_cut_off:
                self.is_cut_off = True
                raise ConnectionError


async def test_that_a_road_works_again_is_noted_when_the_database_is_back(engine: AsyncEngine) -> None:
    desk = watched(engine, [Never(reason="Slack says channel_not_found", is_road=True)])
    desk.watch = Watch(CutOff(engine), desk.clock)
    desk.sender = desk.a_sender()
    async with desk.open():
        await desk.ask(an_action("a", recipient=ANA, channel="slack:#cs"))
        await settles(desk)
        await desk.watch.look()
        desk.later(minutes=5)
        await desk.ask(an_action("b", recipient=ANA, channel="slack:#cs"))
        await settles(desk, 2)
        with pytest.raises(ConnectionError):
            await desk.watch.look()
        assert len(desk.watch.alarms) == 1
        await desk.watch.look()
    assert desk.watch.alarms == []
    assert await desk.rows("SELECT * FROM roads") == []


async def test_of_a_whole_channel_ops_hear_by_another(engine: AsyncEngine) -> None:
    desk = watched(engine, [Fatal(reason="KEEPWELL_SLACK_BOT_TOKEN was revoked")] * 2)
    async with desk.open():
        await desk.ask(an_action(recipient=ANA))

        async def noted() -> bool:
            return bool(await desk.rows("SELECT 1 FROM roads"))

        await until(noted)
        await desk.watch.look()
        desk.wake()
        await settles(desk)
        assert to_ops(desk.others[0].channel) == [("ops@example.com", "Messages by Slack don't arrive")]
        desk.channel.outcomes = []
        desk.later(minutes=10)
        await settles(desk, 2)
        await desk.watch.look()
        desk.wake()
        await settles(desk, 3)
    assert to_ops(desk.channel) == [("#ops", "Messages by Slack arrive again")]


@pytest.mark.parametrize("has_mail", [True, False])
async def test_a_channel_that_stays_out_of_order_is_not_waited_for_where_there_is_another(
    engine: AsyncEngine, has_mail: bool
) -> None:
    ana = ANA if has_mail else msgspec.structs.replace(ANA, email=None)
    desk = a_desk(engine, [Fatal(reason="the token was revoked")] * MOST_IN_VAIN, [])
    async with desk.open():
        await desk.ask(an_action(recipient=ana))
        for tries in range(1, MOST_IN_VAIN + 1):

            async def tried(count: int = tries) -> bool:
                return len(await desk.rows("SELECT 1 FROM attempts WHERE outcome = 'fatal'")) >= count

            await until(tried)
            desk.later(minutes=11)
        desk.later(hours=1)
        await settles(desk)
        (settled,) = await desk.settled()
    # Without it, it waits until Slack is mended.
    assert settled.channel == ("email:ana@example.com" if has_mail else "slack:U0ANA")


async def test_two_processes_tell_ops_once(engine: AsyncEngine) -> None:
    desk = watched(engine, [Never(reason="Slack says channel_not_found", is_road=True)])
    async with desk.open():
        await desk.ask(an_action(recipient=ANA, channel="slack:#cs"))
        await settles(desk)
        other = Watch(desk.uow, desk.clock, OPS)
        await asyncio.gather(desk.watch.look(), other.look())
        desk.wake()
        await settles(desk, 2)
    assert len(to_ops(desk.channel)) == 1


async def test_a_message_that_is_refused_for_itself_breaks_no_road(engine: AsyncEngine) -> None:
    desk = watched(engine, [Never(reason="Slack says msg_too_long")])
    async with desk.open():
        await desk.ask(an_action(recipient=ANA))
        await settles(desk)
    await desk.watch.look()
    assert desk.watch.alarms == []
