"""What the whole local stack needs while nothing happens."""

import time

import psutil

from bench.report import Row
from tests.support.stack import Stack

SECONDS = 30


def measure(stack: Stack, kind: str, postgres: int) -> list[Row]:
    """CPU over 30 s and memory at their end, of the four services and PostgreSQL with all its children."""
    stack.settle()
    time.sleep(5)
    roots = [psutil.Process(pid) for pid in [*stack.pids(), postgres]]
    every = [process for root in roots for process in (root, *root.children(recursive=True))]
    before = sum(_cpu(process) for process in every)
    time.sleep(SECONDS)
    used = sum(_cpu(process) for process in every) - before
    memory = sum(process.memory_full_info().pss for process in every if process.is_running())
    return [
        Row(kind, "idle: the four services and PostgreSQL", f"{100 * used / SECONDS:.1f} % of a core", "< 3 %"),
        Row(kind, "idle: their memory (PSS)", f"{memory / 2**20:.0f} MB", "< 600 MB"),
    ]


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)
