"""`keepwell playbooks dry-run`, `backtest` and `why-not` tell what comes of a playbook."""

from pathlib import Path
from typing import Any

import pytest

from deploy.cli import playbooks
from tests.support.cli import Answer, FakeStack, problem

LEAF = {
    "where": "when",
    "text": "usage.breadth < 40 %",
    "value": "75 %",
    "truth": "false",
    "words": "usage breadth is 75 %, not under 40 %",
    "since": "2026-02-25",
    "flips_at": None,
}
STEP = {
    "step": 1,
    "kind": "task",
    "title": "Call Acme",
    "when": "Mon 2 Mar 2026, 11:00 Berlin time",
    "at": "2026-03-02T10:00:00Z",
    "brought_at": "2026-03-02T10:00:00Z",
    "due_at": None,
    "to": "Ana",
    "because": "owner of the account",
    "held_back": None,
}
ONE = {
    "id": "a",
    "name": "Acme",
    "state": "false",
    "at": None,
    "words": "It would not fire: too many.",
    "leaves": [LEAF],
}
DRY: dict[str, Any] = {
    "work": "dry-run",
    "accounts": 1200,
    "for_accounts": 900,
    "states": {"now": 1},
    "now": 1,
    "soon": 2,
    "held_out": 0,
    "unknown": [{"words": "usage breadth is unknown", "number": 7}],
    "owners": [{"owner": "ana@example.com", "now": 1, "soon": 2}],
    "people": [{"words": "Ana", "number": 3}],
    "shown": [
        {"id": "a", "name": "Acme", "owner": "ana@example.com", "state": "now", "at": None, "reasons": ["it is low"]},
        {
            "id": "b",
            "name": "Beta",
            "owner": None,
            "state": "by_time",
            "at": "2026-03-05T00:00:00Z",
            "reasons": ["30 days since signing"],
        },
    ],
    "words": ["When it is switched on, 1 account will be found so."],
    "account": None,
}
RATE = {"number": 30, "of": 50, "share": 60.0, "low": 46.2, "high": 72.4}
BACK: dict[str, Any] = {
    "work": "backtest",
    "since": "2025-03-02",
    "until": "2026-03-01",
    "recorded_from": "2025-03-02",
    "accounts": 200,
    "found": 0,
    "firings": 50,
    "fired_for": 48,
    "messages": 60,
    "people": [{"who": "Ana", "messages": 60, "a_week": 1.2, "busiest_week": 5}],
    "weeks": [],
    "shown": [{"account": "a", "name": "Acme", "day": "2026-02-01", "reasons": ["it fell"]}],
    "warned": {
        "within_days": 90,
        "left": 40,
        "precision": RATE,
        "recall": RATE,
        "base_rate": {"number": 3, "of": 9, "share": None, "low": None, "high": None},
        "lead_days": 30,
        "too_recent": 2,
    },
    "words": ["Too few to say."],
}


def done(result: Any) -> Answer:
    return Answer({"state": "done", "progress": {"done": 1, "total": 1}, "result": result, "failure": None})


@pytest.fixture
def draft(tmp_path: Path) -> str:
    (tmp_path / "mine.yaml").write_text("id: stalled\n")
    return str(tmp_path / "mine.yaml")


def test_a_dry_run_of_a_draft_tells_who_would_hear_what(stack: FakeStack, draft: str) -> None:
    stack.on("POST /playbooks/v1/playbooks/stalled/dry-run", Answer({"job": "j"}, 202))
    stack.on("GET /playbooks/v1/jobs/j", done(DRY))
    result = stack.run(playbooks.app, "dry-run", draft)
    assert result.exit_code == 0, result.output
    said = " ".join(result.stdout.split())
    for words in (
        "1,200 accounts, 900 of them ones that it is for: it would fire for 1 now",
        "Acme ana@example.com now it is low",
        "Beta by time, 2026-03-05 00:00 UTC 30 days since signing",
        "ana@example.com 1 2",
        "Ana 3",
        "usage breadth is unknown 7",
    ):
        assert words in said
    assert stack.asked[0].json() == {"draft": "id: stalled\n"}


def test_a_dry_run_of_one_account_tells_leaves_and_steps(stack: FakeStack) -> None:
    stack.on("GET /scoring/v1/accounts/a", Answer({"id": "a"}))
    stack.on("POST /playbooks/v1/playbooks/stalled/dry-run", Answer({"job": "j"}, 202))
    stack.on("GET /playbooks/v1/jobs/j", done({**DRY, "account": {**ONE, "steps": [STEP]}}))
    result = stack.run(playbooks.app, "dry-run", "stalled", "--account", "a")
    said = " ".join(result.stdout.split())
    assert "false when usage.breadth < 40 % 75 % 25 Feb 2026" in said
    assert "If it fired now:" in said
    assert "1 task Mon 2 Mar 2026, 11:00 Berlin time Ana Call Acme – owner of the account" in said
    assert stack.asked[1].json() == {"account": "a"}


def test_a_backtest_tells_how_well_it_warns_beside_the_base_rate(stack: FakeStack) -> None:
    stack.on("POST /playbooks/v1/playbooks/stalled/backtest", Answer({"job": "j"}, 202))
    stack.on("GET /playbooks/v1/jobs/j", done(BACK))
    result = stack.run(playbooks.app, "backtest", "stalled", "--from", "2025-03-02", "--within", "90")
    assert result.exit_code == 0, result.output
    said = " ".join(result.stdout.split())
    for words in (
        "2 Mar 2025 to 1 Mar 2026, 200 accounts: it would have fired 50 times for 48 accounts, with 60 messages.",
        "of what it warned of, left 60 % 46.2 and 72.4 % 30 of 50",
        "of any, left (base rate) 3 of 9",
        "It warned 30 days before",
        "2 firings are too recent",
        "Too few to say.",
        "Ana 60 1.2 5",
        "2026-02-01 Acme it fell",
    ):
        assert words in said
    assert stack.asked[0].json() == {"from": "2025-03-02", "within_days": 90}


def test_a_backtest_without_a_recorded_day_says_only_that(stack: FakeStack) -> None:
    stack.on("POST /playbooks/v1/playbooks/stalled/backtest", Answer({"job": "j"}, 202))
    nothing = {**BACK, "recorded_from": None, "accounts": 0, "warned": None, "words": ["No day is recorded."]}
    stack.on("GET /playbooks/v1/jobs/j", done(nothing))
    assert stack.run(playbooks.app, "backtest", "stalled").stdout == "No day is recorded.\n"


def test_what_cannot_be_tried_says_why(stack: FakeStack) -> None:
    stack.on("POST /playbooks/v1/playbooks/call/backtest", problem(422, "no_backtest", "`call` waits for events."))
    result = stack.run(playbooks.app, "backtest", "call")
    assert (result.exit_code, "waits for events" in result.stderr) == (1, True)


def test_why_not_says_it_in_words_with_each_leaf(stack: FakeStack) -> None:
    stack.on("GET /scoring/v1/accounts/a", Answer({"id": "a"}))
    found = {"reasons": [{"code": "when_false", "words": "What it waits for is not so."}], "leaves": [LEAF]}
    stack.on("GET /playbooks/v1/playbooks/stalled/why-not", Answer(found))
    result = stack.run(playbooks.app, "why-not", "stalled", "a")
    said = " ".join(result.stdout.split())
    assert "What it waits for is not so." in said
    assert "usage.breadth < 40 % 75 %" in said
    assert stack.asked[-1].query == {"account": "a"}
