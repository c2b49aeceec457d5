"""What playbooks achieved, over HTTP, from a life that was led on a real database."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.house import House, a_house
from tests.support.playbooks import DAY, HIGH, LOW, MONDAY, an_assessment

CALL = "id: call\nurgent: true\nwhen: usage.breadth < 40 %\nsteps: [{task: 'Call', due: 1d}]"
ALSO = CALL.replace("id: call", "id: also").replace("usage.breadth < 40", "usage.breadth < 30")
MAIL = "id: mail\nurgent: true\nholdout: 50 %\nwhen: usage.breadth < 40 %\nsteps: [{message: tips, to: champion}]"
DUE = "2026-04-30T00:00:00Z"
PAYS = {"account.currency": "EUR", "account.mrr_minor": 900}


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with a_house(database_url, CALL, ALSO, MAIL) as made:
        yield made


async def fire(house: House, *accounts: str, day: int = 0, **others: Any) -> None:
    """All these fall low on a day."""
    assessed = an_assessment(1, MONDAY + day * DAY, {**LOW, **PAYS}, **{"score": 3000, "band": "red", **others})
    await house.floor.take(*((account, assessed) for account in accounts))


async def later(house: House, account: str, rev: int, day: int, facts: dict[str, Any], **others: Any) -> None:
    await house.floor.take((account, an_assessment(rev, MONDAY + day * DAY, {**PAYS, **facts}, **others)))


def renewed(before: int, after: int) -> dict[str, Any]:
    return {
        **LOW,
        "contract.renewed_at": DUE,
        "contract.renewed_from_minor": before,
        "contract.renewed_minor": after,
    }


async def effect(house: House, id: str = "call", day: int = 200) -> Any:
    house.clock.move(MONDAY + day * DAY - house.clock.now())
    return await house.get(f"playbooks/{id}/effect")


async def test_it_tells_how_episodes_ended_and_what_their_tasks_came_to(house: House) -> None:
    await fire(house, "a", "b", "c", "d")
    tasks = {one["account"]: one["id"] for one in (await house.get("tasks"))["items"]}
    await house.post(f"tasks/{tasks['a']}/done")
    await house.post(f"tasks/{tasks['b']}/false_alarm")
    await later(house, "c", 2, 1, HIGH)
    told = await effect(house)
    assert told["title"] == "Call"
    ends = ("fired", "running", "over_by_itself", "false_alarm")
    assert {name: told["episodes"][name] for name in ends} == {
        "fired": 4,
        "running": 2,
        "over_by_itself": 1,
        "false_alarm": 1,
    }
    assert told["first_touch"] == {"n": 2, "median_seconds": None, "p90_seconds": None}
    assert any("counts alone" in one or "biased" in one for one in told["words"])


async def test_revenue_that_was_kept_is_shared_by_the_playbooks_that_helped_to_the_last_cent(house: House) -> None:
    await fire(house, "a")
    (task,) = (await house.get("tasks"))["items"]
    await house.post(f"tasks/{task['id']}/take")
    await later(house, "a", 2, 60, renewed(901, 1000))
    kept = [(await effect(house, id))["kept"] for id in ("call", "also")]
    assert sorted(one["amount_minor"] for (one,) in kept) == [450, 451]
    assert {one["currency"] for (one,) in kept} == {"EUR"}
    # Somebody's word of what it brings since counts, too.
    await later(house, "a", 3, 61, renewed(901, 800))
    kept = [(await effect(house, id))["kept"] for id in ("call", "also")]
    assert [one["amount_minor"] for (one,) in kept] == [400, 400]
    lines = {one["playbook"]: one for one in (await house.get("effect"))["items"]}
    assert lines["call"]["kept"] == [{"currency": "EUR", "amount_minor": 400, "renewals": 1}]


async def test_nothing_was_kept_that_nobody_touched_or_that_was_well(house: House) -> None:
    await fire(house, "a")
    await fire(house, "b", band="green", score=8000)
    tasks = {one["account"]: one["id"] for one in (await house.get("tasks"))["items"]}
    await house.post(f"tasks/{tasks['b']}/take")
    for account in "ab":
        await later(house, account, 2, 60, renewed(900, 900))
    assert (await effect(house))["kept"] == []


async def test_scores_after_are_compared_with_those_that_nobody_touched(house: House) -> None:
    touched, others = [f"t{n}" for n in range(12)], [f"o{n}" for n in range(5)]
    await fire(house, *touched)
    quiet = an_assessment(1, MONDAY, {**HIGH, **PAYS}, score=3200, band="red")
    await house.floor.take(*((account, quiet) for account in others))
    for task in (await house.get("tasks", limit=100))["items"]:
        await house.post(f"tasks/{task['id']}/take")
    for account in touched:
        await later(house, account, 2, 20, LOW, score=4000, band="red")
    for account in others:
        await later(house, account, 2, 20, HIGH, score=3500, band="red")
    thirty, ninety = (await effect(house, day=60))["score"]
    assert (thirty["n"], thirty["alike"], thirty["moved"]["value"], thirty["others"]) == (12, 5, 10, 3)
    assert thirty["difference"]["value"] == 7
    assert thirty["biased"] is True
    assert (ninety["n"], ninety["waiting"], ninety["difference"]) == (0, 12, None)
    words = " ".join((await effect(house, day=60))["words"])
    assert "biased" in words
    assert "12 firings the 90 days after are not over" in words


async def test_who_is_held_out_hears_nothing_and_is_compared(house: House) -> None:
    accounts = [f"a{n}" for n in range(60)]
    await fire(house, *accounts)
    mails = [one for one in await house.floor.sent() if one.kind == "message"]
    reached = {one.account.id for one in mails}
    episodes = (await house.get("episodes", playbook="mail", limit=100))["items"]
    assert {one["account"] for one in episodes if not one["held_out"]} == reached
    assert 15 < len(reached) < 45
    for account in accounts:
        await later(house, account, 2, 20, LOW, score=5000 if account in reached else 3000, band="red")
    told = await effect(house, "mail")
    assert told["episodes"]["fired"] == len(reached)
    assert told["episodes"]["held_out"] == 60 - len(reached)
    held = told["holdout"]
    assert (held["reached"]["accounts"], held["held_out"]["accounts"]) == (len(reached), 60 - len(reached))
    assert held["score"]["30"]["value"] == 20
    assert "honest" in " ".join(told["words"])
    detail = await house.get(f"episodes/{next(one['id'] for one in episodes if one['held_out'])}")
    assert "held out: would write to champion by the template tips" in [one["note"] for one in detail["history"]]


async def test_a_time_is_asked_for_and_what_is_not_there_is_said(house: House) -> None:
    await fire(house, "a")
    await fire(house, "b", day=40)
    house.clock.move(100 * DAY)
    since = (MONDAY + 30 * DAY).isoformat()
    assert (await house.get("playbooks/call/effect", **{"from": since}))["episodes"]["fired"] == 1
    assert (await house.http.get("/v1/playbooks/nothing/effect")).status_code == 404
    wrong = await house.http.get("/v1/playbooks/call/effect", params={"from": since, "to": MONDAY.isoformat()})
    assert (wrong.status_code, wrong.json()["code"]) == (400, "invalid_request")
