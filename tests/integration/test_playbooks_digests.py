"""Digests on a real database: once a person and day, over all partitions, and of what is so when they go."""

import asyncio
from collections.abc import AsyncIterator
from datetime import time, timedelta
from typing import Any

import pytest

from services.playbooks.preferring import Preferring
from shared.messages import registry
from shared.messages.actions import ActionRequested
from shared.messages.digests import DayCard, Part
from shared.messages.preferences import Preferences, PreferencesChanged, PreferencesChosen, PreferencesWanted
from shared.messages.registry import COMPANY
from tests.support.playbooks import DAY, HOUR, LOW, MONDAY, Floor, a_floor, an_assessment

PEOPLE = """
teams: [{id: east, name: East, lead: lee, members: [ana, ben]}]
csms:
  - {id: ana, name: Ana, email: ana@example.com, hours: 09:00-17:00, time_zone: Europe/Berlin}
  - {id: ben, name: Ben, email: ben@example.com, time_zone: America/New_York}
  - {id: lee, name: Lee, email: lee@example.com}
"""
CALL = "id: stalled\nwhen: usage.breadth < 40 %\nsteps: [{task: 'Call {{ account.name }}', due: 1 business day}]\n"
TUESDAY = MONDAY + DAY
BERLIN_DIGEST = MONDAY.replace(hour=7, minute=30)
"""08:30 in Berlin, in winter."""


@pytest.fixture
async def floor(database_url: str) -> AsyncIterator[Floor]:
    async with a_floor(database_url, CALL, people=PEOPLE) as made:
        yield made


async def several(floor: Floor, number: int) -> list[Floor]:
    """The same service's partitions, each taken."""
    made = [Floor(floor.engine, floor.rules) for _ in range(number)]
    for partition, one in enumerate(made):
        one.partition = partition
        async with one.uow.begin() as c:
            await one.handler.taken(c, partition, MONDAY)
    return made


def of(sent: list[ActionRequested], who: str) -> list[ActionRequested]:
    return [one for one in sent if one.recipient is not None and one.recipient.id == who]


def day(action: ActionRequested) -> DayCard:
    assert action.day is not None
    return action.day


def lines(action: ActionRequested, part: Part) -> list[str]:
    return [one.account for one in day(action).lines if one.part == part]


def an_account(name: str, owner: str, at: Any = MONDAY, rev: int = 1, facts: Any = None, **said: Any) -> Any:
    own = {"account.name": name.title(), "account.owner": owner, "account.mrr_minor": 10_000}
    return name, an_assessment(rev, at, {**own, **(facts or {})}, **said)


async def test_a_csm_reads_their_day_once_with_what_is_due_and_what_turned(floor: Floor) -> None:
    await floor.take(
        an_account("northwind", "ana@example.com", facts=LOW, score=6000, band="amber"),
        an_account("initech", "Ana", facts={"account.renews_at": (TUESDAY + 5 * DAY).isoformat()}),
        an_account("globex", "ben@example.com", score=2000, band="red"),
    )
    await floor.take(an_account("northwind", "ana@example.com", MONDAY + 8 * HOUR, 2, LOW, score=2000, band="red"))
    await floor.pass_until(TUESDAY.replace(hour=7, minute=26))
    (digest,) = of(await floor.digests(), "ana")
    assert digest.not_before == BERLIN_DIGEST + DAY
    assert (digest.kind, digest.title) == ("digest", "Your day")
    assert lines(digest, "today") == ["Northwind"]
    assert lines(digest, "turned") == ["Northwind"]
    assert lines(digest, "renewal") == ["Initech"]
    await floor.pass_until(TUESDAY.replace(hour=20))
    assert len(of(await floor.digests(), "ana")) == 1


async def test_many_partitions_make_one_digest_of_all_their_accounts(floor: Floor) -> None:
    partitions = await several(floor, 3)
    for number, one in enumerate(partitions):
        await one.take(an_account(f"account-{number}", "ana", facts=LOW))
    until = TUESDAY.replace(hour=7, minute=27)
    await asyncio.gather(*(one.pass_until(until) for one in partitions))
    (digest,) = of(await floor.digests(), "ana")
    assert day(digest).numbers["today"] == 3
    assert sorted(lines(digest, "today")) == ["Account-0", "Account-1", "Account-2"]


