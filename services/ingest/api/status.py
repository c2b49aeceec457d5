"""How ingest does."""

from services.ingest import queries
from services.ingest.api.parts import Parts, Reader
from services.ingest.views import IngestStatus, WaitedFor
from shared.service.status import figures_of
from shared.web.routes import Router

router = Router(prefix="/v1")


@router.get("/status", tags=["operations"], summary="Outbox, waiting events, imports, disk")
async def status(ingest: Parts, _: Reader) -> IngestStatus:
    """Ingest consumes nothing, so there is no lag."""
    figures = await figures_of(ingest.counts, ingest.checks)
    async with ingest.uow.begin() as c:
        waiting = await queries.waiting_by_alias(c, 20)
    return IngestStatus(
        **{**figures, "lag": {}, "alarms": [*figures["alarms"], *ingest.mappings.alarms]},
        details={},
        waiting=[WaitedFor.model_validate(row, from_attributes=True) for row in waiting],
        waiting_events=ingest.counts("keepwell_events_waiting"),
        open_imports=ingest.counts("keepwell_imports_open"),
    )
