from typing import Any

import pytest

from deploy.cli.main import app
from tests.support.cli import Answer, FakeStack, page, problem

_SHOWN: dict[str, tuple[dict[str, Any], list[str]]] = {
    "timeline": (
        {"account_id": "big co", "at": "2026-05-20T09:00:00Z", "words": "invoice I-1 was paid: €840"},
        ["invoice I-1 was paid: €840"],
    ),
    "contacts": (
        {
            **{"id": "c1", "name": "Kim", "roles": ["champion", "admin"], "left": True, "last_seen": "2026-05-19"},
            **{"talked_at": None, "answers": {"nps": {"score": 9}, "csat": {"score": 4}}},
        },
        ["Kim", "champion and admin", "has left", "CSAT 4 and NPS 9", "2026-05-19", "+49 30 1234"],
    ),
    "tickets": (
        {
            **{"id": "T-1", "open": True, "priority": "urgent", "opened_at": "2026-05-20T09:00:00Z"},
            **{"closed_at": None, "requester": "c1", "title": "Export fails", "merged_into": None},
        },
        ["T-1", "open, urgent", "c1", "Export fails"],
    ),
    "invoices": (
        {
            **{"id": "I-1", "amount_minor": 84_000, "currency": "EUR", "due_at": "2026-05-20T09:00:00Z"},
            **{"overdue": True, "open": True, "status": "issued", "dispute": None, "settled_at": None},
        },
        ["I-1", "€840", "20 May 2026", "overdue"],
    ),
    "subscriptions": (
        {
            **{"id": "s1", "plan": "pro", "mrr_minor": 42_000, "currency": "EUR", "seats": 10, "live": True},
            **{"status": "active", "renews_at": "2026-08-01T00:00:00Z", "ends_at": None},
        },
        ["s1", "pro", "€420", "10", "active", "1 Aug 2026"],
    ),
    "goals": (
        {
            **{"id": "G-1", "title": "Go live", "state": "overdue", "due_at": "2026-05-20T09:00:00Z"},
            **{"words": "10 seats, under 20"},
        },
        ["G-1", "Go live", "20 May 2026", "overdue", "10 seats, under 20"],
    ),
    "usage": ({"day": "2026-05-20", "feature": "sso", "uses": 1200, "quantity": 2.5}, ["2026-05-20", "sso", "2.5"]),
}


@pytest.mark.parametrize(("name", "item", "words"), [(name, *shown) for name, shown in _SHOWN.items()])
def test_what_an_account_has_is_listed(stack: FakeStack, name: str, item: dict[str, Any], words: list[str]) -> None:
    stack.on(f"GET /scoring/v1/accounts/big%20co/{name}", page({"account_name": "Big", **item}))
    stack.on("GET /notifier/v1/contacts/big%20co", page({"id": "c1", "phone": "+49 30 1234", "email": None}))
    told = stack.run(app, name, "big co").output
    assert [one for one in words if one not in told] == []


def test_an_account_without_a_name_is_called_by_its_id(stack: FakeStack) -> None:
    used, _ = _SHOWN["usage"]
    stack.on("GET /scoring/v1/accounts/acme/usage", page(used))
    stack.on("GET /scoring/v1/usage", page({**used, "account_id": "globex", "account_name": None}))
    assert "acme" in stack.run(app, "usage", "acme").output
    assert "globex" in stack.run(app, "usage").output


def test_a_ticket_that_goes_on_in_another_says_where(stack: FakeStack) -> None:
    merged = {
        "id": "T-1",
        "open": False,
        "closed_at": "2026-05-20T09:00:00Z",
        "merged_into": "T-2",
        "account_name": "Big",
    }
    stack.on("GET /scoring/v1/tickets", page({**merged, "opened_at": None, "requester": None, "title": None}))
    assert "goes on in T-2" in stack.run(app, "tickets").output


