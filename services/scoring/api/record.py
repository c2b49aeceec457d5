"""The tickets and invoices of an account, and of all, as they stand."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, TypeVar

from fastapi import Depends

from services.scoring.api.own_write import READ
from services.scoring.api.parts import there
from services.scoring.core.scorecard import RulesInForce
from services.scoring.queries import papers
from services.scoring.queries.over import Over
from services.scoring.views.record import InvoiceRow, TicketRow
from shared.clock import Clock
from shared.pg.uow import UnitOfWork
from shared.web.paging import Page, Paging, WantedPage
from shared.web.routes import Router

_Row = TypeVar("_Row", TicketRow, InvoiceRow)
_Over = Annotated[Over, Depends()]
_Tickets = Annotated[papers.Tickets, Depends()]
_Invoices = Annotated[papers.Invoices, Depends()]


def routes(uow: UnitOfWork, clock: Clock, _rules: RulesInForce) -> Router:
    """`/v1/accounts/{id}/tickets` and `/invoices`, and each over all accounts."""
    router = Router(prefix="/v1", tags=["accounts"], dependencies=READ)

    async def listed(
        kind: papers.Kind,
        shown: Callable[[papers.Listed, datetime], _Row],
        of: str | Over,
        wanted: papers.Tickets | papers.Invoices,
        paging: Paging,
    ) -> Page[_Row]:
        now = clock.now()
        async with uow.begin() as c:
            await there(c, of)
            found, cursor = await papers.listed(c, kind, wanted.where(now), of, paging)
        return Page(items=[shown(one, now) for one in found], next_cursor=cursor)

    @router.get("/accounts/{id}/tickets", summary="An account's tickets, newest first")
    async def tickets_of(id: str, paging: WantedPage, wanted: _Tickets) -> Page[TicketRow]:
        return await listed("tickets", TicketRow.of, id, wanted, paging)

    @router.get("/tickets", summary="Everybody's tickets, newest first")
    async def all_tickets(paging: WantedPage, wanted: _Tickets, over: _Over) -> Page[TicketRow]:
        return await listed("tickets", TicketRow.of, over, wanted, paging)

    @router.get("/accounts/{id}/invoices", summary="An account's invoices, those due last first")
    async def invoices_of(id: str, paging: WantedPage, wanted: _Invoices) -> Page[InvoiceRow]:
        return await listed("invoices", InvoiceRow.of, id, wanted, paging)

    @router.get("/invoices", summary="Everybody's invoices, those due last first")
    async def all_invoices(paging: WantedPage, wanted: _Invoices, over: _Over) -> Page[InvoiceRow]:
        return await listed("invoices", InvoiceRow.of, over, wanted, paging)

    return router
