"""A day's work done where it is read: one person's in Slack alone, another's in mail alone."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from aiosmtpd.controller import Controller

from deploy.local.system import any_free
from shared.messages.preferences import Asked, Preferences
from tests.support.clicks import (
    SIGNING_SECRET,
    TEAM,
    a_preferences_click,
    a_submission,
    a_user,
    as_shown,
    at,
    chosen,
    signed,
)
from tests.support.notifier import MailSink
from tests.support.stack import Stack

PUBLIC = "https://keepwell.example.com"
PEOPLE = """
csms:
- {id: csm-dana, name: Dana, email: dana@example.com, slack: U012AB3CD}
- {id: csm-kim, name: Kim, email: kim@example.com}
- {id: csm-sam, name: Sam, email: sam@example.com}
"""


@dataclass
class Slack:
    """Slack as both sides meet it: messages are posted and changed, forms opened, words told."""

    posted: list[dict[str, Any]] = field(default_factory=list)
    changed: list[dict[str, Any]] = field(default_factory=list)
    views: list[dict[str, Any]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def take(self, method: str, body: dict[str, Any]) -> dict[str, Any]:
        match method:
            case "chat.postMessage":
                self.posted.append(body)
                return {"ok": True, "channel": "D01", "ts": f"1763457240.{len(self.posted):06}"}
            case "chat.update":
                self.changed.append(body)
                return {"ok": True, "channel": body["channel"], "ts": body["ts"]}
            case "views.open":
                self.views.append(json.loads(body["view"]))
                return {"ok": True}
            case "users.info":
                stranger = a_user(id=body["user"], profile={"email": "stranger@example.com"})
                return {"ok": True, "user": a_user() if body["user"] == "U012AB3CD" else stranger}
            case "auth.test":
                return {"ok": True, "team_id": TEAM}
        self.told.append(body["text"])
        return {"ok": True}

    def serve(self) -> ThreadingHTTPServer:
        take = self.take

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                said = self.rfile.read(int(self.headers["content-length"]))
                is_form = "json" not in self.headers.get("content-type", "")
                body = {k: v[0] for k, v in parse_qs(said.decode()).items()} if is_form else json.loads(said)
                answer = json.dumps(take(self.path.rpartition("/")[2], body)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return server


@dataclass
class Desk:
    """The stack, and what reaches people of it."""

    stack: Stack
    slack: Slack
    hook: str
    mail: MailSink

    def a_detractor(self, account: str, owner: str) -> None:
        traits = {"name": account.title(), "plan": "pro", "mrr_minor": 420_000, "currency": "EUR", "owner": owner}
        known = {"id": f"{account}-1", "type": "account.updated", "account": account, "data": {"traits": traits}}
        answer = {"contact_id": f"{account}-admin", "score": 2, "comment": "third time support lost our ticket"}
        self.stack.post([known, {"id": f"{account}-2", "type": "feedback.nps", "account": account, "data": answer}])

    def task(self, account: str) -> dict[str, Any]:
        [task] = self.stack.items("playbooks", "/v1/tasks", account=account)
        return task

    def to_slack(self, payload: dict[str, Any]) -> httpx.Response:
        body, headers = signed(payload, at=datetime.now(UTC))
        return httpx.post(self.stack.url("ingest", "/v1/webhooks/slack"), content=body, headers=headers)

    def press(self, message: dict[str, Any], move: str, user: str = "U012AB3CD") -> None:
        """Press a button of a message that Slack has."""
        buttons = [one for block in message["blocks"] for one in block.get("elements", []) if "action_id" in one]
        [button] = [one for one in buttons if one["action_id"] == move]
        payload = {
            "type": "block_actions",
            "user": {"id": user, "team_id": TEAM},
            "team": {"id": TEAM},
            "trigger_id": f"1.2.{datetime.now(UTC).timestamp()}",
            "response_url": self.hook,
            "actions": [{**button, "action_ts": str(datetime.now(UTC).timestamp())}],
        }
        answer = self.to_slack(payload)
        assert (answer.status_code, answer.content) == (200, b"")

    def here(self, url: str) -> str:
        """Where a public address leads on this machine."""
        assert url.startswith(PUBLIC)
        return self.stack.url("ingest", url.removeprefix(PUBLIC))


@pytest.fixture(scope="module")
def desk(make_stack: Callable[..., Stack]) -> Iterator[Desk]:
    slack, mail = Slack(), MailSink(port=any_free())
    letters, server = Controller(mail, hostname="127.0.0.1", port=mail.port), slack.serve()
    letters.start()
    address = f"http://127.0.0.1:{server.server_port}"
    stack = make_stack(
        KEEPWELL_SLACK_API_URL=f"{address}/api",
        KEEPWELL_SLACK_BOT_TOKEN="xoxb-of-the-test",
        KEEPWELL_SLACK_SIGNING_SECRET=SIGNING_SECRET,
        KEEPWELL_PUBLIC_URL=PUBLIC,
        KEEPWELL_LINK_KEYS="k" * 32,
        KEEPWELL_SMTP_URL=f"smtp://127.0.0.1:{mail.port}?from=keepwell@example.com",
    )
    (stack.home / "csms.yaml").write_text(PEOPLE)
    try:
        with stack:
            yield Desk(stack, slack, f"{address}/actions/1", mail)
    finally:
        server.shutdown()
        server.server_close()
        letters.stop()


def test_a_task_is_taken_and_done_from_slack_alone(desk: Desk) -> None:
    desk.a_detractor("northwind", "dana@example.com")
    stack, slack = desk.stack, desk.slack
    stack.wait(lambda: len(slack.posted) == 1, "Dana hears of it")
    [message] = slack.posted
    assert message["channel"] == "U012AB3CD"

    desk.press(message, "take", user="U0STRANGER")
    stack.wait(lambda: len(slack.told) == 1, "a stranger hears that they are one")
    assert "You are not in Keepwell's directory of people" in slack.told[0]
    assert desk.task("northwind")["state"] == "open"

    desk.press(message, "take")
    stack.wait(lambda: desk.task("northwind")["state"] == "taken", "the task is Dana's")
    stack.wait(lambda: len(slack.changed) == 1, "the message says who has it")
    taken = slack.changed[0]
    assert (taken["channel"], taken["ts"]) == ("D01", "1763457240.000001")
    assert "Dana took it" in json.dumps(taken["blocks"])

    desk.press(taken, "done")
    stack.wait(lambda: len(slack.views) == 1, "the form opens")
    form = a_submission(slack.views[0], outcome=chosen("no_result"), note={"value": "Nobody there."})
    assert desk.to_slack(form).content == b""
    stack.wait(lambda: desk.task("northwind")["state"] == "no_result", "the task is closed")
    stack.wait(lambda: len(slack.changed) == 2, "the message says what came of it")
    assert "Nobody there." in json.dumps(slack.changed[1]["blocks"])
    assert "action_id" not in json.dumps(slack.changed[1]["blocks"])


def test_a_task_is_taken_snoozed_and_done_from_mail_alone(desk: Desk) -> None:
    desk.a_detractor("larkspur", "kim@example.com")
    desk.stack.wait(lambda: len(desk.mail.letters) == 1, "Kim hears of it")
    body = desk.mail.letters[0].get_body(("plain",))
    assert body is not None
    lines = [line.partition(f": {PUBLIC}/a/") for line in str(body.get_content()).splitlines()]
    links = {label: f"{PUBLIC}/a/{token}" for label, _, token in lines if token}
    assert set(links) == {"Take it", "Done", "Snooze", "Give to", "False alarm"}

    assert httpx.get(desk.here(links["Take it"])).status_code == 200
    assert desk.task("larkspur")["state"] == "open"
    assert httpx.post(desk.here(links["Take it"])).status_code == 200
    desk.stack.wait(lambda: desk.task("larkspur")["state"] == "taken", "the task is Kim's")

    assert httpx.post(desk.here(links["Snooze"]), data={"time": "week", "once": "1"}).status_code == 200
    desk.stack.wait(lambda: desk.task("larkspur")["state"] == "snoozed", "it waits")

    said = {"outcome": "done", "note": "They train the team on Monday."}
    assert httpx.post(desk.here(links["Done"]), data=said).status_code == 200
    desk.stack.wait(lambda: desk.task("larkspur")["state"] == "done", "it is done")
    assert desk.task("larkspur")["note"] == "They train the team on Monday."
    again = httpx.post(desk.here(links["Done"]), data=said)
    assert again.status_code == 410
    assert "It is already done, by this link" in again.text
    for service in ("ingest", "playbooks", "notifier"):
        assert not any(link.rpartition("/")[2] in desk.stack.log(service) for link in links.values())


def test_when_somebody_hears_is_set_from_slack_and_kept_by_the_notifier(desk: Desk) -> None:
    stack, slack, before = desk.stack, desk.slack, len(desk.slack.views)
    button = a_preferences_click(Asked(person="csm-dana", preferences=Preferences()), response_url=desk.hook)
    assert desk.to_slack(button).content == b""
    stack.wait(lambda: len(slack.views) == before + 1, "the form opens")
    view = slack.views[-1]
    filled = as_shown(view) | {"daily_at": at("09:45"), "weekly": chosen("never"), "waits": chosen("high")}
    assert desk.to_slack(a_submission(view, **filled) | {"user": {"id": "U0STRANGER"}}).content == b""
    assert desk.to_slack(a_submission(view, **filled)).content == b""

    def kept() -> dict[str, Any]:
        said: dict[str, Any] = stack.get("notifier", "/v1/preferences/csm-dana")
        return said

    stack.wait(lambda: kept()["set_by"] == "csm-dana", "the notifier keeps it")
    assert (kept()["digest"], kept()["digest_from"]) == ({"daily": "09:45", "weekly": None}, "high")
    # A stranger's form came first, and did nothing.
    assert "can't set the preferences of csm-dana" in stack.log("playbooks")
