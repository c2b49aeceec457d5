"""One process of the stack: started again when it dies, ended when it hangs, and minded whatever its disk does."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import IO

import pytest

from deploy.local.child import Child, Launch, open_log
from deploy.local.policy import AGAIN_WITHOUT_ROOM, MISSES, PATIENT_MISSES
from deploy.local.system import answers_ready, any_free
from tests.support.fake_stack import eventually

SERVES = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Face(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *_): pass
HTTPServer(("127.0.0.1", int(sys.argv[1])), Face).serve_forever()
"""
SLEEPS = "import time; time.sleep(60)"
FULL = Path("/dev/full")
MakeChild = Callable[..., Child]


def running(*program: str) -> Launch:
    def launch(log: IO[bytes]) -> "subprocess.Popen[bytes]":
        return subprocess.Popen([sys.executable, "-c", *program], stdout=log, stderr=log)

    return launch


@pytest.fixture
def a_child(tmp_path: Path) -> Iterator[MakeChild]:
    made: list[Child] = []

    def make(launch: Launch, port: int | None = None) -> Child:
        made.append(Child("scoring", tmp_path / "logs" / "scoring.log", launch, port=port, patience=10.0))
        return made[-1]

    yield make
    for child in made:
        child.kill()


def test_what_answers_is_let_be_and_what_hangs_is_ended_and_started_again(a_child: MakeChild) -> None:
    port = any_free()
    child = a_child(running(SERVES, str(port)), port)
    child.start(0.0)
    eventually(lambda: answers_ready(port))
    for now in range(10, 100, 10):
        assert child.look(now) is None
        assert answers_ready(port), "it answers one by one, so the look's question is answered, too"
    stuck = child.record().pid
    assert stuck
    os.kill(stuck, signal.SIGSTOP)
    told = [child.look(now) for now in range(100, 140, 10)]
    assert told[:MISSES] == [None] * MISSES, "the first reads what was answered before"
    assert told[MISSES] == "! scoring is stuck: it has not answered 3 times. It is ended and started again."
    assert child.look(140.0) is None, "once"
    assert child.tend(139.0, lambda: True) is None, "SIGTERM has its time"
    assert child.dates == [140.0]
    assert "killed by SIGKILL" in str(child.tend(140.0, lambda: True))
    assert child.tend(140.25, lambda: True) is None
    eventually(lambda: answers_ready(port))
    assert child.record().pid not in {None, stuck}


def test_what_starts_slowly_is_given_ninety_seconds(a_child: MakeChild) -> None:
    child = a_child(running(SLEEPS), any_free())
    child.start(0.0)
    told = [child.look(10.0 * n) for n in range(1, MISSES + PATIENT_MISSES + 1)]
    assert told[:-1] == [None] * (len(told) - 1)
    assert "is stuck" in str(told[-1])
    assert len(told) == 9


def test_what_can_not_be_started_is_tried_again(a_child: MakeChild) -> None:
    def impossible(_: IO[bytes]) -> "subprocess.Popen[bytes]":
        raise OSError(28, "No space left on device")

    child = a_child(impossible)
    assert "it can't be started: [Errno 28] No space left on device" in str(child.start(5.0))
    assert child.dates == [5.0 + AGAIN_WITHOUT_ROOM]


def test_on_a_full_disk_a_death_does_not_count(a_child: MakeChild) -> None:
    child = a_child(running("raise SystemExit(3)"))
    for n in range(20):
        now = n * AGAIN_WITHOUT_ROOM / 10
        assert child.start(now) is None
        told = eventually(partial(child.tend, now, lambda: False))
        assert "started again in 10 s, and while the disk is full" in told
    assert child.state == "waiting"


def test_what_was_given_up_is_started_when_somebody_asks(a_child: MakeChild) -> None:
    child = a_child(running("import os; os._exit(78)"))
    child.start(0.0)
    assert "not started again" in eventually(lambda: child.tend(0.0, lambda: True))
    assert (child.state, child.hopeless, child.dates) == ("given up", True, [])
    child.forgive()
    assert child.tend(1.0, lambda: True) is None
    assert (child.state, child.hopeless) == ("running", False)


@pytest.mark.parametrize(
    ("wrote", "told"),
    [("ready", "(killed by SIGKILL; last words: ready)"), ("", "(killed by SIGKILL)")],
)
def test_what_an_earlier_run_wrote_is_not_told_as_the_reason(a_child: MakeChild, wrote: str, told: str) -> None:
    child = a_child(running(f"print({wrote!r}, flush=True); {SLEEPS}"))
    with open_log(child.log) as log:
        log.write(b"the disk is nearly full\n")
    before = child.log.stat().st_size
    child.start(0.0)
    eventually(lambda: child.log.stat().st_size > before)
    os.kill(child.record().pid or 0, signal.SIGKILL)
    assert told in eventually(partial(child.tend, 0.0, lambda: True))


def test_what_was_stopped_stays_so(a_child: MakeChild) -> None:
    child = a_child(running(SLEEPS))
    child.start(0.0)
    child.halt(1.0)
    eventually(lambda: child.tend(2.0, lambda: True) is None and not child.lives())
    assert (child.state, child.dates, child.record().pid) == ("stopped", [], None)


@pytest.mark.skipif(not FULL.exists(), reason="this system has no device that is always full")
def test_a_service_whose_log_is_on_a_full_disk_works_on() -> None:
    program = (
        "import logging, os\nfrom shared.telemetry import logs\nlogs.configure('scoring', 'INFO')\n"
        "for n in range(500): logging.getLogger('services').info('line %s of a hundred letters', n)\nos._exit(7)"
    )
    with FULL.open("wb") as log:
        done = subprocess.run([sys.executable, "-c", program], stdout=log, stderr=log, check=False)
    assert done.returncode == 7


@pytest.mark.parametrize("damage", ["a file where the directory should be", "a directory where the log should be"])
def test_where_no_log_can_be_opened_it_goes_nowhere(tmp_path: Path, damage: str) -> None:
    log = tmp_path / "logs" / "x.log"
    if damage.startswith("a file"):
        log.parent.write_text("")
    else:
        log.mkdir(parents=True)
    with open_log(log) as file:
        file.write(b"words")
