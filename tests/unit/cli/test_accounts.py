from datetime import UTC, datetime, timedelta
from typing import Any

from deploy.cli.lists import ACCOUNTS
from deploy.cli.why import why
from tests.support.cli import Answer, Asked, FakeStack, one_command, page, problem

REASON = 'their admin scored us 2: "third time support lost our ticket"'


def northwind(**other: Any) -> dict[str, Any]:
    """An account of today, whatever day it is."""
    return {
        "id": "northwind",
        "name": "Northwind",
        "plan": "pro",
        "owner": "csm.pro-one@example.com",
        "mrr_minor": 420_000,
        "currency": "EUR",
        "renews_at": (datetime.now(UTC) + timedelta(days=41)).isoformat(),
        "score": 52.0,
        "previous_score": 74.0,
        "band": "amber",
        "reason": REASON,
        **other,
    }


def explained() -> dict[str, Any]:
    """What moved its score, just now."""
    return {
        "id": "northwind",
        "name": "Northwind",
        "score": 52.0,
        "band": "amber",
        "coverage": 96.0,
        "scorecard": "mature@1+0123abcd",
        "measures": [
            {"name": "usage.trend", "weight": 20, "raw": -4, "unit": "%", "points": 82.5, "words": "usage is 4 % down"},
            {
                "name": "relationship.pulse",
                "weight": 4,
                "raw": None,
                "unit": "",
                "points": None,
                "words": "no pulse was set",
            },
        ],
        "caps": [],
        "changes": [
            {
                "at": datetime.now(UTC).isoformat(),
                "from": 65.0,
                "to": 52.0,
                "band": "amber",
                "cause": {"kind": "event", "type": "feedback.nps"},
                "drivers": [{"name": "feedback.nps", "points": -13.0, "reason": REASON, "events": ["demo n1"]}],
            }
        ],
    }


def test_accounts_are_told_in_a_managers_words(stack: FakeStack) -> None:
    bands = [
        {"currency": "EUR", "band": "amber", "accounts": 1, "mrr_minor": 420_000},
        {"currency": "EUR", "band": "red", "accounts": 3, "mrr_minor": 1_840_000},
    ]
    stack.on("GET /scoring/v1/accounts", page(northwind(), mrr_by_band=bands))
    result = stack.run(ACCOUNTS.app(), "--plan", "pro")
    assert result.exit_code == 0, result.output
    line = next(line for line in result.output.splitlines() if line.startswith("Northwind"))
    for words in ("€4,200", "in 41 days", "74 → 52", "amber", "third time support lost our ticket"):
        assert words in line
    assert "3 accounts red, €18,400/month · 1 account amber, €4,200/month" in result.output
    assert stack.asked[0].query["plan"] == "pro"


def test_all_pages_are_read(stack: FakeStack) -> None:
    def pages(asked: Asked) -> Answer:
        if "cursor" in asked.query:
            return page(northwind(name="Second"), mrr_by_band=[])
        return page(northwind(), next_cursor="more", mrr_by_band=[])

    stack.on("GET /scoring/v1/accounts", pages)
    assert "Second" in stack.run(ACCOUNTS.app()).output


def test_a_limit_is_kept(stack: FakeStack) -> None:
    stack.on("GET /scoring/v1/accounts", page(northwind(), northwind(name="Second"), next_cursor="more"))
    result = stack.run(ACCOUNTS.app(), "--limit", "1")
    assert "Northwind" in result.output
    assert "Second" not in result.output


def test_no_account_yet_says_how_to_begin(stack: FakeStack) -> None:
    stack.on("GET /scoring/v1/accounts", page())
    assert "keepwell send FILE" in stack.run(ACCOUNTS.app()).output


def test_why_tells_the_measures_and_what_moved_the_score(stack: FakeStack) -> None:
    stack.on("GET /scoring/v1/accounts/northwind", Answer(northwind()))
    stack.on("GET /scoring/v1/accounts/northwind/health/explain", Answer(explained()))
    result = stack.run(one_command(why), "northwind")
    assert result.exit_code == 0, result.output
    assert "Northwind · Pro · €4,200/month · renews in 41 days" in result.output
    assert "52 amber   96 % of the scorecard mature@1 has data" in result.output
    assert "usage is 4 % down" in result.output
    assert "no data" in result.output
    assert '−13  their admin scored us 2: "third time support lost our ticket"' in result.output


def test_why_tells_what_moved_the_score_since_a_day(stack: FakeStack) -> None:
    drivers = [
        {"kind": "measure", "name": "feedback.nps", "points": -13.12, "reason": "their admin scored us 2"},
        {"kind": "measure", "name": "usage.breadth", "points": 0.8, "reason": "all features in use"},
    ]
    paragraph = "Since Monday −12, from 84 to 72: −13 their admin scored us 2 (Monday); +1 all features in use (today)."
    way = {"from": 84.32, "to": 72.0, "change": -12.32, "drivers": drivers, "paragraph": paragraph}
    stack.on("GET /scoring/v1/accounts/northwind", Answer(northwind()))
    stack.on("GET /scoring/v1/accounts/northwind/health/explain", Answer(way))
    result = stack.run(one_command(why), "northwind", "--since", "2026-05-18")
    assert result.output.splitlines()[1:] == [
        "Since Monday −12, from 84 to 72",
        "    −13  their admin scored us 2",
        "     +1  all features in use",
    ]
    assert stack.asked[-1].query == {"from": "2026-05-18"}


def test_an_account_is_found_by_a_part_of_its_name(stack: FakeStack) -> None:
    stack.on("GET /scoring/v1/accounts", page(northwind()))
    stack.on("GET /scoring/v1/accounts/northwind/health/explain", Answer(explained()))
    assert "Northwind" in stack.run(one_command(why), "North").output


def test_an_unknown_account_names_the_nearest(stack: FakeStack) -> None:
    stack.on("GET /scoring/v1/accounts/nor", problem(404, "not_found", "There is no account nor."))
    stack.on("GET /scoring/v1/accounts", page(northwind(), northwind(id="norfolk")))
    result = stack.run(one_command(why), "nor")
    assert result.exit_code == 1
    assert "northwind, norfolk" in result.output
