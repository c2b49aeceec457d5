"""The HTTP edge: playbooks and people, and the lists that people work through, with the moves that they make.

Episodes, tasks, alerts and flags are the same list with other columns and moves: each is a row of `LISTS`, and there is
one route for all lists, one for all details and one for all moves.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal, NamedTuple

from fastapi import Depends, Header, Query, Response
from pydantic import BaseModel, create_model
from sqlalchemy import Select, Table
from sqlalchemy.ext.asyncio import AsyncConnection

from services.playbooks import queries, store, views
from services.playbooks import tables as t
from services.playbooks.core import step as steps
from services.playbooks.core.books import Books
from services.playbooks.core.desk import Command, fault
from services.playbooks.core.desk import move as move_item
from services.playbooks.core.episode import State
from services.playbooks.core.item import NotPossible
from services.playbooks.core.rules import Rules, RulesInForce
from services.playbooks.core.seen import Tally
from services.playbooks.core.sweep import heed
from services.playbooks.core.work import Work
from services.playbooks.files import playbook_schema
from shared.auth.keys import Caller, require
from shared.clock import Clock
from shared.conditions import Scope, did_you_mean
from shared.messages.registry import TOLD
from shared.pg.uow import UnitOfWork
from shared.web.etags import matches
from shared.web.paging import Page, WantedPage
from shared.web.problems import Problem
from shared.web.routes import Router

_READ: Final = [Depends(require("read"))]
Columns = Mapping[str, str | bool | Sequence[str] | None]
"""What columns must be, or one of several; None is anything."""
LastResort = Annotated[bool | None, Query(description="Only what nobody was found for, or only the rest.")]


class Move(NamedTuple):
    """A way to move what is on a list: `POST /v1/LIST/{id}/PATH`."""

    path: str
    summary: str
    command: Callable[..., Command]
    """The parameters and the body, as FastAPI reads them, into what is to be done."""
    scope: Literal["operate", "admin"] = "operate"


def _episodes(account: str | None = None, state: State | None = None, playbook: str | None = None) -> Columns:
    return {"account_id": account, "state": state, "playbook": playbook}


def _tasks(
    account: str | None = None,
    state: Annotated[list[views.TaskState] | None, Query()] = None,
    assignee: str | None = None,
    last_resort: LastResort = None,
) -> Columns:
    return {"account_id": account, "state": state, "assignee": assignee, "last_resort": last_resort}


def _alerts(
    account: str | None = None,
    state: Annotated[list[views.AlertState] | None, Query()] = None,
    assignee: str | None = None,
    last_resort: LastResort = None,
) -> Columns:
    return {"account_id": account, "state": state, "assignee": assignee, "last_resort": last_resort}


def _flags(account: str | None = None, state: views.FlagState | None = None) -> Columns:
    return {"account_id": account, "state": state}


def _start_episode() -> Command:
    return Command("started")


def _reassign(body: views.Reassign) -> Command:
    return _command("reassign", body)


def _set_due(body: views.Due) -> Command:
    return _command("due", body)


def _move_task(
    move: Literal["take", "comment", "snooze", "done", "no_result", "false_alarm", "reopen"],
    body: views.Snooze | None = None,
) -> Command:
    return _command(move, body)


def _move_alert(
    move: Literal["acknowledge", "snooze", "close", "false_alarm"], body: views.Snooze | None = None
) -> Command:
    return _command(move, body)


def _move_flag(move: Literal["accept", "dismiss", "won", "lost"], body: views.FlagOutcome | None = None) -> Command:
    return _command(move, body)


def _command(event: str, body: BaseModel | None) -> Command:
    return Command(event, **body.model_dump() if body is not None else {})


async def _act_on_item(c: AsyncConnection, work: Work, id: str, command: Command, actor: str, now: datetime) -> None:
    known = await store.lock_meant(c, list(work.standings), [id])
    work.changes.beside.meet(known)
    (item,) = [one for one in known if one.id == id]
    move_item(work, item, command, actor, now)


async def _act_on_episode(c: AsyncConnection, work: Work, id: str, command: Command, actor: str, now: datetime) -> None:
    del c, command
    found = work.episodes.find(id)
    if found is None or found.state != "found":
        state = found.state if found is not None else "over long ago"
        raise NotPossible(f"Only a found episode can be started; this one is {state}.")
    work.by_hand(found, steps.start, actor, now)


class Listing(NamedTuple):
    """One list: `GET /v1/NAMEs`, `GET /v1/NAMEs/{id}`, and its moves. It is one of items, unless said."""

    name: str
    summary: str
    filters: Callable[..., Columns]
    """The query parameters, as FastAPI reads them, into what columns must be."""
    view: type[views.EpisodeView] | type[views.ItemView]
    moves: tuple[Move, ...]
    rows: Select[Any] = store.ITEMS
    table: Table = t.items
    act: Callable[[AsyncConnection, Work, str, Command, str, datetime], Awaitable[None]] = _act_on_item
    """Does a command of somebody, at an instant, to what has this id."""

    def only(self, **wanted: Any) -> Columns:
        """What columns must be of what is on this list."""
        return {"kind": self.name, **wanted} if self.table is t.items else wanted


_START = Move("start", "Start an episode that an import found", _start_episode)
_REASSIGN = Move("reassign", "Give it to somebody else", _reassign)
_DUE = Move("due", "Say by when a task is to be done", _set_due)
_MOVE = Move("{move}", "Take, comment on or snooze a task, close it with what came of it, or open it again", _move_task)
_ALERT = Move("{move}", "Acknowledge, snooze or close an alert, or call it false", _move_alert)
_FLAG = Move("{move}", "Say what a flag came to", _move_flag)
LISTS: Final = (
    Listing(
        *("episode", "Episodes, newest first", _episodes, views.EpisodeView, (_START,)),
        rows=queries.EPISODES,
        table=t.episodes,
        act=_act_on_episode,
    ),
    Listing("task", "Tasks, newest first", _tasks, views.TaskView, (_REASSIGN, _DUE, _MOVE)),
    Listing("alert", "Alerts, newest first", _alerts, views.AlertView, (_REASSIGN, _ALERT)),
    Listing("flag", "Expansion flags, newest first", _flags, views.FlagView, (_FLAG,)),
)


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

    async def facts(self, prefix: str, event: str | None, paging: WantedPage) -> Page[views.FactView]:
        """One page of what conditions can name, with the values that accounts have now. Raises a 400 problem."""
        declared = self.rules.declared
        if event is not None and event not in TOLD:
            words = f"Playbooks can't wait for {event}. {did_you_mean(event, TOLD) or ''}".rstrip()
            raise Problem(400, "invalid_request", words)
        known = Scope(declared.traits, declared.watched, event).facts
        (after,) = paging.after(str) or (None,)
        names = [name for name in known if name.startswith(prefix)]
        names = names[names.index(after) + 1 :] if after in names else names
        shown, cursor = paging.page(names[: paging.limit + 1], lambda name: (name,))
        tally = Tally([known[name] for name in shown], self.clock.now())
        async with self.uow.begin() as c:
            await queries.looked_at(c, tally)
        seen = tally.summed_up()
        items = [views.FactView.of(known[name], declared, seen[name], tally.accounts) for name in shown]
        return Page(items=items, next_cursor=cursor)

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
    """Everything under `/v1` but the status."""
    router = Router(prefix="/v1")
    desk = Desk(uow, clock, rules, wake)
    _add_rules(router, desk)
    for listing in LISTS:
        _add_list(router, desk, listing)
        for way in listing.moves:
            _add_move(router, desk, listing, way)
    return router


def _add_list(router: Router, desk: Desk, listing: Listing) -> None:
    path, view = f"/{listing.name}s", listing.view
    page = Page.__class_getitem__(view)
    words = f"The whole {listing.name}, with all its moves."
    detail = create_model(f"{listing.name.title()}Detail", __base__=(view, views.History), __doc__=words)

    @router.get(path, response_model=page, tags=["desk"], summary=listing.summary, dependencies=_READ)
    async def listed(paging: WantedPage, wanted: Annotated[Columns, Depends(listing.filters)]) -> Any:
        return await desk.page(listing, wanted, paging)

    summary = f"One {listing.name} with its moves"

    @router.get(path + "/{id}", response_model=detail, tags=["desk"], summary=summary, dependencies=_READ)
    async def one(id: str, response: Response) -> Any:
        shown, response.headers["ETag"] = await desk.detail(listing, id)
        return shown


def _add_move(router: Router, desk: Desk, listing: Listing, way: Move) -> None:
    path, mover = f"/{listing.name}s/{{id}}/{way.path}", require(way.scope)

    @router.post(path, response_model=listing.view, tags=["desk"], summary=way.summary)
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


def _add_rules(router: Router, desk: Desk) -> None:

    @router.get("/playbooks", tags=["playbooks"], summary="Those in force, with what they achieved", dependencies=_READ)
    async def playbooks() -> Page[views.PlaybookView]:
        async with desk.uow.begin() as c:
            achieved = await queries.achieved(c)
            warnings = await queries.warnings(c, desk.rules, desk.clock.now())
        return Page(items=[views.PlaybookView.of(one, achieved, warnings) for one in desk.rules.library.loaded])

    @router.get(
        "/playbooks/schema",
        tags=["playbooks"],
        summary="A playbook file's JSON Schema, for editors",
        dependencies=_READ,
    )
    async def schema() -> dict[str, Any]:
        return playbook_schema()

    @router.get("/facts", tags=["playbooks"], summary="What conditions can name, and its values", dependencies=_READ)
    async def facts(
        paging: WantedPage,
        prefix: Annotated[str, Query(max_length=128, description="How the name begins, such as `usage.`.")] = "",
        event: Annotated[str | None, Query(description="With the fields of events of this type, too.")] = None,
    ) -> Page[views.FactView]:
        return await desk.facts(prefix, event, paging)

    @router.get("/people", tags=["playbooks"], summary="The directory, with who has how much", dependencies=_READ)
    async def people() -> Page[views.PersonView]:
        async with desk.uow.begin() as c:
            loads, books = await queries.open_items(c), Books(desk.rules.directory)
            share = await queries.looked_at(c, books)
        now, directory = desk.clock.now(), desk.rules.directory
        shown = (
            (one, loads.get(one.id, {}), directory.roles_of(one), books.of(one.id, share)) for one in directory.csms
        )
        return Page(items=[views.PersonView.of(*each, now) for each in shown])
