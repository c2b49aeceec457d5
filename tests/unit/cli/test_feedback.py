from typing import Any

from deploy.cli.feedback import ANSWERS, FEEDBACK
from tests.support.cli import FakeStack, page


def _answer(**other: Any) -> dict[str, Any]:
    return {
        "id": "a1",
        "at": "2026-05-20T09:00:00Z",
        "account_name": "Northwind",
        "kind": "nps",
        "score": 2,
        "group": "detractor",
        "previous_score": 9,
        "contact_id": "c1",
        "contact_name": "Kim",
        "role": "decision_maker",
        "erased": False,
        "touchpoint": None,
        "comment": "third time support lost our ticket",
        **other,
    }


def test_answers_say_who_said_what_and_how_it_was_before(stack: FakeStack) -> None:
    stack.on("GET /scoring/v1/answers", page(_answer(), _answer(erased=True, role=None, previous_score=None)))
    told = stack.run(ANSWERS.app(), "--group", "detractor").output
    assert "Kim (decision maker)" in told
    assert "NPS 9 → 2" in told
    assert "third time support lost our ticket" in told
    assert "somebody erased" in told
    assert stack.asked[0].query["group"] == "detractor"


def test_a_figure_says_what_it_rests_on_and_what_stands_beside_it(stack: FakeStack) -> None:
    counts = {"promoter": 100, "passive": 50, "detractor": 50}
    whole = {"group": None, "value": 25.0, "low": 13.2, "high": 36.0, "answers": 200, "counts": counts}
    few = {**whole, "group": "pro", "value": None, "answers": 9, "invited": None, "response_rate": None}
    beside: dict[str, Any] = {
        "target": 40.0,
        "benchmark": None,
        "definition": "9 and 10 promote.",
        "moved": [{"before": "promoter", "after": "passive", "contacts": 2}],
    }
    stack.on("GET /scoring/v1/feedback", page({**whole, "invited": 250, "response_rate": 80.0}, few, **beside))
    lines = stack.run(FEEDBACK.app(), "--by", "plan", "--from", "2026-01-01").output.splitlines()
    assert "13.2 … 36" in lines[1]
    assert "80 % of 250" in lines[1]
    assert "too few to say" in lines[2]
    assert lines[-2:] == ["9 and 10 promote.", "target 40 and 2 promoters became passive"]
    assert stack.asked[0].query == {"measure": "nps", "by": "plan", "from": "2026-01-01"}
