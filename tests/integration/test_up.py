import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy import SERVICES
from deploy.cli.down import stop
from deploy.cli.main import app
from deploy.cli.up import NotStarted, start_detached
from deploy.local.postgres import Postgres
from deploy.local.record import read
from deploy.local.system import answers_ready, command_of
from tests.support.fake_stack import COMMAND, FakeStack, eventually

EVERYTHING = [*SERVICES, "postgres"]
_READ_SO_FAR = "INSERT INTO {service}.offsets VALUES ('t', 0, 7, 'c'); SELECT count(*) FROM {service}.offsets"
MakeStack = Callable[..., FakeStack]


@pytest.fixture
def a_stack(tmp_path: Path) -> Iterator[MakeStack]:
    made = []

    def make(**variables: str) -> FakeStack:
        made.append(FakeStack(tmp_path / "home", **variables))
        return made[-1]

    yield make
    for stack in made:
        stack.clean_up()


def kill(stack: FakeStack, name: str) -> int:
    pid = stack.pid_of(name)
    assert pid
    os.kill(pid, signal.SIGKILL)
    return pid


def other_pid_of(stack: FakeStack, name: str, than: int) -> Callable[[], int | None]:
    return lambda: pid if (pid := stack.pid_of(name)) != than else None


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_everything_starts_and_stops_cleanly(a_stack: MakeStack, how: signal.Signals) -> None:
    stack = a_stack()
    stack.up()
    stack.runs()
    pids = stack.pids()
    assert sorted(pids) == sorted(EVERYTHING)
    assert all(answers_ready(stack.settings.port_of(name)) for name in SERVICES)

    stack.send(how)
    assert stack.ends() == 0
    assert not any(map(command_of, pids.values()))
    assert all("stopped cleanly" in (stack.home / f"logs/{name}.log").read_text() for name in SERVICES)
    assert "database system is shut down" in (stack.home / "logs/postgres.log").read_text()
    assert [stack.said.index(name) for name in ("PostgreSQL", "migrations", *SERVICES, "Keepwell runs", "Stopped.")]


def test_a_second_start_carries_on_with_the_data(a_stack: MakeStack) -> None:
    stack = a_stack()
    for statement in ("CREATE TABLE kept AS SELECT 7 AS n", "SELECT n FROM kept"):
        stack.up()
        stack.runs()
        answer = Postgres(stack.home).query(statement)
        stack.send(signal.SIGTERM)
        stack.ends()
    assert answer == "7"


@pytest.mark.parametrize("name", ["scoring", "postgres"])
def test_what_is_killed_is_started_again(a_stack: MakeStack, name: str) -> None:
    stack = a_stack()
    stack.up()
    stack.runs()
    url = Postgres(stack.home).url
    killed = kill(stack, name)
    eventually(other_pid_of(stack, name, than=killed))
    if name == "postgres":
        eventually(lambda: Path(stack.home / "logs/postgres.log").read_text().count("ready to accept connections") == 2)
        assert Postgres(stack.home).query("SELECT 1") == "1"
        assert Postgres(stack.home).url == url
    else:
        eventually(lambda: answers_ready(stack.settings.port_of(name)))
    stack.send(signal.SIGTERM)
    assert stack.ends() == 0
    assert f"! {name} ended (killed by SIGKILL" in stack.said
    assert "started again in 0.25 s" in stack.said


def test_a_service_that_dies_five_times_is_given_up_visibly(a_stack: MakeStack) -> None:
    stack = a_stack()
    stack.up()
    stack.runs()
    killed = 0
    for _ in range(5):
        eventually(other_pid_of(stack, "playbooks", than=killed))
        killed = kill(stack, "playbooks")
    eventually(lambda: (r := read(stack.home)) and r.children["playbooks"].state == "given up")
    assert answers_ready(stack.settings.port_of("ingest")), "the others go on"
    stack.send(signal.SIGTERM)
    assert stack.ends() == 1
    assert "playbooks ended" in stack.said
    assert "given up after five deaths in a minute" in stack.said


def test_a_service_that_never_starts_ends_the_start_with_its_last_words(a_stack: MakeStack) -> None:
    stack = a_stack(FAKE_DIES="notifier")
    stack.up()
    assert stack.ends() == 1
    assert "notifier ended (exit code 3: no luck today)" in stack.said
    assert f"notifier doesn't start. Its log: {stack.home}/logs/notifier.log" in stack.said
    assert stack.pid_of("postgres") is None


