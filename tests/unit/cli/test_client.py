import json
import os
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from deploy.cli import keys
from deploy.cli.client import ClientSettings, trusted
from deploy.cli.fingerprint import fingerprint
from deploy.cli.lists import ACCOUNTS, READERS
from deploy.cli.status import status
from deploy.local.record import ChildRecord, Record, hold
from deploy.local.system import any_free
from shared.settings import Settings
from tests.support.cli import Answer, FakeStack, one_command, page, problem

READY = {
    "broker": "local",
    "ready": True,
    "lag": {"keepwell.events.usage": 1_200},
    "dead_letters": 0,
    "outbox": 3,
    "timers": 61,
    "held_partitions": 8,
    "database_bytes": 48_000_000,
}


def test_without_a_stack_one_sentence_says_what_to_do() -> None:
    nowhere = {"KEEPWELL_URL": "http://127.0.0.1:9", "KEEPWELL_API_KEY": "kw_test"}
    result = CliRunner().invoke(ACCOUNTS.app(), [], env=nowhere)
    assert result.exit_code == 3
    assert "Nothing answers at http://127.0.0.1:10: start it with `make run`" in result.output


def test_a_wrong_key_is_named_with_its_remedy(stack: FakeStack) -> None:
    stack.on("GET /scoring/v1/accounts", problem(401, "unknown_key", "This key is not known."))
    result = stack.run(ACCOUNTS.app())
    assert result.exit_code == 1
    assert "This key is not known." in result.output
    assert "KEEPWELL_API_KEY" in result.output


def test_the_services_are_at_four_ports_in_a_row() -> None:
    settings = ClientSettings(port=9001)
    assert settings.address("ingest") == "http://127.0.0.1:9001"
    assert settings.address("notifier") == "http://127.0.0.1:9004"
    assert ClientSettings(url="http://stack:8001/").address("scoring") == "http://stack:8002"
    assert ClientSettings(url="https://{service}.example.com").address("scoring") == "https://scoring.example.com"


def test_certificates_are_checked_and_are_read_only_where_there_are_some() -> None:
    over_tls, plain = trusted("HTTPS://ingest.example.com"), trusted("http://127.0.0.1:8001")
    assert over_tls.cert_store_stats()["x509_ca"] > 0
    assert plain.cert_store_stats()["x509_ca"] == 0
    assert {over_tls.verify_mode, plain.verify_mode} == {ssl.CERT_REQUIRED}


def test_the_key_that_up_made_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KEEPWELL_API_KEY", raising=False)
    monkeypatch.delenv("KEEPWELL_ADMIN_KEY", raising=False)
    (tmp_path / "admin.key").write_text("kw_kept\n")
    assert ClientSettings(home=tmp_path).key() == "kw_kept"
    assert ClientSettings(home=tmp_path / "elsewhere").key() is None


def test_readers_are_listed_and_one_that_is_gone_for_good_is_forgotten(stack: FakeStack) -> None:
    readers_now = [
        {"service": "playbooks", "oldest_unread": None},
        {"service": "old-one", "oldest_unread": "2020-01-01T00:00:00Z"},
    ]
    stack.on("GET /ingest/v1/readers", page(*readers_now))
    stack.on("DELETE /ingest/v1/readers/old-one", Answer(None, 204))
    stack.on(
        "DELETE /ingest/v1/readers/playbooks", problem(409, "in_use", "playbooks reads the log now. Stop it first.")
    )
    assert "old-one" in stack.run(READERS.app(), "list").output
    assert "old-one is forgotten" in stack.run(READERS.app(), "forget", "old-one").output
    refused = stack.run(READERS.app(), "forget", "playbooks")
    assert (refused.exit_code, "Stop it first" in refused.output) == (1, True)


def test_status_shows_every_service_and_what_waits(stack: FakeStack) -> None:
    for service in ("scoring", "playbooks", "notifier"):
        stack.on(f"GET /{service}/v1/status", Answer({"service": service, **READY}))
    waiting = [{"alias": "stripe:cus_1", "events": 2}, {"alias": "user:web/u-7", "events": 3}]
    stack.on("GET /ingest/v1/status", Answer({"service": "ingest", **READY, "waiting": waiting}))
    result = stack.run(one_command(status))
    assert result.exit_code == 0, result.output
    assert "1,200" in result.output
    assert "48 MB" in result.output
    said = [" ".join(line.split()) for line in result.output.splitlines()]
    for line in (
        "1 alias waited for; send `account.updated` with it:",
        "stripe:cus_1 2",
        "1 user of no account yet; send a record that names the user and one:",
        "web/u-7 3",
    ):
        assert line in said


