"""`keepwell rules preview` tells who would move by a draft."""

from pathlib import Path
from typing import Any

import pytest

from deploy.cli import rules
from tests.support.cli import Answer, FakeStack, problem


def stand(score: float, band: str) -> dict[str, Any]:
    return {"score": score, "band": band, "scorecard": "default@2+ab", "reason": "nobody came for 9 days"}


RESULT = {
    "sample": False,
    "accounts": 1200,
    "improved": 3,
    "worsened": 40,
    "bands": [{"band": "red", "before": 10, "after": 12}, {"band": "green", "before": 1190, "after": 1188}],
    "moves": [{"before": "green", "after": "red", "accounts": 2}],
    "movers": [{"id": "a", "name": "Acme", "owner": None, "before": stand(80, "green"), "after": stand(40, "red")}],
    "account": {
        "id": "a",
        "name": "Acme",
        "before": stand(80, "green"),
        "after": stand(40, "red"),
        "measures": [
            {
                "name": "usage.recency",
                "words": "used 9 days ago",
                "weight_before": None,
                "points_before": None,
                "weight_after": 50,
                "points_after": 20.0,
            }
        ],
    },
}


@pytest.fixture
def draft(tmp_path: Path) -> str:
    (tmp_path / "mine.yaml").write_text("id: default\nmeasures: {}\n")
    return str(tmp_path / "mine.yaml")


def ended(state: str, result: Any, failure: str | None = None) -> Answer:
    return Answer({"state": state, "progress": {"done": 1, "total": 1}, "result": result, "failure": failure})


def test_who_moves_and_an_account_measure_by_measure(stack: FakeStack, draft: str) -> None:
    stack.on("POST /scoring/v1/scorecards/default/preview", Answer({"job": "j"}, 202))
    stack.on("GET /scoring/v1/jobs/j", ended("done", RESULT))
    result = stack.run(rules.app, "preview", draft, "--account", "a")
    assert result.exit_code == 0, result.output
    said = " ".join(result.stdout.split())
    for words in (
        "1,200 accounts: 3 rise, 40 fall, 2 change their band.",
        "red 10 12",
        "2 from green to red",
        "Acme 80 green 40 red nobody came for 9 days",
        "by default@2, and by default@2",
        "usage.recency – → 50 % no data → 20 used 9 days ago",
    ):
        assert words in said
    assert stack.asked[0].query == {"account": "a"}
    assert stack.asked[0].body == b"id: default\nmeasures: {}\n"


def test_what_failed_says_why_and_ends_with_1(stack: FakeStack, draft: str) -> None:
    stack.on("POST /scoring/v1/scorecards/default/preview", Answer({"job": "j"}, 202))
    stack.on("GET /scoring/v1/jobs/j", ended("failed", None, "It was cut off. Ask again."))
    result = stack.run(rules.app, "preview", draft)
    assert (result.exit_code, "cut off" in result.stderr) == (1, True)
    stack.on("POST /scoring/v1/scorecards/default/preview", problem(404, "not_found", "There is no such account."))
    assert stack.run(rules.app, "preview", draft).exit_code == 1


def test_a_mapping_says_what_the_last_records_would_come_to(stack: FakeStack, tmp_path: Path) -> None:
    draft = tmp_path / "web.yaml"
    draft.write_text("id: web\nfor_sources: [segment-prod]\n")
    example = {
        **{
            "at": "2026-05-20T09:30:00Z",
            "source": "segment-prod",
            "name": "track Report",
            "sent": '{"event":"\x1b[2J"}',
        },
        **{"before": ["usage.recorded of acme: {}"], "after": ["dropped by web: drop 'Report'"]},
    }
    result = {
        **{"records": 1000, "cut": 2, "differ": 40, "examples": [example]},
        "becomes": [{"what": "usage.recorded reports", "before": 0, "after": 1200}],
    }
    done = {"state": "done", "result": result, "progress": {"done": 1000, "total": 1000}}
    stack.on("POST /ingest/v1/mappings/web/preview", Answer({"job": "j1"}, 202))
    stack.on("GET /ingest/v1/jobs/j1", Answer(done))
    told = stack.run(rules.app, "preview", str(draft))
    assert told.exit_code == 0, told.output
    assert "1,000 records: 40 would be understood otherwise." in told.stdout
    assert "2 records more were too large" in told.stdout
    assert "1,200" in told.stdout
    assert "now: usage.recorded of acme: {}" in told.stdout
    assert "\x1b" not in told.stdout
    assert stack.run(rules.app, "preview", str(draft), "--account", "acme").exit_code == 1
    stack.on("GET /ingest/v1/jobs/j1", Answer({**done, "result": {**result, "records": 0}}))
    assert "Nothing came in lately" in stack.run(rules.app, "preview", str(draft)).stdout
