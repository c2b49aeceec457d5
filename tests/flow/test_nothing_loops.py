"""A CRM in a two-way sync, end to end: whatever webhook it hears, it sends its whole record back. It comes to rest."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from tests.support.stack import Stack

TIER = (
    "id: tier\nwhen: account.mrr_minor >= 100000\nsteps: [trait: {plan_tier: gold}, task: 'Greet {{ account.name }}']\n"
)
UPDATED = "id: updated\non_event: account.updated\nsteps: [task: See what changed]\n"
PEOPLE = "csms:\n- {id: ana, name: Ana Lima, email: ana@example.com, inbox: true}\n"


class Crm:
    """Knows one account, writes what it hears into fields, and sends all of them for each."""

    def __init__(self) -> None:
        self.record: dict[str, Any] = {"name": "Acme", "mrr_minor": 420_000, "currency": "EUR", "seats": 20}
        self.record["owner"] = "ana@example.com"
        self.heard: list[str] = []
        self.sent = 0
        self.send: Callable[[], httpx.Response] = lambda: httpx.Response(204)
        self._lock = threading.Lock()

    def take(self, said: dict[str, Any]) -> None:
        with self._lock:
            data = said["data"]
            if said["type"] == "health.changed":
                self.record |= {"keepwell_score": data["score"], "Keepwell_Band__c": data["band"]}
            elif said["type"] == "traits.set":
                self.record |= data["traits"]
            self.send()
            self.heard.append(said["type"])

    def event(self) -> dict[str, Any]:
        self.sent += 1
        return {
            "id": f"crm-{self.sent}",
            "source": "crm",
            "type": "account.updated",
            "account": "acme",
            "data": {"traits": dict(self.record)},
        }

    def serve(self) -> ThreadingHTTPServer:
        take = self.take

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                take(json.loads(self.rfile.read(int(self.headers["content-length"]))))
                self.send_response(204)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return server


@pytest.fixture
def crm() -> Crm:
    return Crm()


@pytest.fixture
def stack(make_stack: Callable[..., Stack], crm: Crm) -> Iterator[Stack]:
    server = crm.serve()
    stack = make_stack(KEEPWELL_DEFAULT_CHANNEL="inbox", KEEPWELL_WEBHOOK_NETWORKS="127.0.0.0/8")
    (stack.home / "csms.yaml").write_text(PEOPLE)
    crm.send = lambda: stack.post([crm.event()])
    try:
        with stack:
            for id, text in (("tier", TIER), ("updated", UPDATED)):
                answer = stack.client.put(stack.url("playbooks", f"/v1/playbooks/{id}"), content=text.encode())
                assert answer.status_code == 201, answer.text
            url = f"http://127.0.0.1:{server.server_port}/hooks"
            answer = stack.client.post(stack.url("notifier", "/v1/endpoints"), json={"url": url, "score_by": 0.01})
            assert answer.status_code == 201, answer.text
            stack.settle()
            yield stack
    finally:
        server.shutdown()
        server.server_close()


def at_rest(stack: Stack, crm: Crm) -> list[str]:
    """What the CRM has heard by when everything is handled, and nothing waits to be brought to it."""
    (endpoint,) = stack.items("notifier", "/v1/endpoints")
    seen = -1
    while seen != len(crm.heard) or stack.items(
        "notifier", f"/v1/endpoints/{endpoint['id']}/deliveries", state="waiting"
    ):
        assert len(crm.heard) < 60, "it goes on for ever"
        seen = len(crm.heard)
        stack.settle()
    return crm.heard


def a_week() -> Iterator[dict[str, Any]]:
    """Enough to be scored by."""
    for day in range(7):
        at = (datetime.now(UTC) - timedelta(days=day)).isoformat()
        data = {"feature": "orders", "user_id": f"u{day}"}
        yield {"id": f"u-{day}", "type": "usage.recorded", "account": "acme", "time": at, "data": data}
    yield {"id": "a", "type": "feedback.nps", "account": "acme", "data": {"contact_id": "kim", "score": 8}}


def test_a_crm_that_echoes_whatever_it_hears_comes_to_rest(stack: Stack, crm: Crm) -> None:
    crm.send()
    stack.post(list(a_week()))
    wanted = {"traits.set", "task.opened", "health.changed", "answer.received"}
    stack.wait(lambda: wanted <= set(crm.heard), "the CRM hears of it")
    at_rest(stack, crm)
    stands = stack.get("scoring", "/v1/accounts/acme")
    tasks = stack.items("playbooks", "/v1/tasks", account="acme")
    changes = stack.get("scoring", "/v1/accounts/acme/health/explain")["changes"]
    heard = len(crm.heard)
    assert crm.heard.count("traits.set") == 1
    for _ in range(3):
        crm.send()
    at_rest(stack, crm)
    assert len(crm.heard) == heard
    assert stack.get("scoring", "/v1/accounts/acme") == stands
    assert stack.items("playbooks", "/v1/tasks", account="acme") == tasks
    assert stack.get("scoring", "/v1/accounts/acme/health/explain")["changes"] == changes
    # What is news at the CRM still is here.
    crm.record["seats"] = 25
    assert stack.seen(crm.send(), "/v1/accounts/acme")["seats"] == 25
