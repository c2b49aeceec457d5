"""Cores and processor time: what is measured on a shared machine is what was used, and not how long it took."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

import psutil

UNLIMITED: Final = {f"KEEPWELL_KEY_{what}_PER_SECOND": str(10**9) for what in ("EVENTS", "REQUESTS", "BYTES")}
"""Settings by which no key is held up, and yet what it sends is counted."""


def cpu(pids: Iterable[int]) -> float:
    """Seconds of processor that these and their children have used, those that ended too."""
    used = 0.0
    for root in map(psutil.Process, pids):
        for process in [root, *root.children(recursive=True)]:
            try:
                times = process.cpu_times()
            except psutil.NoSuchProcess:
                continue
            used += times.user + times.system + times.children_user + times.children_system
    return used


@cache
def cores() -> tuple[set[int], set[int]]:
    """The core of what is measured, and those of everything beside it; the same one where there is only one.

    They are those that this process had when it was first asked, before it kept to some of them.
    """
    first, *others = sorted(os.sched_getaffinity(0))
    return {first}, set(others or [first])


@contextmanager
def begun_on(to: set[int]) -> Iterator[None]:
    """What is started inside keeps to these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, to)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def peak(pid: int) -> int:
    """Bytes of memory that a process has had at most, of those that are its own or shared."""
    (line,) = (one for one in Path(f"/proc/{pid}/status").read_text().splitlines() if one.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024
