"""One road through the real services, as those who post, who are called and who operate them notice it."""

import asyncio
import hashlib
import hmac
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiosmtpd.controller import Controller

from deploy.local.postgres import Postgres
from deploy.local.system import any_free
from shared.log.opening import LOCAL, make_stream
from shared.log.protocol import Outgoing
from shared.messages import registry
from shared.pg.pool import session_settings
from tests.support.cli import typed
from tests.support.everywhere import stands
from tests.support.logins import as_service
from tests.support.notifier import MailSink
from tests.support.stack import KEY, SERVICES, Stack

STRIPE_SECRET = "whsec_of-the-test"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
INVOICE = json.loads((Path(__file__).parents[1] / "golden" / "stripe" / "invoice.json").read_text())
TODAY = datetime.now(UTC).isoformat()
TOMORROW = (datetime.now(UTC) + timedelta(days=1)).isoformat()
ACCOUNTS = ("northwind", "larkspur", "castellan", "cobalt")
"""Each with an owner of its own: what one owner hears of one playbook within a minute goes as one message."""


TEAM = "\n".join(
    [
        "csms:",
        *(f"- {{id: csm-{a}, name: CSM of {a}, email: {a}@example.com, slack: U0{a.upper()}}}" for a in ACCOUNTS),
        *(f"- {{id: csm-{a}, name: CSM of {a.title()}, email: {a}@example.com}}" for a in ("tern", "wren", "kestrel")),
    ]
)


@dataclass
class Slack:
    """Answers as Slack does, on a port of its own that can be closed and opened again."""

    port: int = 0
    got: list[tuple[dict[str, str], dict[str, Any]]] = field(default_factory=list)
    _server: ThreadingHTTPServer | None = None

    def up(self) -> None:
        got = self.got

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                got.append((headers, json.loads(self.rfile.read(int(headers["content-length"])))))
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(b'{"ok":true,"channel":"D01","ts":"1763457240.000100"}')

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def down(self) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()

    def about(self, account: str) -> list[tuple[dict[str, str], dict[str, Any]]]:
        return [(headers, body) for headers, body in self.got if account.title() in body["text"]]


@dataclass
class Road:
    """The stack with everything around it."""

    stack: Stack
    slack: Slack
    mail: MailSink
    postgres: Postgres

    @property
    def database(self) -> str:
        return self.stack.database_url.rpartition("/")[2]

    def an_account(self, account: str, **traits: Any) -> httpx.Response:
        known = {"name": account.title(), "plan": "pro", "mrr_minor": 420_000, "currency": "EUR", "seats": 20}
        traits = {**known, "owner": f"{account}@example.com", **traits}
        return self.stack.post([an_event("account.updated", account, traits=traits), *a_good_week(account)])

    def a_detractor(self, account: str, **headers: str) -> None:
        complaint = "third time support lost our ticket"
        answer = {"contact_id": f"{account}-admin", "score": 2, "comment": complaint}
        self.stack.post([an_event("feedback.nps", account, **answer)], headers=headers)

    def deliveries(self, account: str) -> list[dict[str, Any]]:
        return self.stack.items("notifier", "/v1/deliveries", account=account)

    def keepwell(self, *words: str, fails_with: int = 0) -> str:
        """What somebody who types `keepwell …` reads."""
        settings = {"KEEPWELL_HOME": str(self.stack.home), "KEEPWELL_PORT": str(self.stack.port), "COLUMNS": "160"}
        return typed(words, {**settings, "KEEPWELL_API_KEY": KEY}, fails_with)


def an_event(type: str, account: str, **data: Any) -> dict[str, Any]:
    id = hashlib.sha256(json.dumps([type, account, data]).encode()).hexdigest()[:16]
    return {"id": id, "type": type, "account": account, "data": data}


def a_good_week(account: str) -> Iterator[dict[str, Any]]:
    """Enough to be scored by, so that what comes after moves the score."""
    bill = {"invoice_id": f"I-{account}", "amount_minor": 420_000, "currency": "EUR"}
    for day in range(7):
        usage = an_event("usage.recorded", account, feature="orders", user_id=f"u{day}")
        yield usage | {"time": (datetime.now(UTC) - timedelta(days=day)).isoformat()}
    yield an_event("invoice.paid", account, **bill, due_at=TOMORROW, paid_at=TODAY)
    yield an_event("ticket.opened", account, ticket_id=f"T-{account}", priority="low", opened_at=TODAY)
    yield an_event("feedback.nps", account, contact_id=f"{account}-admin", score=8)