def test_status_says_what_each_source_of_evidence_does(stack: FakeStack) -> None:
    for service in ("ingest", "scoring", "playbooks", "notifier"):
        stack.on(f"GET /{service}/v1/status", Answer({"service": service, **READY}))
    now = datetime.now(UTC)
    common = {"accounts": 12, "of": 60, "declared_since": None, "suggest_declaring": False, "last_heard_at": None}
    usage = {"declared_since": "2026-03-02", "last_heard_at": (now - timedelta(minutes=4, seconds=9)).isoformat()}
    tickets = {"last_heard_at": (now - timedelta(days=2, minutes=1)).isoformat(), "suggest_declaring": True}
    broken = {"interrupted_since": "2026-05-20T07:00:00Z", "sent": 3, "usual": 1200}
    items = [
        {**common, "source": "usage", **usage},
        {**common, "source": "tickets", **tickets},
        {**common, "source": "feedback", "accounts": 0},
        {**common, "source": "invoices", **tickets, "suggest_declaring": False, **broken},
    ]
    stack.on("GET /scoring/v1/sources", page(*items))
    said = stack.run(one_command(status)).output.splitlines()
    assert "Usage: last heard of 4 minutes ago, for 12 of 60 accounts. Declared connected since 2 Mar 2026." in said
    declare = "Declare it in the catalogue (sources: {tickets: DATE}), so that silence counts."
    assert f"Tickets: last heard of 2 days ago, for 12 of 60 accounts. {declare}" in said
    assert "Feedback: never heard of." in said
    since = "Interrupted since Wed 20 May 2026, 07:00 UTC: 3 events in an hour in which 1,200 are usual."
    assert f"Invoices: last heard of 2 days ago, for 12 of 60 accounts. {since}" in said


def test_status_says_what_somebody_should_look_at(stack: FakeStack) -> None:
    for service in ("ingest", "scoring"):
        stack.on(f"GET /{service}/v1/status", Answer({"service": service, **READY, "details": {}}))
    sweep = {"accounts": 1200, "by": "2026-05-17T12:00:00Z"}
    gaps = {"service": "playbooks", **READY, "dead_letters": 2, "details": {"assessment_gaps": 1, "sweep": sweep}}
    hold = {"channel": "slack:*", "until": "2026-05-17T12:00:00Z", "reason": "the token is not accepted"}
    failed = {"service": "notifier", **READY, "details": {"deliveries": {"failed": 4}, "holds": [hold]}}
    stack.on("GET /playbooks/v1/status", Answer(gaps))
    stack.on("GET /notifier/v1/status", Answer(failed))
    said = " ".join(stack.run(one_command(status)).output.split())
    met = "1,200 accounts to meet new or changed playbooks by Sun 17 May 2026, 12:00 UTC"
    assert f"1 account with a gap in the assessments; {met}" in said
    assert "4 failed: keepwell deliveries --state failed; slack:* is held: the token is not accepted" in said
    assert "What playbooks could not read: GET http" in said


def test_status_tells_an_alarm_once_though_every_service_has_it(stack: FakeStack) -> None:
    for service in ("ingest", "scoring", "playbooks", "notifier"):
        alarms = ["scoring has not read.", *(["Its own."] if service == "notifier" else [])]
        stack.on(f"GET /{service}/v1/status", Answer({"service": service, **READY, "alarms": alarms}))
    said = stack.run(one_command(status)).output
    assert (said.count("! scoring has not read."), said.count("! Its own.")) == (1, 1)


def test_status_tells_of_a_service_that_is_down(stack: FakeStack) -> None:
    for service in ("ingest", "scoring", "playbooks"):
        stack.on(f"GET /{service}/v1/status", Answer({"service": service, **READY}))
    stack.on("GET /notifier/v1/status", problem(503, "not_ready", "The database is gone."))
    result = stack.run(one_command(status))
    assert result.exit_code == 3
    assert "The database is gone." in result.output


def test_a_key_is_made_and_shown_once(stack: FakeStack) -> None:
    stack.on("POST /ingest/v1/keys", Answer({"name": "billing", "key": "kw_secret"}, 201))
    result = stack.run(keys.app, "create", "billing", "--scope", "ingest", "--scope", "read")
    assert result.exit_code == 0, result.output
    assert result.stdout == "kw_secret\n"
    assert stack.asked[0].json() == {"name": "billing", "scopes": ["ingest", "read"]}


def test_keys_are_listed_and_revoked(stack: FakeStack) -> None:
    key: dict[str, Any] = {"scopes": ["ingest"], "source": "web", "created_at": "2026-05-17T12:00:00Z"}
    key |= {"test": True, "events_per_second": 1}
    old = {**key, "name": "billing", "old_until": "2026-05-17T12:00:00Z"}
    stack.on("GET /ingest/v1/keys", page(old, {**key, "name": "web", "old_until": "2126-05-17T12:00:00Z"}))
    stack.on("DELETE /ingest/v1/keys/billing", Answer(None, 204))
    _, billing, web = (line.rstrip() for line in stack.run(keys.app, "list").output.splitlines())
    assert billing.endswith("test, 1 event/s")
    assert web.endswith("test, 1 event/s, the one before until Fri 17 May 2126, 12:00")
    assert "billing is revoked." in stack.run(keys.app, "revoke", "billing").output


