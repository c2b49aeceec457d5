"""What a whole stack needs while nothing happens: all that `keepwell up` starts, and the supervisor itself."""

import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from bench.report import Row
from deploy.cli.down import stop
from deploy.cli.up import start_detached
from deploy.local.record import read_running
from deploy.local.system import any_free
from shared.settings import Settings
from tests.support.ports import free_ports
from tests.support.stack import KEY, SERVICES

SECONDS = 30
_SETTLES = 10


def measure(home: Path, kind: str) -> list[Row]:
    """CPU over 30 s and memory at their end, of every process; a Kafka broker is counted by itself."""
    broker = "local" if kind == "local" else f"127.0.0.1:{any_free()}"
    settings = Settings.load(home=home, port=free_ports(len(SERVICES)), broker=broker, database_url=None, admin_key=KEY)
    start_detached(settings, start_kafka=kind != "local", say=lambda _: None)
    try:
        time.sleep(_SETTLES)
        record = read_running(home)
        assert record is not None
        supervisor = psutil.Process(record.pid)
        kafka = [c.pid for name, c in record.children.items() if name == "kafka" and c.pid is not None]
        theirs = [process for pid in kafka for process in _tree(psutil.Process(pid))]
        ours = [process for process in _tree(supervisor) if process not in theirs]
        before = _cpu(ours), _cpu(theirs)
        time.sleep(SECONDS)
        used, theirs_used = _cpu(ours) - before[0], _cpu(theirs) - before[1]
        rows = [
            Row(kind, "idle: services, PostgreSQL, supervisor", f"{100 * used / SECONDS:.1f} % of a core", "< 3 %"),
            Row(kind, "idle: their memory (PSS)", f"{_memory(ours) / 2**20:.0f} MB", "< 600 MB"),
        ]
        if theirs:
            beside = f"{_memory(theirs) / 2**20:.0f} MB"
            rows.append(Row(kind, "idle: the broker", f"{100 * theirs_used / SECONDS:.1f} % of a core", "", beside))
        return rows
    finally:
        stop(home)


def _tree(root: psutil.Process) -> list[psutil.Process]:
    return [root, *root.children(recursive=True)]


def _cpu(processes: Sequence[psutil.Process]) -> float:
    """Seconds that these have used; what ends meanwhile is not counted."""
    used = 0.0
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            used += times.user + times.system
    return used


def _memory(processes: Sequence[psutil.Process]) -> int:
    total = 0
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            total += int(process.memory_full_info().pss)
    return total
