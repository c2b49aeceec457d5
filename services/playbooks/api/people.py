"""Who works with customers, and how much they have."""

from fastapi import Depends

from services.playbooks import queries
from services.playbooks.core.books import Books
from services.playbooks.core.rules import RulesInForce
from services.playbooks.views.people import PersonView
from shared.auth.keys import require
from shared.clock import Clock
from shared.pg.uow import UnitOfWork
from shared.web.paging import Page
from shared.web.routes import Router


def routes(uow: UnitOfWork, clock: Clock, rules: RulesInForce) -> Router:
    """`/v1/people`."""
    router = Router(prefix="/v1", tags=["people"], dependencies=[Depends(require("read"))])

    @router.get("/people", summary="The directory, with who has how much")
    async def people() -> Page[PersonView]:
        async with uow.begin() as c:
            loads, books = await queries.open_items(c), Books(rules().directory)
            share = await queries.looked_at(c, books)
        now, directory = clock.now(), rules().directory
        shown = (
            (one, loads.get(one.id, {}), directory.roles_of(one), books.of(one.id, share)) for one in directory.csms
        )
        return Page(items=[PersonView.of(*each, now) for each in shown])

    return router
