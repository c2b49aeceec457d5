"""Who reads the log and how far behind; and forgetting a service that will not read again."""

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Depends
from pydantic import BaseModel

from shared.auth.keys import Caller, require
from shared.web.paging import Page
from shared.web.problems import Problem
from shared.web.routes import Router
from shared.worker.counts import Counts


class LogReader(BaseModel):
    """A service that reads the log. `oldest_unread`: when the log took the oldest record that it has not read."""

    service: str
    oldest_unread: datetime | None


def reader_routes(counts: Counts) -> Router:
    """`GET /v1/readers` and `DELETE /v1/readers/{service}`, the same in every service: the one meant may be gone."""
    router = Router(prefix="/v1/readers", tags=["operations"])

    @router.get("", summary="Who reads the log, and what is the oldest that is unread", dependencies=_MAY_READ)
    async def listed() -> Page[LogReader]:
        await counts.refresh(at_most=timedelta(0))
        items = [LogReader(service=service, oldest_unread=at) for service, at in counts.readers.items()]
        return Page(items=items, next_cursor=None)

    @router.delete("/{service}", status_code=204, summary="Keep nothing for a service that is gone for good")
    async def forget(service: str, _: Annotated[Caller, Depends(require("admin"))]) -> None:
        readers = await counts.stream.readers()
        if service not in readers:
            known = ", ".join(readers) or "nobody"
            raise Problem(404, "not_found", f"No service called {service!r} reads the log; {known} does.")
        if not await counts.stream.forget(service):
            words = (
                f"{service} reads the log now. Stop it first."
                if counts.stream.kind == "local"
                else f"Kafka keeps its own groups: kafka-consumer-groups --delete --group keepwell.{service}"
            )
            raise Problem(409, "in_use", words)
        await counts.refresh(at_most=timedelta(0))

    return router


_MAY_READ = [Depends(require("read"))]
