"""Who gets what, on a real database: fair though many choose at once, and nothing is left with who is away or gone."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from services.playbooks import store
from services.playbooks.files import read_people
from services.playbooks.people import books
from shared.messages.accounts import OpenAccountUpdated
from shared.messages.deliveries import DeliveryResponded
from tests.support.playbooks import DAY, HOUR, LOW, MONDAY, Floor, a_floor, an_assessment

TEAM = """
csms:
  - {id: ana, name: Ana, email: ana@example.com}
  - {id: ben, name: Ben, email: ben@example.com}
  - {id: cy, name: Cy, email: cy@example.com}
"""
OWNERLESS = "id: share\nwhen: account.owner is unknown\nsteps: [{assign_owner: HOW}]"


async def partitions(floor: Floor, number: int) -> list[Floor]:
    """The same service's partitions, each taken."""
    made = []
    for partition in range(number):
        one = Floor(floor.engine, floor.rules)
        one.partition = partition
        async with one.uow.begin() as c:
            await one.handler.taken(c, partition, MONDAY)
        made.append(one)
    return made


async def held(floor: Floor) -> Counter[str]:
    """How many accounts everybody has, by the books."""
    async with floor.uow.begin() as c:
        now = await books.read(c, floor.rules)
    return Counter({one.id: now.of(one.id).number for one in floor.rules.directory.csms})


async def given(floor: Floor) -> dict[str, str]:
    """Whom playbooks made the owner of each account."""
    events = await floor.staged_on("keepwell.events.accounts")
    found = {event.subject: msgspec.json.decode(event.data, type=OpenAccountUpdated) for event in events}
    return {account: update.traits["owner"] for account, update in found.items()}


def assessed(accounts: Sequence[str], rev: int, facts: Any) -> list[tuple[str, Any]]:
    """Assessments of accounts that have no owner, unless these facts name one."""
    found = []
    for account in accounts:
        one = an_assessment(rev, MONDAY + rev * HOUR)
        known = {name: value for name, value in one.facts.items() if name != "account.owner"}
        found.append((account, msgspec.structs.replace(one, facts={**known, **facts(account)})))
    return found


async def test_two_hundred_new_accounts_at_once_are_shared_equally(database_url: str) -> None:
    async with a_floor(database_url, OWNERLESS.replace("HOW", "least_loaded"), people=TEAM) as floor:
        had = [(f"had-{n}", an_assessment(1, MONDAY, {"account.owner": "Ana <ana@example.com>"})) for n in range(30)]
        await floor.take(*had)
        several = await partitions(floor, 4)
        new = {one: [f"new-{one.partition}-{n}" for n in range(50)] for one in several}

        async def take(one: Floor) -> None:
            for first in (0, 25):
                await one.take(*assessed(new[one][first : first + 25], 1, lambda _: {}))

        await asyncio.gather(*map(take, several))
        shares = await held(floor)
        assert sorted(shares.values()) == [76, 77, 77]
        owners = await given(floor)
        assert Counter(owners.values()) + Counter({"ana@example.com": 30}) == {
            f"{id}@example.com": n for id, n in shares.items()
        }
        # Scoring tells of something else before it tells who the owner is: nobody is counted twice, or forgotten.
        for rev, facts in ((2, lambda _: {}), (3, lambda one: {"account.owner": owners[one]})):
            for one in several:
                await one.take(*assessed(new[one], rev, facts))
            assert await held(floor) == shares
        assert len(await given(floor)) == 200


async def test_turns_and_revenue_are_fair_too(database_url: str) -> None:
    async with a_floor(database_url, OWNERLESS.replace("HOW", "round_robin"), people=TEAM) as floor:
        await floor.take(*assessed([f"new-{n}" for n in range(30)], 1, lambda _: {}))
        assert set((await held(floor)).values()) == {10}
    by_mrr = OWNERLESS.replace("HOW", "{least_loaded: {by: mrr}}")
    async with a_floor(database_url, by_mrr, people=TEAM) as floor:
        worth = {"big": 900, "middle": 500, "small": 300, "tiny": 100, "next": 100}
        for one, minor in worth.items():
            facts = {"account.mrr_minor": minor, "account.currency": "EUR"}
            await floor.take(*assessed([one], 1, lambda _, facts=facts: facts))
        rows = await floor.rows("SELECT owner, sum(mrr_minor) AS mrr FROM books GROUP BY owner ORDER BY mrr")
        assert [int(row.mrr) for row in rows if row.mrr] == [500, 500, 900]
        (why,) = [
            r.reason
            for r in await floor.rows(
                "SELECT reason FROM moves WHERE reason LIKE 'asked to give%' ORDER BY id DESC LIMIT 1"
            )
        ]
        assert why == "asked to give the account to Cy: least loaded of 3 CSMs, with €4/month"


async def test_a_book_moves_with_its_owner_and_ends_with_the_customer(database_url: str) -> None:
    async with a_floor(database_url, OWNERLESS.replace("HOW", "least_loaded"), people=TEAM) as floor:
        owned = {"account.mrr_minor": 42_000, "account.currency": "EUR"}
        await floor.assess(1, MONDAY, {**owned, "account.owner": "ana@example.com"})
        await floor.assess(2, MONDAY + HOUR, {**owned, "account.owner": "ben", "account.mrr_minor": 50_000})
        rows = await floor.rows("SELECT owner, accounts, mrr_minor FROM books ORDER BY owner")
        assert [tuple(row) for row in rows] == [("ana@example.com", 0, 0), ("ben", 1, 50_000)]
        await floor.assess(3, MONDAY + 2 * HOUR, {**owned, "account.owner": "ben", "account.churned": True})
        assert set((await held(floor)).values()) == {0}


