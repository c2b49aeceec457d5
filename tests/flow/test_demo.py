"""The demo as a newcomer sees it: the real command, the real processes, on both homes of the stream."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from deploy.cli.down import stop
from deploy.local.jars import KafkaMissing, class_path
from tests.support.cli import typed
from tests.support.documents import ROOT, blocks, told_like
from tests.support.fake_stack import eventually
from tests.support.ports import free_ports

TOLD = (
    "Hollowell Foods: A renewal comes up, A senior joins a red account, The score slid, Usage is falling",
    "Invoice overdue",
    "Onboarding is stuck",
    "Northwind · Pro · €4,200/month · renews in 41 days",
    'their admin scored us 2: "third time support lost our ticket"',
    "urgent ticket T-118 open for 5 days",
    "Berlin time",
    "Slack message to CSM Pro One, as sent:",
    "What to do: Read what they wrote before you call.",
    "[Take it]  [Done …]  [Snooze …]  [Give to …]  [False alarm …]",
    "Hollowell Foods is red",
    "Tell Nightjar Security that you know of their urgent ticket",
    "closed: Urgent tickets are open, no urgent ticket is open any more",
    "Find who follows their champion at Castellan Retail",
    "Letter to CSM Enterprise South, as sent:",
    "Take it  Done  Snooze  Give to  False alarm",
    "expansion flag: Cobalt Couriers uses 95 % of its 20 seats",
    "closed: Invoice overdue, paid",
    "Sablewood Hotels is healthy again",
    "From Slack alone: CSM Pro One presses the buttons of their message on Northwind",
    "CSM Pro One took it · ",
    "Done by CSM Pro One: Said sorry. One person at support has all their tickets from now on.",
    "From mail alone: CSM Enterprise South follows the links of their letter on Castellan Retail",
    "the page “Take it · Keepwell”, and after its button “Keepwell has it: taken.”",
    "task taken by CSM Enterprise South",
    "task done by CSM Enterprise South, “Their head of operations takes over; we meet on Thursday.”",
    "once more: 410, “It is already done, by this link, since ",
    "Another system hears it, and verifies each webhook by Python's standardwebhooks",
    "s after the event: Northwind 7",
    "s after the event: Call Northwind: their admin scored us 2",
    "task.moved      answered 500 and",
    "204 (msg_",
    "Find who follows their champion at Castellan Retail, taken",
    "2 of 2 arrived; none lost and none twice of all",
    "The customer hears it: admin@northwind.example consented to “service”, and reads Swedish",
    "Reply-To: CSM Pro One <csm.pro-one@example.com>",
    "Subject: Tack för ditt svar: vi ringer dig",
    "CSM Pro One ringer dig inom en arbetsdag",
    "One click in their mail program (RFC 8058), POST /u/…, is answered 200: their consent to “service” is withdrawn",
    "The day: 5 accounts to call, €24,600 of €212,000 a month is red.",
    "Scoring was killed midway: 0 lost, 0 counted twice.",
    "the same fingerprint",
    "keepwell why northwind",
)


def shown() -> str:
    """What the README shows of the demo."""
    return next(block.text for block in blocks() if "Northwind" in block.text)


class Terminal:
    """Where somebody types `keepwell …`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        given = {name: value for name, value in os.environ.items() if not name.startswith("KEEPWELL_")}
        own = {"KEEPWELL_HOME": str(home), "KEEPWELL_PORT": str(free_ports(4)), "COLUMNS": "160"}
        self.environment = given | own

    def run(self, *words: str, code: int = 0) -> str:
        """`keepwell …`, without a process of its own, which takes longer to start than most commands do."""
        return typed(words, self.environment, code)

    def types(self, *command: str) -> str:
        """What a command prints, in the root of the repository."""
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=150, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def sends(self, type: str, account: str, **data: Any) -> None:
        """Tell that something happened."""
        news = self.home / "news.jsonl"
        news.write_text(json.dumps({"id": f"{type} {account}", "type": type, "account": account, "data": data}))
        self.run("send", str(news))

    def until(self, *words: str, say: str | re.Pattern[str]) -> None:
        """Type it until it says so."""
        wanted = say if isinstance(say, re.Pattern) else re.compile(re.escape(say))
        eventually(lambda: wanted.search(self.run(*words)), within=60)


@pytest.fixture(scope="module")
def terminal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """One for all here: a demo that was left running, and has its own past, is no obstacle to the next."""
    home = tmp_path_factory.mktemp("home")
    yield Terminal(home)
    stop(home / "demo")


