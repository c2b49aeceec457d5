"""Playbooks and people are documents: changed while they run, with nothing told twice and nothing lost."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.playbooks import DAY, HIGH, HOUR, LOW, MONDAY, SECOND, an_assessment
from tests.support.ruled import Ruled, put_as, ruled

STALLED = "id: stalled\nwhen: usage.breadth < 40 %\nsteps:\n  - task: Call {{ account.name }}\n    due: 30d\n"
LATER = "  - after: 2d\n    alert: Still {{ account.name }}\n"
SEATS = "id: seats\nwhen: account.seats == 777\nsteps: [alert: They have 777]\n"
PEOPLE = "csms:\n  - {id: own, name: Owner, email: owner@example.com}\n  - {id: bea, name: Bea, inbox: true}\n"


@pytest.fixture
async def house(database_url: str, tmp_path: Path) -> AsyncIterator[Ruled]:
    async with ruled(database_url, tmp_path, STALLED + LATER, people=PEOPLE) as made:
        yield made


async def test_a_playbook_is_listed_with_its_text_its_version_and_its_digest(house: Ruled) -> None:
    (one,) = (await house.ask("GET", "playbooks"))["items"]
    assert (one["id"], one["version"], one["author"], one["shipped"]) == ("stalled", 1, "keepwell", True)
    assert one["source"] == STALLED + LATER
    await house.assess(1, MONDAY, LOW)
    (episode,) = (await house.ask("GET", "episodes"))["items"]
    assert episode["playbook"] == f"stalled@{one['digest']}"
    await house.put("playbooks/stalled", "# with a remark\n" + STALLED + LATER)
    (again,) = (await house.ask("GET", "playbooks"))["items"]
    assert (again["version"], again["digest"]) == (2, one["digest"])
    assert (again["author"], again["shipped"]) == ("ops@example.com", False)
    assert again["achieved"]["active"] == 1
    assert again["etag"] != one["etag"]


async def test_what_was_put_is_what_is_got_and_a_stale_change_is_refused(house: Ruled) -> None:
    first = await house.ask("GET", "playbooks/stalled")
    answer = await house.ask("PUT", "playbooks/seats", 201, SEATS)
    assert (await house.ask("GET", "playbooks/seats")).content == SEATS.encode() == answer.content
    await house.ask("PUT", "playbooks/stalled", 200, STALLED, headers={"if-match": first.headers["etag"]})
    stale = await house.ask("PUT", "playbooks/stalled", 412, SEATS, headers={"if-match": first.headers["etag"]})
    assert stale["code"] == "stale"
    await house.ask("DELETE", "playbooks/stalled", 412, headers={"if-match": first.headers["etag"]})
    assert (await house.ask("GET", "playbooks/stalled")).text == STALLED
    await house.ask("POST", "playbooks/stalled/versions/1/restore")
    assert (await house.ask("GET", "playbooks/stalled")).text == STALLED + LATER
    versions = (await house.ask("GET", "playbooks/stalled/versions"))["items"]
    assert [one["version"] for one in versions] == [3, 2, 1]


async def test_a_text_that_can_not_be_right_is_refused_with_its_place_and_changes_nothing(house: Ruled) -> None:
    refused = await house.ask("PUT", "playbooks/stalled", 422, STALLED.replace("usage.breadth", "usage.bredth"))
    (fault,) = refused["problems"]
    assert (fault["line"], fault["column"], fault["file"]) == (2, 7, None)
    assert "`usage.breadth`" in fault["hint"]
    for text, said in (
        (SEATS, "is put as `stalled`"),
        ("id: check\nwhen: usage.breadth < 4\nsteps: [alert: Hi]", "is put as"),
    ):
        assert said in (await house.ask("PUT", "playbooks/stalled", 422, text))["message"]
    both = [{"kind": "playbooks", "id": "seats", "text": SEATS}, {"kind": "csms", "id": "main", "text": "csms: 3"}]
    await house.ask("POST", "rules/apply", 422, json={"documents": both})
    assert [one["id"] for one in (await house.ask("GET", "playbooks"))["items"]] == ["stalled"]
    assert not await house.adopt()


async def test_a_draft_is_linted_with_what_the_accounts_the_people_and_the_others_say(house: Ruled) -> None:
    await house.assess(1, MONDAY, {**HIGH, "account.plan": "pro"})
    text = "id: asks\nwhen: account.plan == Pro\nsteps: [{alert: Hi, assign: [least_loaded: {tier: senior}]}]"
    told = await house.ask("POST", "playbooks/check", 200, text)
    assert told["id"] == "asks"
    (warning,) = told["warnings"]
    assert (warning["line"], "Did you mean `pro`?") == (2, warning["hint"])
    for wrong, said in (
        ("id: asks\nwhen: account.plan == pro\nsteps: [{task: Hi, assign: [person: owm]}]", "Did you mean `own`?"),
        ("id: asks\nwhen: [account.seats < 4, account.seats > 5]\nsteps: [alert: Hi]", ""),
        ("id: asks\nwhen: account.plan == pro\ncloses: [stalld]\nsteps: [alert: Hi]", "Did you mean `stalled`?"),
    ):
        (fault,) = (await house.ask("POST", "playbooks/check", 422, wrong))["problems"]
        assert said in (fault["hint"] or "")
        assert fault["line"] in (2, 3)
    person = PEOPLE + "  - {id: cy, name: Cy}\n"
    (warning,) = (await house.ask("POST", "csms/check", 200, person))["warnings"]
    assert warning["message"].startswith("Nothing reaches `cy`")


async def test_new_and_changed_playbooks_meet_every_account_and_what_holds_is_found_so(house: Ruled) -> None:
    seats = {"account.seats": 777, "account.name": "Silent"}
    await house.take(("silent", an_assessment(1, MONDAY - 90 * DAY, {**HIGH, **seats})))
    await house.assess(1, MONDAY, LOW)
    await house.put("playbooks/seats", SEATS)
    assert await house.to_meet() == ["silent", "northwind"]
    assert [one.kind for one in await house.pass_until(MONDAY + 2 * HOUR)] == ["digest"]
    assert await house.found() == [("silent", "seats")]
    assert await house.to_meet() == []
    # An unchanged one goes its way: its second step is due, and is told once.
    (alert,) = await house.pass_until(MONDAY + 2 * DAY)
    assert alert.title == "Still Northwind"
    assert await house.pass_until(MONDAY + 20 * DAY) == []


async def test_a_change_of_comments_or_people_alone_disturbs_no_account(house: Ruled) -> None:
    await house.assess(1, MONDAY, LOW)
    await house.put("playbooks/stalled", STALLED + LATER + "# remark\n")
    await house.put("csms/main", PEOPLE + "  - {id: cy, name: Cy, inbox: true}\n")
    assert await house.to_meet() == []


async def test_who_comes_into_the_directory_gets_what_lies_with_nobody(database_url: str, tmp_path: Path) -> None:
    nobody = "csms: [{id: zoe, name: Zoe, inbox: true}]\n"
    async with ruled(database_url, tmp_path, STALLED, people=nobody) as house:
        await house.assess(1, MONDAY, LOW)
        (task,) = (await house.ask("GET", "tasks"))["items"]
        assert task["last_resort"]
        await house.put("csms/main", PEOPLE)
        await house.pass_until(MONDAY + HOUR)
        (task,) = (await house.ask("GET", "tasks"))["items"]
        assert (task["assignee"], task["last_resort"]) == ("own", False)


async def test_a_deleted_playbook_opens_nothing_and_what_runs_goes_on_by_its_version(house: Ruled) -> None:
    await house.assess(1, MONDAY, LOW)
    held = "id: held\nwhen: usage.breadth < 40 %\nheld_for: 7d\nsteps: [alert: It has held]"
    await house.put("playbooks/held", held)
    await house.take(("other", an_assessment(1, MONDAY, HIGH)), ("other", an_assessment(2, MONDAY + HOUR, LOW)))
    assert ("held", "pending") in await house.episodes()
    for id in ("held", "stalled"):
        await house.ask("DELETE", f"playbooks/{id}", 204)
    assert await house.adopt()
    assert (await house.ask("GET", "playbooks"))["items"] == []
    told = await house.pass_until(MONDAY + 3 * DAY)
    assert [one.title for one in told if one.kind == "alert"] == ["Still Northwind", "Still Northwind"]
    assert ("held", "pending") not in await house.episodes()
    reasons = await house.rows("SELECT reason FROM moves WHERE after = 'idle'")
    assert "its playbook was deleted or switched off" in [row.reason for row in reasons]
    await house.take(("third", an_assessment(1, MONDAY + 3 * DAY, LOW)))
    assert len(await house.rows("SELECT id FROM episodes WHERE account_id = 'third'")) == 0


async def test_one_that_is_off_is_listed_and_checked_and_decides_nothing_until_it_is_put_live(house: Ruled) -> None:
    tips = "id: tips\nwhen: usage.breadth < 40 %\nmode: {}\nsteps: [{{message: adoption-tips, to: champion}}]"
    wrong = await house.ask("PUT", "playbooks/tips", 422, tips.format("off").replace("breadth", "bredth"))
    assert "usage.breadth" in wrong["problems"][0]["hint"]
    await house.put("playbooks/tips", tips.format("off"))
    listed = {one["id"]: one["mode"] for one in (await house.ask("GET", "playbooks"))["items"]}
    assert listed == {"stalled": "live", "tips": "off"}
    await house.assess(1, MONDAY, LOW)
    assert [name for name, _ in await house.episodes()] == ["stalled"]
    assert await house.to_meet() == []
    refused = await house.ask("POST", "playbooks/tips/start", 409, json={"account": "northwind"})
    assert "switched off" in refused["message"]
    await house.ask("POST", "playbooks/tips/pause", 409, json={"reason": "later"})
    # Put live it finds what holds, and writes to nobody about it.
    await house.put("playbooks/tips", tips.format("live"))
    asked = await house.pass_until(MONDAY + HOUR)
    assert ("tips", "found") in await house.episodes()
    assert [one for one in asked if one.kind == "message"] == []
    await house.take(("other", an_assessment(1, MONDAY, HIGH)))
    told = await house.take(("other", an_assessment(2, MONDAY + 2 * HOUR, LOW)))
    assert "message" in [one.kind for one in told]
    await house.put("playbooks/tips", tips.format("off"))
    await house.take(("third", an_assessment(1, MONDAY, HIGH)))
    again = await house.take(("third", an_assessment(2, MONDAY + 3 * HOUR, LOW)))
    assert "message" not in [one.kind for one in again]


async def test_a_catalogue_that_scoring_puts_is_followed(database_url: str, house: Ruled) -> None:
    text = "id: tier\nwhen: account.traits.tier == gold\ntraits: {tier: text}\nsteps: [alert: Hi]"
    await put_as(database_url, "scoring", "catalogue", "main", "traits: {region: text}\n")
    refused = await house.ask("PUT", "playbooks/tier", 422, text)
    assert "`tier`" in refused["message"]
    await put_as(database_url, "scoring", "catalogue", "main", "traits: {tier: text}\n")
    await house.ask("PUT", "playbooks/tier", 201, text)


async def test_a_text_that_this_release_can_not_read_leaves_the_last_in_force(database_url: str, house: Ruled) -> None:
    await house.put("playbooks/stalled", STALLED)
    text = STALLED.replace("usage.breadth", "usage.of_tomorrow")
    await put_as(database_url, "playbooks", "playbooks", "stalled", text)
    assert not await house.adopt()
    assert "playbooks/stalled:2:7" in house.in_force.alarms[0]
    (task,) = await house.assess(1, MONDAY, LOW)
    assert task.title == "Call Northwind"


async def test_a_thousand_episodes_stay_with_their_version_while_another_comes_and_is_rolled_back(
    database_url: str, tmp_path: Path
) -> None:
    old = "id: stalled\nwhen: usage.breadth < 40 %\nsteps: [webhook: call, {after: 2d, webhook: still}]\n"
    new = old.replace("call", "ring").replace("still", "again").replace("40 %", "30 %")
    accounts = [f"a-{number}" for number in range(1000)]
    # In parts, as the loop does it: no transaction is to take long.
    parts = [(MONDAY + part * SECOND, accounts[part::5]) for part in range(5)]
    async with ruled(database_url, tmp_path, old) as house:
        for at, some in parts:
            await house.take(*((id, an_assessment(1, at, LOW)) for id in some))
        await house.put("playbooks/stalled", new)
        assert len(await house.to_meet()) == 1000
        for minute in range(1, 6):
            assert await house.pass_until(MONDAY + minute * 10 * SECOND) == []
        assert await house.to_meet() == []
        await house.take(("fresh", an_assessment(1, MONDAY + HOUR, HIGH)))
        (ring,) = await house.take(("fresh", an_assessment(2, MONDAY + 2 * HOUR, LOW)))
        await house.ask("POST", "playbooks/stalled/versions/1/restore")
        assert await house.adopt()
        later = [one for at, _ in parts for one in await house.pass_until(at + 2 * DAY)]
        later += await house.pass_until(MONDAY + 10 * DAY)
        told = [(one.account.id, one.webhook.endpoint) for one in (ring, *later) if one.webhook is not None]
        assert sorted(told) == sorted([*((id, "still") for id in accounts), ("fresh", "ring"), ("fresh", "again")])
        states = await house.rows("SELECT state, count(*) AS n FROM episodes GROUP BY state")
        assert [(row.state, row.n) for row in states] == [("active", 1001)]
        ids = [one.action_id for one in await house.sent()]
        assert len(ids) == len(set(ids)) == 2002


def a_document(kind: str, id: str, text: str | None) -> dict[str, str | None]:
    return {"kind": kind, "id": id, "text": text}


class TestAPlan:
    async def planned(self, house: Ruled, *documents: dict[str, str | None], **more: object) -> Any:
        return await house.ask("POST", "rules/plan", 200, json={"documents": documents, **more})

    async def test_says_what_a_changed_playbook_meets_and_who_hears_of_it(self, house: Ruled) -> None:
        await house.assess(1, MONDAY, LOW)
        for number in range(3):
            facts = {"usage.breadth": 45.0, "account.owner": "bea" if number else "owner@example.com"}
            await house.take((f"a-{number}", an_assessment(1, MONDAY, facts)))
        await house.take(("fine", an_assessment(1, MONDAY, HIGH)))
        wider = (STALLED + LATER).replace("40 %", "50 %")
        plan = await self.planned(house, a_document("playbooks", "stalled", wider))
        (one,) = plan["items"]
        assert (one["change"], one["version"], plan["accounts"], plan["looked_at"]) == ("update", 2, 5, 5)
        assert one["touches"] == {
            "episodes": {"pending": 0, "active": 1, "found": 0},
            "open": {"task": 1, "alert": 0, "flag": 0},
            "in_scope": 5,
            "holds": 4,
            "held_before": 1,
            "found": 3,
        }
        assert plan["first_hour"] == {
            "messages": 2,
            "recipients": [
                {"recipient": "bea", "messages": 1, "accounts": 2},
                {"recipient": "own", "messages": 1, "accounts": 1},
            ],
        }
        # It is what applying it does.
        await house.put("playbooks/stalled", wider)
        told = await house.pass_until(MONDAY + 2 * HOUR)
        assert sorted(one.recipient.id for one in told if one.recipient is not None) == ["bea", "own"]
        assert len(await house.found()) == 3

    async def test_of_a_remark_or_nothing_is_that_nobody_hears_of_it(self, house: Ruled) -> None:
        await house.assess(1, MONDAY, LOW)
        await house.take(("other", an_assessment(1, MONDAY, HIGH)))
        plan = await self.planned(house, a_document("playbooks", "stalled", "# remark\n" + STALLED + LATER))
        assert (plan["items"][0]["touches"]["found"], plan["first_hour"]["messages"]) == (0, 0)
        plan = await self.planned(house, a_document("playbooks", "stalled", STALLED + LATER))
        assert (plan["items"][0]["change"], plan["items"][0]["touches"]) == ("none", None)

    async def test_of_a_removal_says_what_goes_on_by_its_version(self, house: Ruled) -> None:
        await house.assess(1, MONDAY, LOW)
        plan = await self.planned(house, a_document("playbooks", "stalled", None))
        touches = plan["items"][0]["touches"]
        assert (touches["episodes"]["active"], touches["open"]["task"], touches["held_before"]) == (1, 1, 1)
        assert (touches["in_scope"], touches["holds"], touches["found"]) == (0, 0, 0)

    async def test_of_people_says_who_comes_and_who_goes_with_what_they_have(self, house: Ruled) -> None:
        await house.assess(1, MONDAY, LOW)
        people = "csms:\n  - {id: bea, name: Bea, inbox: true}\n  - {id: cy, name: Cy, inbox: true}\n"
        plan = await self.planned(house, a_document("csms", "main", people))
        nothing = {"task": 0, "alert": 0, "flag": 0}
        assert plan["items"][0]["touches"] == {
            "appear": [{"id": "cy", "name": "Cy", "open": nothing, "accounts": 0}],
            "go": [{"id": "own", "name": "Owner", "open": {**nothing, "task": 1}, "accounts": 1}],
        }
        refused = await house.ask(
            "POST", "rules/plan", 422, json={"documents": [a_document("csms", "main", "csms: 3")]}
        )
        assert refused["problems"][0]["file"] == "csms/main"

    async def test_goes_by_a_catalogue_that_comes_with_it(self, database_url: str, house: Ruled) -> None:
        await put_as(database_url, "scoring", "catalogue", "main", "traits: {region: text}\n")
        text = "id: tier\nwhen: account.traits.tier == gold\ntraits: {tier: text}\nsteps: [alert: Hi]"
        document = a_document("playbooks", "tier", text)
        await house.ask("POST", "rules/plan", 422, json={"documents": [document]})
        beside = [a_document("catalogue", "main", "traits: {tier: text}\n")]
        plan = await self.planned(house, document, beside=beside)
        assert plan["items"][0]["change"] == "create"
        own = await house.ask("POST", "rules/plan", 422, json={"documents": [document], "beside": [document]})
        assert own["code"] == "own_kind"
