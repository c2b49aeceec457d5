"""What was sent to an endpoint, and how it went."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from fastapi import Depends, Query
from pydantic import AwareDatetime
from sqlalchemy import RowMapping

from services.notifier.core.calls import State
from services.notifier.queries import webhooks
from services.notifier.store import calls, endpoints
from services.notifier.views.endpoints import Call, CallAttempt, CallDetail, Queued
from shared.auth.keys import Caller, require
from shared.clock import Clock
from shared.pg.uow import UnitOfWork
from shared.web.paging import Page, WantedPage
from shared.web.problems import Problem
from shared.web.routes import Router

_LOG: Final = logging.getLogger(__name__)
_decode: Final = msgspec.json.Decoder().decode


def routes(uow: UnitOfWork, clock: Clock, wake: Callable[[], None]) -> Router:
    """`/v1/endpoints/{id}/deliveries`. `wake` is told that endpoints are to be called."""
    router = Router(prefix="/v1/endpoints/{endpoint}/deliveries", tags=["endpoints"])

    @router.get("", summary="What was sent to an endpoint, newest first", dependencies=[Depends(require("read"))])
    async def listed(
        endpoint: str,
        paging: WantedPage,
        state: State | None = None,
        type: str | None = None,
        account: str | None = None,
        since: Annotated[AwareDatetime | None, Query(description="Told then or later.")] = None,
        until: Annotated[AwareDatetime | None, Query(description="Told before then.")] = None,
    ) -> Page[Call]:
        sought = webhooks.SoughtCalls(endpoint, state, type, account, since, until)
        async with uow.begin() as c:
            if await webhooks.endpoint(c, endpoint) is None:
                raise _no_endpoint(endpoint)
            rows = await webhooks.calls(c, sought, before=paging.after(datetime, str), most=paging.limit + 1)
        shown, cursor = paging.page(rows, lambda row: (row["created_at"], row["id"]))
        return Page(items=[Call(**row) for row in shown], next_cursor=cursor)

    @router.get("/{id}", summary="One call, with all that went to and fro", dependencies=[Depends(require("read"))])
    async def one(endpoint: str, id: str) -> CallDetail:
        async with uow.begin() as c:
            row = await webhooks.call(c, endpoint, id)
            if row is None:
                raise _unknown(id)
            attempts = await webhooks.attempts(c, id)
        body = None if row["erased"] else _decode(row["body"])
        history = [CallAttempt(**_attempt(attempt)) for attempt in attempts]
        return CallDetail(**{**row, "body": body, "attempt_history": history})

    @router.post("/{id}/retry", status_code=202, summary="Send one call again")
    async def retry(endpoint: str, id: str, caller: Annotated[Caller, Depends(require("operate"))]) -> Queued:
        """Under the same webhook-id, whatever became of it before."""
        async with uow.begin() as c:
            row = await webhooks.call(c, endpoint, id)
            if row is None:
                raise _unknown(id)
            found = await webhooks.endpoint(c, endpoint)
            if found is None or not found["enabled"]:
                raise Problem(409, "disabled", "The endpoint is disabled: enable it first, by PATCH {enabled: true}.")
            if not await calls.retry(c, endpoint, id, clock.now()):
                why = "whom it tells of was erased" if row["erased"] else "it is being sent just now"
                raise Problem(409, "not_possible", f"The call {id} can't be sent again: {why}.")
            await endpoints.let_go(c, endpoint)
        wake()
        _LOG.info("called again by hand", extra={"call": id, "actor": caller.name})
        return Queued(id=id)

    return router


def _attempt(row: RowMapping) -> dict[str, Any]:
    return {**row, **{name: _decode(row[name]) for name in ("headers", "answer_headers")}}


def _no_endpoint(id: str) -> Problem:
    return Problem(404, "not_found", f"There is no endpoint {id}. GET /v1/endpoints lists them.")


def _unknown(id: str) -> Problem:
    return Problem(404, "not_found", f"There is no call {id} of this endpoint. GET …/deliveries lists them.")
