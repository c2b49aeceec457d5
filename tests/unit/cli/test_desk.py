from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import typer

from deploy.cli import accounts, deliveries, flags, tasks
from deploy.cli.lists import PLAYBOOKS
from deploy.cli.running import with_running
from deploy.cli.work import ALERTS, FOUND, TASKS
from tests.support.cli import Answer, Asked, FakeStack, page, problem

ID = "act_" + 8 * "1a2b"
NOON = "2026-05-18T12:00:00Z"
NOW = datetime.now(UTC)
ITEM: dict[str, Any] = {
    "id": ID,
    "account": "northwind",
    "account_name": "Northwind",
    "assignee_name": "CSM Pro One",
    "severity": "high",
    "state": "open",
    "title": "Call their admin",
    "opened_at": (NOW - timedelta(hours=4, minutes=30)).isoformat(),
    "due_at": (NOW + timedelta(hours=20, minutes=30)).isoformat(),
    "amount_minor": None,
    "currency": None,
}
LATER = {**ITEM, "title": "Send the offer", "due_at": (NOW + timedelta(days=4)).isoformat(), "id": "act_" + 8 * "3c4d"}


def test_tasks_are_told_with_who_and_when_the_next_first(stack: FakeStack) -> None:
    stack.on("GET /playbooks/v1/tasks", page(LATER, ITEM))
    result = stack.run(TASKS.app(), "--assignee", "pro-one")
    assert result.exit_code == 0, result.output
    first, second = result.output.splitlines()[1:]
    for words in ("act_1a2b1a2b", "in 20 hours", "Northwind", "CSM Pro One", "Call their admin"):
        assert words in first
    assert "Send the offer" in second
    assert stack.asked[0].query["assignee"] == "pro-one"
    assert stack.asked[0].query["state"] == "open"


def test_a_task_says_that_it_lies_with_the_last_resort_and_who_was_passed_over(stack: FakeStack) -> None:
    lost = {**ITEM, "last_resort": True, "passed_over": ["the account has no owner"]}
    stack.on("GET /playbooks/v1/tasks", page(lost))
    result = stack.run(TASKS.app(), "--last-resort", "true", "--state", "open")
    assert "CSM Pro One; last resort; the account has no owner" in " ".join(result.output.split())
    assert stack.asked[0].query == {"state": "open", "last_resort": "true", "limit": stack.asked[0].query["limit"]}


@pytest.mark.parametrize(
    ("app", "what", "arguments", "move", "said"),
    [
        (TASKS.app(), "tasks", ["done", ID, "--note", "they stay"], "done", {"note": "they stay"}),
        (TASKS.app(), "tasks", ["no-result", ID], "no_result", {}),
        (TASKS.app(), "tasks", ["false-alarm", ID], "false_alarm", {}),
        (TASKS.app(), "tasks", ["reassign", ID, "pro-two"], "reassign", {"to": "pro-two"}),
        (ALERTS.app(), "alerts", ["acknowledge", ID], "acknowledge", {}),
        (ALERTS.app(), "alerts", ["snooze", ID, "--until", NOON], "snooze", {"until": NOON}),
        (ALERTS.app(), "alerts", ["false-alarm", ID], "false_alarm", {}),
        (flags.app, "flags", ["accept", ID], "accept", {}),
        (flags.app, "flags", ["dismiss", ID], "dismiss", {}),
        (flags.app, "flags", ["lost", ID, "--note", "no budget"], "lost", {"note": "no budget"}),
        (
            flags.app,
            "flags",
            ["won", ID, "--amount", "1250.50", "--currency", "EUR"],
            "won",
            {"amount_minor": 125_050, "currency": "EUR"},
        ),
    ],
)
def test_a_move_is_one_command(
    stack: FakeStack, app: typer.Typer, what: str, arguments: list[str], move: str, said: dict[str, Any]
) -> None:
    stack.on(f"POST /playbooks/v1/{what}/{ID}/{move}", Answer(ITEM))
    result = stack.run(app, *arguments)
    assert result.exit_code == 0, result.output
    assert stack.asked[-1].json() == said


