"""Outside hears it, too: a developer's endpoint, and a customer's mailbox."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
import standardwebhooks
import svix
from aiosmtpd.controller import Controller

from deploy.local.system import any_free
from tests.support.notifier import MailSink
from tests.support.stack import Stack

PUBLIC = "https://keepwell.example.com"
PEOPLE = "csms:\n- {id: ana, name: Ana Lima, email: ana@example.com}\n"


@dataclass
class Receiver:
    """A developer's endpoint: what it took, by webhook-id, verified as both official packages do."""

    secret: str = ""
    broken: bool = False
    taken: dict[str, dict[str, Any]] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    """The ids of all that came, whether it was taken or not."""

    def take(self, headers: dict[str, str], raw: bytes) -> int:
        self.seen.append(headers["webhook-id"])
        if self.broken:
            return 500
        said = standardwebhooks.Webhook(self.secret).verify(raw, headers)
        svix.Webhook(self.secret).verify(raw, headers)
        assert said == json.loads(raw)
        self.taken[headers["webhook-id"]] = said
        return 204

    def of(self, type: str, account: str) -> list[dict[str, Any]]:
        found = [one["data"] for one in list(self.taken.values()) if one["type"] == type]
        return [one for one in found if one.get("account", {}).get("id") == account]

    def serve(self) -> ThreadingHTTPServer:
        take = self.take

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["content-length"]))
                self.send_response(take({name.lower(): value for name, value in self.headers.items()}, raw))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return server


