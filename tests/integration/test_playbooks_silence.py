"""Over HTTP: playbooks paused, started by hand and ended, and accounts that are muted."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest

from tests.support.house import House, a_house
from tests.support.playbooks import DAY, HIGH, HOUR, LOW, MONDAY, an_answer, an_assessment

STALLED = "id: stalled\nwhen: usage.breadth < 40 %\nsteps: [{task: 'Call {{ account.name }}', due: 1d}]"
ASKED = "id: asked\nurgent: true\non_event: feedback.nps\nsteps: [{alert: An answer}]"
WHY = {"reason": "it asks too much"}


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with a_house(database_url, STALLED, ASKED) as made:
        yield made


async def test_a_paused_playbook_fires_nothing_and_what_came_true_is_found_so_when_it_goes_on(house: House) -> None:
    await house.floor.assess(1, MONDAY, HIGH)
    paused = (await house.post("playbooks/stalled/pause", WHY)).json()
    assert (paused["since"], paused["until"], paused["actor"]) == ("2026-03-02T11:00:00Z", None, "admin")
    await house.adopt()
    assert (await house.get("playbooks"))["items"][1]["paused"]["reason"] == "it asks too much"
    assert await house.floor.assess(2, MONDAY + 2 * HOUR, LOW) == []
    refused = await house.post("playbooks/stalled/start", {"account": "northwind"})
    assert refused.json()["message"] == "Stalled can't start: it is paused: it asks too much."
    house.clock.move(DAY)
    assert (await house.post("playbooks/stalled/resume")).status_code == 200
    await house.adopt()
    assert await house.floor.pass_until(MONDAY + 2 * DAY) != []
    assert await house.floor.episodes() == [("stalled", "found")]
    assert (await house.get("tasks"))["items"] == []
    again = await house.post("playbooks/stalled/resume")
    assert (again.status_code, again.json()["message"]) == (409, "The playbook 'stalled' is not paused.")


async def test_a_pause_for_a_time_ends_by_itself(house: House) -> None:
    await house.floor.assess(1, MONDAY, HIGH)
    until = (MONDAY + DAY).isoformat()
    assert (await house.post("playbooks/stalled/pause", {**WHY, "until": until})).status_code == 200
    await house.adopt()
    assert await house.floor.assess(2, MONDAY + 2 * HOUR, LOW) == []
    house.clock.move(DAY)
    await house.adopt()
    assert house.floor.rules.library.paused == {}
    await house.floor.pass_until(MONDAY + 2 * DAY)
    assert await house.floor.episodes() == [("stalled", "found")]


async def test_a_playbook_is_started_by_hand_or_says_why_not(house: House) -> None:
    await house.floor.assess(1, MONDAY, LOW)
    await house.floor.take(("other", an_assessment(1, MONDAY, HIGH)))
    (task,) = (await house.get("tasks"))["items"]

    async def refused(playbook: str, account: str, status: int = 409) -> str:
        answer = await house.post(f"playbooks/{playbook}/start", {"account": account})
        assert answer.status_code == status, answer.text
        return str(answer.json()["message"])

    assert await refused("stalled", "northwind") == "Stalled has begun already, at Mon 2 Mar 2026, 10:00 UTC."
    assert await refused("stalled", "other") == ("Stalled does not hold here: usage breadth is 75 %, at least 40 %.")
    assert await refused("asked", "other") == "Asked begins by itself, when feedback.nps comes."
    assert "Did you mean `stalled`?" in await refused("staled", "other", 404)
    assert "Nothing was ever heard" in await refused("stalled", "nobody", 404)
    # What somebody called a false alarm, somebody else may start again.
    await house.post(f"tasks/{task['id']}/false_alarm")
    begun = await house.post("playbooks/stalled/start", {"account": "northwind"})
    assert (begun.status_code, begun.json()["state"]) == (200, "active")
    assert len((await house.get("tasks", state="open"))["items"]) == 1


async def test_all_that_a_playbook_has_begun_is_ended_visibly(house: House) -> None:
    accounts = [f"account-{number}" for number in range(6)]
    await house.floor.take(*((account, an_assessment(1, MONDAY, LOW)) for account in accounts))
    tasks = (await house.get("tasks"))["items"]
    await house.post(f"tasks/{tasks[0]['id']}/comment", {"note": "Called."})
    ended = await house.post("playbooks/stalled/end-episodes", {"reason": "we ask by mail now"})
    assert ended.json() == {"ended": 6, "left": 0}
    listed = {one["id"]: one for one in (await house.get("tasks"))["items"]}
    assert sorted(one["state"] for one in listed.values()) == ["closed"] * 5 + ["open"]
    assert listed[tasks[0]["id"]]["over_because"] == "we ask by mail now"
    assert {one["outcome"] for one in (await house.get("episodes"))["items"]} == {"we ask by mail now"}
    assert (await house.post("playbooks/stalled/end-episodes", {"reason": "again"})).json() == {"ended": 0, "left": 0}
    assert (await house.post("playbooks/nothing/end-episodes", {"reason": "again"})).status_code == 404
    # It is not asked about again while it lasts.
    assert await house.floor.take(*((one, an_assessment(2, MONDAY + DAY, LOW)) for one in accounts)) == []


async def test_an_account_is_muted_for_a_time_with_a_reason(house: House) -> None:
    await house.floor.assess(1, MONDAY, LOW)
    until = MONDAY + 7 * DAY
    path = "/v1/accounts/northwind/mute"
    muted = (await house.http.put(path, json={"until": until.isoformat(), "reason": "lawyers talk"})).json()
    assert (datetime.fromisoformat(muted["until"]), muted["author"], muted["account"]) == (until, "admin", "northwind")
    assert (await house.get("mutes"))["items"] == [muted] == [await house.get("accounts/northwind/mute")]
    assert (await house.one("tasks"))["muted_until"] == muted["until"]
    assert await house.floor.assess(2, MONDAY + 2 * HOUR, LOW, cause=an_answer(2, MONDAY + 2 * HOUR)) == []
    assert await house.floor.pass_until(MONDAY + 3 * DAY) == []
    (noted,) = await house.floor.staged_on("keepwell.events.accounts")
    assert noted.type == "note.added"
    house.clock.move(3 * DAY)
    assert (await house.http.put(path, json={"until": None})).status_code == 204
    assert (await house.get("mutes"))["items"] == []
    assert (await house.http.get(path)).status_code == 404
    assert (await house.http.delete(path)).status_code == 409
    told = await house.floor.pass_until(MONDAY + 4 * DAY)
    assert [one.title for one in told] == ["Overdue: Call Northwind"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"until": "2026-03-09T00:00:00Z"}, "Say why"),
        ({"until": "2020-03-09T00:00:00Z", "reason": "x"}, "must lie ahead"),
        ({"until": "2027-03-09T00:00:00Z", "reason": "x"}, "by 90 days at most"),
        ({"reason": "x"}, "body.until"),
    ],
)
async def test_a_mute_that_makes_no_sense_is_refused(house: House, body: dict[str, Any], words: str) -> None:
    await house.floor.assess(1, MONDAY, HIGH)
    answer = await house.http.put("/v1/accounts/northwind/mute", json=body)
    assert (answer.status_code, words in answer.json()["message"]) == (400, True), answer.text