def test_the_beginning_of_an_id_is_enough_when_it_is_the_only_one(stack: FakeStack) -> None:
    stack.on("GET /playbooks/v1/tasks", page(ITEM, LATER))
    stack.on(f"POST /playbooks/v1/tasks/{ID}/done", Answer(ITEM))
    assert stack.run(TASKS.app(), "done", "act_1a").exit_code == 0
    several = stack.run(TASKS.app(), "done", "act_")
    assert several.exit_code == 1
    assert "2 ids begin with act_" in several.output
    assert "No id begins with act_9" in stack.run(TASKS.app(), "done", "act_9").output


def test_a_move_that_can_not_be_is_refused_with_the_reason(stack: FakeStack) -> None:
    stack.on(f"POST /playbooks/v1/tasks/{ID}/done", problem(409, "not_possible", "The task is closed."))
    result = stack.run(TASKS.app(), "done", ID)
    assert result.exit_code == 1
    assert "The task is closed." in result.output


def test_alerts_and_flags_are_listed(stack: FakeStack) -> None:
    won = {**ITEM, "state": "won", "amount_minor": 125_000, "currency": "EUR"}
    stack.on("GET /playbooks/v1/alerts", page(ITEM))
    stack.on("GET /playbooks/v1/flags", page(won))
    listed = stack.run(ALERTS.app()).output
    assert "4 hours ago" in listed
    assert "high" in listed
    assert "€1,250/month" in stack.run(flags.app).output


def test_what_an_import_found_is_listed_and_started(stack: FakeStack) -> None:
    episode = {
        "id": ID,
        "account_name": "Northwind",
        "playbook_title": "Invoice overdue",
        "why": ["an invoice is 35 days overdue", "account seats are 777"],
    }
    stack.on("GET /playbooks/v1/episodes", page(episode))
    stack.on(f"POST /playbooks/v1/episodes/{ID}/start", Answer(episode))
    listed = stack.run(FOUND.app()).output
    assert "an invoice is 35 days overdue; account seats are 777" in listed
    assert stack.asked[0].query["state"] == "found"
    assert "is started" in stack.run(FOUND.app(), "start", "act_1a").output


@pytest.mark.parametrize(
    ("app", "path", "words"),
    [
        (TASKS.app(), "tasks", "Nothing is to be done."),
        (ALERTS.app(), "alerts", "No alert."),
        (flags.app, "flags", "Nobody"),
    ],
)
def test_an_empty_list_says_so(stack: FakeStack, app: typer.Typer, path: str, words: str) -> None:
    stack.on(f"GET /playbooks/v1/{path}", page())
    assert words in stack.run(app).output


@pytest.mark.parametrize(
    ("app", "path", "options"),
    [
        (TASKS.app(), "playbooks/v1/tasks", ["--assignee", "ada"]),
        (ALERTS.app(), "playbooks/v1/alerts", ["--account", "northwind"]),
        (deliveries.app, "notifier/v1/deliveries", ["--state", "failed"]),
    ],
)
def test_a_narrowed_list_that_is_empty_does_not_say_that_there_is_nothing(
    stack: FakeStack, app: typer.Typer, path: str, options: list[str]
) -> None:
    stack.on(f"GET /{path}", page())
    assert stack.run(app, *options).output == "Nothing fits what was asked for.\n"


@pytest.mark.parametrize("options", [["--state", "done"], ["--json"], ["--limit", "3"], ["--account", "northwind"]])
def test_an_option_of_the_list_is_not_passed_over_when_one_is_moved(stack: FakeStack, options: list[str]) -> None:
    result = stack.run(TASKS.app(), *options, "done", ID)
    assert result.exit_code == 2
    assert not stack.asked


def test_playbooks_are_listed_with_what_looks_wrong_in_them(stack: FakeStack) -> None:
    quiet = {"id": "quiet", "title": "Quiet", "achieved": {}, "warnings": []}
    odd = {"id": "odd", "title": "Odd", "achieved": {"fired": 7, "active": 2}, "warnings": ["line 2: `Pro`?"]}
    stack.on("GET /playbooks/v1/playbooks", page(quiet, odd))
    first, second = stack.run(PLAYBOOKS.app()).stdout.splitlines()[1:]
    assert first.split() == ["quiet", "Quiet", "0", "0"]
    assert second.split() == ["odd", "Odd", "7", "2", "line", "2:", "`Pro`?"]