@dataclass
class World:
    """The stack, and what is outside of it."""

    stack: Stack
    receiver: Receiver
    url: str
    mail: MailSink

    def post(self, service: str, path: str, body: Any = None, status: int = 200) -> Any:
        answer = self.stack.client.post(self.stack.url(service, path), json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    def an_account(self, id: str, **contact: Any) -> None:
        traits = {
            "name": id.title(),
            "plan": "pro",
            "mrr_minor": 420_000,
            "currency": "EUR",
            "owner": "ana@example.com",
        }
        person = {"contact_id": f"{id}-kim", "role": "admin", "traits": {"name": "Kim Nowak", **contact}}
        self.stack.post(
            [
                {"id": f"{id}-1", "type": "account.updated", "account": id, "data": {"traits": traits}},
                {"id": f"{id}-2", "type": "contact.updated", "account": id, "data": person},
            ]
        )

    def an_answer(self, id: str, score: int, number: int = 1) -> None:
        said = {"contact_id": f"{id}-kim", "score": score, "comment": "third time support lost our ticket"}
        self.stack.post([{"id": f"{id}-nps-{number}", "type": "feedback.nps", "account": id, "data": said}])

    def letters(self, account: str) -> list[dict[str, Any]]:
        return self.stack.items("notifier", "/v1/deliveries", account=account, channel="contact")


@pytest.fixture(scope="module")
def world(make_stack: Callable[..., Stack]) -> Iterator[World]:
    receiver, mail = Receiver(), MailSink(port=any_free())
    letters, server = Controller(mail, hostname="127.0.0.1", port=mail.port), receiver.serve()
    letters.start()
    stack = make_stack(
        KEEPWELL_PUBLIC_URL=PUBLIC,
        KEEPWELL_LINK_KEYS="k" * 32,
        KEEPWELL_SMTP_URL=f"smtp://127.0.0.1:{mail.port}?from=keepwell@example.com",
        KEEPWELL_DEFAULT_CHANNEL="inbox",
        KEEPWELL_WEBHOOK_NETWORKS="127.0.0.0/8",
    )
    (stack.home / "csms.yaml").write_text(PEOPLE)
    try:
        with stack:
            yield World(stack, receiver, f"http://127.0.0.1:{server.server_port}/hooks", mail)
    finally:
        server.shutdown()
        server.server_close()
        letters.stop()


def test_a_developer_subscribes_verifies_breaks_it_and_loses_nothing(world: World) -> None:
    stack, receiver = world.stack, world.receiver
    made = world.post("notifier", "/v1/endpoints", {"url": world.url, "name": "crm"}, status=201)
    receiver.secret = made["secret"]
    endpoint = f"/v1/endpoints/{made['id']}"
    world.post("notifier", f"{endpoint}/test", status=202)
    stack.wait(lambda: any(one["type"] == "test" for one in receiver.taken.values()), "the test arrives, verified")
    # Playbooks have heard by then of what is wanted.
    stack.settle()

    world.an_account("northwind")
    world.an_answer("northwind", 2)
    stack.wait(lambda: bool(receiver.of("task.opened", "northwind")), "the call to make is told")
    [task] = receiver.of("task.opened", "northwind")
    assert task["state"] == "open"
    assert task["assignee"]["email"] == "ana@example.com"
    stack.wait(lambda: bool(receiver.of("answer.received", "northwind")), "so is the answer")
    [answer] = receiver.of("answer.received", "northwind")
    assert (answer["kind"], answer["score"]) == ("nps", 2)

    receiver.broken, broken_at = True, datetime.now(UTC)
    for number in range(5):
        world.an_account(f"larkspur{number}")
        world.an_answer(f"larkspur{number}", 2)
    stack.wait(lambda: len(set(receiver.seen) - receiver.taken.keys()) >= 5, "what it fails at is tried")
    stack.stop("notifier")
    world.post("playbooks", f"/v1/tasks/{task['id']}/take")
    stack.start("notifier")
    stack.wait(lambda: len(stack.items("playbooks", "/v1/tasks")) == 6, "all the tasks are there")

    receiver.broken = False
    world.post("notifier", f"{endpoint}/replay", {"since": broken_at.isoformat()}, status=202)
    for number in range(5):
        stack.wait(lambda n=number: bool(receiver.of("task.opened", f"larkspur{n}")), "each is told after all")  # type: ignore[misc]
        stack.wait(lambda n=number: bool(receiver.of("answer.received", f"larkspur{n}")), "each answer, too")  # type: ignore[misc]
    stack.wait(lambda: bool(receiver.of("task.moved", "northwind")), "and what moved while the notifier was away")

    def delivered() -> bool:
        log = stack.items("notifier", f"{endpoint}/deliveries")
        return {one["state"] for one in log} == {"delivered"} and {one["id"] for one in log} == receiver.taken.keys()

    stack.wait(delivered, "nothing is left, and nothing came that is not in the log")
    opened = [one["data"]["id"] for one in receiver.taken.values() if one["type"] == "task.opened"]
    assert sorted(opened) == sorted(one["id"] for one in stack.items("playbooks", "/v1/tasks"))


def test_a_customer_who_answered_hears_in_their_language_that_somebody_will_call(world: World) -> None:
    stack = world.stack
    text = stack.client.get(stack.url("playbooks", "/v1/playbooks/detractor-acknowledged")).text
    put = stack.client.put(
        stack.url("playbooks", "/v1/playbooks/detractor-acknowledged"),
        content=text.replace("mode: off", "mode: live"),
        headers={"Content-Type": "application/yaml"},
    )
    assert put.is_success, put.text
    # A new process goes by it from the first.
    stack.stop("playbooks")
    stack.start("playbooks")
    world.an_account("sosna", email="kim@sosna.example", language="pl")
    consent = {"contact_id": "sosna-kim", "kind": "service", "text": "Yes, write to me."}
    stack.post([{"id": "sosna-3", "type": "contact.consented", "account": "sosna", "data": consent}])
    stack.settle()
    world.an_answer("sosna", 2)
    stack.wait(lambda: len(world.mail.letters) == 1, "Kim has a letter")
    [letter] = world.mail.letters
    assert letter["To"] == "Kim Nowak <kim@sosna.example>"
    assert letter["Subject"] == "Dziękujemy za odpowiedź – zadzwonimy"
    assert "Ana Lima" in letter["From"]
    assert "ana@example.com" in letter["Reply-To"]
    body = letter.get_body(("plain",))
    assert body is not None
    assert "W ciągu jednego dnia roboczego zadzwoni Ana Lima" in str(body.get_content())

    # As a mail program does it when somebody presses "unsubscribe" there.
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    leave = letter["List-Unsubscribe"].strip("<>")
    assert leave.startswith(f"{PUBLIC}/u/")
    gone = httpx.post(
        stack.url("ingest", leave.removeprefix(PUBLIC)), data={"List-Unsubscribe": "One-Click"}, follow_redirects=False
    )
    assert gone.status_code == 200
    stack.settle()
    known = stack.get("notifier", "/v1/contacts/sosna/sosna-kim")
    assert [one["consented"] for one in known["consents"] if one["kind"] == "service"] == [False]
    assert len(world.letters("sosna")) == 1
