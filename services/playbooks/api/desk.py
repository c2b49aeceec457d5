"""Reading the lists, and making moves."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import Depends, Header, Response
from pydantic import BaseModel, create_model
from sqlalchemy.ext.asyncio import AsyncConnection

from services.playbooks import lists, queries, store
from services.playbooks import tables as t
from services.playbooks.api.listings import LISTS, Listing, Move
from services.playbooks.core.commands import Command, fault
from services.playbooks.core.directory import Csm
from services.playbooks.core.item import NotPossible
from services.playbooks.core.rules import Rules, RulesInForce
from services.playbooks.core.sweep import heed
from services.playbooks.core.work import Work
from services.playbooks.lists import Wanted
from services.playbooks.views.desk import EpisodeView, History, ItemView
from shared.auth.keys import Caller, require
from shared.clock import Clock
from shared.conditions import did_you_mean
from shared.pg.uow import UnitOfWork
from shared.web.etags import matches
from shared.web.paging import Page, WantedPage
from shared.web.problems import Problem
from shared.web.routes import Router

_READ: Final = [Depends(require("read"))]


class Desk:
    """Reads the lists, and makes moves."""

    def __init__(self, uow: UnitOfWork, clock: Clock, rules: RulesInForce, wake: Callable[[], None]) -> None:
        self.uow, self.clock, self._rules, self.wake = uow, clock, rules, wake

    @property
    def rules(self) -> Rules:
        """Those in force."""
        return self._rules()

    async def page(self, listing: Listing, wanted: Wanted, paging: WantedPage) -> Page[Any]:
        """One page of a list."""
        by_due = wanted.sort == "due"
        after = paging.after(datetime | None if by_due else datetime, str)
        wanted = listing.only(self.meant(wanted))
        async with self.uow.begin() as c:
            now, most = self.clock.now(), paging.limit + 1
            rows = await lists.page(c, listing.rows, listing.table, wanted, after, most, now)
            shown, cursor = paging.page(rows, lambda row: (row.due_at if by_due else row.opened_at, row.id))
            items = [listing.view.of(row, self.rules.library) for row in shown]
            muted = await queries.muted_until(c, (one.account for one in items), now)
        for one in items:
            if isinstance(one, ItemView):
                one.muted_until = muted.get(one.account)
        return Page(items=items, next_cursor=cursor)

    def team(self, id: str) -> list[Csm]:
        """Who is in a team of the directory, or leads it. Raises a 400 problem."""
        directory = self.rules.directory
        if id not in directory.teams:
            hint = did_you_mean(id, directory.teams) or f"There are {', '.join(directory.teams) or 'none'}."
            raise Problem(400, "invalid_request", f"There is no team {id!r} in the directory. {hint}")
        return [one for one in directory.csms if id in {each.id for each in directory.teams_of(one)}]

    def meant(self, wanted: Wanted) -> Wanted:
        """The same by people's ids: they may be asked for by e-mail, and by their team. Raises a 400 problem."""
        asked = wanted.columns.get("assignee")
        person = self.rules.directory.find(asked) if isinstance(asked, str) else None
        wanted = wanted.only(assignee=person.id) if person is not None else wanted
        return wanted.within([one.id for one in self.team(wanted.team)]) if wanted.team is not None else wanted

    async def at_hand(
        self, c: AsyncConnection, listing: Listing, partition: int, accounts: Sequence[str], ids: Sequence[str]
    ) -> Work:
        """Some accounts of a partition, locked, with what is to be moved there and all that is open."""
        interruptions = await store.interruptions(c, partition)
        work = await store.load(c, self.rules, accounts, interruptions=interruptions)
        for account in accounts:
            heed(work, account)
        if listing.table is t.items:
            work.changes.beside.meet(await store.lock_meant(c, accounts, ids))
        return work

    async def account(self, c: AsyncConnection, id: str) -> tuple[Work, int]:
        """An account, locked, with all that is open there, and its partition. Raises a 404 problem."""
        partition = await queries.partition_of(c, id)
        if partition is None:
            words = f"Nothing was ever heard of an account {id!r}. Send an event of it first."
            raise Problem(404, "not_found", words)
        return await self.at_hand(c, LISTS[-1], partition, [id], []), partition

    async def episode(self, c: AsyncConnection, id: str) -> EpisodeView:
        """One episode as it is shown."""
        shown = await self.one(c, LISTS[0], id)
        assert isinstance(shown, EpisodeView)
        return shown

    async def one(self, c: AsyncConnection, listing: Listing, id: str) -> BaseModel:
        """One of a list. Raises a 404 problem."""
        row = await queries.one(c, listing.rows, listing.table, listing.only(Wanted({"id": id})).columns)
        if row is None:
            words = f"There is no {listing.name} {id}. GET /v1/{listing.name}s lists them."
            raise Problem(404, "not_found", words)
        shown = listing.view.of(row, self.rules.library)
        if isinstance(shown, ItemView):
            muted = await queries.muted_until(c, [shown.account], self.clock.now())
            shown.muted_until = muted.get(shown.account)
        return shown

    async def shown(self, c: AsyncConnection, listing: Listing, id: str) -> tuple[BaseModel, str]:
        """One of a list, and its entity tag. Raises a 404 problem."""
        return await self.one(c, listing, id), _tag(await queries.moves(c, id))

    async def detail(self, listing: Listing, id: str) -> tuple[dict[str, Any], str]:
        """One of a list with its history, and its entity tag. Raises a 404 problem."""
        async with self.uow.begin() as c:
            # The tag first: what moves in between makes it stale, never newer than what is shown.
            moves, shown = await queries.moves(c, id), await self.one(c, listing, id)
        return {**shown.model_dump(), "history": moves}, _tag(moves)

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
            work = await self.at_hand(c, listing, partition, [account], [id])
            if if_match is not None and not matches(if_match, _tag(await queries.moves(c, id))):
                words = f"The {listing.name} has moved since you read it. Read it again, and see if that still holds."
                raise Problem(412, "stale", words)
            try:
                listing.do(work, id, command, actor, self.clock.now())
            except NotPossible as error:
                raise Problem(409, "not_possible", str(error)) from None
            await store.save(c, partition, work)
            shown, tag = await self.shown(c, listing, id)
        self.wake()
        return shown, tag