def test_many_are_moved_by_their_ids_or_by_what_the_list_is_asked(stack: FakeStack) -> None:
    refused = {"id": "act_3c4d" + 7 * "3c4d", "code": "not_possible", "message": "The task is done."}
    stack.on("GET /playbooks/v1/tasks", page(ITEM, LATER))
    stack.on("POST /playbooks/v1/tasks/bulk", Answer({"moved": 1, "refused": [refused], "more": False}))
    result = stack.run(TASKS.app(), "reassign", "act_1a", "act_3c", "ben", "--note", "He knows them.")
    assert (result.exit_code, result.output) == (1, "1 is ben's now.\nact_3c4d3c4d: The task is done.\n")
    assert stack.asked[-1].json() == {
        "ids": [ID, LATER["id"]],
        "move": "reassign",
        "to": "ben",
        "note": "He knows them.",
    }
    stack.on("POST /playbooks/v1/tasks/bulk", Answer({"moved": 3, "refused": [], "more": False}))
    result = stack.run(TASKS.app(), "done", "--all", "--assignee", "ana", "--state", "open,taken", "--note", "Mailed.")
    assert (result.exit_code, result.output) == (0, "3 are closed: done.\n")
    assert stack.asked[-1].json() == {
        "filter": {"assignee": "ana", "state": ["open", "taken"]},
        "move": "done",
        "note": "Mailed.",
    }
    for wrong in ([], ["--all"], [ID, "--all", "--assignee", "ana"], [ID, "--state", "open"]):
        assert stack.run(TASKS.app(), "done", *wrong).exit_code == 2


def test_of_more_than_one_request_moves_each_is_moved_once(stack: FakeStack) -> None:
    def came(asked: Asked) -> Answer:
        first = "cursor" not in asked.json()
        return Answer({"moved": 3, "refused": [], "more": first, "next_cursor": "there" if first else None})

    stack.on("POST /playbooks/v1/tasks/bulk", came)
    result = stack.run(TASKS.app(), "priority", "--all", "--assignee", "ana", "high")
    assert (result.exit_code, result.output) == (0, "6 are of priority high.\n")
    body = {"filter": {"assignee": "ana"}, "move": "priority", "priority": "high"}
    assert [one.json() for one in stack.asked] == [body, {**body, "cursor": "there"}]


def test_what_was_found_is_let_be_together(stack: FakeStack) -> None:
    stack.on("POST /playbooks/v1/episodes/bulk", Answer({"moved": 4, "refused": [], "more": False}))
    assert stack.run(FOUND.app(), "dismiss", "--all", "--playbook", "stalled").output == "4 are let be.\n"
    assert stack.asked[-1].json() == {"filter": {"state": "found", "playbook": "stalled"}, "move": "dismiss"}


def test_a_task_is_written_by_hand(stack: FakeStack) -> None:
    made = {**ITEM, "assigned_because": "owner of the account"}
    stack.on("POST /playbooks/v1/tasks", Answer(made, status=201))
    options = ["--due", "2 business days", "--check", "Prices", "--check", "Ask Kim", "--key", "deck-1"]
    result = stack.run(tasks.app, "add", "northwind", "Send the deck", *options)
    assert result.output == f"{ID} is written: CSM Pro One's, due in 20 hours (owner of the account).\n"
    body: dict[str, Any] = {"account": "northwind", "title": "Send the deck", "due": "2 business days"}
    body["checklist"] = ["Prices", "Ask Kim"]
    assert (stack.asked[-1].json(), stack.asked[-1].headers["Idempotency-Key"]) == (body, "deck-1")
    stack.run(tasks.app, "add", "northwind", "Send the deck", "--due", "2026-03-04T12:00:00Z")
    assert stack.asked[-1].json()["due_at"] == "2026-03-04T12:00:00Z"


