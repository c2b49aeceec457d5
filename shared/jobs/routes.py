"""What HTTP says of jobs: begun, and `GET /v1/jobs/{id}`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Generic, Literal, Self, TypeVar

from fastapi import Depends
from pydantic import BaseModel

from shared.auth.keys import require
from shared.clock import Clock
from shared.jobs import store
from shared.jobs.runner import Busy, Jobs
from shared.pg.uow import UnitOfWork
from shared.web.problems import Problem
from shared.web.routes import Router

R = TypeVar("R")
_A_MINUTE: Final = 60


class Started(BaseModel):
    """What was begun: `GET /v1/jobs/{job}` tells of it."""

    job: str


class Progress(BaseModel):
    """Accounts that were looked at, of how many; not known before it begins."""

    done: int
    total: int | None


class Job(BaseModel, Generic[R]):
    """What was asked for, how far it is, and what came of it."""

    id: str
    state: Literal["waiting", "running", "done", "failed"]
    work: str
    kind: str
    document: str
    asked_at: datetime
    author: str
    progress: Progress
    result: R | None
    failure: str | None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """As its row has it."""
        plain = ("id", "state", "work", "kind", "document", "asked_at", "author", "result", "failure")
        progress = {"done": row["done"], "total": row["total"]}
        return cls.model_validate({**{name: row[name] for name in plain}, "progress": progress})


async def begin(jobs: Jobs, wanted: store.Wanted) -> Started:
    """Begin a job. Raises a 429 problem where many wait."""
    try:
        return Started(job=await jobs.ask(wanted))
    except Busy:
        raise Problem(429, "busy", "Many jobs are being computed. Ask again in a minute.", _A_MINUTE) from None


def routes(uow: UnitOfWork, clock: Clock, view: type[Job[Any]], tag: str) -> Router:
    """`GET /v1/jobs/{id}`; `view` says what their results are."""
    router = Router(prefix="/v1", tags=[tag], dependencies=[Depends(require("read"))])

    @router.get("/jobs/{id}", response_model=view, summary="How far a job is, and what came of it")
    async def job(id: str) -> Any:
        async with uow.begin() as c:
            row = await store.one(c, id, clock.now())
        if row is None:
            raise Problem(404, "not_found", f"There is no job {id!r}: what was asked more than a day ago is forgotten.")
        return view.of(row)

    return router