async def test_what_a_crash_rolled_back_comes_again_the_same(floor: Floor) -> None:
    class PowerCut(Exception):
        pass

    await floor.take(an_account("northwind", "ana", facts=LOW))
    at = TUESDAY.replace(hour=7, minute=26)

    async def cut_off() -> None:
        async with floor.uow.begin() as c:
            await floor.handler.on_timers(c, floor.partition, [("digests", at)], at)
            raise PowerCut

    with pytest.raises(PowerCut):
        await cut_off()
    assert of(await floor.digests(), "ana") == []
    await floor.pass_until(at)
    (digest,) = of(await floor.digests(), "ana")
    async with floor.uow.begin() as c:
        await floor.handler.taken(c, floor.partition, at + HOUR)
    await floor.pass_until(at + HOUR)
    assert [one.action_id for one in of(await floor.digests(), "ana")] == [digest.action_id]


async def test_who_was_away_reads_on_their_next_day_of_all_since_the_last(database_url: str) -> None:
    berlin = "time_zone: Europe/Berlin"
    away = PEOPLE.replace(berlin, f"{berlin}, away: [{{from: 2026-03-04, to: 2026-03-05}}]")
    async with a_floor(database_url, CALL, people=away) as floor:
        await floor.take(an_account("northwind", "ana", score=9000, band="green"))
        await floor.pass_until(TUESDAY.replace(hour=7, minute=26))
        await floor.take(an_account("northwind", "ana", TUESDAY + 2 * HOUR, 2, score=2000, band="red"))
        await floor.pass_until(MONDAY + 3 * DAY)
        assert of(await floor.digests(), "ana") == []
        await floor.pass_until(MONDAY.replace(hour=7, minute=26) + 4 * DAY)
        (friday,) = of(await floor.digests(), "ana")
        assert lines(friday, "turned") == ["Northwind"]


async def test_monday_tells_of_the_week_in_place_of_the_day(floor: Floor) -> None:
    await floor.take(an_account("northwind", "ana", facts=LOW))
    await floor.pass_until(TUESDAY)
    await floor.pass_until(MONDAY.replace(hour=7, minute=26) + 7 * DAY)
    titles = [one.title for one in of(await floor.digests(), "ana")]
    assert titles == ["Your day", "Your week"]


async def test_a_lead_reads_who_has_how_much_and_the_worst_by_money(floor: Floor) -> None:
    worth = {"northwind": 100_000, "globex": 900_000}
    for name, owner in (("northwind", "ana"), ("globex", "ben")):
        facts = {**LOW, "account.mrr_minor": worth[name]}
        await floor.take(an_account(name, owner, facts=facts, score=2000, band="red"))
    await floor.pass_until(MONDAY + 2 * DAY)
    await floor.pass_until(MONDAY + 2 * DAY + HOUR)
    digest = of(await floor.digests(), "lee")[-1]
    assert [(one.name, one.tasks, one.overdue) for one in day(digest).team] == [("Ana", 1, 1), ("Ben", 1, 1)]
    assert lines(digest, "worst") == ["Globex", "Northwind"]


async def test_nothing_to_say_is_no_digest(floor: Floor) -> None:
    far = (MONDAY + 25 * DAY).isoformat()
    await floor.take(an_account("northwind", "ana", facts={"account.renews_at": far}))
    for days in range(1, 4):
        await floor.pass_until(MONDAY + days * DAY)
    assert await floor.digests() == []


async def test_a_clock_that_ran_ahead_takes_nobodys_digest_away(floor: Floor) -> None:
    await floor.take(an_account("northwind", "ana", facts=LOW))
    async with floor.uow.begin() as c:
        ahead = MONDAY + timedelta(days=40)
        await floor.handler.on_timers(c, floor.partition, [("digests", ahead)], ahead)
    before = len(of(await floor.digests(), "ana"))
    async with floor.uow.begin() as c:
        await floor.handler.taken(c, floor.partition, MONDAY)
    await floor.pass_until(TUESDAY.replace(hour=7, minute=26))
    assert len(of(await floor.digests(), "ana")) == before + 1


