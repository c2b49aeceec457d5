"""What runs in a home, so that another command finds it: `up.lock` says who minds it, `stack.json` what it minds."""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NamedTuple

LOCK, FILE = "up.lock", "stack.json"


class ChildRecord(NamedTuple):
    """One process: `running`, `waiting` to be started again, `given up` or `stopped`; and `why` it last ended."""

    pid: int | None
    state: str
    deaths: int = 0
    why: str = ""
    starts: int = 0


class Record(NamedTuple):
    """The stack of one home. `phase` is `starting`, `running`, `stopping` or `stopped`; `pid` the supervisor's."""

    pid: int
    phase: str
    port: int
    broker: str
    children: dict[str, ChildRecord]

    def write(self, home: Path) -> None:
        """Replace the file in one step. Raises `OSError`."""
        content = self._asdict() | {"children": {name: child._asdict() for name, child in self.children.items()}}
        new = home / f"{FILE}.new"
        new.write_text(json.dumps(content, indent=2) + "\n")
        new.replace(home / FILE)

    def given_up(self) -> dict[str, str]:
        """What isn't started again by itself, by name, and why: given up, or stopped by who then died."""
        idle = {"given up", "stopped"} if self.phase == "running" else {"given up"}
        return {name: child.why for name, child in self.children.items() if child.state in idle}


def read(home: Path) -> Record | None:
    """What is on record in a home; None where nothing is, or nothing that can be read."""
    try:
        content: dict[str, Any] = json.loads((home / FILE).read_text())
        return Record(**content | {"children": {n: ChildRecord(**c) for n, c in content["children"].items()}})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def read_running(home: Path) -> Record | None:
    """The record of a stack whose supervisor lives."""
    pid, record = supervisor_of(home), read(home)
    return record if record and pid == record.pid else None


@contextmanager
def hold(home: Path) -> Iterator[None]:
    """Hold the lock of a home. Raises `OSError`, with a sentence where another holds it."""
    with (home / LOCK).open("a+") as lock:
        # Who only looks holds it for an instant, so it is tried for a second.
        for _ in range(20):
            if _locked(lock, fcntl.LOCK_EX):
                break
            time.sleep(0.05)
        else:
            raise BlockingIOError(f"Another `keepwell up` holds {home}. `keepwell down` ends it.")
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield


def supervisor_of(home: Path) -> int | None:
    """The pid of the supervisor that minds a home; None where nobody does."""
    try:
        with (home / LOCK).open() as lock:
            return None if _locked(lock, fcntl.LOCK_SH) else int(lock.read())
    except (OSError, ValueError):
        return None


def _locked(lock: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