def test_over_all_accounts_it_is_narrowed_by_their_owner_and_by_time(stack: FakeStack) -> None:
    stack.on("GET /scoring/v1/timeline", page())
    told = stack.run(app, "timeline", "--owner", "ana@example.com", "--from", "2026-01-01", "--type", "note").output
    assert "Nothing fits" in told
    assert stack.asked[0].query.items() >= {"owner": "ana@example.com", "from": "2026-01-01", "type": "note"}.items()


def test_a_note_is_written_on_our_own_timeline_too(stack: FakeStack) -> None:
    stack.on("POST /scoring/v1/accounts/%24company/notes", Answer({"source": "keepwell/people", "id": "n1"}, 202))
    told = stack.run(app, "note", "$company", "Prices went up.").output
    assert "timeline of $company" in told
    assert stack.asked[0].json()["text"] == "Prices went up."


@pytest.mark.parametrize(
    ("measure", "sent"),
    [
        ("usage.breadth >= 60", {"fact": "usage.breadth", "op": ">=", "target": 60}),
        (
            "days_since usage.last_seen_at<2 weeks",
            {"fact": "days_since usage.last_seen_at", "op": "<", "target": "2 weeks"},
        ),
        ("contract.lapsed == false", {"fact": "contract.lapsed", "op": "==", "target": False}),
        ("onboarding.reached contains go_live", {"fact": "onboarding.reached", "op": "contains", "target": "go_live"}),
    ],
)
def test_a_goal_is_set_with_what_it_is_measured_by(stack: FakeStack, measure: str, sent: dict[str, Any]) -> None:
    stack.on("PUT /scoring/v1/accounts/big%20co/goals/G-1", Answer({}, 202))
    result = stack.run(app, "goal", "big co", "G-1", "Go live", "--due", "2026-12-31", "--measure", measure)
    assert "G-1 of big co is set." in result.output
    assert stack.asked[0].json() == {"title": "Go live", "due_at": "2026-12-31T00:00:00+00:00", **sent}


def test_a_goal_is_reached_or_dropped(stack: FakeStack) -> None:
    stack.on("POST /scoring/v1/accounts/acme/goals/G-1/reached", Answer({}, 202))
    stack.on("DELETE /scoring/v1/accounts/acme/goals/G-1", Answer({}, 202))
    assert "G-1 of acme is reached." in stack.run(app, "goal", "acme", "G-1", "--reached").output
    assert "G-1 of acme is dropped." in stack.run(app, "goal", "acme", "G-1", "--drop").output


@pytest.mark.parametrize(
    "given",
    [
        (),
        ("Title",),
        ("Title", "--due", "2026-12-31", "--measure", "soon"),
        ("Title", "--drop"),
        ("--drop", "--reached"),
    ],
)
def test_a_goal_that_is_not_wholly_said_is_not_sent(stack: FakeStack, given: tuple[str, ...]) -> None:
    assert stack.run(app, "goal", "acme", "G-1", *given).exit_code == 2
    assert not stack.asked


def test_an_account_is_merged_into_one_that_is_known(stack: FakeStack) -> None:
    for account in ("old%20co", "new"):
        stack.on(f"GET /scoring/v1/accounts/{account}", Answer({"id": account}))
    stack.on("POST /ingest/v1/events", Answer({"accepted": 1, "refused": []}, 202))
    assert "old co goes on as new" in " ".join(stack.run(app, "merge", "old co", "new").output.split())
    (sent,) = stack.asked[-1].json()
    assert (sent["type"], sent["account"], sent["data"]) == ("account.merged", "old co", {"into": "new"})


def test_an_account_that_nobody_knows_is_not_merged(stack: FakeStack) -> None:
    stack.on("GET /scoring/v1/accounts/old", Answer({"id": "old"}))
    stack.on("GET /scoring/v1/accounts/nwe", problem(404, "not_found", "There is no account 'nwe'."))
    result = stack.run(app, "merge", "old", "nwe")
    assert (result.exit_code, "There is no account 'nwe'." in result.output) == (1, True)
    assert {one.path for one in stack.asked} == {"/scoring/v1/accounts/old", "/scoring/v1/accounts/nwe"}
