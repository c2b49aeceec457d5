"""A playbook tried over HTTP before it is switched on, and asked why it has not fired; nothing is written meanwhile."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.support.house import House, a_house
from tests.support.playbooks import DAY, HIGH, HOUR, LOW, MONDAY, an_assessment

STALLED = """
id: stalled
for_accounts: account.plan != free
when: usage.breadth < 40 %
steps:
  - {task: 'Call {{ account.name }}', due: 2 business days}
  - {after: 3d, unless: task.done, alert: Nobody called, assign: [manager]}
"""
CALL = "id: call\non_event: feedback.nps\nwhen: event.score <= 6\nsteps: [{task: Call}]"
PRO = {"account.plan": "pro", "account.owner": "owner@example.com"}


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with a_house(database_url, STALLED, CALL) as made:
        yield made


async def tried(house: House, path: str, body: Any = None, **query: str) -> dict[str, Any]:
    """What comes of a trial."""
    began = await asked(house, path, body, **query)
    assert began.status_code == 202, began.text
    await house.trying.ended()
    job = await house.get(f"jobs/{began.json()['job']}")
    assert (job["state"], job["failure"]) == ("done", None), job
    assert job["progress"]["done"] == job["progress"]["total"]
    return dict(job["result"])


async def asked(house: House, path: str, body: Any = None, **query: str) -> httpx.Response:
    content = {"json": body} if isinstance(body, dict) else {"content": body}
    return await house.http.post(f"/v1/playbooks/{path}", params=query, **content)


async def _book(house: House) -> None:
    """Northwind holds, contoso doesn't, fabrikam isn't asked, and of tailspin nothing is known."""
    facts: dict[str, dict[str, Any]] = {
        "northwind": {**LOW, **PRO},
        "contoso": {**HIGH, **PRO},
        "fabrikam": {"account.plan": "free"},
    }
    facts["tailspin"] = PRO
    for account, more in facts.items():
        await house.floor.take((account, an_assessment(1, MONDAY, {"account.name": account.title(), **more})))


async def test_a_dry_run_tells_what_would_come_of_all_accounts_and_writes_nothing(house: House) -> None:
    await _book(house)
    before = await house.floor.rows("SELECT count(*) AS n FROM moves"), await house.floor.rows("SELECT * FROM items")
    draft = STALLED.replace("40 %", "50 %")
    found = await tried(house, "stalled/dry-run", draft)
    assert (found["accounts"], found["for_accounts"], found["now"], found["soon"]) == (4, 3, 1, 0)
    assert found["states"] == {"now": 1, "false": 1, "not_for_account": 1, "unknown": 1}
    assert found["unknown"] == [{"words": "usage breadth is unknown", "number": 1}]
    assert found["owners"] == [{"owner": "owner@example.com", "now": 1, "soon": 0}]
    assert [(one["id"], one["state"]) for one in found["shown"]] == [("northwind", "now")]
    assert "under 50 %" in found["shown"][0]["reasons"][0]
    assert found["people"] == [{"words": "Owner", "number": 1}]
    assert "found so" in found["words"][0]
    after = await house.floor.rows("SELECT count(*) AS n FROM moves"), await house.floor.rows("SELECT * FROM items")
    assert after == before


async def test_a_dry_run_of_one_account_tells_each_leaf_and_what_would_happen_when_to_whom(house: House) -> None:
    await _book(house)
    one = (await tried(house, "stalled/dry-run", account="northwind"))["account"]
    assert (one["state"], one["name"]) == ("now", "Northwind")
    assert [(leaf["text"], leaf["truth"]) for leaf in one["leaves"]] == [
        ("account.plan != free", "true"),
        ("usage.breadth < 40 %", "true"),
    ]
    first, second = one["steps"]
    assert (first["kind"], first["title"], first["to"]) == ("task", "Call Northwind", "Owner <owner@example.com>")
    assert first["because"] == "owner of the account"
    assert first["due_at"] is not None
    assert (second["to"], second["because"]) == ("Lead <lead@example.com>", "manager of the owner")
    assert "unless task.done" in second["when"]
    other = (await tried(house, "stalled/dry-run", {"account": "contoso"}))["account"]
    assert (other["state"], other["at"]) == ("false", None)
    assert "75 %" in other["words"]
    assert [step["title"] for step in other["steps"]] == ["Call Contoso", "Nobody called"]


async def test_what_is_no_playbook_no_account_or_no_draft_is_said(house: House) -> None:
    assert (await asked(house, "stalled/dry-run", account="nobody")).status_code == 404
    misspelt = await asked(house, "staled/dry-run")
    assert (misspelt.status_code, "stalled" in misspelt.text) == (404, True)
    other = await asked(house, "stalled/dry-run", CALL)
    assert (other.status_code, other.json()["code"]) == (422, "other_id")
    wrong = await asked(house, "stalled/dry-run", "id: stalled\nwhen: usage.breath < 40 %\nsteps: [{task: Call}]")
    assert (wrong.status_code, wrong.json()["code"]) == (422, "document_refused")
    assert (await asked(house, "stalled/backtest", {"from": "yesterday"})).status_code == 400


async def test_why_a_playbook_has_not_fired_is_told_in_words(house: House) -> None:
    await _book(house)
    asked: dict[str, Any] = {
        account: await house.get("playbooks/stalled/why-not", account=account)
        for account in ("northwind", "contoso", "fabrikam", "tailspin")
    }
    assert {account: [one["code"] for one in found["reasons"]] for account, found in asked.items()} == {
        "northwind": ["open"],
        "contoso": ["when_false"],
        "fabrikam": ["not_for_account", "when_unknown"],
        "tailspin": ["when_unknown"],
    }
    task = await house.one("tasks")
    assert asked["northwind"]["reasons"][0]["items"] == [task["id"]]
    assert "usage breadth is 75 %" in asked["contoso"]["words"]
    assert (await house.http.get("/v1/playbooks/stalled/why-not?account=nobody")).status_code == 404
    assert (await house.get("playbooks/call/why-not", account="contoso"))["reasons"][0]["code"] == "no_event"


async def test_a_mute_is_why_it_does_not_fire_and_a_pause_keeps_nobody_from_trying(house: House) -> None:
    await _book(house)
    assert (await house.post("playbooks/stalled/pause", {"reason": "a new team"})).status_code < 300
    until = (MONDAY + 9 * DAY).isoformat()
    muted = await house.http.put("/v1/accounts/contoso/mute", json={"until": until, "reason": "a fair"})
    assert muted.status_code < 300, muted.text
    reasons = (await house.get("playbooks/stalled/why-not", account="contoso"))["reasons"]
    assert [one["code"] for one in reasons][:2] == ["muted", "paused"]
    found = await tried(house, "stalled/dry-run")
    assert (found["states"]["muted"], found["states"]["now"]) == (1, 1), "as if it were not paused"


async def test_a_backtest_goes_through_the_recorded_days(house: House) -> None:
    start = MONDAY - 60 * DAY
    for rev, (day, facts) in enumerate([(0, HIGH), (10, LOW), (20, HIGH), (30, {**HIGH, "account.churned": True})], 1):
        await house.floor.assess(rev, start + day * DAY, {**PRO, **facts})
    found = await tried(house, "stalled/backtest", {"within_days": 25})
    assert (found["accounts"], found["firings"], found["fired_for"], found["found"]) == (1, 1, 1, 0)
    assert found["shown"][0]["day"] == (start + 10 * DAY).date().isoformat()
    assert found["recorded_from"] == start.date().isoformat()
    assert [(one["who"], one["messages"]) for one in found["people"]] == [("Lead", 1), ("Owner", 1)]
    warned = found["warned"]
    assert (warned["left"], warned["precision"]["number"], warned["recall"]["number"]) == (1, 1, 1)
    assert warned["precision"]["share"] is None
    assert any("too few" in one for one in found["words"])
    narrow = {"from": (start + 12 * DAY).date().isoformat(), "to": (start + 40 * DAY).date().isoformat()}
    assert (await tried(house, "stalled/backtest", narrow))["found"] == 1
    events = await asked(house, "call/backtest")
    assert (events.status_code, events.json()["code"]) == (422, "no_backtest")
    old = await asked(house, "stalled/backtest", {"from": "2020-01-01"})
    assert (old.status_code, "400 days" in old.text) == (400, True)


async def test_what_was_tried_is_forgotten_when_somebody_is_erased(house: House) -> None:
    await _book(house)
    began = await asked(house, "stalled/dry-run")
    await house.trying.ended()
    await house.floor.take(("contoso", an_assessment(2, MONDAY + HOUR, {}, gone="erased")))
    assert (await house.http.get(f"/v1/jobs/{began.json()['job']}")).status_code == 404
