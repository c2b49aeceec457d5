"""How ingest does."""

from services.ingest import queries
from services.ingest.api.parts import Parts, Reader
from services.ingest.views import IngestStatus, WaitedFor
from shared.web.app import failed_checks
from shared.web.routes import Router

router = Router(prefix="/v1")


@router.get("/status", tags=["operations"], summary="Outbox, waiting events, imports, disk")
async def status(ingest: Parts, _: Reader) -> IngestStatus:
    """Ingest consumes nothing, so there is no lag."""
    gone = await failed_checks(ingest.checks)
    async with ingest.uow.begin() as c:
        counts = await queries.counts(c)
        waiting = await queries.waiting_by_alias(c, 20)
    return IngestStatus(
        service="ingest",
        broker=ingest.broker,
        ready=not gone,
        lag={},
        held_partitions=0,
        outbox=counts.outbox,
        timers=0,
        dead_letters=0,
        database_bytes=counts.bytes,
        details={},
        waiting=[WaitedFor.model_validate(row, from_attributes=True) for row in waiting],
        waiting_events=counts.waiting,
        open_imports=counts.imports,
    )
