"""The tickets and invoices of an account, and of all, as they stand."""

from datetime import datetime
from typing import Annotated

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring.api.parts import there
from services.scoring.core.scorecard import Rules
from services.scoring.queries import papers
from services.scoring.queries.over import Over
from services.scoring.views.record import (
    InvoiceRow,
    TicketRow,
)
from shared.auth.keys import require
from shared.clock import Clock
from shared.pg.uow import UnitOfWork
from shared.web.paging import Page, Paging, WantedPage
from shared.web.routes import Router

_Over = Annotated[Over, Depends()]
_Tickets = Annotated[papers.Tickets, Depends()]
_Invoices = Annotated[papers.Invoices, Depends()]


def routes(uow: UnitOfWork, clock: Clock, _rules: Rules) -> Router:
    """`/v1/accounts/{id}/tickets` and `/invoices`, and each over all accounts."""
    router = Router(prefix="/v1", tags=["accounts"], dependencies=[Depends(require("read"))])

    async def tickets(of: str | Over, wanted: papers.Tickets, paging: Paging) -> Page[TicketRow]:
        now = clock.now()
        async with uow.begin() as c:
            await there(c, of)
            shown, cursor = await _papers(c, "tickets", wanted.where(now), of, paging)
        return Page(items=[TicketRow.of(one, now) for one in shown], next_cursor=cursor)

    @router.get("/accounts/{id}/tickets", summary="An account's tickets, newest first")
    async def tickets_of(id: str, paging: WantedPage, wanted: _Tickets) -> Page[TicketRow]:
        return await tickets(id, wanted, paging)

    @router.get("/tickets", summary="Everybody's tickets, newest first")
    async def all_tickets(paging: WantedPage, wanted: _Tickets, over: _Over) -> Page[TicketRow]:
        return await tickets(over, wanted, paging)

    async def invoices(of: str | Over, wanted: papers.Invoices, paging: Paging) -> Page[InvoiceRow]:
        now = clock.now()
        async with uow.begin() as c:
            await there(c, of)
            shown, cursor = await _papers(c, "invoices", wanted.where(now), of, paging)
        return Page(items=[InvoiceRow.of(one, now) for one in shown], next_cursor=cursor)

    @router.get("/accounts/{id}/invoices", summary="An account's invoices, those due last first")
    async def invoices_of(id: str, paging: WantedPage, wanted: _Invoices) -> Page[InvoiceRow]:
        return await invoices(id, wanted, paging)

    @router.get("/invoices", summary="Everybody's invoices, those due last first")
    async def all_invoices(paging: WantedPage, wanted: _Invoices, over: _Over) -> Page[InvoiceRow]:
        return await invoices(over, wanted, paging)

    return router


async def _papers(
    c: AsyncConnection, kind: papers.Kind, where: papers.Where, of: str | Over, paging: Paging
) -> tuple[list[papers.Listed], str | None]:
    is_one = isinstance(of, str)
    after = paging.after(*((datetime, str) if is_one else (datetime, str, str)))
    rows = await papers.listed(c, kind, where, of, after, paging.limit + 1)
    return paging.page(rows, lambda one: (one.at, one.id) if is_one else (one.at, one.account_id, one.id))
