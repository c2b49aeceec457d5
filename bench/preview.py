"""A preview of a draft over all accounts: when the sample is there, when all is, and what it costs."""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import psutil
from sqlalchemy import text

from bench.report import Row
from bench.turn import set_up
from services.scoring.files import CARDS, KINDS, SHIPPED, load_files, read_texts
from shared.clock import SystemClock
from shared.documents.in_force import InForce
from shared.documents.store import Store
from shared.jobs import store
from shared.pg.uow import UnitOfWork
from tests.support.logins import as_service
from tests.support.scoring import scoring_engine

_ACTIVE: Final = 0.1
_DRAFTS: Final = {
    "a cap of all cards": ("default", (SHIPPED / "default.yaml").read_bytes().replace(b">= 60 days", b">= 45 days")),
    "the weights of one": ("mature", (SHIPPED / "mature.yaml").read_bytes().replace(b"green: 75", b"green: 80")),
}
_LOOK_EVERY: Final = 0.05


def measure(url: str, accounts: int) -> list[Row]:
    """Preview drafts over so many accounts, a tenth of them in use."""
    asyncio.run(set_up(url, accounts, _ACTIVE))
    rows, where = list[Row](), f"{accounts:,} accounts, {_ACTIVE:.0%} in use"
    for what, (id, draft) in _DRAFTS.items():
        sample, whole, cpu, memory = asyncio.run(_preview(url, id, draft))
        costs = f"{cpu:.1f} s of CPU, {memory:.0f} MB"
        rows += [
            Row(where, f"a preview of {what}: the sample is there after", f"{sample:.1f} s", "< 3 s"),
            Row(where, "… all accounts", f"{whole:.1f} s", "< 60 s on one core", costs),
        ]
    return rows


async def _preview(url: str, id: str, draft: bytes) -> tuple[float, float, float, float]:
    """Seconds to the sample and to the whole, the child's seconds of CPU, and its memory in MB."""
    async with scoring_engine(url) as engine:
        uow, now = UnitOfWork(engine), SystemClock().now()
        await InForce(Store("scoring", KINDS), load_files().texts, read_texts).begin(uow, now)
        async with uow.begin() as c:
            await c.execute(text("DELETE FROM jobs"))
            await store.ask(c, "bench", store.Wanted("preview", CARDS, id, draft, {}, "bench"), now)
        began, sample = time.perf_counter(), 0.0
        with tempfile.TemporaryDirectory() as home:
            env = {**os.environ, "KEEPWELL_DATABASE_URL": as_service(url, "scoring"), "KEEPWELL_HOME": str(Path(home))}
            command = [sys.executable, "-m", "services.scoring.previews", "bench"]
            with subprocess.Popen(command, env=env, stdin=subprocess.PIPE) as child:  # noqa: ASYNC220
                process, cpu, memory = psutil.Process(child.pid), 0.0, 0.0
                while child.poll() is None:
                    with process.oneshot():
                        if process.status() != psutil.STATUS_ZOMBIE:
                            cpu, memory = sum(process.cpu_times()[:2]), process.memory_info().rss / 2**20
                    async with uow.begin() as c:
                        is_there = (await c.execute(text("SELECT result IS NOT NULL FROM jobs"))).scalar_one()
                    sample = sample or (time.perf_counter() - began if is_there else 0.0)
                    await asyncio.sleep(_LOOK_EVERY)
        whole = time.perf_counter() - began
        async with uow.begin() as c:
            state = (await c.execute(text("SELECT state FROM jobs"))).scalar_one()
        assert state == "done", state
        return sample, whole, cpu, memory
