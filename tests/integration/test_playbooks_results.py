"""What people's work came to, over HTTP: for themselves, for who leads them, and for nobody else."""

from collections.abc import AsyncIterator

import pytest

from tests.support.house import House, a_house
from tests.support.playbooks import DAY, HOUR, LOW, MONDAY, an_assessment

CALL = "id: call\nurgent: true\nwhen: usage.breadth < 40 %\nsteps: [{task: 'Call', due: 1d, severity: high}]"


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with a_house(database_url, CALL) as made:
        yield made


async def fire(house: House, *accounts: str) -> dict[str, str]:
    """All these fall low, red; returns each one's task."""
    facts = {**LOW, "account.currency": "EUR", "account.mrr_minor": 900}
    await house.floor.take(*((one, an_assessment(1, MONDAY, facts, score=3000, band="red")) for one in accounts))
    return {one["account"]: one["id"] for one in (await house.get("tasks", limit=100))["items"]}


async def test_somebodys_work_is_counted_with_their_book_and_what_they_kept(house: House) -> None:
    tasks = await fire(house, *(f"a{n}" for n in range(12)))
    key = {"authorization": await house.key_of("owner@example.com")}
    for n, account in enumerate(tasks):
        move = "done" if n < 9 else "no_result" if n < 10 else "false_alarm" if n < 11 else "take"
        answer = await house.http.post(f"/v1/tasks/{tasks[account]}/{move}", headers=key)
        assert answer.status_code == 200, answer.text
    renewed = {"contract.renewed_at": "2026-04-30T00:00:00Z", "contract.renewed_from_minor": 900}
    facts = {**LOW, "account.currency": "EUR", "account.mrr_minor": 900, **renewed, "contract.renewed_minor": 800}
    (last,) = [account for n, account in enumerate(tasks) if n == 11]
    await house.floor.take((last, an_assessment(2, MONDAY + 59 * DAY, facts)))
    house.clock.move(100 * DAY)
    told = (await house.http.get("/v1/people/own/results", headers=key)).json()
    assert (told["accounts"], told["mrr"]) == (12, [{"currency": "EUR", "amount_minor": 10_800}])
    assert (told["open"]["task"], told["overdue"]) == (1, 1)
    assert told["closed"] == {"task": {"done": 9, "no_result": 1, "false_alarm": 1}}
    assert told["false_alarms"] == {"n": 1, "of": 11, "percent": pytest.approx(100 / 11)}
    hour = {"n": 12, "median_seconds": 3600, "p90_seconds": 3600}
    assert told["first_touch"] == {"clock": hour, "working": hour}
    assert told["urgent"]["clock"] == hour
    assert told["kept"] == [{"currency": "EUR", "amount_minor": 800, "renewals": 1}]


async def test_results_are_read_by_whom_they_are_of_and_who_leads_them(house: House) -> None:
    own, lead, east = [
        {"authorization": await house.key_of(f"{name}@example.com")} for name in ("owner", "lead", "east")
    ]

    async def asked(path: str, key: dict[str, str] | None = None) -> int:
        return (await house.http.get(f"/v1/people/{path}", headers=key)).status_code

    assert [await asked("own/results", key) for key in (own, lead, None)] == [200, 200, 200]
    assert [await asked(f"{who}/results", east) for who in ("own", "lead", "nobody")] == [403, 403, 403]
    assert [await asked(f"{who}/results", own) for who in ("east", "lead")] == [403, 403]
    assert await asked("nobody/results") == 404
    refused = await house.http.get("/v1/people/own/results", headers=east)
    assert refused.json()["message"].startswith("Results are for whoever they are of, and for who leads them.")
    assert [await asked("results?manager=lead", key) for key in (lead, own, None)] == [200, 403, 200]


async def test_a_lead_reads_the_whole_team(house: House) -> None:
    tasks = await fire(house, "a", "b")
    await house.post(f"tasks/{tasks['a']}/done")
    house.clock.move(HOUR)
    told = await house.get("people/results", manager="lead")
    assert [one["id"] for one in told["items"]] == ["own"]
    assert told["total"]["closed"] == {"task": {"done": 1}}
    assert told["total"]["open"]["task"] == 1
    # Of one nothing can be said but that.
    assert told["total"]["first_touch"]["clock"] == {"n": 1, "median_seconds": None, "p90_seconds": None}
    assert told["total"]["words"] == ["Under 10 there are counts alone: one more could turn any figure round."]
