from typing import Any

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
