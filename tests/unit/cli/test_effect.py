from typing import Any

from deploy.cli import playbooks
from deploy.cli.people import app as people
from tests.support.cli import Answer, FakeStack, page

NEVER: dict[str, Any] = {"n": 0, "median_seconds": None, "p90_seconds": None}
LINE: dict[str, Any] = {
    "playbook": "no-use",
    "title": "Nobody uses it",
    "episodes": {
        **{"fired": 12, "running": 1, "over_by_itself": 9, "all_done": 0, "false_alarm": 1},
        **{"ended_from_outside": 1, "customer_left": 0, "found": 0, "held_out": 0, "in_shadow": 0},
    },
    "tasks": {"done": 9, "no_result": 2, "false_alarm": 1},
    "alerts": {},
    "flags": {**dict.fromkeys(("open", "accepted", "dismissed", "won", "lost", "closed"), 0), "won_minor": []},
    "first_touch": {"n": 12, "median_seconds": 10_800.0, "p90_seconds": 20_000.0},
    "messages": {"delivered": 12, "failed": 0, "cancelled": 0, "waiting": 0},
    "kept": [{"currency": "EUR", "amount_minor": 420_000, "renewals": 3}],
}
SCORE: dict[str, Any] = {
    **{"days": 30, "n": 10, "of": 12, "waiting": 0, "alike": 40, "unmatched": 0, "unknown": 2, "others": 3.0},
    "moved": {"value": 10.4, "low": 8, "high": 12},
    "difference": {"value": 7.4, "low": 5.2, "high": 9.6},
}
HELD: dict[str, Any] = {"percent": 10, "reached": {"accounts": 54}, "held_out": {"accounts": 1}}
WORK: dict[str, Any] = {
    **{"id": "ana", "name": "Ana", "accounts": 40, "mrr": [{"currency": "EUR", "amount_minor": 9_000_000}]},
    **{"open": {"task": 3, "alert": 1, "flag": 0}, "overdue": 1, "closed": {"task": {"done": 9, "no_result": 1}}},
    "first_touch": {"clock": LINE["first_touch"], "working": {**LINE["first_touch"], "median_seconds": 3600.0}},
    "urgent": {"clock": NEVER, "working": NEVER},
    "false_alarms": {"n": 1, "of": 4, "percent": None},
    "loops": {"answers": 5, "within_24h": {"n": 3, "of": 4}, "within_48h": {"n": 4, "of": 4}, "open": 1},
    **{"kept": [], "won": [{"currency": "EUR", "amount_minor": 50_000}], "words": []},
}


def test_what_playbooks_achieved_is_a_table_and_of_one_some_lines(stack: FakeStack) -> None:
    stack.on("GET /playbooks/v1/effect", page(LINE))
    assert "€4,200 a month kept (3 renewals)" in stack.run(playbooks.app, "effect", "--from", "2026-01-01").output
    assert stack.asked[0].query == {"from": "2026-01-01"}
    whole = {**LINE, "to_close": NEVER, "score": [SCORE], "holdout": HELD, "words": ["This is a biased comparison."]}
    stack.on("GET /playbooks/v1/playbooks/no-use/effect", Answer(whole))
    assert stack.run(playbooks.app, "effect", "no-use").output.splitlines() == [
        "Nobody uses it: fired 12 times; 1 still running, 9 over by itself, 1 false alarm, 1 ended from outside",
        "12 tasks, 9 done, 2 came to nothing, 1 false alarm; first touch after 3 hours (median of 12); "
        "€4,200 a month kept (3 renewals)",
        "Messages: 12 delivered",
        "Holdout of 10 %: 54 accounts reached, 1 account held out",
        "Score 30 days after: +10 (10 accounts), untouched ones +3; +7 apart (+5 to +10)",
        "",
        "This is a biased comparison.",
    ]


def test_what_somebodys_work_came_to_is_told_in_some_lines_and_a_teams_together(stack: FakeStack) -> None:
    stack.on("GET /playbooks/v1/people/ana/results", Answer(WORK))
    lines = stack.run(people, "results", "ana").output.splitlines()
    assert lines == [
        "Ana: 40 accounts, €90,000 a month; 3 tasks and 1 alert open, 1 overdue",
        "closed 10 tasks, 9 done, 1 came to nothing; first touch after 3 hours (median of 12); "
        "1 hour of it in working time; 1 of 4 false alarms",
        "5 answers to call back about: 3 of 4 within 24 h, 4 of 4 within 48 h, 1 still in time",
        "€500 a month won",
    ]
    stack.on("GET /playbooks/v1/people/results", Answer({"items": [WORK], "total": {**WORK, "name": ""}}))
    together = stack.run(people, "results", "--team-of", "lea").output.splitlines()
    assert together[5].startswith("Together: 40 accounts")
    assert stack.asked[-1].query == {"manager": "lea"}
    assert stack.run(people, "results").exit_code == 2
