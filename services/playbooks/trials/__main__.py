"""Computes one trial: `python -m services.playbooks.trials ID`, as the service starts it."""

import sys

from services.playbooks.documents import read_in_force
from services.playbooks.settings import PlaybooksSettings
from services.playbooks.trials.running import run
from shared.clock import Clock
from shared.jobs import store
from shared.pg.uow import UnitOfWork
from shared.service import child


def main(id: str) -> None:
    """Compute it, and end with the process that asked."""
    settings = PlaybooksSettings.load()

    async def trial(uow: UnitOfWork, clock: Clock, id: str) -> None:
        async with uow.begin() as c:
            wanted, files = await store.wanted(c, id), await read_in_force(c, settings.catalogue_file)
        child.step_back()
        await run(uow, clock, id, wanted, files)

    child.compute("playbooks", settings, id, trial)


if __name__ == "__main__":
    main(*sys.argv[1:])