@pytest.fixture(scope="module")
def road(make_stack: Callable[..., Stack], postgres: Postgres) -> Iterator[Road]:
    slack, mail = Slack(), MailSink(port=any_free())
    letters = Controller(mail, hostname="127.0.0.1", port=mail.port)
    slack.up()
    letters.start()
    stack = make_stack(
        KEEPWELL_STRIPE_SECRET=STRIPE_SECRET,
        KEEPWELL_SLACK_API_URL=f"http://127.0.0.1:{slack.port}",
        KEEPWELL_SLACK_BOT_TOKEN="xoxb-of-the-test",
        KEEPWELL_SMTP_URL=f"smtp://127.0.0.1:{mail.port}?from=keepwell@example.com",
    )
    (stack.home / "csms.yaml").write_text(TEAM)
    try:
        with stack:
            yield Road(stack, slack, mail, postgres)
    finally:
        slack.down()
        letters.stop()


def test_a_detractor_is_a_call_for_the_owner_a_slack_message_of_the_same_trace_and_a_reason(road: Road) -> None:
    road.an_account("northwind")
    road.a_detractor("northwind", traceparent=f"00-{TRACE}-00f067aa0ba902b7-01")
    road.stack.wait(lambda: len(road.slack.about("northwind")) == 1, "the owner hears of it")
    for headers, body in road.slack.about("northwind"):
        assert headers["authorization"] == "Bearer xoxb-of-the-test"
        assert headers["traceparent"].split("-")[1] == TRACE
        assert body["channel"] == "U0NORTHWIND"
        assert "third time support lost our ticket" in json.dumps(body["blocks"])
    [task] = road.stack.items("playbooks", "/v1/tasks", account="northwind")
    due = datetime.fromisoformat(task["due_at"]) - datetime.now(UTC)
    assert (task["assignee"], task["state"]) == ("csm-northwind", "open")
    assert timedelta() < due < timedelta(days=5)
    [alert] = road.stack.items("playbooks", "/v1/alerts", account="northwind")
    assert alert["title"] == "Northwind: someone there scored us 2"
    why = road.keepwell("why", "northwind")
    assert "Northwind · Pro · €4,200/month" in why
    assert 'scored us 2: "third time support lost our ticket"' in why
    assert "Call Northwind: someone there scored us 2" in road.keepwell("tasks")


COUNTED = {"keepwell_service_info", "keepwell_http_request_seconds", "keepwell_database_up", "keepwell_database_bytes"}
WORKED = {"keepwell_records_total", "keepwell_batch_seconds", "keepwell_held_partitions"}
BUSY = {
    "ingest": COUNTED
    | {"keepwell_records_received_total", "keepwell_events_accepted_total", "keepwell_events_refused_total"}
    | {"keepwell_publish_seconds", "keepwell_key_events_total", "keepwell_refused_kept"},
    "scoring": COUNTED
    | WORKED
    | {"keepwell_repeated_events_total", "keepwell_event_to_effect_seconds", "keepwell_publish_seconds"},
    "playbooks": COUNTED | WORKED | {"keepwell_event_to_effect_seconds", "keepwell_timers"},
    "notifier": COUNTED | WORKED | {"keepwell_event_to_effect_seconds", "keepwell_deliveries_total"},
}
WAITING = {"keepwell_outbox_messages", "keepwell_oldest_unread_seconds"}
FAILED = {"keepwell_lag_records", "keepwell_dead_letters_total", "keepwell_dead_letters_waiting", "keepwell_timers"} | {
    f"keepwell_{what}_failures_total" for what in ("batch", "commit")
}
AT_REST = {
    "ingest": WAITING
    | {f"keepwell_{what}" for what in ("events_waiting", "imports_open", "publish_failures_total", "answers_total")}
    | {"keepwell_key_limited_total", "keepwell_refused_left_out_total"},
    "scoring": WAITING | FAILED | {"keepwell_publish_failures_total"},
    "playbooks": WAITING
    | FAILED
    | {
        f"keepwell_{what}_total" for what in ("repeated_events", "assessment_gaps", "last_resort", "circling_playbooks")
    },
    "notifier": WAITING | FAILED | {"keepwell_webhook_attempts_total", "keepwell_webhooks_total"},
}
"""What is 0 while all goes well; tests of what doesn't feed these."""


