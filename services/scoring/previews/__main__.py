"""Computes one preview: `python -m services.scoring.previews ID`, as a service starts it."""

import asyncio
import gc
import os
import sys

from services.scoring.files import KINDS, load_files, read_texts
from services.scoring.previews import store
from services.scoring.previews.looking import Looking
from services.scoring.settings import ScoringSettings
from shared.clock import SystemClock
from shared.conditions import Refused
from shared.documents.in_force import InForce
from shared.documents.store import Store
from shared.pg.pool import make_engine
from shared.pg.uow import UnitOfWork
from shared.service.lifeline import end_with_parent
from shared.telemetry import logs

_NICE = 10
"""Once a sample is there, what events wait for goes first."""


def main(id: str) -> None:
    """Compute it, and end with the process that asked."""
    settings = ScoringSettings.load()
    logs.configure("scoring", settings.log_level)
    end_with_parent()
    # Accounts are plain data without circles: there is nothing to look for as they come and go.
    gc.disable()
    asyncio.run(_run(id, settings))


async def _run(id: str, settings: ScoringSettings) -> None:
    url, clock = settings.database(), SystemClock()
    assert url is not None
    engine = make_engine(url, "scoring")
    uow = UnitOfWork(engine)
    try:
        documents = InForce(
            Store("scoring", KINDS), load_files(settings.scorecards, settings.catalogue_file).texts, read_texts
        )
        async with uow.begin() as c:
            wanted, files = await store.wanted(c, id), await documents.refresh(c)
        await Looking(uow, clock, id, wanted, files).run(lambda: os.nice(_NICE))
    except Refused as error:
        async with uow.begin() as c:
            await store.fail(c, id, f"The draft no longer fits what is in force. {error}", clock.now())
    finally:
        await engine.dispose()


if __name__ == "__main__":
    main(*sys.argv[1:])