def a_leads_quarter(terminal: Terminal) -> None:
    """What did we lose and why, who renews, what did they write, how do we stand? All that came in is read back."""
    terminal.sends("account.churned", "umber-ceramics", reason="too_expensive", voluntary=True)
    terminal.until("revenue", say=re.compile(r"1 customer left \(€[\d,]+\): too expensive"))
    assert "Umber Ceramics" in terminal.run("revenue", "accounts", "--figure", "churned")
    (due, *_) = json.loads(terminal.run("renewals", "--account", "northwind", "--json"))
    said = ("--forecast", "at_risk", "--reason", "a new head of support")
    terminal.run("renewals", "update", due["id"], *said)
    terminal.until("renewals", "--forecast", "at_risk", say="a new head of support")
    answers = terminal.run("answers", "--group", "detractor")
    assert re.search(r"Northwind .* 2 .*third time support lost our ticket", answers)
    assert re.search(r"all +\d+\.\d +-?\d+\.\d … \d+", terminal.run("feedback"))
    assert "admin@northwind.example" in terminal.run("contacts", "northwind")
    terminal.run("note", "northwind", "Their new head of support starts in May")
    measured = ("--measure", "usage.active_share >= 80", "--due", "2099-03-01")
    terminal.run("goal", "northwind", "rollout", "Everybody uses it", *measured)
    terminal.until("timeline", "northwind", say="Their new head of support starts in May")
    terminal.until("goals", "northwind", say="share of seats in use is 25 %, under 80 %")


def a_csms_day(terminal: Terminal) -> None:
    """List, take, comment, snooze, close, hand over; and write down what comes to mind."""
    (first, *_) = json.loads(terminal.run("tasks", "--assignee", "pro-one", "--json"))
    assert "Tell Northwind that you know of their urgent ticket" in terminal.run("tasks", "--assignee", "pro-one")
    for words in (
        ("take", "--note", "Mine"),
        ("comment", "--note", "Called, no answer."),
        ("snooze",),
        ("done", "--interaction", "call", "--note", "They train the team on Monday."),
    ):
        terminal.run("tasks", words[0], first["id"], *words[1:])
    told = terminal.run("tasks", "show", first["id"])
    assert re.search(
        r"taken.*Mine.*Called, no answer\..*snoozed.*done.*They train the team on Monday\.", told, re.DOTALL
    )
    terminal.until("timeline", "northwind", say="They train the team on Monday.")
    written = terminal.run(
        "tasks", "add", "northwind", "Send the deck", "--due", "2 business days", "--check", "Prices"
    )
    assert "CSM Pro One's, due in" in written
    assert "Send the deck" in terminal.run("tasks", "--by-hand", "true", "--assignee", "pro-one")
    id = written.split()[0]
    terminal.run("tasks", "reassign", id, "pro-two", "--note", "They know them.")
    assert "They know them." in terminal.run("tasks", "show", id)
    assert "Send the deck" in terminal.run("tasks", "--assignee", "pro-two")


def a_leads_week(terminal: Terminal) -> None:
    """Who has how much, who is away, what is overdue, what came of it; whose work goes to a colleague."""
    assert re.search(r"pro-two +CSM Pro Two .*", terminal.run("people", "--manager", "cs-lead"))
    assert "Nothing fits" in terminal.run("tasks", "--overdue", "true")
    assert re.search(r"urgent-ticket +2 +\d", terminal.run("playbooks", "effect"))
    assert "closed 2 tasks, 2 done" in terminal.run("people", "results", "pro-one")
    assert "CSM Pro One" in terminal.run("people", "results", "--team-of", "cs-lead")
    (call,) = json.loads(terminal.run("tasks", "--account", "hollowell-foods", "--playbook", "slide", "--json"))
    terminal.run("tasks", "take", call["id"])
    (theirs,) = json.loads(terminal.run("accounts", "--find", "hollowell-foods", "--json"))
    ends = datetime.fromisoformat(theirs["renews_at"]) + timedelta(days=366)
    terminal.sends("subscription.changed", "hollowell-foods", renews_at=ends.isoformat())
    terminal.until("playbooks", "effect", "slide", say="€9,900 a month kept")
    terminal.run("people", "hand-over", "pro-two", "pro-three", "--all", "--reason", "on parental leave")
    assert "Nothing fits" in terminal.run("tasks", "--assignee", "pro-two")
    assert "Hollowell Foods" in terminal.run("tasks", "--assignee", "pro-three")


