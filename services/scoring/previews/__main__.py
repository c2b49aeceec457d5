"""Computes one preview: `python -m services.scoring.previews ID`, as a service starts it."""

import sys

from services.scoring.files import KINDS, load_files, read_texts
from services.scoring.previews.looking import Looking
from services.scoring.settings import ScoringSettings
from shared.clock import Clock
from shared.documents.in_force import InForce
from shared.documents.store import Store
from shared.jobs import store
from shared.pg.uow import UnitOfWork
from shared.service import child


def main(id: str) -> None:
    """Compute it, and end with the process that asked."""
    settings = ScoringSettings.load()

    async def preview(uow: UnitOfWork, clock: Clock, id: str) -> None:
        shipped = load_files(settings.scorecards, settings.catalogue_file).texts
        documents = InForce(Store("scoring", KINDS), shipped, read_texts)
        async with uow.begin() as c:
            wanted, files = await store.wanted(c, id), await documents.refresh(c)
        await Looking(uow, clock, id, wanted, files).run(child.step_back)

    child.compute("scoring", settings, id, preview)


if __name__ == "__main__":
    main(*sys.argv[1:])
