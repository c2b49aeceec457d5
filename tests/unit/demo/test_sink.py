import json
import smtplib
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from deploy.demo import letter_view
from deploy.demo.sink import HOOKS, SEEN, serve, while_it_runs
from deploy.local.record import hold
from deploy.local.system import any_free


@pytest.fixture(scope="module")
def mails_port() -> int:
    return any_free()


@pytest.fixture(scope="module")
def slack(mails_port: int) -> Iterator[httpx.Client]:
    port, over = any_free(), Event()
    serving = Thread(target=serve, args=(port, mails_port, lambda: not over.is_set(), 0.05))
    serving.start()
    try:
        transport = httpx.HTTPTransport(retries=5)
        with httpx.Client(transport=transport, base_url=f"http://127.0.0.1:{port}") as client:
            yield client
    finally:
        over.set()
        serving.join()


def seen(slack: httpx.Client, method: str) -> list[dict[str, Any]]:
    return [one for one in slack.get(SEEN).json()["slack"] if one["method"] == method]


def test_it_answers_as_slack_does_and_shows_what_it_was_asked(slack: httpx.Client) -> None:
    posted = slack.post("/api/chat.postMessage", json={"channel": "U0PROONE", "text": "hello"}).json()
    assert (posted["ok"], posted["channel"]) == (True, "U0PROONE")
    changed = {"channel": "U0PROONE", "ts": posted["ts"], "text": "hello again"}
    assert slack.post("/api/chat.update", json=changed).json() == {
        "ok": True,
        "channel": "U0PROONE",
        "ts": posted["ts"],
    }
    [first], [second] = seen(slack, "chat.postMessage"), seen(slack, "chat.update")
    assert first["body"]["text"] == "hello"
    assert first["answer"]["ts"] == posted["ts"]
    assert second["body"] == changed
    assert first["at"] <= second["at"]


def test_it_opens_forms_and_knows_who_clicked(slack: httpx.Client) -> None:
    view = {"type": "modal", "blocks": []}
    opened = slack.post("/api/views.open", data={"trigger_id": "1.2", "view": json.dumps(view)}).json()
    [asked] = seen(slack, "views.open")
    assert json.loads(asked["body"]["view"]) == view
    assert asked["answer"]["view"]["id"] == opened["view"]["id"]
    user = slack.post("/api/users.info", data={"user": "U0PROONE"}).json()["user"]
    assert user == {"id": "U0PROONE", "team_id": slack.post("/api/auth.test").json()["team_id"]}


@pytest.mark.parametrize("body", [b"[]", b"{", b"7"])
def test_what_slack_can_not_read_is_refused(slack: httpx.Client, body: bytes) -> None:
    answer = slack.post("/api/chat.postMessage", content=body, headers={"Content-Type": "application/json"})
    assert answer.json() == {"ok": False, "error": "invalid_payload"}


def test_it_takes_letters_and_shows_them_whole(slack: httpx.Client, mails_port: int) -> None:
    slack.get(SEEN)
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = "keepwell@example.com", "csm@example.com", "Größer → €9,800"
    letter.set_content("74 → 52 · €4,200\n", cte="8bit")
    with smtplib.SMTP("127.0.0.1", mails_port) as server:
        server.send_message(letter)
    [taken] = slack.get(SEEN).json()["mail"]
    got = letter_view.read(taken["letter"])
    assert got["Subject"] == "Größer → €9,800"
    assert "74 → 52 · €4,200" in str(got.get_content())


def test_it_takes_webhooks_as_it_is_told_to_and_shows_how_each_was_answered(slack: httpx.Client) -> None:
    secret, raw, now = "whsec_" + "c2VjcmV0" * 6, b'{"type":"test"}', datetime.now(UTC)
    signature = Webhook(secret).sign("msg_1", now, raw.decode())
    headers = {"webhook-id": "msg_1", "webhook-timestamp": f"{int(now.timestamp())}", "webhook-signature": signature}
    assert slack.put(HOOKS, json={"secret": secret, "broken": True}).json() == {"ok": True}
    assert slack.post(HOOKS, content=raw, headers=headers).status_code == 500
    slack.put(HOOKS, json={"broken": False})
    assert slack.post(HOOKS, content=raw, headers=headers).status_code == 204
    assert slack.post(HOOKS, content=b"{}", headers=headers).status_code == 401
    came = slack.get(SEEN).json()["webhooks"]
    assert [(one["id"], one["status"]) for one in came] == [("msg_1", 500), ("msg_1", 204), ("msg_1", 401)]
    assert [one["body"] for one in came] == [None, {"type": "test"}, None]
    assert not seen(slack, "hooks")


def test_it_ends_when_its_stack_does(tmp_path: Path) -> None:
    wanted = while_it_runs(tmp_path)
    assert wanted()
    with hold(tmp_path):
        assert wanted()
        assert wanted()
    assert not wanted()


def test_it_ends_when_its_stack_never_comes(tmp_path: Path) -> None:
    assert not while_it_runs(tmp_path, patience=0)()