def scraped(road: Road, service: str) -> dict[str, float]:
    """The sum of every figure that a service shows, a histogram's by its count."""
    text = road.stack.client.get(road.stack.url(service, "/metrics")).text
    names = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE keepwell_")]
    samples = [line.rpartition(" ") for line in text.splitlines() if line.startswith("keepwell_")]
    return {
        name: sum(float(value) for at, _, value in samples if at.partition("{")[0] in {name, f"{name}_count"})
        for name in names
    }


def unfed(road: Road, service: str) -> set[str]:
    """Which of the figures that work must move are 0."""
    shown = scraped(road, service)
    return {name for name in BUSY[service] if not shown.get(name)}


def test_every_service_shows_the_figures_that_it_feeds_and_no_other(road: Road) -> None:
    for _ in range(2):
        road.stack.seen(road.an_account("northwind"), "/v1/accounts/northwind")
        road.a_detractor("northwind")
    refused = road.stack.client.post(road.stack.url("ingest", "/v1/events"), json=[{"id": "1", "type": "no.such"}])
    assert refused.status_code == 400
    judged = road.stack.url("scoring", "/v1/accounts/northwind/pulse")
    assert road.stack.client.put(judged, json={"score": 6, "note": "They answer late."}).status_code == 202
    road.stack.wait(lambda: scraped(road, "notifier").get("keepwell_deliveries_total"), "it is delivered")
    for service in SERVICES:
        road.stack.wait(lambda s=service: unfed(road, s) == set(), f"{service} feeds {unfed(road, service)}")  # type: ignore[misc]
        assert set(scraped(road, service)) == BUSY[service] | AT_REST[service], service
        status = road.stack.get(service, "/v1/status")
        for name, field_name in (("keepwell_timers", "timers"), ("keepwell_dead_letters_waiting", "dead_letters")):
            assert scraped(road, service).get(name, 0) == status[field_name]


def test_an_owner_without_slack_gets_a_letter_by_smtp(road: Road) -> None:
    road.an_account("tern")
    road.a_detractor("tern")
    road.stack.wait(lambda: road.mail.letters, "the letter comes")
    letter = next(letter for letter in road.mail.letters if "scored us 2" in letter["subject"])
    assert letter["to"] == "tern@example.com"
    words = letter.get_body(("plain",))
    assert words is not None
    assert "third time support lost our ticket" in words.get_content()
    assert letter.get_body(("html",)) is not None
    assert "no Slack id is known for CSM of Tern" in road.deliveries("tern")[0]["because"]


def from_stripe(
    road: Road, type: str, secret: str = STRIPE_SECRET, *, days_ago: int = 0, **changes: Any
) -> httpx.Response:
    stamp = int(time.time())
    created = stamp - days_ago * 86_400
    event = {"id": f"evt_{type}", "type": type, "created": created, "data": {"object": {**INVOICE, **changes}}}
    body = json.dumps(event).encode()
    signature = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    headers = {"stripe-signature": f"t={stamp},v1={signature}"}
    return httpx.post(road.stack.url("ingest", "/v1/webhooks/stripe"), content=body, headers=headers)


def test_a_payment_of_an_unknown_customer_waits_in_sight_until_the_account_is_known(road: Road) -> None:
    for _ in range(2):
        unpaid: dict[str, Any] = {"customer": "cus_larkspur", "due_date": None, "effective_at": None}
        answer = from_stripe(road, "invoice.payment_failed", days_ago=8, **unpaid)
        assert (answer.status_code, answer.json()["accepted"]) == (202, 1)
    assert "stripe:cus_larkspur" in road.keepwell("status")
    road.an_account("larkspur", aliases=["stripe:cus_larkspur"])
    road.stack.wait(lambda: road.stack.items("playbooks", "/v1/tasks", account="larkspur"), "the owner is asked")

    [task] = road.stack.items("playbooks", "/v1/tasks", account="larkspur")
    assert task["title"].startswith("Help Larkspur to pay: their payment has been failing since")
    assert "stripe:cus_larkspur" not in road.keepwell("status")


