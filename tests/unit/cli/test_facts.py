import json
from typing import Any

from deploy.cli.facts import facts
from tests.support.cli import Answer, FakeStack, one_command, page


def a_fact(name: str, type: str, unit: str = "", **seen: Any) -> dict[str, Any]:
    nothing = {
        "looked_at": 9,
        "accounts": 0,
        "values": [],
        "kinds": 0,
        "minimum": None,
        "median": None,
        "maximum": None,
    }
    return {
        "name": name,
        "type": type,
        "unit": unit,
        "words": name,
        "description": f"What {name} is.",
        "choices": [],
        "example": f"{name} is known",
        "seen": {**nothing, **seen},
    }


FOUND = [
    a_fact("usage.breadth", "number", "%", accounts=9, minimum=3, median=40.5, maximum=100),
    a_fact(
        "account.plan",
        "text",
        accounts=8,
        kinds=7,
        values=[{"value": plan, "accounts": 9 - n} for n, plan in enumerate(("pro", "free", "team", "a", "b"))],
    ),
    a_fact("account.churned", "boolean", accounts=9, kinds=1, values=[{"value": False, "accounts": 9}]),
    a_fact(
        "account.signed_at",
        "instant",
        accounts=2,
        **dict.fromkeys(("minimum", "median"), "2026-01-02T00:00:00Z"),
        maximum="2026-03-04T00:00:00Z",
    ),
    a_fact("health.score", "number", "points"),
]


def test_facts_are_listed_with_what_accounts_have(stack: FakeStack) -> None:
    stack.on("GET /playbooks/v1/facts", page(*FOUND))
    said = " ".join(stack.run(one_command(facts), "usage.").stdout.split())
    assert stack.asked[-1].query["prefix"] == "usage."
    assert "usage.breadth number, % What usage.breadth is. 3 … 41 … 100" in said
    assert "pro (9), free (8), team (7), a (6) and 3 more" in said
    assert "false (9)" in said
    assert "2026-01-02 … 2026-01-02 … 2026-03-04" in said
    assert "nobody has it" in said


def test_facts_are_written_as_json(stack: FakeStack) -> None:
    stack.on("GET /playbooks/v1/facts", Answer({"items": FOUND, "next_cursor": None}))
    assert json.loads(stack.run(one_command(facts), "--json").stdout) == FOUND