HEAVY = """
csms:
  - {id: ana, name: Ana, email: ana@example.com, capacity: 99, manager: lee, deputy: ben}
  - {id: ben, name: Ben, email: ben@example.com, deputy: cy, away: [{from: 2026-03-01, to: 2026-03-20}]}
  - {id: cy, name: Cy, email: cy@example.com}
  - {id: lee, name: Lee, email: lee@example.com}
"""
CALL = "id: few\nwhen: usage.breadth < 40 %\nsteps: [{task: 'Call {{ account.name }}', due: 60d}]"


@pytest.mark.parametrize("way", ["taken out", "left"])
async def test_forty_open_things_of_somebody_who_leaves_are_moved_once_and_told_once(
    database_url: str, way: str
) -> None:
    async with a_floor(database_url, CALL, people=HEAVY) as floor:
        several = await partitions(floor, 4)
        theirs = {"account.owner": "ana@example.com", **LOW}
        for one in several:
            new = [f"a-{one.partition}-{n}" for n in range(10)]
            await one.take(
                *((account, an_assessment(1, MONDAY, {**theirs, "account.name": account})) for account in new)
            )
            actions = [action.action_id for action in await floor.sent()]
            async with one.uow.begin() as c:
                await store.note_settled(c, dict.fromkeys(actions, "delivered"))
        snoozed = (await floor.rows("SELECT id, account_id FROM items WHERE account_id = 'a-0-0'"))[0]
        until = MONDAY + 9 * DAY
        asked = DeliveryResponded(
            action_id=snoozed.id, response="snooze", response_id="r-1", actor="ana", at=MONDAY + HOUR, until=until
        )
        await several[0].take(("a-0-0", asked))
        before = len(await floor.sent())

        without = "\n".join(line for line in HEAVY.splitlines() if "id: ana" not in line)
        left = HEAVY.replace("deputy: ben}", "deputy: ben, left: 2026-03-03}")
        directory = read_people(without if way == "taken out" else left, "csms.yaml")
        now = MONDAY + 2 * DAY
        for one in several:
            one.rules = one.rules._replace(directory=directory)
            async with one.uow.begin() as c:
                await one.handler.look(c, one.partition, now, now)
        for later in (now, now + HOUR):
            await asyncio.gather(*(one.pass_until(later) for one in several))

        assert {row.assignee for row in await floor.rows("SELECT DISTINCT assignee FROM items")} == {"cy"}
        told = (await floor.sent())[before:]
        to_cy = [one for one in told if one.recipient and one.recipient.id == "cy"]
        assert sorted(one.account.id for one in to_cy) == sorted(
            f"a-{p}-{n}" for p in range(4) for n in range(10) if (p, n) != (0, 0)
        )
        assert len({one.not_before for one in to_cy}) == 1, "they come in one message"
        (heard,) = [one for one in told if one not in to_cy]
        assert (heard.kind, heard.recipient and heard.recipient.id, len(heard.found)) == ("digest", "lee", 40)
        assert heard.title == "40 pieces of work of Ana moved: Ana is gone"
        loads = {row.csm_id: row.open_tasks for row in await floor.rows("SELECT csm_id, open_tasks FROM csm_load")}
        assert (loads["ana"], loads["cy"]) == (0, 40)

        for one in several:
            async with one.uow.begin() as c:
                await one.handler.taken(c, one.partition, now + DAY)
            await one.pass_until(now + 2 * DAY)
        assert len(await floor.sent()) == before + 40, "nobody hears of it again"
        (again,) = await several[0].pass_until(until)
        assert (again.recipient and again.recipient.id, again.title) == ("cy", "Again: Call a-0-0")


async def test_who_is_away_has_it_back_and_their_manager_hears_once(database_url: str) -> None:
    away = HEAVY.replace("deputy: ben}", "deputy: cy, away: [{from: 2026-03-09, to: 2026-03-15}]}")
    async with a_floor(database_url, CALL, people=away) as floor:
        several = await partitions(floor, 2)
        for one in several:
            facts = {"account.owner": "ana@example.com", **LOW}
            await one.take(*((f"a-{one.partition}-{n}", an_assessment(1, MONDAY, facts)) for n in range(3)))
        before = len(await floor.sent())
        for day in (9 * DAY - HOUR, 10 * DAY):
            await asyncio.gather(*(one.pass_until(MONDAY + day) for one in several))
        assert {row.assignee for row in await floor.rows("SELECT DISTINCT assignee FROM items")} == {"cy"}
        lists = [one for one in (await floor.sent())[before:] if one.kind == "digest"]
        assert [(one.recipient and one.recipient.id, len(one.found)) for one in lists] == [("lee", 6)]
        for one in several:
            await one.pass_until(MONDAY + 15 * DAY)
        assert {row.assignee for row in await floor.rows("SELECT DISTINCT assignee FROM items")} == {"ana"}
        assert len([one for one in await floor.sent() if one.kind == "digest"]) == 1
