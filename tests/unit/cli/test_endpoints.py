from typing import Any

from deploy.cli import endpoints
from deploy.cli.main import app
from tests.support.cli import Answer, FakeStack, page

ID = "ep_" + 6 * "1a2b"
PATH = f"/notifier/v1/endpoints/{ID}"
ENDPOINT: dict[str, Any] = {
    **{"id": ID, "name": "crm", "description": "ours", "url": "https://crm.example.com/hook", "types": ["task.opened"]},
    **{"filter": {"severity": ["high"], "plans": []}, "score_by": 5.0, "enabled": True, "disabled_because": ""},
    **{"failing_since": "2026-05-17T12:00:00Z", "failures": 9, "last_failure": "it answered 500", "held_until": None},
    **{"rotating_until": None, "waiting": 1200, "created_at": "2026-05-17T11:00:00Z", "created_by": "admin"},
}
CALL: dict[str, Any] = {
    **{"id": "msg_1", "type": "task.opened", "account": "northwind", "state": "missed", "attempts": 2, "uncertain": 1},
    **{"reason": "its endpoint is disabled", "created_at": "2026-05-17T12:00:00Z", "erased": False},
}


def test_endpoints_tell_what_they_hear_and_how_they_do(stack: FakeStack) -> None:
    stack.on("GET /notifier/v1/endpoints", page(ENDPOINT))
    result = stack.run(endpoints.app)
    assert result.exit_code == 0, result.output
    for words in ("crm", "https://crm.example.com/hook", "failing", "1,200", "it answered 500", "severity: high"):
        assert words in result.output


def test_one_is_shown_with_all_that_is_known_of_it(stack: FakeStack) -> None:
    stack.on("GET /notifier/v1/endpoints", page(ENDPOINT))
    stack.on(f"GET {PATH}", Answer(ENDPOINT))
    result = stack.run(endpoints.app, "show", "ep_1a2b")
    assert "health: moves of 5 points" in result.output
    assert "waiting: 1,200 calls" in result.output


def test_a_secret_is_shown_once(stack: FakeStack) -> None:
    stack.on("POST /notifier/v1/endpoints", Answer({**ENDPOINT, "secret": "whsec_abc"}, 201))
    result = stack.run(endpoints.app, "add", "https://crm.example.com/hook", "--type", "task.opened", "--name", "crm")
    assert f"{ID} whsec_abc" in result.output
    assert stack.asked[0].json() == {"url": "https://crm.example.com/hook", "types": ["task.opened"], "name": "crm"}


def test_a_filter_is_written_as_one_says_it(stack: FakeStack) -> None:
    stack.on("POST /notifier/v1/endpoints", Answer({**ENDPOINT, "secret": "whsec_abc"}, 201))
    narrowed = ["--filter", "severity=high, critical", "--filter", "plans=pro"]
    assert stack.run(endpoints.app, "add", "https://crm.example.com/hook", *narrowed).exit_code == 0
    assert stack.asked[0].json()["filter"] == {"severity": ["high", "critical"], "plans": ["pro"]}
    assert stack.run(endpoints.app, "add", "https://crm.example.com/hook", "--filter", "severity").exit_code == 2


def test_it_is_tested_rotated_replayed_turned_off_and_deleted(stack: FakeStack) -> None:
    stack.on("GET /notifier/v1/endpoints", page(ENDPOINT))
    stack.on(f"POST {PATH}/test", Answer({"id": "msg_1"}, 202))
    stack.on(f"POST {PATH}/rotate", Answer({"secret": "whsec_new", "former_until": "2026-05-18T12:00:00Z"}))
    stack.on(f"POST {PATH}/replay", Answer({"count": 1}, 202))
    stack.on(f"PATCH {PATH}", Answer(ENDPOINT))
    stack.on(f"DELETE {PATH}", Answer(None, 204))
    assert "is called" in stack.run(endpoints.app, "test", "ep_1a2b").output
    assert "is called" in stack.run(endpoints.app, "test", "crm").output
    assert "No id begins with cr" in stack.run(endpoints.app, "test", "cr").output
    assert "whsec_new" in stack.run(endpoints.app, "rotate", "ep_1a2b").output
    replayed = stack.run(endpoints.app, "replay", "ep_1a2b", "--since", "2026-05-17T00:00Z", "--undelivered-only")
    assert "1 webhook is sent again." in replayed.output
    assert stack.asked[-1].json() == {"since": "2026-05-17T00:00Z", "undelivered_only": True}
    assert "is disabled." in stack.run(endpoints.app, "disable", "ep_1a2b").output
    assert stack.asked[-1].json() == {"enabled": False}
    assert "is enabled." in stack.run(endpoints.app, "enable", "ep_1a2b").output
    assert "is deleted." in stack.run(endpoints.app, "delete", ID).output


def test_the_log_tells_how_each_went_and_one_with_all_that_went_to_and_fro(stack: FakeStack) -> None:
    attempt: dict[str, Any] = {
        "attempt": 1,
        "began_at": "2026-05-17T12:00:00Z",
        "seconds": 0.25,
        "outcome": "failed",
        "status": 500,
    }
    attempt |= {"reason": "it answered 500", "headers": {"webhook-id": "msg_1"}, "answer_headers": {}, "answer": "no\n"}
    detail = {**CALL, "url": "https://crm.example.com/hook", "body": {"type": "task.opened"}}
    stack.on("GET /notifier/v1/endpoints", page(ENDPOINT))
    stack.on(f"GET {PATH}/deliveries", page(CALL))
    stack.on(f"GET {PATH}/deliveries/msg_1", Answer({**detail, "attempt_history": [attempt]}))
    listed = stack.run(endpoints.app, "log", "ep_1a2b", "--state", "missed").output
    assert "2 attempts, may have come twice, its endpoint is disabled" in listed
    one = stack.run(endpoints.app, "log", "ep_1a2b", "msg_1").output
    for words in ("attempt 1 failed in 0.25 s: it answered 500", "sent  webhook-id: msg_1", '"type": "task.opened"'):
        assert words in one


def test_the_status_names_endpoints_in_trouble(stack: FakeStack) -> None:
    troubled = {"endpoint": "crm", "state": "disabled", "since": None, "reason": "it answered 410 Gone", "waiting": 0}
    details = {"webhooks": {"endpoints": 1, "waiting": 0, "troubled": [troubled]}}
    state = {"broker": "local", "ready": True, "lag": {}, "outbox": 0, "database_bytes": 0, "details": details}
    for service in ("ingest", "scoring", "playbooks", "notifier"):
        stack.on(f"GET /{service}/v1/status", Answer(state if service == "notifier" else {**state, "details": {}}))
    stack.on("GET /scoring/v1/sources", page())
    assert "endpoint crm is disabled: it answered 410 Gone" in " ".join(stack.run(app, "status").output.split())
