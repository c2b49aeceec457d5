"""A day's work over HTTP: tasks by hand, lists, and two people who want the same."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.playbooks.files import read_people
from shared.messages.assessments import Cause
from tests.support.described import examples
from tests.support.house import PEOPLE, House, a_house
from tests.support.playbooks import DAY, HIGH, HOUR, LOW, MONDAY, an_assessment

STALLED = "id: stalled\nwhen: usage.breadth < 40 %\nmatter: usage\nsteps: [{task: 'Call {{ account.name }}', due: 1d}]"
DECK = {"account": "northwind", "title": "Send the deck", "priority": "high", "due": "2 business days"}


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with a_house(database_url, STALLED) as made:
        yield made


async def test_a_task_is_written_by_hand_once_however_often_it_is_sent(house: House) -> None:
    await house.floor.assess(1, MONDAY, HIGH)
    body = {**DECK, "checklist": ["Prices", "Ask Kim"], "note": "Kim asked."}
    answers = await asyncio.gather(*(house.post("tasks", body, idempotency_key="deck-1") for _ in range(3)))
    assert [answer.status_code for answer in answers] == [201, 201, 201]
    (task,) = {answer.json()["id"]: answer.json() for answer in answers}.values()
    assert (task["title"], task["assignee"], task["severity"], task["playbook"]) == ("Send the deck", "own", "high", "")
    assert [(point["number"], point["text"], point["done"]) for point in task["checklist"]] == [
        (1, "Prices", False),
        (2, "Ask Kim", False),
    ]
    (told,) = await house.floor.sent()
    assert (told.recipient and told.recipient.id, told.title, told.why) == (
        "own",
        "Send the deck",
        ["admin: Kim asked."],
    )
    assert house.woken
    for change in ({"title": "Something else"}, {"account": "southwind"}):
        other = await house.post("tasks", {**body, **change}, idempotency_key="deck-1")
        assert (other.status_code, other.json()["code"]) == (422, "key_reused")
    detail = await house.get(f"tasks/{task['id']}")
    assert [(row["before"], row["after"], row["actor"], row["note"]) for row in detail["history"]] == [
        (None, "open", "admin", "owner of the account. Kim asked.")
    ]
    assert (await house.get("people"))["items"][2]["open"]["task"] == 1


@pytest.mark.parametrize(
    ("wrong", "status", "words"),
    [
        ({"account": "nobody"}, 404, "Nothing was ever heard of an account 'nobody'"),
        ({"assignee": "bob"}, 409, "There is nobody called 'bob'"),
        ({"due": "soon"}, 400, "'soon' is no duration"),
        ({"due_at": "2026-03-05T12:00:00Z"}, 400, "give one of them"),
        ({"due": None, "due_at": "2020-03-05T12:00:00Z"}, 400, "`due_at` must lie ahead"),
        ({"due": "3000 business days"}, 409, "too far ahead"),
        ({"priority": "urgent"}, 400, "body.priority"),
        ({"matter": "weather"}, 400, "body.matter"),
        ({"titel": "Deck"}, 400, "there is no such field"),
    ],
)
async def test_a_task_that_makes_no_sense_is_refused_in_words(
    house: House, wrong: dict[str, Any], status: int, words: str
) -> None:
    await house.floor.assess(1, MONDAY, HIGH)
    answer = await house.post("tasks", {**DECK, **wrong})
    assert (answer.status_code, words in answer.json()["message"]) == (status, True), answer.text
    assert await house.floor.rows("SELECT 1 FROM items UNION ALL SELECT 1 FROM written") == []


async def test_of_two_who_move_what_they_both_read_one_is_told_that_it_has_moved(house: House) -> None:
    await house.floor.assess(1, MONDAY, LOW)
    path = f"/v1/tasks/{(await house.one('tasks'))['id']}"
    read = {"if-match": (await house.http.get(path)).headers["etag"]}
    moves = [house.http.post(f"{path}/{move}", headers=read) for move in ("done", "no_result")]
    first, second = sorted(await asyncio.gather(*moves), key=lambda answer: answer.status_code)
    assert (first.status_code, second.status_code, second.json()["code"]) == (200, 412, "stale")
    history = (await house.http.get(path)).json()["history"]
    assert [row["after"] for row in history] == ["open", first.json()["state"]]
    # Who did not read first hears who was before them.
    blind = await house.http.post(f"{path}/take")
    assert (blind.status_code, "by admin at Mon 2 Mar 2026, 11:00 UTC" in blind.json()["message"]) == (409, True)


async def test_of_two_people_who_take_a_task_at_once_one_has_it(house: House) -> None:
    await house.floor.assess(1, MONDAY, LOW)
    task = (await house.one("tasks"))["id"]
    who = [await house.key_of(csm) for csm in ("east", "lead")]
    answers = await asyncio.gather(*(house.post(f"tasks/{task}/take", authorization=key) for key in who))
    taken, refused = sorted(answers, key=lambda answer: answer.status_code)
    has_it = taken.json()["assignee_name"]
    assert (taken.status_code, refused.status_code) == (200, 409)
    assert refused.json()["message"] == f"{has_it} has taken it already. If they agree, have it reassigned."
    loads = {one["name"]: one["open"]["task"] for one in (await house.get("people"))["items"]}
    assert loads == {"Owner": 0, "East": 0, "Lead": 0, has_it: 1}


async def test_what_was_done_goes_to_the_timeline_once(house: House) -> None:
    await house.floor.assess(1, MONDAY, LOW)
    task = (await house.one("tasks"))["id"]
    done = {"interaction": "call", "contact_id": "kim", "note": "They train on Monday."}
    assert (await house.post(f"tasks/{task}/done", done)).status_code == 200
    (logged,) = await house.floor.staged_on("keepwell.events.accounts")
    assert (logged.type, logged.source, logged.id, logged.subject) == (
        "interaction.logged",
        "keepwell/playbooks",
        f"{task}-done",
        "northwind",
    )
    assert (await house.post(f"tasks/{task}/done", done)).status_code == 409
    assert (await house.post(f"tasks/{task}/done")).status_code == 200
    assert len(await house.floor.staged_on("keepwell.events.accounts")) == 1


async def test_lists_are_asked_by_whose_when_and_what(house: House) -> None:
    for number in range(4):
        facts = {**LOW, "account.owner": "owner@example.com" if number else "Ana Unlisted"}
        await house.floor.take((f"account-{number}", an_assessment(1, MONDAY + number * HOUR, facts)))
    await house.floor.assess(1, MONDAY, HIGH)
    for body in (DECK, {**DECK, "title": "Ask them", "due": None, "priority": "low", "assignee": "east"}):
        assert (await house.post("tasks", body)).status_code == 201

    async def listed(**asked: Any) -> list[str]:
        items = (await house.get("tasks", **asked))["items"]
        return [
            f"{one['account']}: {one['title']}" if one["account"] == "northwind" else one["account"] for one in items
        ]

    assert await listed(unassigned=True) == ["account-0"]
    assert await listed(by_hand=True) == ["northwind: Ask them", "northwind: Send the deck"]
    assert await listed(assignee="east@example.com") == ["northwind: Ask them"]
    assert await listed(severity=["high", "low"]) == ["northwind: Ask them", "northwind: Send the deck"]
    assert await listed(matter="usage", playbook="stalled") == ["account-3", "account-2", "account-1", "account-0"]
    assert await listed(opened_since=(MONDAY + 2 * HOUR).isoformat()) == ["account-3", "account-2"]
    assert await listed(due_before=(MONDAY + DAY + HOUR).isoformat()) == ["account-0"]
    house.clock.move(DAY + HOUR / 2)
    assert await listed(overdue=True) == ["account-1", "account-0"]
    assert "account-1" not in await listed(overdue=False)

    by_due = ["account-0", "account-1", "account-2", "account-3", "northwind: Send the deck", "northwind: Ask them"]
    assert await listed(sort="due") == by_due
    paged = list[str]()
    cursor: str | None = ""
    while cursor is not None:
        page = await house.get("tasks", sort="due", limit=1, **({"cursor": cursor} if cursor else {}))
        paged += [one["title"] for one in page["items"]]
        cursor = page["next_cursor"]
    assert (len(paged), paged[-2:]) == (6, ["Send the deck", "Ask them"])


async def test_many_are_moved_at_once_and_what_can_not_be_is_told(house: House) -> None:
    accounts = [f"account-{number}" for number in range(8)]
    await house.floor.take(*((account, an_assessment(1, MONDAY, LOW)) for account in accounts))
    ids = [one["id"] for one in (await house.get("tasks"))["items"]]
    assert (await house.post(f"tasks/{ids[0]}/no_result")).status_code == 200
    body = {"ids": [*ids[:3], "act_unknown"], "move": "done", "note": "Mailed.", "interaction": "email"}
    moved = (await house.post("tasks/bulk", body)).json()
    assert (moved["moved"], moved["more"]) == (2, False)
    assert [(one["id"], one["code"]) for one in moved["refused"]] == [
        ("act_unknown", "not_found"),
        (ids[0], "not_possible"),
    ]
    assert "no result, by admin" in moved["refused"][1]["message"]
    by_filter = {"filter": {"assignee": "owner@example.com"}, "move": "reassign", "to": "east"}
    came = (await house.post("tasks/bulk", by_filter)).json()
    assert came == {"moved": 5, "refused": [], "more": False, "next_cursor": None}
    loads = {one["id"]: one["open"]["task"] for one in (await house.get("people"))["items"]}
    assert loads == {"own": 0, "east": 5, "lead": 0}
    logged = await house.floor.staged_on("keepwell.events.accounts")
    assert sorted(event.type for event in logged) == ["interaction.logged"] * 2 + ["note.added"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"move": "done"}, "Say which by `ids` or by `filter`"),
        ({"filter": {}, "move": "done"}, "body.filter"),
        ({"filter": {"assignee": None}, "move": "done"}, "would move every task"),
        ({"filter": {"asignee": "own"}, "move": "done"}, "body.filter.asignee: there is no such field"),
        ({"filter": {"state": ["opne"]}, "move": "done"}, "body.filter.state.0"),
        ({"ids": ["a"], "move": "don"}, "A task has no move 'don'. Did you mean `done`?"),
        ({"ids": ["a"], "move": "done", "notte": "x"}, "body.notte: there is no such field"),
        ({"ids": ["a"], "move": "reassign"}, "body.to"),
        ({"ids": ["a"] * 501, "move": "done"}, "body.ids"),
    ],
)
async def test_a_bulk_move_that_makes_no_sense_moves_nothing(house: House, body: dict[str, Any], words: str) -> None:
    answer = await house.post("tasks/bulk", body)
    assert (answer.status_code, words in answer.json()["message"]) == (400, True), answer.text


async def test_what_was_found_is_let_be_by_hand_and_many_at_once(house: House) -> None:
    accounts = [f"account-{number}" for number in range(3)]
    found: dict[str, Any] = {"cause": Cause(kind="history"), "found_in": "import-1"}
    await house.floor.take(*((account, an_assessment(1, MONDAY, LOW, **found)) for account in accounts))
    ids = [one["id"] for one in (await house.get("episodes", state="found"))["items"]]
    let_be = await house.post(f"episodes/{ids[0]}/dismiss", {"note": "We know."})
    assert (let_be.json()["state"], let_be.json()["outcome"]) == ("over", "We know.")
    body = {"filter": {"state": "found", "playbook": "stalled"}, "move": "dismiss"}
    assert (await house.post("episodes/bulk", body)).json()["moved"] == 2
    # While it lasts nobody is asked about it; what comes again is news.
    await house.floor.take(*((account, an_assessment(2, MONDAY + DAY, LOW)) for account in accounts))
    assert (await house.get("tasks"))["items"] == []
    first = (await house.get(f"episodes/{ids[0]}"))["account"]
    await house.floor.take((first, an_assessment(3, MONDAY + 2 * DAY, HIGH)))
    await house.floor.take((first, an_assessment(4, MONDAY + 3 * DAY, LOW)))
    assert [one["account"] for one in (await house.get("tasks"))["items"]] == [first]
    again = await house.post(f"episodes/{ids[1]}/dismiss")
    assert again.json()["message"] == "Only a found episode can be dismissed; this one is over."


async def test_a_lead_asks_for_what_a_team_has(house: House) -> None:
    people = read_people(
        f"teams: [{{id: west, lead: lead}}]\n{PEOPLE.replace('tier: senior', 'team: west')}", "csms.yaml"
    )
    house.floor.rules = house.floor.rules._replace(directory=people)
    await house.floor.assess(1, MONDAY, LOW)
    for who in ("east", "lead"):
        assert (await house.post("tasks", {**DECK, "title": who, "assignee": who})).status_code == 201
    assert {one["title"] for one in (await house.get("tasks", team="west"))["items"]} == {"east", "lead"}
    answer = await house.http.get("/v1/tasks", params={"team": "wst"})
    assert (answer.status_code, "Did you mean `west`?" in answer.json()["message"]) == (400, True)


async def test_what_the_document_shows_of_tasks_can_be_sent_as_it_stands_there(database_url: str) -> None:
    people = PEOPLE + "  - {id: ben, name: Ben, email: ben@example.com}\n"
    async with a_house(database_url, STALLED, people=people) as house:
        await house.floor.assess(1, MONDAY, HIGH)
        document = (await house.http.get("/openapi.json")).json()
        shown = {one.path.removeprefix("/v1/"): one for one in examples(document) if one.path.startswith("/v1/tasks")}
        assert len(shown) > 10
        for path, one in shown.items():
            task = (await house.post("tasks", shown["tasks"].value, idempotency_key=path)).json()["id"]
            if path.endswith("/reopen"):
                await house.post(f"tasks/{task}/done")
            answer = await house.post(path.replace("{id}", task), one.value)
            assert answer.status_code in one.codes, (path, answer.text)
