"""What every service tells its operators: its status, and the dead letters that can be looked at and replayed."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import Depends, Request
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.auth.keys import Caller, require
from shared.clock import Clock
from shared.web.app import Check, failed_checks
from shared.web.paging import Page, WantedPage
from shared.web.problems import Problem
from shared.web.routes import Router
from shared.worker import dead_letters, outbox
from shared.worker.counts import Counts
from shared.worker.loop import Worker

Extra = Callable[[AsyncConnection], Awaitable[dict[str, Any]]]
"""What a service adds to its own status."""


class Status(BaseModel):
    """How a service does.

    `ready` is what /readyz says. `lag` counts records that wait, by topic; null where no worker runs, and until it
    holds its partitions.
    """

    service: str
    broker: str
    ready: bool
    lag: dict[str, int] | None
    held_partitions: int
    outbox: int
    timers: int
    dead_letters: int
    database_bytes: int
    details: dict[str, Any]
    alarms: list[str] = []
    """What somebody must look at before it costs something."""


async def figures_of(counts: Counts, checks: Mapping[str, Check], worker: Worker | None = None) -> dict[str, Any]:
    """What the status of every service says, from the same figures that /metrics shows."""
    gone = await failed_checks(checks)
    # The lag first: what was handled by then is in the outbox's count, or published.
    lag = None if worker is None else await worker.lag()
    await counts.refresh(at_most=timedelta(0))
    return {
        "service": counts.service,
        "broker": counts.stream.kind,
        "ready": not gone,
        "lag": lag,
        "held_partitions": 0 if worker is None else len(worker.owned()),
        "outbox": counts("keepwell_outbox_messages"),
        "timers": counts("keepwell_timers"),
        "dead_letters": counts("keepwell_dead_letters_waiting"),
        "database_bytes": counts("keepwell_database_bytes"),
        "alarms": counts.alarms(),
    }


class DeadLetter(BaseModel):
    """A record that could not be read or handled; `value` is its raw bytes as text."""

    id: int
    topic: str
    partition: int
    offset: int
    key: str
    value: str
    reason: str
    at: datetime
    replayed_at: datetime | None
    replayed_by: str | None


def status_routes(
    counts: Counts,
    *,
    clock: Clock,
    worker: Worker | None,
    extra: Extra | None = None,
    alarms: Callable[[], Sequence[str]] = tuple,
) -> Router:
    """`GET /v1/status`, `GET /v1/dead-letters` and `POST /v1/dead-letters/{id}/replay`."""
    router, uow = Router(prefix="/v1", tags=["operations"]), counts.uow

    @router.get("/status", summary="Lag, outbox, timers, dead letters, disk", dependencies=[Depends(require("read"))])
    async def status(request: Request) -> Status:
        figures = await figures_of(counts, request.app.state.checks, worker)
        async with uow.begin() as c:
            figures["alarms"] = [*figures["alarms"], *alarms()]
            return Status(**figures, details=await extra(c) if extra else {})

    @router.get("/dead-letters", summary="What could not be read", dependencies=[Depends(require("read"))])
    async def listed(paging: WantedPage) -> Page[DeadLetter]:
        after = paging.after(int)
        async with uow.begin() as c:
            rows = await dead_letters.listed(c, after[0] if after else 2**62, paging.limit + 1)
        shown, cursor = paging.page([DeadLetter(**row) for row in rows], lambda letter: (letter.id,))
        return Page(items=shown, next_cursor=cursor)

    @router.post("/dead-letters/{id}/replay", status_code=202, summary="Send a dead letter to its topic again")
    async def replay(id: int, caller: Annotated[Caller, Depends(require("operate"))]) -> dict[str, str]:
        async with uow.begin() as c:
            letter = await dead_letters.take_for_replay(c, id, caller.name, clock.now())
            if letter is None:
                raise Problem(404, "not_found", f"There is no dead letter {id}. GET /v1/dead-letters lists them.")
            await outbox.stage(c, letter.partition or 0, [letter])
        if worker is not None:
            worker.relay.wake()
        return {"status": "sent again"}

    return router
