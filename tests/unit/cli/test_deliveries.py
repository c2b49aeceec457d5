import re
from datetime import datetime
from typing import Any

import pytest

from deploy.cli import deliveries
from tests.support.cli import Answer, FakeStack, page, problem

ID = "dlv_" + 7 * "1a2b"

SENT: dict[str, Any] = {
    "id": ID,
    "account": "northwind",
    "kind": "alert",
    "playbook": "detractor@1a2b",
    "channel": "slack:U0PROONE",
    "because": "",
    "state": "delivered",
    "attempts": 2,
    "uncertain": 1,
    "reason": "",
    "seconds": 0.083,
    "created_at": "2026-05-17T12:00:00Z",
}


def test_deliveries_tell_how_it_went(stack: FakeStack) -> None:
    stack.on("GET /notifier/v1/deliveries", page(SENT))
    result = stack.run(deliveries.app, "--account", "northwind")
    assert result.exit_code == 0, result.output
    for words in ("alert of detractor", "slack:U0PROONE", "delivered", "0.08 s after the event, 2 attempts, may have"):
        assert words in result.output
    assert stack.asked[0].query["account"] == "northwind"


def test_deliveries_are_narrowed_by_whom_they_are_for_what_they_tell_of_and_time(stack: FakeStack) -> None:
    stack.on("GET /notifier/v1/deliveries", page(SENT))
    narrowed = ["--recipient", "ana", "--item", "act_1", "--since", "2026-05-17T12:00", "--until", "2026-05-18T00:00Z"]
    assert stack.run(deliveries.app, *narrowed).exit_code == 0
    query = stack.asked[0].query
    assert (query["recipient"], query["item"]) == ("ana", "act_1")
    since = datetime.fromisoformat(query["since"])
    assert since.tzinfo is not None, "it is meant by the clock here"
    assert (since.hour, query["until"]) == (12, "2026-05-18T00:00Z")


def test_one_delivery_is_shown_as_it_was_sent(stack: FakeStack) -> None:
    attempt = {"attempt": 1, "began_at": "2026-05-17T12:00:00Z", "outcome": "later", "reason": "Slack is down"}
    detail = {**SENT, "rendered": {"text": "Salt &amp; Pepper gave us a 2"}, "attempt_history": [attempt]}
    stack.on(f"GET /notifier/v1/deliveries/{ID}", Answer(detail))
    stack.on("GET /notifier/v1/deliveries", page(SENT))
    result = stack.run(deliveries.app, "show", "dlv_1a2b")
    assert "Salt & Pepper gave us a 2" in result.output
    assert "2026-05-17 12:00:00 UTC  attempt 1 later: Slack is down" in result.output


def test_a_failed_delivery_is_tried_again(stack: FakeStack) -> None:
    stack.on(f"POST /notifier/v1/deliveries/{ID}/retry", Answer({"id": ID, "state": "waiting"}, 202))
    assert f"{ID} is tried again." in stack.run(deliveries.app, "retry", ID).output


def test_one_that_has_not_failed_is_not(stack: FakeStack) -> None:
    stack.on(f"POST /notifier/v1/deliveries/{ID}/retry", problem(409, "not_failed", "The delivery is delivered."))
    result = stack.run(deliveries.app, "retry", ID)
    assert result.exit_code == 1
    assert "The delivery is delivered." in result.output


ITEM = "act_" + 8 * "1a2b"
ALERT: dict[str, Any] = {
    "id": ITEM,
    "account_name": "Northwind",
    "title": "Usage fell by half",
    "state": "open",
    "assignee_name": "Ana",
    "assigned_because": "they own the account",
    "passed_over": ["Bea is away until 6 Mar 2026"],
    "muted_until": "2026-05-20T07:00:00Z",
}
REFUSED = {
    "attempt": 1,
    "began_at": "2026-05-17T12:00:00Z",
    "ended_at": "2026-05-17T12:00:01Z",
    "outcome": "never",
    "reason": "Slack says user_not_found",
}


def a_road(id: str, road: int, channel: str, **changes: Any) -> dict[str, Any]:
    fields = {
        **SENT,
        "id": f"dlv_{id}",
        "action_id": ITEM,
        "road": road,
        "instead_of": "dlv_a" if road else None,
        "channel": channel,
        "recipient": "ana",
        "recipient_name": "Ana",
        "waited": "",
        "together": 1,
        "created_at": f"2026-05-17T12:00:0{road}Z",
        "settled_at": f"2026-05-17T12:00:0{road + 1}Z",
        "attempt_history": [],
        "roads": [{"id": "dlv_a"}, {"id": "dlv_b"}],
    }
    return fields | changes