def test_a_message_waits_for_slack_to_come_back_and_comes_once(road: Road) -> None:
    road.slack.down()
    road.an_account("castellan")
    road.a_detractor("castellan")

    def waits() -> bool:
        found = road.deliveries("castellan")
        return len(found) == 1 and all(one["reason"] == "Slack can't be reached" for one in found)

    road.stack.wait(waits, "the delivery waits for Slack")
    road.slack.up()
    road.stack.wait(lambda: {one["state"] for one in road.deliveries("castellan")} == {"delivered"}, "Slack has it")
    assert len(road.slack.about("castellan")) == 1


def test_what_was_refused_for_good_is_shown_with_the_reason_and_sent_by_hand(road: Road) -> None:
    road.mail.refuse_recipient = "550 no such mailbox"
    road.an_account("wren")
    road.a_detractor("wren")
    states = {"failed": "email:wren@example.com", "delivered": "inbox:csm-wren"}
    road.stack.wait(
        lambda: {one["state"]: one["channel"] for one in road.deliveries("wren")} == states,
        "the letter fails, and what it says lies in the inbox",
    )
    assert "no such mailbox" in road.keepwell("deliveries", "--state", "failed")
    task = road.stack.items("playbooks", "/v1/tasks", account="wren")[0]
    why = " ".join(road.keepwell("deliveries", "why", task["id"][:12]).split())
    assert "failed by email:wren@example.com: the mail server says 550 no such mailbox" in why
    assert "goes on by inbox:csm-wren: It could not come by e-mail: the mail server says 550" in why
    assert "arrived by inbox:csm-wren" in why
    alarm = "Messages by email:wren@example.com don't arrive"
    road.stack.wait(lambda: alarm in road.keepwell("status"), "whoever operates can see it")
    road.mail.refuse_recipient = ""
    for one in road.stack.items("notifier", "/v1/deliveries", account="wren", state="failed"):
        assert "is tried again" in road.keepwell("deliveries", "retry", one["id"])
    road.stack.wait(lambda: {one["state"] for one in road.deliveries("wren")} == {"delivered"}, "it is sent")
    assert "No id begins with nobody-knows" in road.keepwell("deliveries", "retry", "nobody-knows", fails_with=1)


def test_a_duplicate_is_merged_its_work_ends_and_what_is_sent_of_it_is_the_other_account_s(road: Road) -> None:
    for account in ("osprey", "heron"):
        road.an_account(account, owner="wren@example.com")
    road.a_detractor("osprey")
    road.stack.wait(lambda: road.stack.items("playbooks", "/v1/tasks", account="osprey"), "somebody is asked")
    assert "There is no account 'nobody'" in road.keepwell("merge", "osprey", "nobody", fails_with=1)
    assert "osprey goes on as heron" in " ".join(road.keepwell("merge", "osprey", "heron").split())

    def open_at(account: str) -> list[str]:
        tasks = road.stack.items("playbooks", "/v1/tasks", account=account)
        return [one["title"] for one in tasks if one["state"] == "open"]

    road.stack.wait(lambda: not open_at("osprey"), "its work ends")
    [task] = road.stack.items("playbooks", "/v1/tasks", account="osprey")
    last = road.stack.get("playbooks", f"/v1/tasks/{task['id']}")["history"][-1]
    assert (last["after"], last["note"]) == ("closed", "merged into heron")
    # The very same answer, sent again of the old account, counts for the new one.
    road.a_detractor("osprey")
    road.stack.wait(lambda: open_at("heron"), "somebody is asked about the other")
    old, new = (road.stack.get("scoring", f"/v1/accounts/{account}") for account in ("osprey", "heron"))
    assert (old["merged_into"]["id"], [one["id"] for one in new["merged_from"]]) == ("heron", ["osprey"])
    assert "osprey" not in {one["id"] for one in road.stack.items("scoring", "/v1/accounts")}
    assert "'osprey' goes on as 'heron' already" in road.keepwell("merge", "heron", "osprey", fails_with=1)


