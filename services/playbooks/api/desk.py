"""Reading the lists, and making moves."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import Depends, Header, Response
from pydantic import BaseModel, create_model
from sqlalchemy.ext.asyncio import AsyncConnection

from services.playbooks import queries, store
from services.playbooks.api.listings import LISTS, Columns, Listing, Move
from services.playbooks.core.desk import Command, fault
from services.playbooks.core.item import NotPossible
from services.playbooks.core.rules import Rules, RulesInForce
from services.playbooks.core.sweep import heed
from services.playbooks.views.desk import History
from shared.auth.keys import Caller, require
from shared.clock import Clock
from shared.pg.uow import UnitOfWork
from shared.web.etags import matches
from shared.web.paging import Page, WantedPage
from shared.web.problems import Problem
from shared.web.routes import Router

_READ: Final = [Depends(require("read"))]


class Desk:
    """Reads the lists, and makes moves. `wake` is told when something is to be sent."""

    def __init__(self, uow: UnitOfWork, clock: Clock, rules: RulesInForce, wake: Callable[[], None]) -> None:
        self.uow, self.clock, self._rules, self._wake = uow, clock, rules, wake

    @property
    def rules(self) -> Rules:
        """Those in force."""
        return self._rules()

    async def page(self, listing: Listing, wanted: Columns, paging: WantedPage) -> Page[Any]:
        """One page of a list."""
        before = paging.after(datetime, str)
        # A person may be asked for by e-mail, too.
        person = self.rules.directory.find(str(wanted.get("assignee") or ""))
        wanted = listing.only(**{**wanted, **({"assignee": person.id} if person is not None else {})})
        async with self.uow.begin() as c:
            rows = await queries.page(c, listing.rows, listing.table, wanted, before, paging.limit + 1)
        shown, cursor = paging.page(rows, lambda row: (row.opened_at, row.id))
        return Page(items=[listing.view.of(row, self.rules.library) for row in shown], next_cursor=cursor)

    async def one(self, c: AsyncConnection, listing: Listing, id: str) -> BaseModel:
        """One of a list. Raises a 404 problem."""
        row = await queries.one(c, listing.rows, listing.table, listing.only(id=id))
        if row is None:
            words = f"There is no {listing.name} {id}. GET /v1/{listing.name}s lists them."
            raise Problem(404, "not_found", words)
        return listing.view.of(row, self.rules.library)

    async def detail(self, listing: Listing, id: str) -> tuple[dict[str, Any], str]:
        """One of a list with its moves, and its entity tag. Raises a 404 problem."""
        async with self.uow.begin() as c:
            shown, moves = await self.one(c, listing, id), await queries.moves(c, id)
        return {**shown.model_dump(), "moves": moves}, _tag(moves)

    async def move(
        self, listing: Listing, id: str, command: Command, actor: str, if_match: Sequence[str] | None
    ) -> tuple[BaseModel, str]:
        """Move one of a list, in one transaction and under lock. Raises a 404, 409, 412 or 400 problem."""
        now = self.clock.now()
        if (wrong := fault(command, now)) is not None:
            raise Problem(400, "invalid_request", wrong)
        async with self.uow.begin() as c:
            await self.one(c, listing, id)
            account, partition = await queries.place(c, listing.table, id)
            interruptions = await store.interruptions(c, partition)
            work = await store.load(c, self.rules, [account], interruptions=interruptions)
            heed(work, account)
            if if_match is not None and not matches(if_match, _tag(await queries.moves(c, id))):
                words = f"The {listing.name} has moved since you read it. Read it again, and see if that still holds."
                raise Problem(412, "stale", words)
            try:
                await listing.act(c, work, id, command, actor, self.clock.now())
            except NotPossible as error:
                raise Problem(409, "not_possible", str(error)) from None
            await store.save(c, partition, work)
            shown, tag = await self.one(c, listing, id), _tag(await queries.moves(c, id))
        self._wake()
        return shown, tag


def _tag(moves: Sequence[Any]) -> str:
    """An entity tag: what was moved as often stands as it did."""
    return f'"{len(moves)}"'


def routes(uow: UnitOfWork, clock: Clock, rules: RulesInForce, wake: Callable[[], None]) -> Router:
    """The lists, their details and their moves. `wake` is told when something is to be sent."""
    router, desk = Router(prefix="/v1", tags=["desk"]), Desk(uow, clock, rules, wake)
    for listing in LISTS:
        _add_list(router, desk, listing)
        for way in listing.moves:
            _add_move(router, desk, listing, way)
    return router


def _add_list(router: Router, desk: Desk, listing: Listing) -> None:
    path, view = f"/{listing.name}s", listing.view
    page = Page.__class_getitem__(view)
    words = f"The whole {listing.name}, with all its moves."
    detail = create_model(f"{listing.name.title()}Detail", __base__=(view, History), __doc__=words)

    @router.get(path, response_model=page, summary=listing.summary, dependencies=_READ)
    async def listed(paging: WantedPage, wanted: Annotated[Columns, Depends(listing.filters)]) -> Any:
        return await desk.page(listing, wanted, paging)

    summary = f"One {listing.name} with its moves"

    @router.get(path + "/{id}", response_model=detail, summary=summary, dependencies=_READ)
    async def one(id: str, response: Response) -> Any:
        shown, response.headers["ETag"] = await desk.detail(listing, id)
        return shown


def _add_move(router: Router, desk: Desk, listing: Listing, way: Move) -> None:
    path, mover = f"/{listing.name}s/{{id}}/{way.path}", require(way.scope)

    @router.post(path, response_model=listing.view, summary=way.summary)
    async def move(
        id: str,
        command: Annotated[Command, Depends(way.command)],
        caller: Annotated[Caller, Depends(mover)],
        response: Response,
        if_match: Annotated[
            list[str] | None, Header(description="The ETag that was read, or several; 412 if it has moved since.")
        ] = None,
    ) -> Any:
        # Who moves: the CSM who holds the key, or the key.
        actor = caller.csm or caller.name
        shown, response.headers["ETag"] = await desk.move(listing, id, command, actor, if_match)
        return shown
