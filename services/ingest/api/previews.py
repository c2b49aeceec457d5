"""What a draft of a mapping would change of what came in lately: asked for, and told while it is computed."""

import asyncio
from typing import Annotated

from fastapi import Depends, Query, Request

from services.ingest.api.documents import MAPPING
from services.ingest.files import MAPPINGS, Mappings
from services.ingest.previews.looking import AGAINST
from shared.auth.keys import Caller, require
from shared.documents import speech
from shared.documents.in_force import InForce
from shared.jobs.routes import Started
from shared.jobs.routes import begin as begin_job
from shared.jobs.runner import Jobs
from shared.jobs.store import Wanted
from shared.pg.uow import UnitOfWork
from shared.web.problems import Problem
from shared.web.routes import Router

_Operator = Annotated[Caller, Depends(require("operate"))]


def routes(uow: UnitOfWork, mappings: InForce[Mappings], jobs: Jobs) -> Router:
    """`POST /v1/mappings/{id}/preview`."""
    router = Router(prefix="/v1", tags=["documents"])

    @router.post(
        "/mappings/{id}/preview",
        status_code=202,
        summary="What a draft of a mapping would change of the last records",
        openapi_extra={"requestBody": {**MAPPING.body["requestBody"], "required": False}},
    )
    async def preview(
        id: str,
        request: Request,
        caller: _Operator,
        against: Annotated[str | None, Query(description="Without a draft: beside this one.")] = None,
    ) -> Started:
        """The body is a draft, which is looked at beside what is in force; without one, the mapping in force is,
        beside another. `GET /v1/jobs/{job}` tells what comes of it."""
        text = await request.body()
        async with uow.begin() as c:
            whole = await mappings.refresh(c)
        if text:
            with speech.told():
                named = (await asyncio.to_thread(whole.with_draft, text))[0].id
            if named != id:
                raise Problem(422, "other_id", f"The draft is of {named!r}, and its preview was asked of {id!r}.")
        for one in () if text else (id, against):
            if one is not None and one not in whole.files:
                raise Problem(404, "not_found", f"There is no {one!r} in force here: GET /v1/mappings lists them.")
        options = {} if against is None else {AGAINST: against}
        draft = text or None
        return await begin_job(jobs, Wanted("preview", MAPPINGS, id, draft, options, caller.csm or caller.name))

    return router
