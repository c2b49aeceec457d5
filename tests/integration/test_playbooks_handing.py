"""What a lead does over HTTP: sees who has how much and who is away, and gives somebody's book to a colleague."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.house import House, a_house
from tests.support.playbooks import DAY, HOUR, LOW, MONDAY, an_assessment

PEOPLE = """
time_zone: Europe/Berlin
teams: [{id: east, name: East, lead: lee}]
csms:
  - {id: ana, name: Ana, email: ana@example.com, team: east, capacity: 4, deputy: ben,
     away: [{from: 2026-03-20, to: 2026-03-27}]}
  - {id: ben, name: Ben, email: ben@example.com, team: east}
  - {id: lee, name: Lee, email: lee@example.com, manager: max}
  - {id: max, name: Max, email: max@example.com, away: [{from: 2026-03-01, to: 2026-03-05}], left: 2026-06-01}
"""
CALL = "id: few\nwhen: usage.breadth < 40 %\nsteps: [{task: 'Call {{ account.name }}', due: 6h}]"


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with a_house(database_url, CALL, people=PEOPLE) as made:
        yield made


def owned(account: str, minor: int, currency: str = "EUR") -> tuple[str, Any]:
    worth = {"account.mrr_minor": minor, "account.currency": currency}
    facts = {"account.owner": "ana@example.com", "account.name": account, **worth, **LOW}
    return account, an_assessment(1, MONDAY, facts)


async def test_a_lead_sees_who_has_how_much_and_who_is_away(house: House) -> None:
    await house.floor.take(owned("acme", 100_00), owned("bolt", 250_00), owned("cove", 99_00, "USD"))
    acme, *_ = (await house.get("tasks", account="acme"))["items"]
    await house.post(f"tasks/{acme['id']}/snooze")
    team = (await house.get("people", team="east"))["items"]
    assert [one["id"] for one in team] == ["ana", "ben", "lee"]
    ana = team[0]
    shown = {name: ana[name] for name in ("open", "overdue", "due_today", "snoozed", "capacity", "share", "full")}
    assert shown == {
        "open": {"alert": 0, "task": 3, "flag": 0},
        **{"overdue": 0, "due_today": 2, "snoozed": 1, "capacity": 4, "share": 75, "full": False},
    }
    assert sum(ana["accounts"].values()) == 3
    assert ana["mrr"] == [{"currency": "EUR", "amount_minor": 350_00}, {"currency": "USD", "amount_minor": 99_00}]
    assert (ana["manager"], ana["deputy"], ana["teams"]) == (
        "lee",
        "ben",
        [{"id": "east", "name": "East", "lead": "lee"}],
    )
    assert (ana["away_until"], ana["next_away"]) == (None, {"from": "2026-03-20", "to": "2026-03-27"})
    assert await house.get("people/ANA@example.com") == ana
    assert [one["id"] for one in (await house.get("people", manager="max"))["items"]] == ["ana", "ben", "lee"]
    top = await house.get("people/max")
    assert (top["away_until"], top["left"], top["next_away"]) == ("2026-03-05", "2026-06-01", None)


async def test_who_is_not_there_is_told_by_the_nearest_name(house: House) -> None:
    for path, status, said in (
        ("people?team=eats", 400, "There is no team 'eats' in the directory. Did you mean `east`?"),
        ("people?manager=maxx", 400, "There is nobody 'maxx' in the directory. Did you mean `max`?"),
        ("people/anna", 404, "There is nobody 'anna' in the directory. Did you mean `ana`?"),
    ):
        answer = await house.http.get(f"/v1/{path}")
        assert (answer.status_code, answer.json()["message"]) == (status, said)


async def test_a_book_goes_to_a_colleague_and_is_told_once(house: House) -> None:
    accounts = [f"a-{n}" for n in range(7)]
    await house.floor.take(*(owned(one, 100) for one in accounts))
    some = await house.post("people/ana/hand-over", {"to": "ben", "accounts": ["a-3", "nowhere"], "reason": "a favour"})
    assert some.json() == {"moved": 1, "accounts": 1, "accounts_left": 0, "warning": None}
    house.clock.move(HOUR)
    rest = await house.post("people/ana@example.com/hand-over", {"to": "Ben", "all": True, "reason": "she leaves"})
    assert (rest.json()["moved"], rest.json()["accounts"]) == (6, 6)
    assert {one["assignee"] for one in (await house.get("tasks", limit=50))["items"]} == {"ben"}
    last = (await house.get(f"tasks/{(await house.get('tasks', account='a-0'))['items'][0]['id']}"))["history"][-1]
    assert (last["note"], last["actor"]) == ("handed over by admin: she leaves, to Ben", "admin")
    told = await house.floor.pass_until(MONDAY + 3 * HOUR)
    lists = [one for one in told if one.kind == "digest"]
    assert [(one.recipient and one.recipient.id, len(one.found), one.title) for one in lists] == [
        ("lee", 1, "1 piece of work of Ana moved: handed over by admin: a favour"),
        ("lee", 6, "6 pieces of work of Ana moved: handed over by admin: she leaves"),
    ]
    loads = {row.csm_id: row.open_tasks for row in await house.floor.rows("SELECT csm_id, open_tasks FROM csm_load")}
    assert (loads["ana"], loads["ben"]) == (0, 7)
    again = await house.post("people/ana/hand-over", {"to": "ben", "all": True})
    assert again.json()["moved"] == 0


async def test_a_hand_over_that_makes_no_sense_is_refused(house: House) -> None:
    refused: list[tuple[str, dict[str, Any], int, str]] = [
        ("ana", {"to": "bem", "all": True}, 400, "There is nobody 'bem' in the directory. Did you mean `ben`?"),
        ("ana", {"to": "ana", "all": True}, 400, "It is Ana's already."),
        ("ana", {"to": "ben"}, 400, "Say `all: true`, or which `accounts`."),
        ("nobody", {"to": "ben", "all": True}, 404, "There is nobody 'nobody' in the directory."),
    ]
    for who, body, status, said in refused:
        answer = await house.post(f"people/{who}/hand-over", body)
        assert answer.status_code == status
        assert said in answer.json()["message"]


async def test_what_is_given_to_who_is_away_says_so(house: House) -> None:
    await house.floor.take(owned("acme", 100))
    answer = await house.post("people/ana/hand-over", {"to": "max", "all": True})
    assert (answer.json()["moved"], answer.json()["warning"]) == (1, "Max is away until 5 Mar 2026.")
    await house.floor.pass_until(MONDAY + DAY)
