"""Digests on their way: with what waits for the same hour they are one message, and nobody is disturbed at night."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, time, timedelta

import msgspec
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from services.notifier import preferences
from services.notifier.handler import NotifierHandler
from shared.messages import envelope, registry
from shared.messages.actions import AccountCard, ActionCancelled, ActionRequested
from shared.messages.digests import DayCard, DayLine
from shared.messages.envelope import Event
from shared.messages.preferences import Preferences, PreferencesChanged, PreferencesChosen, Quiet
from tests.support.notifier import NOW, THE_OWNER, Desk, an_account, an_action, an_alert, notifier_engine, of_kim
from tests.support.stream import until

MORNING = datetime(2026, 11, 19, 7, 30, tzinfo=UTC)
"""08:30 in Berlin, the day after."""


@pytest.fixture
async def engine(database_url: str) -> AsyncIterator[AsyncEngine]:
    async with notifier_engine(database_url) as made:
        yield made


@pytest.fixture
async def desk(engine: AsyncEngine) -> Desk:
    return Desk(engine)


def a_digest(id: str = "act-day") -> ActionRequested:
    line = DayLine(part="today", account_id="northwind", account="Northwind", title="Call them", item_id="act_3f2a")
    return ActionRequested(
        action_id=id,
        kind="digest",
        playbook="digest",
        playbook_title="Your day",
        episode_id="",
        step=0,
        recipient=THE_OWNER,
        severity="info",
        title="Your day",
        account=AccountCard(id="$company", name=""),
        day=DayCard(since=NOW, lines=[line], numbers={"today": 1}),
        not_before=MORNING,
    )


async def settles(desk: Desk, number: int) -> None:
    async def ended() -> bool:
        return len([one for one in await desk.states() if one in ("delivered", "cancelled")]) >= number

    await until(ended)


async def test_what_waits_for_the_morning_comes_in_the_digest_as_one_message(desk: Desk) -> None:
    low = [an_alert(f"a-{n}", severity="low", account=an_account(f"acme-{n}"), not_before=MORNING) for n in range(3)]
    called_back = an_alert("a-9", severity="low", account=an_account("globex"), not_before=MORNING)
    async with desk.open():
        await desk.ask(*low, called_back)
        await desk.ask(ActionCancelled(action_id="a-9", reason="in use again"))
        desk.clock.move(MORNING - NOW - timedelta(minutes=5))
        await desk.ask(a_digest())
        await desk.ask(a_digest())
        await desk.looked()
        assert desk.channel.got == []
        desk.later(minutes=5)
        await settles(desk, 5)
    [sent] = desk.channel.got
    assert sent.message.subject == "Your day: 1 to do today · 3 new for you"
    assert [one.heading for one in sent.message.sections] == ["To do today (1)"]
    assert len(sent.message.items) == 3


async def test_of_whoever_was_erased_no_word_stays_in_digests(desk: Desk) -> None:
    day = a_digest()
    assert day.day is not None
    lines = [
        msgspec.structs.replace(day.day.lines[0], part="closed", note="Kim Miller trains them", contact="Kim Miller"),
        msgspec.structs.replace(day.day.lines[0], account_id="acme", account="Acme"),
    ]
    said = msgspec.structs.replace(day, day=msgspec.structs.replace(day.day, lines=lines), not_before=None)
    async with desk.open():
        await desk.ask(said)
        await settles(desk, 1)
    await desk.ask(of_kim("contact.updated", traits={"name": "Kim Miller"}), of_kim("contact.erased", 1))
    # What a bot posted is changed, too.
    [row] = [one for one in await desk.rows() if one.kind == "digest"]
    [sent] = await desk.rows("SELECT message FROM messages")
    assert row.accounts == ["northwind", "acme"]
    assert "Kim" not in str(bytes(row.action)) + str(sent.message)
    assert "Acme" in str(sent.message)


async def test_what_was_decided_before_somebody_wanted_quiet_waits_too(engine: AsyncEngine) -> None:
    desk = Desk(engine)
    known = preferences.KnownPreferences()
    desk.handler = NotifierHandler(desk.setup, lambda *_: None, lambda _, new: desk.sender.expect(new), known.of)
    night = Preferences(quiet=Quiet(start=time(10), end=time(20)))
    async with desk.uow.begin() as c:
        await preferences.put(c, THE_OWNER.email or "", night, "ana", NOW)
        await preferences.put(c, "somebody-else", Preferences(), "ana", NOW)
    async with desk.uow.begin() as c:
        await known.refresh(c)
    async with desk.open():
        await desk.ask(an_action("high", severity="high"), an_action("worse", severity="critical", playbook="p@1"))
        await settles(desk, 1)
        await desk.looked()
        assert [one.delivery_id for one in desk.channel.got] == [row.id for row in await desk.rows() if row.message_id]
        assert len(desk.channel.got) == 1
        desk.later(hours=10)
        await settles(desk, 2)


async def test_what_is_set_again_counts_even_where_the_clock_went_back(desk: Desk) -> None:
    async with desk.uow.begin() as c:
        first = await preferences.put(c, "Ana@example.com", Preferences(channel="email"), "ana", NOW)
        again = await preferences.put(c, "ana@example.com", Preferences(), "lee", NOW - timedelta(days=1))
        row = await preferences.read(c, "ANA@example.com")
    assert again > first
    assert (row.body, row.author) == (Preferences(), "lee")


def a_choice(at: datetime, **said: time | None) -> Event:
    wants = Preferences(**said)  # type: ignore[arg-type]
    data = PreferencesChosen(person="csm-3", preferences=wants, actor="csm-3", at=at)
    type = "preferences.chosen"
    return envelope.wrap(data, id=f"f-{at}", source="keepwell/playbooks", type=type, subject=registry.COMPANY, time=at)


async def test_what_somebody_chose_is_kept_and_told_unless_something_was_set_since(desk: Desk) -> None:
    early, late = NOW - timedelta(minutes=2), NOW - timedelta(minutes=1)
    await desk.ask(a_choice(early, daily=time(9)), a_choice(late, daily=time(10)))
    async with desk.uow.begin() as c:
        row = await preferences.read(c, "csm-3")
    assert (row.body, row.author, row.at) == (Preferences(daily=time(10)), "csm-3", late)

    async with desk.uow.begin() as c:
        await preferences.put(c, "csm-3", Preferences(daily=None), "lee", NOW)
    await desk.ask(a_choice(early, daily=time(9)), a_choice(late, daily=time(10)))
    async with desk.uow.begin() as c:
        row = await preferences.read(c, "csm-3")
    assert (row.body, row.author, row.at) == (Preferences(daily=None), "lee", NOW)

    staged = [registry.data_of(envelope.decode(row.value)) for row in await desk.rows("SELECT value FROM outbox")]
    assert [one.preferences.daily for one in staged if isinstance(one, PreferencesChanged)] == [time(9), time(10), None]


async def test_what_one_set_by_a_clock_ahead_hides_nothing_that_another_sets_then(desk: Desk) -> None:
    known = preferences.KnownPreferences()
    mail = Preferences(channel="email")
    for person, said, at in (
        ("ben", Preferences(), NOW),
        ("owner", Preferences(), NOW),
        ("ben", mail, NOW + timedelta(days=40)),
        (THE_OWNER.email or "", mail, NOW + timedelta(seconds=1)),
        (THE_OWNER.email or "", Preferences(channel="inbox"), NOW + timedelta(seconds=2)),
    ):
        async with desk.uow.begin() as c:
            await preferences.put(c, person, said, "ana", at)
            await known.refresh(c)
    assert known.of(THE_OWNER).channel == "inbox"
