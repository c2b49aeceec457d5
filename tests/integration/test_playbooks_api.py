"""What people do with playbooks over HTTP: read the lists, and make their moves."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime

import pytest

from services.playbooks import queries
from shared.messages.assessments import Cause
from tests.support.house import House, a_house
from tests.support.playbooks import DAY, HIGH, HOUR, LOW, MONDAY, an_answer, an_assessment

STALLED = "id: stalled\nwhen: usage.breadth < 40 %\nsteps: [{task: 'Call {{ account.name }}', due: 1d}]"
GROW = "id: grow\nurgent: true\nwhen: usage.active_share >= 90 %\nsteps: [{flag: More seats}]"


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with a_house(database_url, STALLED, GROW) as made:
        yield made


async def test_a_task_is_listed_with_why_and_for_whom_and_closed_with_what_came_of_it(house: House) -> None:
    await house.floor.assess(1, MONDAY, LOW)
    task = await house.one("tasks", assignee="owner@example.com", state="open")
    assert (task["title"], task["assignee_name"], task["account_name"]) == ("Call Northwind", "Owner", "Northwind")
    assert (task["why"], task["assigned_because"]) == (["usage breadth is 25 %, under 40 %"], "owner of the account")
    answer = await house.post(f"tasks/{task['id']}/done", {"note": "They were on holiday."})
    closed = answer.json()
    assert (closed["state"], closed["note"], closed["closed_by"]) == ("done", "They were on holiday.", "admin")
    assert house.woken
    episode = await house.one("episodes", account="northwind")
    assert episode["state"] == "active"
    detail = await house.get(f"episodes/{episode['id']}")
    assert [(move["note"], move["actor"]) for move in detail["history"]][-1] == ("a task was closed: done", "admin")
    assert (await house.get("people"))["items"][2]["open"]["task"] == 0


async def test_a_move_made_twice_is_made_once_and_one_that_makes_no_sense_is_refused(house: House) -> None:
    await house.floor.assess(1, MONDAY, LOW)
    task = await house.one("tasks")
    first, second = [await house.post(f"tasks/{task['id']}/no_result") for _ in range(2)]
    assert first.json() == second.json()
    refused = await house.post(f"tasks/{task['id']}/done")
    assert refused.status_code == 409
    assert refused.json()["message"] == (
        "The task is no result, by admin at Mon 2 Mar 2026, 11:00 UTC; it can't be done now."
    )
    assert (await house.post("tasks/nothing/done")).status_code == 404
    assert (await house.post(f"alerts/{task['id']}/acknowledge")).status_code == 404
    assert (await house.post(f"tasks/{task['id']}/forgotten")).status_code == 404


async def test_what_is_on_a_list_can_be_read_with_all_that_happened_to_it(house: House) -> None:
    await house.floor.assess(1, MONDAY, {**LOW, "usage.active_share": 95})
    for name in ("tasks", "flags", "episodes"):
        for listed in (await house.get(name))["items"]:
            detail = await house.get(f"{name}/{listed['id']}")
            assert {key: value for key, value in detail.items() if key != "history"} == listed
            assert [move["before"] for move in detail["history"]] == ["idle" if name == "episodes" else None]
    task = await house.one("tasks")
    await house.post(f"tasks/{task['id']}/done", {"note": "Called."})
    detail = await house.get(f"tasks/{task['id']}")
    assert [(move["after"], move["note"], move["actor"]) for move in detail["history"]] == [
        ("open", "owner of the account", "keepwell"),
        ("done", "Called.", "admin"),
    ]
    for path in (f"alerts/{task['id']}", "tasks/nothing", "episodes/nothing"):
        missing = await house.http.get(f"/v1/{path}")
        assert (missing.status_code, missing.json()["code"]) == (404, "not_found")


async def test_a_false_alarm_ends_the_episode_and_is_not_asked_again(house: House) -> None:
    await house.floor.assess(1, MONDAY, LOW)
    await house.post(f"tasks/{(await house.one('tasks'))['id']}/false_alarm")
    assert (await house.one("episodes"))["state"] == "over"
    assert await house.floor.assess(2, MONDAY + DAY, LOW) == []
    achieved = {one["id"]: one["achieved"] for one in (await house.get("playbooks"))["items"]}
    assert achieved["stalled"]["tasks"] == {"false_alarm": 1}


async def test_a_task_changes_hands(house: House) -> None:
    await house.floor.assess(1, MONDAY, LOW)
    task = await house.one("tasks")
    moved = (await house.post(f"tasks/{task['id']}/reassign", {"to": "east"})).json()
    assert (moved["assignee"], moved["assignee_name"], moved["assigned_because"]) == (
        "east",
        "East",
        "reassigned by admin",
    )
    assert [load["open"]["task"] for load in (await house.get("people"))["items"]] == [1, 0, 0]
    assert len(await house.floor.sent()) == 2


async def test_a_task_goes_to_nobody_who_is_not_there(house: House) -> None:
    await house.floor.assess(1, MONDAY, LOW)
    task = await house.one("tasks")
    refused = await house.post(f"tasks/{task['id']}/reassign", {"to": "bob"})
    assert refused.status_code == 409
    assert "nobody called 'bob'" in refused.json()["message"]
    outside = await house.post(f"tasks/{task['id']}/reassign", {"to": "bob@example.com"})
    assert outside.json()["assignee"] == "bob@example.com"


async def test_a_flag_is_won_with_its_amount(house: House) -> None:
    await house.floor.assess(1, MONDAY, {"usage.active_share": 95})
    flag = await house.one("flags")
    assert (await house.post(f"flags/{flag['id']}/accept")).json()["state"] == "accepted"
    half = await house.post(f"flags/{flag['id']}/won", {"amount_minor": 90_000})
    assert half.status_code == 400
    won = (await house.post(f"flags/{flag['id']}/won", {"amount_minor": 90_000, "currency": "EUR"})).json()
    assert (won["state"], won["amount_minor"], won["currency"]) == ("won", 90_000, "EUR")
    achieved = {one["id"]: one["achieved"] for one in (await house.get("playbooks"))["items"]}
    assert achieved["grow"]["won"] == [{"currency": "EUR", "amount_minor": 90_000}]


async def test_a_move_made_again_with_more_to_say_says_it(house: House) -> None:
    await house.floor.assess(1, MONDAY, {"usage.active_share": 95, **LOW})
    flag, task = await house.one("flags"), await house.one("tasks")
    assert (await house.post(f"flags/{flag['id']}/won")).json()["amount_minor"] is None
    said = {"amount_minor": 90_000, "currency": "EUR"}
    won = [(await house.post(f"flags/{flag['id']}/won", said)).json() for _ in range(2)]
    assert [(one["state"], one["amount_minor"], one["currency"]) for one in won] == [("won", 90_000, "EUR")] * 2
    await house.post(f"tasks/{task['id']}/done", {"note": "Called."})
    noted = (await house.post(f"tasks/{task['id']}/done", {"note": "Called, they will pay."})).json()
    assert (noted["note"], noted["state"]) == ("Called, they will pay.", "done")
    assert (await house.post(f"tasks/{task['id']}/done")).json()["note"] == "Called, they will pay."
    moves = await house.floor.rows(f"SELECT after FROM moves WHERE subject = '{task['id']}' ORDER BY id")
    assert [move.after for move in moves] == ["open", "done", "done"]
    assert [load["open"]["task"] for load in (await house.get("people"))["items"]] == [0, 0, 0]


async def test_a_field_that_is_misspelled_is_refused_and_nothing_is_moved(house: House) -> None:
    await house.floor.assess(1, MONDAY, LOW)
    task = await house.one("tasks")
    refused = await house.post(f"tasks/{task['id']}/done", {"notte": "Called."})
    assert refused.status_code == 400
    assert refused.json()["message"] == "The request can't be used: body.notte: there is no such field."
    assert (await house.one("tasks"))["state"] == "open"


async def test_an_alert_is_acknowledged_or_snoozed(database_url: str) -> None:
    async with a_house(database_url) as house:
        await house.floor.assess(1, MONDAY, {}, cause=an_answer(3, MONDAY))
        alert = await house.one("alerts", account="northwind")
        snoozed = (await house.post(f"alerts/{alert['id']}/snooze", {"until": "2026-03-02T12:00:00Z"})).json()
        assert (snoozed["state"], snoozed["snoozed_until"]) == ("snoozed", "2026-03-02T12:00:00Z")
        longer = {"until": "2026-03-04T12:00:00Z"}
        for said in (longer, longer, None):
            snoozed = (await house.post(f"alerts/{alert['id']}/snooze", said)).json()
            assert (snoozed["state"], snoozed["snoozed_until"]) == ("snoozed", "2026-03-04T12:00:00Z")
        assert len(await house.floor.rows("SELECT 1 FROM moves WHERE after = 'snoozed'")) == 2
        for until in ("2026-12-31T00:00:00Z", "2026-03-01T12:00:00Z"):
            refused = await house.post(f"alerts/{alert['id']}/snooze", {"until": until})
            assert (refused.status_code, refused.json()["message"]) == (
                400,
                "`until` must lie ahead, by 90 days at most.",
            )
        assert (await house.post(f"alerts/{alert['id']}/acknowledge")).json()["state"] == "acknowledged"


async def test_what_was_found_is_started_by_hand(house: House) -> None:
    await house.floor.assess(1, MONDAY, LOW, cause=Cause(kind="history"), found_in="import-1")
    found = await house.one("episodes", state="found")
    assert (found["account_name"], found["playbook_title"], found["found_in"]) == ("Northwind", "Stalled", "import-1")
    started = await house.post(f"episodes/{found['id']}/start")
    assert (started.status_code, started.json()["state"]) == (200, "active")
    assert (await house.one("tasks"))["title"] == "Call Northwind"
    again = await house.post(f"episodes/{found['id']}/start")
    assert again.json()["message"] == "Only a found episode can be started; this one is active."


async def test_lists_are_paged_newest_first(house: House) -> None:
    for number in range(5):
        assessed = an_assessment(1, MONDAY + number * HOUR, {**LOW, "account.name": f"No. {number}"})
        await house.floor.take((f"account-{number}", assessed))
    page = await house.get("tasks", limit=2)
    names = [task["account_name"] for task in page["items"]]
    while page["next_cursor"]:
        page = await house.get("tasks", limit=2, cursor=page["next_cursor"])
        names += [task["account_name"] for task in page["items"]]
    assert names == ["No. 4", "No. 3", "No. 2", "No. 1", "No. 0"]
    assert len((await house.get("episodes", limit=3))["items"]) == 3


async def test_reading_needs_a_key_and_the_document_is_true(house: House) -> None:
    assert (await house.http.get("/v1/tasks", headers={"authorization": ""})).status_code == 401
    document = (await house.http.get("/openapi.json")).json()
    assert "/v1/tasks/{id}/reassign" in document["paths"]
    assert (await house.get("playbooks/schema"))["title"] == "Keepwell playbook"


async def test_people_and_the_worker_move_the_same_things_at_once(house: House) -> None:
    """Tasks are closed and change hands while their conditions end: no deadlock, and every move counts."""
    accounts = [f"account-{number}" for number in range(12)]
    await house.floor.take(*((account, an_assessment(1, MONDAY, LOW)) for account in accounts))
    tasks = [task["id"] for task in (await house.get("tasks"))["items"]]

    async def the_worker() -> None:
        for rev, facts in enumerate((HIGH, LOW), start=2):
            at = MONDAY + rev * HOUR
            await house.floor.take(*((account, an_assessment(rev, at, facts)) for account in accounts))

    moves = [house.post(f"tasks/{id}/reassign", {"to": "east"}) for id in tasks[::2]]
    moves += [house.post(f"tasks/{id}/done") for id in tasks]
    answers = await asyncio.gather(the_worker(), *moves)
    assert {answer.status_code for answer in answers if answer is not None} <= {200, 409}
    listed = (await house.get("tasks", limit=100))["items"]
    still_open = [task["assignee"] for task in listed if task["state"] == "open"]
    assert len(listed) == 24
    assert len(still_open) == 12
    loads = {load["id"]: load["open"]["task"] for load in (await house.get("people"))["items"]}
    assert loads == {"own": still_open.count("own"), "east": still_open.count("east"), "lead": 0}


async def test_facts_are_listed_with_what_the_accounts_have(house: House) -> None:
    for number, (plan, seats) in enumerate((("pro", 5), ("free", 9), ("pro", 40))):
        facts = {"account.plan": plan, "account.seats": seats, "account.signed_at": "2026-01-01T00:00:00Z"}
        await house.floor.take((f"account-{number}", an_assessment(1, MONDAY, facts)))
    plan, seats = [await house.one("facts", prefix=f"account.{name}") for name in ("plan", "seats")]
    assert (plan["type"], plan["example"], plan["seen"]["looked_at"]) == ("text", "account.plan == pro", 3)
    assert plan["seen"]["values"] == [{"value": "pro", "accounts": 2}, {"value": "free", "accounts": 1}]
    assert [seats["seen"][name] for name in ("minimum", "median", "maximum")] == [5, 9, 40]
    assert (seats["unit"], seats["example"]) == ("seats", "account.seats >= 10 seats")
    silence = await house.one("facts", prefix="usage.silence")
    assert (silence["lowest"], silence["highest"], silence["seen"]["accounts"]) == (0, 65, 0)
    signed = await house.one("facts", prefix="account.signed_at")
    assert signed["seen"]["median"] == "2026-01-01T00:00:00Z"

    names, cursor = list[str](), None
    while cursor != "":
        page = await house.get("facts", limit=40, **({"cursor": cursor} if cursor else {}))
        names += [one["name"] for one in page["items"]]
        cursor = page["next_cursor"] or ""
    assert len(names) == len(set(names)) > 100
    assert [one["name"] for one in (await house.get("facts", prefix="event.sc", event="feedback.nps"))["items"]] == [
        "event.score"
    ]
    answer = await house.http.get("/v1/facts", params={"event": "feedback.nsp"})
    assert (answer.status_code, "Did you mean `feedback.nps`?" in answer.json()["message"]) == (400, True)


async def test_what_no_account_has_is_a_warning_of_the_playbook_that_asks_for_it(
    database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    asks = "id: asks\nwhen: account.plan == Pro\nsteps: [{alert: Hi}]"
    async with a_house(database_url, asks) as house:
        await house.floor.assess(1, MONDAY, {"account.plan": "pro"})
        said = "line 2, column 7: None of the 1 accounts looked at has `Pro` for `account.plan`. Did you mean `pro`?"
        warn = queries.warn_once(lambda: house.floor.rules)
        for _ in range(2):
            async with house.floor.uow.begin() as c:
                await warn(c, MONDAY)
        assert caplog.messages == [f"Playbook asks, {said}"]


async def test_what_lies_with_nobody_is_listed_and_people_with_what_they_have(house: House) -> None:
    await house.floor.assess(1, MONDAY, LOW)
    await house.floor.take(("adrift", an_assessment(1, MONDAY, {**LOW, "account.owner": "Ana Unlisted"})))
    adrift = await house.one("tasks", last_resort=True)
    assert (adrift["account"], adrift["assignee"]) == ("adrift", None)
    assert adrift["passed_over"] == ["the owner 'Ana Unlisted' is not in the directory"]
    assert (await house.one("tasks", last_resort=False))["account"] == "northwind"
    own = next(one for one in (await house.get("people"))["items"] if one["id"] == "own")
    assert (own["open"], own["reachable"], own["full"]) == ({"alert": 0, "task": 1, "flag": 0}, True, False)
    assert (own["accounts"], own["warning"]) == ({"high_touch": 0, "low_touch": 1, "self": 0}, None)


async def test_a_move_of_what_has_moved_meanwhile_is_refused(house: House) -> None:
    await house.floor.assess(1, MONDAY, LOW)
    task = await house.one("tasks")
    path = f"/v1/tasks/{task['id']}"
    read = (await house.http.get(path)).headers["etag"]
    taken = await house.http.post(f"{path}/take", headers={"if-match": read})
    assert (taken.status_code, taken.headers["etag"] != read) == (200, True)
    stale = await house.http.post(f"{path}/done", headers={"if-match": read})
    assert (stale.status_code, stale.json()["code"]) == (412, "stale")
    several = [("if-match", read), ("if-match", f"W/{read}, {taken.headers['etag']}")]
    assert (await house.http.post(f"{path}/comment", headers=several, json={"note": "x"})).status_code == 200
    later = (await house.post(f"tasks/{task['id']}/due", {"due_at": (MONDAY + 9 * DAY).isoformat()})).json()
    assert datetime.fromisoformat(later["due_at"]) == MONDAY + 9 * DAY
    await house.post(f"tasks/{task['id']}/done")
    assert (await house.post(f"tasks/{task['id']}/reopen")).json()["state"] == "open"