def test_a_key_is_made_with_what_it_may_send(stack: FakeStack) -> None:
    stack.on("POST /ingest/v1/keys", Answer({"name": "web", "key": "kw_secret"}, 201))
    more = ["--type", "usage.recorded", "--rate", "50", "--test", "--source", "web"]
    assert stack.run(keys.app, "create", "web", "--scope", "ingest", *more).stdout == "kw_secret\n"
    assert stack.asked[0].json() == {
        "name": "web",
        "scopes": ["ingest"],
        "sources": ["web"],
        "types": ["usage.recorded"],
        "events_per_second": 50,
        "test": True,
    }


def test_a_key_is_rotated_and_the_new_one_shown_once(stack: FakeStack) -> None:
    stack.on("POST /ingest/v1/keys/web/rotate", Answer({"name": "web", "key": "kw_new"}, 201))
    assert stack.run(keys.app, "rotate", "web", "--overlap-hours", "2").stdout == "kw_new\n"
    assert stack.asked[0].json() == {"overlap_hours": 2}


def test_a_key_is_changed_by_what_is_said_and_nothing_else(stack: FakeStack) -> None:
    stack.on("PATCH /ingest/v1/keys/web", Answer(None, 204))
    assert stack.run(keys.app, "change", "web", "--live", "--usual-rate", "--all-types").output == "web is changed.\n"
    for both in (["--rate", "1", "--usual-rate"], ["--type", "usage.recorded", "--all-types"]):
        assert stack.run(keys.app, "change", "web", *both).exit_code == 2
    assert stack.asked[0].json() == {"types": [], "events_per_second": None, "test": False}
    stack.run(keys.app, "change", "web", "--rate", "0")
    assert stack.asked[1].json() == {"events_per_second": 0}


def test_usage_is_shown_of_one_key_or_of_all(stack: FakeStack) -> None:
    day = {"day": "2026-05-17", "requests": 3, "events": 1200, "bytes": 9, "refused": 0, "limited": 1}
    stack.on("GET /ingest/v1/keys", page({"name": "web"}))
    stack.on("GET /ingest/v1/keys/web/usage", page({**day, "types": {"usage.recorded": 1200}}))
    for asked in ([], ["web"]):
        shown = stack.run(keys.app, "usage", *asked).output
        assert "2026-05-17" in shown
        assert "1,200" in shown


def test_the_fingerprint_is_asked_for_an_instant(stack: FakeStack) -> None:
    at = "2026-05-17T12:00:00Z"
    stack.on("GET /scoring/v1/fingerprint", Answer({"fingerprint": "ab12", "accounts": 60, "at": at}))
    stack.on("GET /notifier/v1/fingerprint", Answer({"fingerprint": "cd34", "contacts": 7}))
    result = stack.run(one_command(fingerprint), "--at", at)
    assert result.output == f"ab12  60 accounts  at {at}\ncd34  7 contacts  in the address book\n"
    assert stack.asked[0].query == {"at": at}


def test_json_is_for_programs(stack: FakeStack) -> None:
    stack.on("GET /scoring/v1/accounts", page({"id": "a"}, {"id": "b"}))
    result = stack.run(ACCOUNTS.app(), "--json")
    assert json.loads(result.stdout) == [{"id": "a"}, {"id": "b"}]


def test_status_tells_what_was_given_up_why_and_the_way_to_mend_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_up = ChildRecord(None, "given up", 5, "exit code 78: csms.yaml, line 3")
    lost = {"playbooks": given_up, "ingest": ChildRecord(7, "running")}
    monkeypatch.setenv("KEEPWELL_HOME", str(tmp_path))
    monkeypatch.setenv("KEEPWELL_PORT", str(any_free()))
    monkeypatch.setenv("KEEPWELL_API_KEY", "kw_test")
    Record(os.getpid(), "running", Settings.load().port, "local", lost).write(tmp_path)
    with hold(tmp_path):
        result = CliRunner().invoke(one_command(status), ["--json"])
    assert result.exit_code == 3
    assert json.loads(result.stdout)["playbooks"] == {
        "error": "given up: exit code 78: csms.yaml, line 3. Mend that; `keepwell up` starts it again."
    }
    assert "Nothing answers" in json.loads(result.stdout)["ingest"]["error"]
    monkeypatch.setenv("KEEPWELL_URL", "http://127.0.0.1:9")
    with hold(tmp_path):
        elsewhere = CliRunner().invoke(one_command(status), ["--json"])
    assert "given up" not in elsewhere.output, "what runs here says nothing of another machine"