def test_a_card_is_previewed_put_in_force_and_rolled_back(road: Road, tmp_path: Path) -> None:
    known = road.an_account("puffin", owner="wren@example.com")

    def puffin() -> dict[str, Any]:
        found: dict[str, Any] = road.stack.get("scoring", "/v1/accounts/puffin")
        return found

    before = road.stack.seen(known, "/v1/accounts/puffin")
    assert before["band"] in ("green", "amber")
    asked = len(road.stack.items("playbooks", "/v1/tasks", account="puffin"))
    card = str(before["scorecard"]).partition("@")[0]
    road.keepwell("rules", "export", str(tmp_path))
    draft = tmp_path / "scorecards" / f"{card}.yaml"
    draft.write_text(draft.read_text().replace("green: 75, amber: 50", "green: 100, amber: 99"))
    told = road.keepwell("rules", "preview", str(draft), "--account", "puffin")
    assert f"Puffin: {before['score']:.0f} {before['band']} → {before['score']:.0f} red" in told
    assert puffin()["scorecard"] == before["scorecard"]
    assert f"~ scorecards/{card} (+1 -1 lines)" in road.keepwell("rules", "plan", str(tmp_path), fails_with=2)
    assert "In force." in road.keepwell("rules", "apply", str(tmp_path))
    road.stack.wait(lambda: puffin()["band"] == "red", "it is judged by the new card")
    assert len(road.stack.items("playbooks", "/v1/tasks", account="puffin")) == asked, "what a card does fires nothing"
    road.keepwell("rules", "rollback", card)
    road.stack.wait(lambda: puffin()["scorecard"] == before["scorecard"], "it is judged by the old card again")
    assert "No changes." not in road.keepwell("rules", "plan", str(tmp_path), fails_with=2)


def test_who_mends_a_sender_sees_live_what_it_sends_and_what_that_moves(road: Road) -> None:
    road.an_account("siskin")
    url = road.stack.url("ingest", "/v1/recent")
    with road.stack.client.stream("GET", url, params={"key": "admin", "account": "siskin"}) as answer:
        lines = answer.iter_lines()
        assert next(lines) == ": ping"
        road.stack.post([an_event("interaction.logged", "siskin", kind="call")])
        assert told(lines, "record")["understood"][0]["account"] == "siskin"
        road.a_detractor("siskin")
        found = told(lines, "assessed", type="feedback.nps")
    assert (found["account"], found["score"] < found["before"]) == ("siskin", True)
    assert "feedback.nps" in {one["name"] for one in found["moved"]}
    shown = "tail", "--account", "siskin", "--last", "1", "--no-follow"
    line = "feedback.nps of siskin, user siskin-admin"
    road.stack.wait(lambda: line in road.keepwell(*shown), "it is shown in a terminal")


def told(lines: Iterator[str], event: str, **has: str) -> dict[str, Any]:
    """The data of the next server-sent event of this name that has these values."""
    for line in lines:
        if line == f"event: {event}":
            data: dict[str, Any] = json.loads(next(lines).removeprefix("data: "))
            if has.items() <= data.items():
                return data
    raise AssertionError("The stream has ended.")


def test_a_playbook_is_tried_before_it_is_switched_on_and_asked_why_it_has_not_fired(
    road: Road, tmp_path: Path
) -> None:
    road.an_account("plover", owner="wren@example.com", seats=7)
    draft = tmp_path / "few.yaml"
    draft.write_text(
        "id: few\nwhen: account.seats == 7\nsteps: [{task: 'Call {{ account.name }}', due: 2 business days}]\n"
    )
    why = road.stack.url("playbooks", "/v1/playbooks/no-use/why-not?account=plover")
    road.stack.wait(lambda: road.stack.client.get(why).status_code == 200, "playbooks have heard of it")
    told = road.keepwell("playbooks", "dry-run", str(draft), "--account", "plover")
    assert "Plover: It would fire now: 7 seats." in told
    assert "Call Plover – owner of the account" in told
    assert "tried on them" in road.keepwell("playbooks", "backtest", "detractor", fails_with=1)
    assert "What it waits for is not so" in road.keepwell("playbooks", "why-not", "no-use", "plover")
    assert road.stack.items("playbooks", "/v1/tasks", account="plover") == []


QUILL = ("Rosalind Quill", "rosalind@quill.example", "+49 30 5550", "lantern export", "c-quill-77")
"""Her name, how she is reached, what she wrote, and her id."""


def quill_is_in(road: Road, *more: str) -> list[str]:
    """Where one of these stands. The topics keep what was accepted for 14 days, and say so."""
    query = partial(road.postgres.query, database=road.database)
    return stands(query, (*QUILL, *more), but=("log",))


