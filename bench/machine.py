"""Cores and processor time: what is measured on a shared machine is what was used, and not how long it took."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil


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


def cores() -> tuple[set[int], set[int]]:
    """The core of what is measured, and those of everything beside it; the same one where there is only one."""
    first, *others = sorted(os.sched_getaffinity(0))
    return {first}, set(others or [first])


def pin(pid: int, to: set[int]) -> None:
    """Keep a process to some cores, with its threads and children; those that it begins later follow it."""
    for process in [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]:
        with suppress(ProcessLookupError, FileNotFoundError):
            for thread in Path(f"/proc/{process}/task").iterdir():
                os.sched_setaffinity(int(thread.name), to)


@contextmanager
def begun_on(to: set[int]) -> Iterator[None]:
    """What is started inside keeps to these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, to)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