async def test_what_somebody_prefers_moves_their_digest_and_the_last_that_was_set_counts(floor: Floor) -> None:
    await floor.take(an_account("northwind", "ana", facts=LOW))
    later = PreferencesChanged(person="ana@example.com", preferences=Preferences(daily=time(10)), at=MONDAY + HOUR)
    earlier = PreferencesChanged(person="ana@example.com", preferences=Preferences(daily=None), at=MONDAY)
    await floor.take((COMPANY, later), an_account("northwind", "ana", MONDAY + HOUR, 2, LOW))
    await floor.take((COMPANY, earlier))
    preferring = Preferring(lambda: plain)
    plain = floor.rules
    async with floor.uow.begin() as c:
        await preferring.refresh(c)
    floor.rules = preferring.rules()
    assert floor.handler.looks(floor.partition, MONDAY + 2 * HOUR)
    async with floor.uow.begin() as c:
        await floor.handler.look(c, floor.partition, MONDAY + 2 * HOUR, MONDAY + 2 * HOUR)
    await floor.pass_until(TUESDAY.replace(hour=8, minute=54))
    assert of(await floor.digests(), "ana") == []
    await floor.pass_until(TUESDAY.replace(hour=8, minute=56))
    (digest,) = of(await floor.digests(), "ana")
    assert digest.not_before == TUESDAY.replace(hour=9)


async def test_what_one_set_by_a_clock_ahead_hides_nothing_that_another_sets_then(floor: Floor) -> None:
    plain = floor.rules
    preferring = Preferring(lambda: plain)
    never, late = Preferences(daily=None), Preferences(daily=time(11))
    for number, (person, said, at) in enumerate(
        (("ben", never, MONDAY + 40 * DAY), ("ana", never, MONDAY), ("ana", late, MONDAY + HOUR))
    ):
        told = PreferencesChanged(person=person, preferences=said, at=at)
        await floor.take((COMPANY, told), an_account("northwind", "ana", MONDAY, number + 1, LOW))
        async with floor.uow.begin() as c:
            await preferring.refresh(c)
    ana = preferring.rules().directory.find("ana")
    assert ana is not None
    assert ana.daily == time(11)


async def test_who_wants_none_has_none(floor: Floor) -> None:
    await floor.take(an_account("northwind", "ana", facts=LOW))
    people = floor.rules.directory.with_preferences({"ana": Preferences(daily=None, weekly=None)})
    floor.rules = floor.rules._replace(directory=people)
    async with floor.uow.begin() as c:
        await floor.handler.look(c, floor.partition, MONDAY, MONDAY)
    await floor.pass_until(TUESDAY.replace(hour=7, minute=26))
    await floor.pass_until(MONDAY + 8 * DAY)
    assert of(await floor.digests(), "ana") == []


def a_form(id: str, actor: str, person: str = "ana", **said: Any) -> tuple[str, PreferencesWanted]:
    wants = Preferences(**said)
    return COMPANY, PreferencesWanted(response_id=id, person=person, actor=actor, preferences=wants, at=MONDAY + HOUR)


async def chosen(floor: Floor) -> list[PreferencesChosen]:
    staged = [(one.type, one.subject, registry.data_of(one)) for one in await floor.staged_on(registry.ACTIONS)]
    assert all(subject == COMPANY for type, subject, _ in staged if type == "preferences.chosen")
    return [data for _, _, data in staged if isinstance(data, PreferencesChosen)]


async def test_what_somebody_sets_by_their_own_form_is_told_on_once(floor: Floor) -> None:
    form = a_form("f-1", "slack:U012AB3CD <ana@example.com>", daily=time(10))
    await floor.take(form, form, an_account("northwind", "ana", facts=LOW))
    await floor.take(form)
    told = PreferencesChosen(person="ana", preferences=Preferences(daily=time(10)), actor="ana", at=MONDAY + HOUR)
    assert await chosen(floor) == [told]
    assert await floor.states("task") == ["open"]


async def test_a_stranger_sets_nothing_and_nobody_sets_anothers(floor: Floor, caplog: pytest.LogCaptureFixture) -> None:
    await floor.take(
        a_form("f-1", "slack:U0STRANGER", daily=None),
        a_form("f-2", "slack:U9 <ben@example.com>", daily=None),
        a_form("f-3", "slack:U0STRANGER", person="nobody", daily=None),
        a_form("f-4", "ben", person="ben", daily=None),
    )
    assert [one.person for one in await chosen(floor)] == ["ben"]
    assert "slack:U9 <ben@example.com> can't set the preferences of ana." in caplog.messages
    assert len([one for one in caplog.messages if "can't set the preferences" in one]) == 3
