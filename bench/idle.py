"""What the whole local stack needs while nothing happens."""

import time
from contextlib import suppress

import psutil

from bench.report import Row
from tests.support.stack import Stack

SECONDS = 30


def measure(stack: Stack, kind: str, postgres: int) -> list[Row]:
    """CPU over 30 s and memory at their end, of the four services and PostgreSQL with all its children."""
    stack.settle()
    time.sleep(5)
    roots = [psutil.Process(pid) for pid in [*stack.pids(), postgres]]
    before = sum(_cpu(root) for root in roots)
    time.sleep(SECONDS)
    used = sum(_cpu(root) for root in roots) - before
    memory = sum(_memory(process) for root in roots for process in (root, *root.children(recursive=True)))
    return [
        Row(kind, "idle: the four services and PostgreSQL", f"{100 * used / SECONDS:.1f} % of a core", "< 3 %"),
        Row(kind, "idle: their memory (PSS)", f"{memory / 2**20:.0f} MB", "< 600 MB"),
    ]


def _cpu(root: psutil.Process) -> float:
    """Seconds of a process and all its children, those that have ended included."""
    own = root.cpu_times()
    used = own.user + own.system + own.children_user + own.children_system
    for child in root.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            times = child.cpu_times()
            used += times.user + times.system
    return float(used)


def _memory(process: psutil.Process) -> int:
    with suppress(psutil.NoSuchProcess):
        return int(process.memory_full_info().pss)
    return 0
