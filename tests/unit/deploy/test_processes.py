import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.record import ChildRecord, Record, read, read_running
from deploy.local.system import Process, command_of, end, started, this_process

SLEEPS = [sys.executable, "-c", "import time; time.sleep(60)"]
IGNORES = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"


@pytest.fixture
def sleeper() -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen(SLEEPS) as process:
        yield process
        process.kill()


def identity(process: "subprocess.Popen[bytes]") -> Process:
    return Process(process.pid, started(process.pid) or "")


def a_record(**children: ChildRecord) -> Record:
    return Record(this_process(), "running", 8001, "local", children)


def test_a_process_is_known_by_its_pid_and_start_time(sleeper: "subprocess.Popen[bytes]") -> None:
    process = identity(sleeper)
    assert process.lives()
    assert "time.sleep(60)" in command_of(process.pid)
    assert not process._replace(started="another time").lives(), "its pid was given to another since"


def test_a_process_that_only_left_its_exit_code_is_gone(sleeper: "subprocess.Popen[bytes]") -> None:
    process = identity(sleeper)
    end([process], [(signal.SIGTERM, 5.0)])
    assert not process.lives(), "though nobody has waited for it yet"
    assert sleeper.wait() == -signal.SIGTERM


def test_who_does_not_listen_is_asked_more_firmly() -> None:
    with subprocess.Popen([sys.executable, "-c", IGNORES], stdout=subprocess.PIPE) as stubborn:
        assert stubborn.stdout
        stubborn.stdout.readline()
        end([identity(stubborn)], [(signal.SIGTERM, 0.2), (signal.SIGKILL, 5.0)])
        assert stubborn.wait() == -signal.SIGKILL


def test_what_is_on_record_is_read_back(tmp_path: Path, sleeper: "subprocess.Popen[bytes]") -> None:
    record = a_record(
        scoring=ChildRecord(identity(sleeper), "running", 2),
        ingest=ChildRecord(Process(sleeper.pid, "another time"), "running"),
        notifier=ChildRecord(None, "given up", 5),
    )
    record.write(tmp_path)
    assert read(tmp_path) == read_running(tmp_path) == record
    assert list(record.leftovers()) == ["scoring"]


def test_a_record_whose_supervisor_is_gone_is_not_of_a_running_stack(tmp_path: Path) -> None:
    a_record()._replace(supervisor=Process(this_process().pid, "another time")).write(tmp_path)
    assert read(tmp_path) is not None
    assert read_running(tmp_path) is None


@pytest.mark.parametrize("content", [None, "", "{}", "[]", '{"supervisor": 1}'])
def test_a_record_that_cannot_be_read_counts_as_none(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "stack.json").write_text(content)
    assert read(tmp_path) is None
