"""Who a process is, and who has a port. A pid alone may be another's by now, so its start time goes with it.

Only the standard library is used here: the supervisor stays small.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

LOOPBACK = "127.0.0.1"
_PROC = Path("/proc")


class Process(NamedTuple):
    """A process on record: its pid, and when it started in the words of the system."""

    pid: int
    started: str

    def lives(self) -> bool:
        """Whether this very process is still there."""
        return started(self.pid) == self.started


def started(pid: int) -> str | None:
    """When a process started, as a text to compare; None when there is none or only its exit code is left."""
    if (_PROC / "self/stat").exists():
        return _started_on_linux(pid)
    answer = _ps(pid, "stat=,lstart=").split(maxsplit=1)
    return None if not answer or answer[0].startswith("Z") else answer[-1]


def _started_on_linux(pid: int) -> str | None:
    try:
        # The second field is the program's name in brackets, which may itself hold blanks and brackets.
        fields = (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return None
    state, ticks_since_boot = fields[0], fields[19]
    with suppress(OSError):
        return (
            None if state in "ZX" else f"{ticks_since_boot}@{(_PROC / 'sys/kernel/random/boot_id').read_text().strip()}"
        )
    return ticks_since_boot


def this_process() -> Process:
    """The process that asks."""
    return Process(os.getpid(), started(os.getpid()) or "")


def command_of(pid: int) -> str:
    """The command line of a process; empty when there is none."""
    try:
        return (_PROC / str(pid) / "cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return "" if (_PROC / "self/stat").exists() else _ps(pid, "command=")


def _ps(pid: int, what: str) -> str:
    answer = subprocess.run(["ps", "-o", what, "-p", str(pid)], capture_output=True, text=True, check=False)
    return answer.stdout.strip()


def end(
    processes: Sequence[Process],
    steps: Sequence[tuple[signal.Signals, float]],
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """End processes that need not be our children: each signal in turn, each with its seconds of patience."""
    for kind, patience in steps:
        for process in processes:
            if process.lives():
                with suppress(ProcessLookupError):
                    os.kill(process.pid, kind)
        deadline = time.monotonic() + patience
        while any(process.lives() for process in processes) and time.monotonic() < deadline:
            pause(0.05)


def is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def any_free() -> int:
    """A port that is free now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def holder_of(port: int) -> str:
    """Who listens there, in words for people."""
    import psutil  # the supervisor stays small without it; this is asked only before it ends

    try:
        listening = [
            c for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN and c.laddr.port == port
        ]
    except psutil.AccessDenied:
        listening = []
    pid = next((connection.pid for connection in listening if connection.pid), None)
    return f"pid {pid} ({' '.join(command_of(pid).split())[:120]})" if pid else "a program of another user"


def answers_ready(port: int) -> bool:
    """Whether `GET /readyz` there answers 200. By hand, because an HTTP client would double the supervisor's size."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=3) as connection:
            connection.sendall(b"GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n")
            return connection.recv(64).split()[1:2] == [b"200"]
    except OSError:
        return False
