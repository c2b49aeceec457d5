"""What a draft would change over all accounts: asked for, and told while it is computed."""

import asyncio
from typing import Annotated, Final

from fastapi import Depends, Request

from services.scoring import queries
from services.scoring.api.documents import KINDS
from services.scoring.api.parts import found
from services.scoring.files import CARDS, CATALOGUE, RuleFiles
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

_KINDS: Final = {kind.name: kind for kind in KINDS}
_Operator = Annotated[Caller, Depends(require("operate"))]


def routes(uow: UnitOfWork, documents: InForce[RuleFiles], jobs: Jobs) -> Router:
    """`POST /v1/scorecards/{id}/preview` and `POST /v1/catalogue/main/preview`."""
    router = Router(prefix="/v1", tags=["documents"])

    async def begin(kind: str, id: str, request: Request, account: str | None, caller: Caller) -> Started:
        text = await request.body()
        async with uow.begin() as c:
            files = await documents.refresh(c)
            if account is not None:
                found(await queries.one(c, account), account)
        with speech.told():
            named = (await asyncio.to_thread(_KINDS[kind].draft, files, text)).id
        if named != id:
            raise Problem(422, "other_id", f"The draft is of {named!r}, and its preview was asked of {id!r}.")
        options = {} if account is None else {"account": account}
        return await begin_job(jobs, Wanted("preview", kind, id, text, options, caller.csm or caller.name))

    @router.post(
        "/scorecards/{id}/preview",
        status_code=202,
        summary="What a draft of a card would change, over all accounts",
        openapi_extra=_KINDS[CARDS].body,
    )
    async def of_card(id: str, request: Request, caller: _Operator, account: str | None = None) -> Started:
        """`GET /v1/jobs/{job}` tells of a sample within seconds, and of all when it is done. `account` is looked at
        measure by measure."""
        return await begin(CARDS, id, request, account, caller)

    @router.post(
        f"/{'/'.join(CATALOGUE)}/preview",
        status_code=202,
        summary="What a draft of the catalogue would change, over all accounts",
        openapi_extra=_KINDS[CATALOGUE[0]].body,
    )
    async def of_catalogue(request: Request, caller: _Operator, account: str | None = None) -> Started:
        """As that of a card."""
        return await begin(CATALOGUE[0], CATALOGUE[1], request, account, caller)

    return router