def _tag(moves: Sequence[Any]) -> str:
    """An entity tag: what was moved as often stands as it did."""
    return f'"{len(moves)}"'


def routes(desk: Desk) -> Router:
    """The lists, their details and their moves."""
    router = Router(prefix="/v1", tags=["desk"])
    for listing in LISTS:
        _add_list(router, desk, listing)
        for way in listing.moves:
            _add_move(router, desk, listing, way)
    return router


def _add_list(router: Router, desk: Desk, listing: Listing) -> None:
    path, view = f"/{listing.name}s", listing.view
    page = Page.__class_getitem__(view)
    words = f"The whole {listing.name}, with its history."
    detail = create_model(f"{listing.name.title()}Detail", __base__=(view, History), __doc__=words)

    @router.get(path, response_model=page, summary=listing.summary, dependencies=_READ)
    async def listed(paging: WantedPage, wanted: Annotated[Wanted, Depends(listing.filters)]) -> Any:
        return await desk.page(listing, wanted, paging)

    summary = f"One {listing.name} with its history"

    @router.get(path + "/{id}", response_model=detail, summary=summary, dependencies=_READ)
    async def one(id: str, response: Response) -> Any:
        shown, response.headers["ETag"] = await desk.detail(listing, id)
        return shown


def _add_move(router: Router, desk: Desk, listing: Listing, way: Move) -> None:
    path, mover = f"/{listing.name}s/{{id}}/{way.path}", require(way.scope)

    @router.post(path, response_model=listing.view, summary=way.summary)
    async def move(
        id: str,
        command: Annotated[Command, Depends(way.asked)],
        caller: Annotated[Caller, Depends(mover)],
        response: Response,
        if_match: Annotated[
            list[str] | None, Header(description="The ETag that was read, or several; 412 if it has moved since.")
        ] = None,
    ) -> Any:
        shown, response.headers["ETag"] = await desk.move(listing, id, command, actor_of(caller), if_match)
        return shown


def actor_of(caller: Caller) -> str:
    """Who moves: the CSM who holds the key, or the key."""
    return caller.csm or caller.name