def asked_why(stack: FakeStack, item: str, roads: list[dict[str, Any]], *known: dict[str, Any]) -> str:
    for path in ("tasks", "flags"):
        stack.on(f"GET /playbooks/v1/{path}", page())
    stack.on("GET /playbooks/v1/alerts", page(*known))
    stack.on(f"GET /playbooks/v1/alerts/{ITEM}", Answer(ALERT))
    stack.on("GET /notifier/v1/deliveries", page(*roads))
    for one in roads:
        stack.on(f"GET /notifier/v1/deliveries/{one['id']}", Answer(one))
    result = stack.run(deliveries.app, "why", item)
    assert result.exit_code == (0 if known else 1), result.output
    return " ".join(result.output.split())


def test_why_somebody_heard_elsewhere_is_told_road_by_road(stack: FakeStack) -> None:
    because = "It could not come by Slack: Slack says user_not_found"
    second = a_road("b", 1, "email:ana@example.com", because=because, together=3)
    first = a_road(
        "a",
        0,
        "slack:U0ANA",
        state="failed",
        reason="Slack says user_not_found",
        attempt_history=[REFUSED],
        waited="waits for the end of its minute",
    )
    said = asked_why(stack, "act_1a2b", [second, first], ALERT)
    order = (
        "Northwind: Usage fell by half",
        "alert for Ana, by slack:U0ANA",
        "waits for the end of its minute",
        "attempt 1 by slack:U0ANA, never: Slack says user_not_found",
        "failed by slack:U0ANA: Slack says user_not_found",
        f"goes on by email:ana@example.com: {because}",
        "arrived by email:ana@example.com, as one message with 2 others",
    )
    places = [said.index(words) for words in order]
    assert places == sorted(places)
    assert re.search(r", \d\d:\d\d alert for Ana", said)
    assert "No other road is left" not in said
    assert [asked.query.get("item") for asked in stack.asked if asked.path == "/notifier/v1/deliveries"] == [ITEM]
    # Whoever has heard of it needs no other reason.
    assert "muted" not in said


@pytest.mark.parametrize(
    ("state", "more", "words"),
    [
        ("cancelled", {"reason": "it recovered"}, "called back: it recovered"),
        ("waiting", {"due_at": "2026-05-17T13:00:00Z", "settled_at": None}, "waiting by slack:U0ANA, until"),
        ("failed", {"reason": "no", "roads": [{"id": "dlv_a"}]}, "failed by slack:U0ANA: no. No other road is left."),
    ],
)
def test_why_nobody_has_heard_of_it_yet(stack: FakeStack, state: str, more: dict[str, Any], words: str) -> None:
    said = asked_why(stack, ITEM[:12], [a_road("a", 0, "slack:U0ANA", state=state, **more)], ALERT)
    assert words in said
    assert "It is open, and Ana's: they own the account." in said


def test_of_what_was_never_sent_playbooks_say_what_holds_it_back(stack: FakeStack) -> None:
    said = asked_why(stack, ITEM[:12], [], ALERT)
    assert "Nothing was sent of it." in said
    assert "Passed over: Bea is away until 6 Mar 2026." in said
    assert "Its account is muted until" in said


def test_an_item_that_nobody_knows_is_no_item(stack: FakeStack) -> None:
    assert "No task, alert or flag begins with nothing" in asked_why(stack, "nothing", [])


LETTER: dict[str, Any] = {
    **SENT,
    "kind": "message",
    "channel": "contact:kim",
    "contact_id": "kim",
    "recipient": None,
    "recipient_name": None,
    "state": "cancelled",
    "reason": "they want no more messages, since 18 Nov 2026",
    "settled_at": "2026-05-17T12:00:01Z",
    "instead_of": None,
    "road": 0,
    "action_id": "act-1",
    "waited": "",
    "together": 0,
    "roads": [],
    "attempt_history": [
        {"attempt": 1, "outcome": "barred", "reason": "x", "ended_at": "2026-05-17T12:00:01Z"},
    ],
}


def test_it_says_why_a_customers_person_was_not_written_to(stack: FakeStack) -> None:
    stack.on("GET /notifier/v1/deliveries", page(LETTER))
    stack.on(f"GET /notifier/v1/deliveries/{ID}", Answer(LETTER))
    result = stack.run(deliveries.app, "why", "northwind/kim")
    assert result.exit_code == 0, result.output
    assert "message for kim, by contact:kim" in result.output
    assert "not written: they want no more messages, since 18 Nov 2026" in result.output
    assert "barred" not in result.output
    asked = stack.asked[0].query
    assert (asked["account"], asked["contact"], asked["channel"]) == ("northwind", "kim", "contact")
