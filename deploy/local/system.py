"""What is asked of the machine: what a process is, who has a port, and to end what need not be our child.

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

LOOPBACK = "127.0.0.1"
_PROC = Path("/proc")

Steps = Sequence[tuple[signal.Signals, float]]
"""Signals to send, in order, each with the seconds that it is given."""
Pause = Callable[[float], None]


def command_of(pid: int) -> str:
    """The command line of a process; empty when there is none, or only its exit code is left."""
    try:
        return (_PROC / str(pid) / "cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        if (_PROC / "self/cmdline").exists():
            return ""
    answer = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return answer.stdout.strip()


def running(pid_file: Path, words: str) -> int | None:
    """The process that a program's own lock names, where it is there and its command has these words.

    A pid alone may have been given to another program since.
    """
    try:
        pid = int(pid_file.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None
    return pid if words in command_of(pid) else None


def end(find: Callable[[], int | None], steps: Steps, pause: Pause = time.sleep) -> int | None:
    """End the process that `find` finds, by each signal in turn, until it finds none; its pid, if there was one."""
    first = find()
    for kind, patience in steps:
        deadline = time.monotonic() + patience
        pid = find()
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, kind)
        while pid is not None and find() is not None and time.monotonic() < deadline:
            pause(0.05)
    return first


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


def taken(port: int, needs: str) -> str:
    """That a port is taken, by whom, and who needs it, as a sentence."""
    import psutil  # the supervisor stays small without it; this is asked only before it ends

    try:
        listening = [
            c for c in psutil.net_connections("tcp") if c.status == psutil.CONN_LISTEN and c.laddr.port == port
        ]
    except psutil.AccessDenied:
        listening = []
    pid = next((connection.pid for connection in listening if connection.pid), None)
    holder = f"pid {pid} ({' '.join(command_of(pid).split())[:120]})" if pid else "a program of another user"
    return f"Port {port}, which {needs} needs, is taken by {holder}."


def ask(port: int, path: str, patience: float = 3.0) -> socket.socket | None:
    """Send `GET path` to a server of ours: where its answer will be. By hand: HTTP clients are large."""
    try:
        connection = socket.create_connection((LOOPBACK, port), timeout=patience)
    except OSError:
        return None
    try:
        connection.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
    except OSError:
        connection.close()
        return None
    return connection


def says_yes(connection: socket.socket | None) -> bool:
    """Whether the answer to what was asked is 200; this closes the connection."""
    if connection is None:
        return False
    with connection:
        try:
            return connection.recv(64).split()[1:2] == [b"200"]
        except OSError:
            return False


def answers_ready(port: int) -> bool:
    """Whether `GET /readyz` there answers 200 within seconds."""
    return says_yes(ask(port, "/readyz"))