def a_playbook_is_tried(terminal: Terminal, mine: Path) -> None:
    """Check it, see what it would do and what a change touches, put it in force, pause it, go back."""
    terminal.run("rules", "export", str(mine))
    draft, id = mine / "playbooks" / "few-seats-used.yaml", "few-seats-used"
    text = draft.read_text()
    draft.write_text(text.replace("usage.active_share < 20 %", "usage.active_shares < 28 %"))
    assert "usage.active_share" in terminal.run("rules", "check", str(draft), code=1)
    draft.write_text(text.replace("usage.active_share < 20 %", "usage.active_share < 28 %"))
    assert "usage.active_share < 20 %" in terminal.run("playbooks", "why-not", id, "northwind")
    assert re.search(r"60 accounts, .* by time alone for [1-9]", terminal.run("playbooks", "dry-run", str(draft)))
    told = terminal.run("playbooks", "dry-run", str(draft), "--account", "northwind")
    assert re.search(r"true +when +usage.active_share < 28 %.*CSM Pro One", told, re.DOTALL)
    assert "No day from" in terminal.run("playbooks", "backtest", str(draft))
    assert re.search(
        rf"~ playbooks/{id} .*holds now at [1-9]", terminal.run("rules", "plan", str(mine), code=2), re.DOTALL
    )
    terminal.run("rules", "apply", str(mine))
    terminal.until("playbooks", "why-not", id, "northwind", say="usage.active_share < 28 %")
    terminal.run("playbooks", "pause", id, "--reason", "we talk to them all next week")
    assert "we talk to them all next week" in terminal.run("playbooks", "why-not", id, "northwind")
    terminal.run("playbooks", "resume", id)
    terminal.run("rules", "rollback", f"playbooks/{id}")
    terminal.until("playbooks", "why-not", id, "northwind", say="usage.active_share < 20 %")


def an_operators_day(terminal: Terminal, mine: Path) -> None:
    """Draft a card, see who moves, put it in force, go back; merge a duplicate; forget a person."""
    terminal.run("rules", "export", str(mine))
    card = mine / "scorecards" / "mature.yaml"
    card.write_text(card.read_text().replace("usage.trend: {weight: 15}", "usage.trend: {weight: 16}"))
    assert "The weights sum to 101; they must sum to 100." in terminal.run("rules", "check", str(card), code=1)
    card.write_text(card.read_text().replace("usage.recency: {weight: 15}", "usage.recency: {weight: 14}"))
    assert "59 accounts" in terminal.run("rules", "preview", str(card), "--account", "northwind")
    assert "~ scorecards/mature" in terminal.run("rules", "plan", str(mine), code=2)
    assert "1 changed." in terminal.run("rules", "apply", str(mine))
    assert "No changes." in terminal.run("rules", "plan", str(mine))
    terminal.until("why", "fathom-diving", say=re.compile(r"usage.trend +16 %"))
    terminal.run("rules", "rollback", "mature")
    terminal.until("why", "fathom-diving", say=re.compile(r"usage.trend +15 %"))

    terminal.run("merge", "fathom-diving", "kestrel-cycles")
    terminal.until("why", "kestrel-cycles", say="goes on for: Fathom Diving")
    forgotten = terminal.run("erase", "contact", "northwind", "northwind-admin", "--yes")
    assert "by the topics on" in forgotten
    terminal.until("contacts", "northwind", say=re.compile(r"^(?!.*admin@northwind)", re.DOTALL))
    for lists in (("answers",), ("tasks",), ("alerts",), ("timeline", "northwind"), ("deliveries",)):
        terminal.until(*lists, say=re.compile(r"^(?!.*third time support lost our ticket)", re.DOTALL))


def every_story_is_in(told: str) -> None:
    """All of them, with their figures, and all that the README shows."""
    for words in TOLD:
        assert words in told
    for line in shown().splitlines():
        assert told_like(line).search(told), f"The README shows what the demo doesn't tell: {line}"
    score = re.search(r"(\d+) → (\d+) amber +\((\d\.\d\d) s after the event\)", told)
    assert score is not None, told
    before, after, seconds = score.groups()
    assert 77 <= int(before) <= 79
    assert 67 <= int(after) <= 69
    assert float(seconds) < 5


def test_every_story_is_told_and_its_company_can_be_worked_with(terminal: Terminal, tmp_path: Path) -> None:
    every_story_is_in(terminal.types("make", "demo"))
    assert "urgent ticket T-118 open for 5 days" in terminal.run("why", "northwind")
    assert "Hollowell Foods" in terminal.run("tasks")
    a_csms_day(terminal)
    a_leads_week(terminal)
    a_leads_quarter(terminal)
    a_playbook_is_tried(terminal, tmp_path / "tried")
    an_operators_day(terminal, tmp_path / "mine")


@pytest.mark.kafka
def test_every_story_is_told_on_kafka_whatever_runs_and_is_exported(terminal: Terminal) -> None:
    try:
        class_path()
    except KafkaMissing as missing:
        if os.environ.get("KEEPWELL_REQUIRE_KAFKA") == "1":
            pytest.fail(f"Kafka is required, but: {missing}")
        pytest.skip(f"No Kafka here: {missing}")
    terminal.environment["KEEPWELL_ADMIN_KEY"] = "kw_that_somebody_exported_before"
    every_story_is_in(terminal.types(sys.executable, "-c", "from deploy.cli.main import app; app()", "demo", "--kafka"))
    assert "Stopped" in terminal.run("down")