def test_a_service_that_only_a_person_can_mend_is_not_tried_again_and_takes_nothing_down(a_stack: MakeStack) -> None:
    stack = a_stack(FAKE_DIES="notifier", FAKE_EXIT_CODE=str(os.EX_CONFIG))
    stack.up()
    assert stack.runs().given_up() == {"notifier": "exit code 78: no luck today"}
    assert all(answers_ready(stack.settings.port_of(name)) for name in SERVICES if name != "notifier")
    stack.send(signal.SIGTERM)
    assert stack.ends() == 1
    assert "Keepwell runs without notifier: mend that, then `keepwell up`." in stack.said
    assert stack.said.count("notifier ended") == 1
    assert "notifier ended (exit code 78: no luck today); not started again." in stack.said


def test_a_service_that_does_not_stop_is_killed_after_ten_seconds(a_stack: MakeStack) -> None:
    stack = a_stack(FAKE_IGNORES_TERM="ingest")
    stack.up()
    stack.runs()
    pids = stack.pids()
    began = time.monotonic()
    stack.send(signal.SIGTERM)
    assert stack.ends() == 0
    assert time.monotonic() - began > 9.5
    assert "ingest had to be killed" in stack.said
    assert not any(map(command_of, pids.values()))


def test_what_a_killed_up_left_is_ended_and_named(a_stack: MakeStack) -> None:
    stack = a_stack()
    stack.up()
    stack.runs()
    left = stack.pids()
    stack.send(signal.SIGKILL)
    stack.ends()
    assert command_of(left["postgres"])
    eventually(lambda: not any(command_of(left[name]) for name in SERVICES))

    stack.up()
    stack.runs()
    assert stack.pid_of("postgres") != left["postgres"]
    assert not command_of(left["postgres"])
    stack.send(signal.SIGTERM)
    stack.ends()
    assert "Ended what a killed `keepwell up` had left: postgres." in stack.said


def test_a_taken_port_is_named_with_its_holder(a_stack: MakeStack) -> None:
    stack = a_stack()
    with socket.create_server(("127.0.0.1", stack.settings.port_of("playbooks"))):
        stack.up()
        assert stack.ends() == 1
    assert f"Port {stack.settings.port + 2}, which playbooks needs, is taken by pid {os.getpid()} (" in stack.said
    assert "set KEEPWELL_PORT" in stack.said
    assert stack.pid_of("postgres") is None


def test_a_port_that_kafka_needs_and_another_has_is_named_with_its_holder(a_stack: MakeStack) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        stack = a_stack(KEEPWELL_START_KAFKA="1", KEEPWELL_BROKER=f"127.0.0.1:{port}")
        stack.up()
        assert stack.ends() == 1
    assert f"Port {port}, which Kafka needs, is taken by pid {os.getpid()} (" in stack.said
    assert stack.pid_of("postgres") is None


