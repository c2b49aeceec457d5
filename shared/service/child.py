"""A child process of a service, which computes one job and ends: `python -m MODULE ID`."""

import asyncio
import gc
import os
from collections.abc import Awaitable, Callable
from typing import Final

from shared.clock import Clock, SystemClock
from shared.conditions import Refused
from shared.jobs import store
from shared.pg.pool import make_engine
from shared.pg.uow import UnitOfWork
from shared.service.lifeline import end_with_parent
from shared.settings import Settings
from shared.telemetry import logs

_NICE: Final = 10
Work = Callable[[UnitOfWork, Clock, str], Awaitable[None]]
"""Computes a job by its id, and keeps what comes of it. Raises `Refused` where its draft fits no more."""


def step_back() -> None:
    """Let what events wait for go first."""
    os.nice(_NICE)


def compute(service: str, settings: Settings, id: str, work: Work) -> None:
    """Compute it, and end with the process that asked."""
    logs.configure(service, settings.log_level)
    end_with_parent()
    # Accounts are plain data without circles: there is nothing to look for as they come and go.
    gc.disable()
    asyncio.run(_run(service, settings, id, work))


async def _run(service: str, settings: Settings, id: str, work: Work) -> None:
    url, clock = settings.database(), SystemClock()
    assert url is not None
    engine = make_engine(url, service)
    uow = UnitOfWork(engine)
    try:
        await work(uow, clock, id)
    except Refused as error:
        async with uow.begin() as c:
            await store.fail(c, id, f"The draft no longer fits what is in force. {error}", clock.now())
    finally:
        await engine.dispose()
