"""A developer subscribes an endpoint, verifies it with an official package, breaks it, and loses nothing."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.flow.test_road import a_good_week, an_event
from tests.support.cli import typed
from tests.support.stack import KEY, Stack


@dataclass
class Receiver:
    """Verifies what comes, as its users would, and does each webhook once."""

    secret: str = ""
    works: bool = True
    done: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What it has taken, by webhook-id."""
    refused: list[str] = field(default_factory=list)
    port: int = 0

    def take(self, headers: dict[str, str], body: bytes) -> int:
        event = Webhook(self.secret).verify(body, headers)
        id = headers["webhook-id"]
        if not self.works:
            self.refused.append(id)
            return 500
        self.done.setdefault(id, event)
        return 204

    def types(self, account: str) -> set[str]:
        return {one["type"] for one in self.done.values() if one["data"].get("account", {}).get("id") == account}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.send_response(made.take(headers, self.rfile.read(int(headers["content-length"]))))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.port = server.server_port
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield made
    server.shutdown()
    server.server_close()


@pytest.fixture
def stack(make_stack: Callable[..., Stack]) -> Iterator[Stack]:
    with make_stack(KEEPWELL_WEBHOOK_NETWORKS="127.0.0.0/8") as running:
        yield running


def keepwell(stack: Stack, *words: str) -> str:
    settings = {"KEEPWELL_HOME": str(stack.home), "KEEPWELL_PORT": str(stack.port), "COLUMNS": "160"}
    return typed(words, {**settings, "KEEPWELL_API_KEY": KEY}, 0)


def a_detractor(stack: Stack, account: str) -> None:
    stack.post([an_event("feedback.nps", account, contact_id=f"{account}-admin", score=2, comment="slow")])


def test_what_an_endpoint_missed_while_it_was_broken_comes_by_a_replay(stack: Stack, receiver: Receiver) -> None:
    url = f"http://127.0.0.1:{receiver.port}/hooks"
    id, receiver.secret = keepwell(stack, "endpoints", "add", url, "--name", "crm").splitlines()[0].split()
    keepwell(stack, "endpoints", "test", id)
    stack.wait(lambda: [one["type"] for one in receiver.done.values()] == ["test"], "the test event arrives")

    numbers = count()

    def a_new_detractor() -> str:
        account = f"customer-{next(numbers)}"
        stack.post([an_event("account.updated", account, traits={"name": account}), *a_good_week(account)])
        a_detractor(stack, account)
        return account

    def hears() -> bool:
        """Playbooks know within seconds what is wanted; what came before is not told."""
        account = a_new_detractor()
        try:
            stack.wait(lambda: "answer.received" in receiver.types(account), "the answer is told", 3)
        except AssertionError:
            return False
        return True

    stack.wait(hears, "the endpoint hears of answers", 40)
    heard = f"customer-{next(numbers) - 1}"
    stack.wait(lambda: {"answer.received", "task.opened"} <= receiver.types(heard), "and of the task")
    assert any(one["type"] == "health.changed" for one in receiver.done.values())

    since, receiver.works = datetime.now(UTC) - timedelta(milliseconds=1), False
    missed = [a_new_detractor() for _ in range(3)]
    stack.wait(lambda: len(receiver.refused) >= 3, "it is broken")
    stack.wait(lambda: all(_is_told(stack, id, account) for account in missed), "all of it is in the log")
    assert not any(receiver.types(account) for account in missed)

    receiver.works = True
    told = keepwell(stack, "endpoints", "replay", id, "--since", since.isoformat(), "--undelivered-only")
    assert "sent again" in told
    stack.wait(
        lambda: all({"answer.received", "task.opened"} <= receiver.types(account) for account in missed),
        "nothing is lost",
    )
    stack.wait(lambda: set(receiver.refused) <= set(receiver.done), "each under its own id")
    assert "failing" not in keepwell(stack, "endpoints")


def _is_told(stack: Stack, id: str, account: str) -> bool:
    log = stack.items("notifier", f"/v1/endpoints/{id}/deliveries", account=account)
    return {"answer.received", "task.opened"} <= {one["type"] for one in log}