def test_whoever_is_erased_stands_in_no_table_within_a_minute_and_does_not_come_back(road: Road) -> None:
    name, email, phone, wrote, her = QUILL
    complaint = {"contact_id": her, "score": 2, "comment": f"The {wrote} burned twice, says {name}"}
    traits = {"name": name, "email": email, "phone": phone}
    known = an_event("contact.updated", "kestrel", contact_id=her, role="admin", traits=traits)
    road.an_account("kestrel", name="Windhover Ltd")
    waits = an_event("interaction.logged", "crm:kestrel", kind="call", contact_id=her)
    road.stack.post([known, waits])
    road.stack.wait(lambda: road.stack.items("notifier", "/v1/contacts/kestrel"), "she is in the address book")
    road.stack.post([an_event("feedback.nps", "kestrel", **complaint)])
    road.stack.wait(lambda: road.stack.items("playbooks", "/v1/tasks", account="kestrel"), "somebody is to call her")
    [task] = road.stack.items("playbooks", "/v1/tasks", account="kestrel")
    assert name in task["title"]
    assert email in road.keepwell("contacts", "kestrel", "--json")
    road.keepwell("tasks", "comment", task["id"], "--note", f"Wrote to {name}.")
    road.keepwell("note", "kestrel", f"{name} is the one to ask.")
    bad = Outgoing(registry.FEEDBACK, "kestrel", json.dumps({"data": {"contact_id": her}, "id": 1}).encode())
    asyncio.run(publish(road.stack.database_url, bad))
    road.stack.wait(lambda: road.stack.items("scoring", "/v1/dead-letters"), "scoring keeps what it can't read")
    road.stack.wait(lambda: {one["state"] for one in road.deliveries("kestrel")} == {"delivered"}, "all is told")
    told = [road.stack.get("notifier", f"/v1/deliveries/{one['id']}") for one in road.deliveries("kestrel")]
    assert f"{name} (admin) · {phone}, {email}" in str(told)
    assert {place.partition(".")[0] for place in quill_is_in(road)} == {*SERVICES}

    road.stack.post([an_event("account.updated", "kestrel", traits={"aliases": ["crm:kestrel"]})])
    assert "by the topics on" in " ".join(road.keepwell("erase", "contact", "kestrel", her, "--yes").split())
    road.stack.wait(lambda: not quill_is_in(road), "she is forgotten", 60)
    [task] = road.stack.items("playbooks", "/v1/tasks", account="kestrel")
    assert task["title"] == "[erased]"
    late = complaint | {"comment": f"{name} again: the {wrote}"}
    again = an_event("contact.updated", "kestrel", contact_id=her, role="admin", traits=traits | {"title": "CTO"})
    road.stack.post([an_event("feedback.nps", "kestrel", **late), again])
    road.stack.settle()
    assert quill_is_in(road) == []
    answers = road.stack.items("scoring", "/v1/answers")
    assert [one["score"] for one in answers if one["account_id"] == "kestrel" and one["erased"]] == [2, 2]

    road.keepwell("erase", "account", "kestrel", "--yes")
    road.stack.wait(lambda: not quill_is_in(road, "Windhover"), "the account is forgotten", 60)


A_TIME_TO_COME = (datetime.now(UTC) + timedelta(days=400)).isoformat()
GOOD = {"id": "1", "type": "feedback.nps", "account": "acme", "data": {"contact_id": "c1", "score": 7}}
BAD: dict[str, tuple[Any, int, str, str]] = {
    "malformed JSON": ('[{"id": "1",', 400, "invalid_json", "The body is not valid JSON"),
    "a wrong type": ({**GOOD, "data": {"contact_id": "c1", "score": "two"}}, 400, "invalid_data", "data.score must be"),
    "out of range": ({**GOOD, "data": {"contact_id": "c1", "score": 11}}, 400, "invalid_data", "at most 10"),
    "no account": ({**GOOD, "account": None}, 400, "missing_account", "Put the account's id in 'account'"),
    "no id": ({**GOOD, "id": None}, 400, "missing_id", "Give each event an id of its own"),
    "far ahead": ({**GOOD, "time": A_TIME_TO_COME}, 400, "in_future", "Check the sender's clock"),
    "long ago": ({**GOOD, "time": "2021-01-01T00:00:00Z"}, 400, "too_old", "Send it as history"),
    "an unknown type": ({**GOOD, "type": "feedback.npss"}, 400, "unknown_type", "Did you mean 'feedback.nps'?"),
    "10 MB": (" " * 10_000_000, 413, "too_large", "larger than 5 MB"),
}