def test_one_is_shown_with_all_that_happened_to_it(stack: FakeStack) -> None:
    row = {"at": NOON, "before": None, "after": "open", "actor": "keepwell", "note": "owner of the account"}
    detail = {
        **ITEM,
        **{"playbook_title": "Stalled", "assigned_because": "owner of the account", "why": ["breadth is 25 %"]},
        "checklist": [{"number": 1, "text": "Prices", "done": True}],
        "history": [row, {**row, "before": "open", "actor": "ana", "note": "Called."}],
    }
    stack.on(f"GET /playbooks/v1/tasks/{ID}", Answer(detail))
    shown = stack.run(TASKS.app(), "show", ID).output
    for words in ("Call their admin", "Northwind · high · open · CSM Pro One's", "· breadth is 25 %", "1. [x] Prices"):
        assert words in shown
    assert [line.split()[-1] for line in shown.splitlines()[-2:]] == ["account", "Called."]


def test_points_are_ticked_by_their_numbers(stack: FakeStack) -> None:
    points = [{"number": 1, "text": "Prices", "done": True}, {"number": 2, "text": "Ask Kim", "done": False}]
    stack.on(f"POST /playbooks/v1/tasks/{ID}/checklist", Answer({**ITEM, "checklist": points}))
    result = stack.run(tasks.app, "check", ID, "--tick", "1", "--add", "Ask Kim")
    assert result.output == "1. [x] Prices\n2. [ ] Ask Kim\n"
    assert stack.asked[-1].json() == {"tick": [1], "add": ["Ask Kim"]}


def test_playbooks_are_paused_started_and_ended(stack: FakeStack) -> None:
    app, at = with_running(PLAYBOOKS.app()), "/playbooks/v1/playbooks/stalled"
    stack.on(f"POST {at}/pause", Answer({"until": None}))
    stack.on(f"POST {at}/resume", Answer({}))
    stack.on(f"POST {at}/start", Answer({"id": "ep_1", "account_name": "Northwind"}))
    stack.on(f"POST {at}/end-episodes", Answer({"ended": 3, "left": 0}))
    assert "paused until you resume it" in stack.run(app, "pause", "stalled", "--reason", "too much").output
    assert stack.asked[-1].json() == {"reason": "too much"}
    assert "fires again" in stack.run(app, "resume", "stalled").output
    assert stack.run(app, "start", "stalled", "northwind").output == "stalled has begun at Northwind: ep_1.\n"
    ended = stack.run(app, "end-episodes", "stalled", "--reason", "by mail now").output
    assert ended == "3 episodes of stalled are ended: by mail now.\n"


def test_what_is_switched_off_is_listed_as_that(stack: FakeStack) -> None:
    known: dict[str, Any] = {"title": "Stalled", "achieved": {}, "warnings": [], "paused": None}
    rows = [{**known, "id": "stalled", "mode": "live"}, {**known, "id": "dunning", "mode": "off"}]
    stack.on("GET /playbooks/v1/playbooks", Answer({"items": rows, "next_cursor": None}))
    lines = stack.run(PLAYBOOKS.app()).output.splitlines()
    assert ["switched off" in line for line in lines if "talled" in line] == [False, True]


def test_an_account_is_muted_and_heard_again(stack: FakeStack) -> None:
    at = "/playbooks/v1/accounts/northwind/mute"
    muted = {"account": "northwind", "until": NOON, "author": "ana", "reason": "lawyers talk"}
    stack.on(f"PUT {at}", Answer(muted))
    stack.on(f"DELETE {at}", Answer(status=204))
    stack.on("GET /playbooks/v1/mutes", page(muted))
    said = stack.run(accounts.app, "mute", "northwind", "--until", NOON, "--reason", "lawyers talk").output
    assert said.startswith("northwind is muted until ")
    assert stack.asked[-1].json() == {"until": NOON, "reason": "lawyers talk"}
    assert "lawyers talk" in stack.run(accounts.app, "muted").output
    assert "no longer muted" in stack.run(accounts.app, "unmute", "northwind").output
