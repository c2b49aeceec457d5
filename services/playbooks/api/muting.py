"""Muting accounts, and which are muted."""

from datetime import datetime
from typing import Annotated

from fastapi import Depends, Response

from services.playbooks import queries, store
from services.playbooks.api.desk import Desk, actor_of
from services.playbooks.core import muting
from services.playbooks.core.item import NotPossible
from services.playbooks.core.standing import mute_of
from services.playbooks.views.silence import MuteBody, MuteView
from shared.auth.keys import Caller, require
from shared.web.paging import Page, WantedPage
from shared.web.problems import Problem
from shared.web.routes import Router

_Operator = Annotated[Caller, Depends(require("operate"))]


def routes(desk: Desk) -> Router:
    """`/v1/accounts/{id}/mute` and `/v1/mutes`."""
    router = Router(prefix="/v1", tags=["accounts"])

    @router.put("/accounts/{id}/mute", summary="Leave an account in peace for a while", response_model=MuteView | None)
    async def mute(id: str, body: MuteBody, caller: _Operator, response: Response) -> MuteView | None:
        """No playbook fires or tells anything about it, urgent ones neither; open tasks stay, reminders wait. What
        holds when that is over is found so. `until: null` ends it."""
        shown = await _mute(desk, id, body, actor_of(caller))
        if shown is None:
            response.status_code = 204
        return shown

    @router.delete("/accounts/{id}/mute", status_code=204, summary="End that at once")
    async def unmute(id: str, caller: _Operator) -> None:
        await _mute(desk, id, MuteBody(until=None), actor_of(caller))

    @router.get("/accounts/{id}/mute", summary="Until when an account is left in peace, and why")
    async def read(id: str, caller: Annotated[Caller, Depends(require("read"))]) -> MuteView:
        """404 where it is not."""
        del caller
        async with desk.uow.begin() as c:
            mute = await queries.mute(c, id, desk.clock.now())
        if mute is None:
            raise Problem(404, "not_found", f"The account {id} is not muted.")
        return MuteView.of(id, mute)

    @router.get("/mutes", summary="The accounts that are muted, whose mute ends first in front")
    async def muted(paging: WantedPage, caller: Annotated[Caller, Depends(require("read"))]) -> Page[MuteView]:
        del caller
        async with desk.uow.begin() as c:
            rows = await queries.muted(c, desk.clock.now(), paging.after(datetime, str), paging.limit + 1)
        shown, cursor = paging.page(rows, lambda row: (row.muted_until, row.account_id))
        known = [(row.account_id, row.standing.muted) for row in shown]
        return Page(items=[MuteView.of(*one) for one in known if one[1] is not None], next_cursor=cursor)

    return router


async def _mute(desk: Desk, account: str, body: MuteBody, actor: str) -> MuteView | None:
    now = desk.clock.now()
    if body.until is not None and not now < body.until <= now + muting.LONGEST:
        raise Problem(400, "invalid_request", f"`until` must lie ahead, by {muting.LONGEST.days} days at most.")
    if body.until is not None and not body.reason.strip():
        raise Problem(400, "invalid_request", "Say why in `reason`: whoever misses a message will want to know.")
    async with desk.uow.begin() as c:
        work, partition = await desk.account(c, account)
        if body.until is None:
            if not muting.unmute(work, account, actor, now):
                raise Problem(409, "not_possible", f"The account {account} is not muted.")
        else:
            try:
                muting.mute(work, account, body.until, body.reason, actor, now)
            except NotPossible as error:
                raise Problem(409, "not_possible", str(error)) from None
        mute = mute_of(work.standings[account])
        await store.save(c, partition, work)
    desk.wake()
    return None if mute is None else MuteView.of(account, mute)
