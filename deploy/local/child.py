"""One process of the stack: how it starts, what it writes, when it is started again, how it is stopped.

Times are those of a steady clock, in seconds, and arguments.
"""

import json
import os
import signal
import socket
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

from deploy.local.policy import AGAIN_WITHOUT_ROOM, MISSES, PATIENT_MISSES, delay_after, recent
from deploy.local.record import ChildRecord
from deploy.local.system import ask, says_yes

PATIENCE = 10.0
"""Seconds from the signal to stop until a process is killed."""
_LOG_LIMIT = 10_000_000
_TAIL = 64_000
"""Bytes of a log that its last line is looked for in: one with a traceback is long."""

Launch = Callable[[IO[bytes]], "subprocess.Popen[bytes]"]


class Child:
    """A process that is started again when it dies, or when it lives and answers no more."""

    def __init__(
        self,
        name: str,
        log: Path,
        launch: Launch,
        *,
        rank: int = 0,
        port: int | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        patience: float = PATIENCE,
    ) -> None:
        self.name = name
        self.log = log
        self.rank = rank
        """Lower ranks are stopped first."""
        self.port = port
        """Where it is asked for `/healthz`; None for what is not asked."""
        self.patience = patience
        self.state = "stopped"
        self.hopeless = False
        """Whether it said, by its exit code, that only a person can mend it."""
        self._launch = launch
        self._stop_signal = stop_signal
        self._due: float | None = None
        self._kill_at: float | None = None
        self._deaths: tuple[float, ...] = ()
        self._why = ""
        self._starts = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._question: socket.socket | None = None
        self._missed = 0
        self._began = 0
        """Where in the log its own words begin: before stand an earlier run's."""

    @property
    def dates(self) -> list[float]:
        """When there is something to do for it."""
        return [date for date in (self._due, self._kill_at) if date is not None]

    def start(self, now: float) -> str | None:
        """Start it, with its output appended to its log; what there is to say where that can't be done."""
        try:
            with open_log(self.log) as log:
                self._began = log.tell()
                self.adopt(self._launch(log))
        except Exception as error:  # whatever it is, the others are minded on
            return self._ended(f"it can't be started: {error}", now, room=False)
        return None

    def adopt(self, process: "subprocess.Popen[bytes]") -> None:
        """Mind a process that was started elsewhere."""
        self._process, self.state, self._due, self._missed = process, "running", None, -PATIENT_MISSES
        self._starts += 1
        if self._question is not None:
            self._question.close()
            self._question = None

    def forgive(self) -> None:
        """Count its deaths anew, and start it as soon as it is tended, where it isn't running."""
        if not self.lives():
            self._deaths, self.state, self._due, self.hopeless = (), "waiting", 0.0, False

    def tend(self, now: float, room: Callable[[], bool]) -> str | None:
        """Do what is due; what there is to say of it. `room` tells whether there is space left on the disk."""
        if self._kill_at is not None and self._kill_at <= now:
            self.kill()
        if self._process and (code := self._process.poll()) is not None:
            self._process = self._kill_at = None
            if self.state == "stopped":
                return None
            # Who is killed seldom writes why, so the last words must not read as the reason.
            how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
            if words := last_words(self.log, self._began):
                how += f"; last words: {words}" if code < 0 else f": {words}"
            self.hopeless = code == os.EX_CONFIG
            return self._ended(how, now, room=room())
        return self.start(now) if self._due is not None and self._due <= now else None

    def _ended(self, why: str, now: float, *, room: bool) -> str:
        """Note a death, and when to start again: on a full disk without counting, since nothing can live there."""
        self._why = why
        delay: float | None = AGAIN_WITHOUT_ROOM
        if self.hopeless:
            delay = None
        elif room:
            self._deaths = (*recent(self._deaths, now), now)
            delay = delay_after(self._deaths, now)
        self.state, self._due = ("given up", None) if delay is None else ("waiting", now + delay)
        if delay is not None:
            what = f"started again in {delay:g} s{'' if room else ', and while the disk is full'}"
        else:
            what = "not started again" if self.hopeless else "given up after five deaths in a minute"
        return f"! {self.name} ended ({why}); {what}. Log: {self.log}"

    def look(self, now: float) -> str | None:
        """Read the answer to the last question, and ask again; a process that has missed too many is to end.

        An answer has until the next look: nobody waits for it, and a minder with nothing to do sleeps.
        """
        if self.port is None or self.state != "running" or self._kill_at is not None:
            return None
        self._missed = 0 if says_yes(self._question) else self._missed + 1
        self._question = ask(self.port, "/healthz", 0.2)
        if self._question is not None:
            self._question.setblocking(False)
        if self._missed < MISSES:
            return None
        self.ask_to_stop(now)
        return f"! {self.name} is stuck: it has not answered {MISSES} times. It is ended and started again."

    def halt(self, now: float) -> None:
        """Stop it, and don't start it again."""
        self.state, self._why = "stopped", "it was told to stop"
        self.ask_to_stop(now)

    def ask_to_stop(self, now: float) -> None:
        """Send the signal by which it stops cleanly; it is killed when its patience is over."""
        self._due = None
        if self.lives() and self._process:
            self._process.send_signal(self._stop_signal)
            self._kill_at = now + self.patience

    def kill(self) -> None:
        """End it at once."""
        self._kill_at = None
        if self._process and self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def lives(self) -> bool:
        """Whether its process is there."""
        return self._process is not None and self._process.poll() is None

    def record(self) -> ChildRecord:
        """What stack.json says of it."""
        pid = self._process.pid if self.lives() and self._process else None
        return ChildRecord(pid, self.state, len(self._deaths), self._why, self._starts)


def open_log(path: Path) -> IO[bytes]:
    """A log to append to; one that has grown large is set aside first, and the one that was set aside before goes.

    Where there is no room for a log, what is written goes nowhere: a service matters more than its log.
    """
    try:
        # Logs name customers; they are for their owner only.
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > _LOG_LIMIT:
            path.replace(path.with_suffix(".log.1"))
        return path.open("ab")
    except OSError:
        return Path(os.devnull).open("ab")


def last_words(log: Path, since: int = 0) -> str:
    """The last line of a log from this byte on; of a JSON line, its message."""
    try:
        with log.open("rb") as file:
            file.seek(max(since, log.stat().st_size - _TAIL))
            line = file.read(_TAIL).decode(errors="replace").strip().rpartition("\n")[2]
    except OSError:
        return ""
    with suppress(ValueError, AttributeError):
        found = json.loads(line)
        line = str(found.get("message") or found.get("event") or line)
    return line[:300]
