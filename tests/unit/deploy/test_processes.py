import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.local.record import ChildRecord, Record, hold, read, read_running, supervisor_of
from deploy.local.system import command_of, end, running

SLEEPS = [sys.executable, "-c", "import time; print(flush=True); time.sleep(60)"]
IGNORES = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"


@pytest.fixture
def sleeper() -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen(SLEEPS, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        yield process
        process.kill()


def found(process: "subprocess.Popen[bytes]") -> Callable[[], int | None]:
    return lambda: process.pid if command_of(process.pid) else None


def a_record(pid: int | None = None, **children: ChildRecord) -> Record:
    return Record(pid or os.getpid(), "running", 8001, "local", children)


def test_a_process_is_known_by_its_lock_and_its_command(tmp_path: Path, sleeper: "subprocess.Popen[bytes]") -> None:
    lock = tmp_path / "postmaster.pid"
    assert running(lock, "time.sleep") is None
    lock.write_text(f"{sleeper.pid}\n/data\n")
    assert running(lock, "time.sleep(60)") == sleeper.pid
    assert running(lock, "postgres -D") is None, "its pid was given to another since"


@pytest.mark.parametrize("content", ["", "\n", "not a pid", "999999999"])
def test_a_lock_that_names_no_process_is_nobodys(tmp_path: Path, content: str) -> None:
    (tmp_path / "lock").write_text(content)
    assert running(tmp_path / "lock", "python") is None


def test_a_process_that_only_left_its_exit_code_is_gone(sleeper: "subprocess.Popen[bytes]") -> None:
    assert end(found(sleeper), [(signal.SIGTERM, 5.0)]) == sleeper.pid
    assert found(sleeper)() is None, "though nobody has waited for it yet"
    assert sleeper.wait() == -signal.SIGTERM


def test_who_does_not_listen_is_asked_more_firmly() -> None:
    with subprocess.Popen([sys.executable, "-c", IGNORES], stdout=subprocess.PIPE) as stubborn:
        assert stubborn.stdout
        stubborn.stdout.readline()
        end(found(stubborn), [(signal.SIGTERM, 0.2), (signal.SIGKILL, 5.0)])
        assert stubborn.wait() == -signal.SIGKILL


def test_what_is_not_there_is_not_ended() -> None:
    assert end(lambda: None, [(signal.SIGKILL, 5.0)]) is None


def test_what_is_on_record_is_read_back(tmp_path: Path) -> None:
    record = a_record(
        scoring=ChildRecord(4711, "running", 2, "killed by SIGKILL", 3),
        notifier=ChildRecord(None, "given up", 5, "exit code 3: no luck"),
    )
    record.write(tmp_path)
    assert read(tmp_path) == record
    assert record.given_up() == {"notifier": "exit code 3: no luck"}


def test_what_was_stopped_while_the_others_run_has_to_be_started_by_somebody() -> None:
    record = a_record(scoring=ChildRecord(None, "stopped", why="it was told to stop"))
    assert record.given_up() == {"scoring": "it was told to stop"}
    assert record._replace(phase="stopped").given_up() == {}


def test_a_stack_runs_while_its_supervisor_holds_the_lock(tmp_path: Path) -> None:
    a_record().write(tmp_path)
    assert (supervisor_of(tmp_path), read_running(tmp_path)) == (None, None)
    with hold(tmp_path):
        assert supervisor_of(tmp_path) == os.getpid()
        assert read_running(tmp_path) == a_record()
        with pytest.raises(BlockingIOError, match="Another `keepwell up` holds"), hold(tmp_path):
            pass
    assert supervisor_of(tmp_path) is None
    with hold(tmp_path):
        assert supervisor_of(tmp_path) == os.getpid()


def test_a_record_of_an_earlier_supervisor_is_not_of_the_one_that_runs(tmp_path: Path) -> None:
    a_record(pid=1).write(tmp_path)
    with hold(tmp_path):
        assert read_running(tmp_path) is None


@pytest.mark.parametrize("content", [None, "", "{}", "[]", "7", '{"pid": 1}', '{"pid": 1, "children": []}'])
def test_a_record_that_cannot_be_read_counts_as_none(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "stack.json").write_text(content)
    assert read(tmp_path) is None
