"""Computes one preview: `python -m services.ingest.previews ID`, as a service starts it."""

import sys

from services.ingest.files import MAPPINGS, read_texts, shipped
from services.ingest.previews.looking import Looking
from services.ingest.receiving.rereading import DIALECTS
from shared.clock import Clock
from shared.documents.in_force import InForce
from shared.documents.store import Store
from shared.jobs import store
from shared.pg.uow import UnitOfWork
from shared.service import child
from shared.settings import Settings


def main(id: str) -> None:
    """Compute it, and end with the process that asked."""

    async def preview(uow: UnitOfWork, clock: Clock, id: str) -> None:
        documents = InForce(Store("ingest", (MAPPINGS,)), shipped(), read_texts)
        async with uow.begin() as c:
            wanted, mappings = await store.wanted(c, id), await documents.refresh(c)
        await Looking(uow, clock, id, DIALECTS).run(wanted, mappings, documents.versions)

    child.compute("ingest", Settings.load(), id, preview)


if __name__ == "__main__":
    main(*sys.argv[1:])