@pytest.mark.parametrize("bad", BAD)
def test_bad_input_is_answered_with_what_to_do(road: Road, bad: str) -> None:
    body, status, code, words = BAD[bad]
    content = body if isinstance(body, str) else json.dumps({k: v for k, v in body.items() if v is not None})
    answer = road.stack.client.post(road.stack.url("ingest", "/v1/events"), content=content)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert words in answer.json()["message"]


def test_who_has_no_right_to_send_is_told_what_is_missing(road: Road) -> None:
    url = road.stack.url("ingest", "/v1/events")
    for headers, code in (({}, "no_key"), ({"authorization": "Bearer kw_nobody"}, "unknown_key")):
        answer = httpx.post(url, json=[GOOD], headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, code)
    answer = from_stripe(road, "invoice.paid", secret="whsec_other")
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_signature")
    assert "KEEPWELL_STRIPE_SECRET" in answer.json()["message"]


def test_a_key_is_shown_once_does_what_its_scopes_say_and_ends_when_revoked(road: Road) -> None:
    key = road.keepwell("keys", "create", "crm", "--scope", "ingest").splitlines()[0]
    assert key.startswith("kw_")
    listed = road.keepwell("keys", "list")
    assert "crm" in listed
    assert key not in listed
    headers = {"authorization": f"Bearer {key}"}
    events, accounts = road.stack.url("ingest", "/v1/events"), road.stack.url("scoring", "/v1/accounts")
    assert httpx.post(events, json=[GOOD], headers=headers).status_code == 202
    assert httpx.get(accounts, headers=headers).status_code == 403
    road.keepwell("keys", "revoke", "crm")
    road.stack.wait(lambda: httpx.post(events, json=[GOOD], headers=headers).status_code == 401, "the key ends", 30)


async def publish(database_url: str, message: Outgoing) -> None:
    """Write into the log past ingest, which would refuse it."""
    stream = make_stream(LOCAL, as_service(database_url, "ingest"), session_settings("ingest"), 8)
    await stream.start()
    producer = stream.producer()
    await producer.start()
    await producer.publish([message])
    await producer.stop()
    await stream.stop()


def test_what_cant_be_read_is_kept_shown_and_sent_again_by_hand(road: Road) -> None:
    asyncio.run(publish(road.stack.database_url, Outgoing(registry.USAGE, "northwind", b"not json")))

    def letters() -> list[dict[str, Any]]:
        return road.stack.items("scoring", "/v1/dead-letters")

    road.stack.wait(letters, "scoring keeps what it can't read")
    [letter] = letters()
    assert (letter["topic"], letter["value"], letter["replayed_at"]) == (registry.USAGE, "not json", None)
    assert letter["reason"]
    assert road.stack.get("scoring", "/v1/status")["dead_letters"] == 1
    replay = road.stack.url("scoring", f"/v1/dead-letters/{letter['id']}/replay")
    assert road.stack.client.post(replay).status_code == 202
    # It still can't be read, so it comes back as a letter of its own.
    road.stack.wait(lambda: len(letters()) == 2, "it was read again")
    again, first = letters()
    assert (again["value"], again["replayed_at"]) == ("not json", None)
    assert first["replayed_by"]
    # And nothing behind it had to wait.
    assert road.stack.seen(road.an_account("merlin"), "/v1/accounts/merlin")["rev"] > 0


def test_without_its_database_nothing_is_ready_and_nothing_accepted_is_lost(road: Road) -> None:
    road.an_account("cobalt")
    database, query = road.database, road.postgres.query

    def ready() -> set[int]:
        return {road.stack.client.get(road.stack.url(service, "/readyz")).status_code for service in SERVICES}

    query(f"ALTER DATABASE {database} ALLOW_CONNECTIONS false", database="postgres")
    query(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}'", database="postgres")
    try:
        road.stack.wait(lambda: ready() == {503}, "no service is ready", 30)
        answer = road.stack.client.post(road.stack.url("ingest", "/v1/events"), json=[GOOD])
        assert answer.status_code == 503, answer.text
        assert int(answer.headers["retry-after"]) > 0
    finally:
        query(f"ALTER DATABASE {database} ALLOW_CONNECTIONS true", database="postgres")
    road.stack.wait(lambda: ready() == {200}, "all are ready again", 60)
    road.a_detractor("cobalt")
    road.stack.wait(lambda: len(road.slack.about("cobalt")) == 1, "the owner hears of what came after", 60)


def test_sigterm_ends_every_service_by_itself(road: Road) -> None:
    pids = road.stack.pids()
    road.stack.stop(*SERVICES)
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
