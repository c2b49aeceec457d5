"""One process of the stack: how it starts, what it writes, how it is asked to stop."""

import json
import os
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

from deploy.local.policy import delay_after, recent
from deploy.local.record import ChildRecord
from deploy.local.system import Process, started

PATIENCE = 10.0
"""Seconds from the signal to stop until a process is killed."""
_LOG_LIMIT = 10_000_000

Launch = Callable[[IO[bytes]], "subprocess.Popen[bytes]"]


class Child:
    """A process that is started again when it dies. Times are those of a steady clock, in seconds."""

    def __init__(
        self,
        name: str,
        log: Path,
        launch: Launch,
        *,
        rank: int = 0,
        stop_signal: signal.Signals = signal.SIGTERM,
        patience: float = PATIENCE,
    ) -> None:
        self.name = name
        self.log = log
        self.rank = rank
        """Lower ranks are stopped first."""
        self.patience = patience
        self.state = "stopped"
        self.due: float | None = None
        """When it is to be started again."""
        self._launch = launch
        self._stop_signal = stop_signal
        self.hopeless = False
        """Whether it said, by its exit code, that starting it again is of no use."""
        self._deaths: tuple[float, ...] = ()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, with its output appended to its log."""
        with open_log(self.log) as log:
            self.adopt(self._launch(log))

    def adopt(self, process: "subprocess.Popen[bytes]") -> None:
        """Mind a process that was started elsewhere."""
        self._process, self.state, self.due = process, "running", None

    def died(self) -> str | None:
        """How it ended, once, in words; None while it runs, or when that was told before."""
        code = self._process.poll() if self._process else None
        if code is None:
            return None
        self._process = None
        self.hopeless = code == os.EX_CONFIG
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        words = last_words(self.log)
        return f"{how}: {words}" if words else how

    def schedule(self, now: float) -> float | None:
        """Note a death: when to start again, in seconds from now; None when it is given up."""
        self._deaths = (*recent(self._deaths, now), now)
        delay = None if self.hopeless else delay_after(self._deaths, now)
        self.state = "given up" if delay is None else "waiting"
        self.due = None if delay is None else now + delay
        return delay

    def ask_to_stop(self) -> None:
        """Send the signal by which it stops cleanly."""
        self.due = None
        if self._process and self._process.poll() is None:
            self._process.send_signal(self._stop_signal)

    def kill(self) -> None:
        """End it at once."""
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def lives(self) -> bool:
        """Whether its process is there."""
        return self._process is not None and self._process.poll() is None

    def record(self) -> ChildRecord:
        """What stack.json says of it."""
        process = Process(self._process.pid, started(self._process.pid) or "") if self._process else None
        return ChildRecord(process, self.state, len(self._deaths))


def open_log(path: Path) -> IO[bytes]:
    """A log to append to; one that has grown large is set aside first, and the one that was set aside before goes."""
    # Logs name customers; they are for their owner only.
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > _LOG_LIMIT:
        path.replace(path.with_suffix(".log.1"))
    return path.open("ab")


def last_words(log: Path) -> str:
    """The last line of a log; of a JSON line, its message."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 4000))
            line = file.read().decode(errors="replace").strip().rpartition("\n")[2]
    except OSError:
        return ""
    with suppress(ValueError, AttributeError):
        found = json.loads(line)
        line = str(found.get("message") or found.get("event") or line)
    return line[:300]
