"""What every service tells its operators: its status, and the dead letters that can be looked at and replayed."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, Request
from pydantic import BaseModel
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.auth.keys import Caller, require
from shared.clock import Clock
from shared.pg.uow import UnitOfWork
from shared.web.app import failed_checks
from shared.web.paging import Page, WantedPage
from shared.web.problems import Problem
from shared.web.routes import Router
from shared.worker import dead_letters, outbox
from shared.worker.loop import Worker

Extra = Callable[[AsyncConnection], Awaitable[dict[str, Any]]]
"""What a service adds to its own status."""

_COUNTS = text(
    """
    SELECT (SELECT count(*) FROM outbox) AS outbox,
           (SELECT count(*) FROM timers) AS timers,
           (SELECT count(*) FROM dead_letters WHERE replayed_at IS NULL) AS dead_letters,
           (SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class
            WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r') AS bytes
    """
)


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
    service: str, broker: str, *, uow: UnitOfWork, clock: Clock, worker: Worker | None, extra: Extra | None = None
) -> Router:
    """`GET /v1/status`, `GET /v1/dead-letters` and `POST /v1/dead-letters/{id}/replay`."""
    router = Router(prefix="/v1", tags=["operations"])

    @router.get("/status", summary="Lag, outbox, timers, dead letters, disk", dependencies=[Depends(require("read"))])
    async def status(request: Request) -> Status:
        gone = await failed_checks(request.app.state.checks)
        # The lag first: what was handled by then is in the outbox's count, or published.
        lag = None if worker is None else await worker.lag()
        async with uow.begin() as c:
            counts = (await c.execute(_COUNTS)).one()
            details = await extra(c) if extra else {}
        return Status(
            service=service,
            broker=broker,
            ready=not gone,
            lag=lag,
            held_partitions=0 if worker is None else len(worker.owned()),
            outbox=counts.outbox,
            timers=counts.timers,
            dead_letters=counts.dead_letters,
            database_bytes=counts.bytes,
            details=details,
        )

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