def test_detached_it_stays_until_down(a_stack: MakeStack, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = a_stack()
    said: list[str] = []
    start_detached(stack.settings, say=said.append, command=COMMAND)
    stack.runs()
    pids = stack.pids()
    assert any(line.startswith("Admin key, shown once") for line in said)
    assert any(line.startswith("Keepwell runs.") for line in said)

    monkeypatch.setenv("KEEPWELL_HOME", str(stack.home))
    monkeypatch.setenv("KEEPWELL_PORT", str(stack.settings.port))
    again = CliRunner().invoke(app, ["up"])
    assert again.exit_code == 0
    assert "Keepwell already runs in" in again.output

    otherwise = CliRunner().invoke(app, ["up", "--kafka"])
    assert otherwise.exit_code == 1
    assert "with other settings than asked for" in otherwise.output

    ended = CliRunner().invoke(app, ["down"])
    assert ended.output == "Stopped postgres, ingest, scoring, playbooks and notifier.\n"
    assert not any(map(command_of, pids.values()))
    assert CliRunner().invoke(app, ["down"]).output == f"Nothing runs in {stack.home}.\n"


def test_detached_a_failed_start_says_why(a_stack: MakeStack) -> None:
    stack = a_stack()
    with socket.create_server(("127.0.0.1", stack.settings.port)), pytest.raises(NotStarted, match="is taken by pid"):
        start_detached(stack.settings, say=lambda _: None, command=COMMAND)


def test_the_admin_key_is_made_once_and_only_its_owner_reads_it(a_stack: MakeStack) -> None:
    stack = a_stack()
    said: list[str] = []
    for _ in range(2):
        start_detached(stack.settings, say=said.append, command=COMMAND)
        stop(stack.home)
    key = (stack.home / "admin.key").read_text().strip()
    assert key.startswith("kw_")
    assert (stack.home / "admin.key").stat().st_mode & 0o777 == 0o600
    assert sum(key in line for line in said) == 1


def test_the_command_becomes_the_supervisor(a_stack: MakeStack) -> None:
    stack = a_stack()
    names = {"KEEPWELL_HOME": str(stack.home), "KEEPWELL_PORT": "not a port"}
    command = [sys.executable, "-c", "from deploy.cli.main import app; app()", "up"]
    refused = subprocess.run(command, env=os.environ | names, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    assert refused.stderr.startswith("KEEPWELL_PORT is 'not a port', which can't be used: ")


def test_a_full_disk_ends_no_minder_and_the_record_comes_back_with_it(a_stack: MakeStack) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no device that is always full")
    stack = a_stack()
    stack.up()
    stack.runs()
    pids = stack.pids()
    # Whatever is written to the record, or to scoring's log, finds no space.
    for name in ("stack.json.new", "logs/scoring.log"):
        (stack.home / name).unlink(missing_ok=True)
        (stack.home / name).symlink_to("/dev/full")
    killed = kill(stack, "scoring")
    eventually(lambda: not command_of(killed))
    eventually(lambda: answers_ready(stack.settings.port_of("scoring")))
    assert stack.pid_of("scoring") == killed, "the record is old"
    (stack.home / "stack.json.new").unlink()
    eventually(other_pid_of(stack, "scoring", than=killed))
    assert {**stack.pids(), "scoring": killed} == pids, "the others were left alone"
    stack.send(signal.SIGTERM)
    assert stack.ends() == 0


def test_a_home_that_is_gone_ends_no_minder_either(a_stack: MakeStack) -> None:
    stack = a_stack()
    stack.up()
    stack.runs()
    pids = stack.pids()
    stack.home.rename(stack.home.with_name("away"))
    os.kill(pids["notifier"], signal.SIGKILL)
    eventually(lambda: not command_of(pids["notifier"]))
    eventually(lambda: answers_ready(stack.settings.port_of("notifier")))
    eventually(other_pid_of(stack, "notifier", than=pids["notifier"]))
    stack.send(signal.SIGTERM)
    assert stack.ends() == 0


def test_up_over_a_stack_says_what_was_given_up_and_starts_it(
    a_stack: MakeStack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    blocked = tmp_path / "a-bad-file"
    blocked.write_text("")
    stack = a_stack(FAKE_DIES_WHILE=f"notifier {blocked}", FAKE_EXIT_CODE=str(os.EX_CONFIG))
    stack.up()
    assert list(stack.runs().given_up()) == ["notifier"]
    monkeypatch.setenv("KEEPWELL_HOME", str(stack.home))
    monkeypatch.setenv("KEEPWELL_PORT", str(stack.settings.port))
    still = CliRunner().invoke(app, ["up"])
    assert still.exit_code == 1
    assert "notifier was given up (exit code 78: no luck today). It is started again." in still.output
    assert "notifier still doesn't run: exit code 78: no luck today" in still.output
    blocked.unlink()
    again = CliRunner().invoke(app, ["up"])
    assert again.exit_code == 0, again.output
    assert "notifier was given up (exit code 78: no luck today). It is started again.\nnotifier runs." in again.output
    assert stack.runs().given_up() == {}
    stack.send(signal.SIGTERM)
    assert stack.ends() == 0


def test_a_service_reads_the_log_again_whether_the_stack_runs_or_not(
    a_stack: MakeStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = a_stack(FAKE_MIGRATES="yes")
    stack.up()
    stack.runs()
    monkeypatch.setenv("KEEPWELL_HOME", str(stack.home))
    monkeypatch.setenv("KEEPWELL_PORT", str(stack.settings.port))
    postgres = Postgres(stack.home)
    assert postgres.query(_READ_SO_FAR.format(service="notifier")) == "1"
    postgres.query(_READ_SO_FAR.format(service="scoring"))
    before = stack.pids()
    done = CliRunner().invoke(app, ["reread", "scoring"])
    assert done.output == "scoring reads the log again.\n"
    assert postgres.query("SELECT count(*) FROM scoring.offsets") == "0"
    after = stack.pids()
    assert after["scoring"] != before["scoring"]
    assert after | {"scoring": 0} == before | {"scoring": 0}, "the others were left alone"
    refused = CliRunner().invoke(app, ["reread", "scorring"])
    assert refused.exit_code == 1
    assert "No service 'scorring' reads the log" in refused.output
    stack.send(signal.SIGTERM)
    assert stack.ends() == 0

    down = CliRunner().invoke(app, ["reread", "notifier"])
    assert down.output == "notifier will read the log again when it is started.\n"
    with (stack.home / "postgres.log").open("ab") as log:
        postgres.start(log)
    assert postgres.query("SELECT count(*) FROM notifier.offsets") == "0"
    postgres.stop()
