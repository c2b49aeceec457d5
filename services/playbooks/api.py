"""The HTTP edge: playbooks and people, and the lists that people work through, with the moves that they make.

Episodes, tasks, alerts and flags are the same list with other columns and moves: each is a row of `LISTS`, and there is
one route for all lists, one for all details and one for all moves.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from fastapi import Depends
from pydantic import BaseModel
from sqlalchemy import Select, Table
from sqlalchemy.ext.asyncio import AsyncConnection

from services.playbooks import queries, store, views
from services.playbooks import tables as t
from services.playbooks.core import step as steps
from services.playbooks.core.carrying import Rules
from services.playbooks.core.desk import LONGEST_SNOOZE, Command
from services.playbooks.core.desk import move as move_item
from services.playbooks.core.episode import State
from services.playbooks.core.item import Item, NotPossible
from services.playbooks.core.library import Library
from services.playbooks.core.work import Work
from services.playbooks.files import playbook_schema
from shared.auth.keys import Caller, require
from shared.clock import Clock
from shared.pg.uow import UnitOfWork
from shared.web.paging import Page, WantedPage
from shared.web.problems import Problem
from shared.web.routes import Router

_READ: Final = [Depends(require("read"))]
Wanted = Mapping[str, str | None]
"""What columns must be; None is anything."""


@dataclass(frozen=True, slots=True)
class Move:
    """A way to move what is on a list: `POST /v1/LIST/{id}/PATH`."""

    path: str
    summary: str
    command: Callable[..., Command]
    """The parameters and the body, as FastAPI reads them, into what is to be done."""
    scope: Literal["operate", "admin"] = "operate"


@dataclass(frozen=True, slots=True)
class Listing:
    """One list: `GET /v1/NAME`, `GET /v1/NAME/{id}`, and its moves."""

    name: str
    one: str
    """What one of it is called."""
    tag: str
    summary: str
    rows: Select[Any]
    table: Table
    filters: Callable[..., Wanted]
    """The query parameters, as FastAPI reads them, into what columns must be."""
    view: Callable[[Any, Library], BaseModel]
    """A row of `rows` as it is shown."""
    page: Any
    shown: type[BaseModel]
    detail: type[BaseModel]
    moves: tuple[Move, ...]
    act: Callable[[AsyncConnection, Work, str, Command, str, datetime], Awaitable[None]]
    """Do a command of somebody to what has this id."""
    always: Mapping[str, str] = field(default_factory=dict)
    """What columns are in all rows of the list."""


def _episodes(account: str | None = None, state: State | None = None, playbook: str | None = None) -> Wanted:
    return {"account_id": account, "state": state, "playbook": playbook}


def _tasks(account: str | None = None, state: views.TaskState | None = None, assignee: str | None = None) -> Wanted:
    return {"account_id": account, "state": state, "assignee": assignee}


def _alerts(account: str | None = None, state: views.AlertState | None = None) -> Wanted:
    return {"account_id": account, "state": state}


def _flags(account: str | None = None, state: views.FlagState | None = None) -> Wanted:
    return {"account_id": account, "state": state}


def _close_task(move: Literal["done", "no_result", "false_alarm"], body: views.Note | None = None) -> Command:
    return _command(move, body)


def _reassign_task(body: views.Reassign) -> Command:
    return _command("reassign", body)


def _move_alert(move: Literal["acknowledge", "snooze", "false_alarm"], body: views.Snooze | None = None) -> Command:
    return _command(move, body)


def _move_flag(move: Literal["accept", "dismiss", "won", "lost"], body: views.FlagOutcome | None = None) -> Command:
    return _command(move, body)


def _start_episode() -> Command:
    return Command("started")


def _command(event: str, body: BaseModel | None) -> Command:
    return Command(event, **body.model_dump() if body is not None else {})


async def _move_item(c: AsyncConnection, work: Work, id: str, command: Command, actor: str, now: datetime) -> None:
    (item,) = await store.lock_items(c, [id])
    move_item(work, item, command, actor, now)


async def _move_episode(c: AsyncConnection, work: Work, id: str, command: Command, actor: str, now: datetime) -> None:
    del c, command
    found = work.episode(id)
    if found is None or found.state != "found":
        state = found.state if found is not None else "over long ago"
        raise NotPossible(f"Only a found episode can be started; this one is {state}.")
    work.by_hand(found, steps.start, actor, now)


def _items(kind: str, summary: str, view: type[views.ItemView], **others: Any) -> Listing:
    return Listing(
        name=f"{kind}s",
        one=kind,
        tag="desk",
        summary=summary,
        rows=store.ITEMS,
        table=t.items,
        view=lambda row, _: view.of(Item._make(row)),
        shown=view,
        act=_move_item,
        always={"kind": kind},
        **others,
    )


LISTS: Final = (
    Listing(
        name="episodes",
        one="episode",
        tag="playbooks",
        summary="Episodes, newest first",
        rows=queries.EPISODES,
        table=t.episodes,
        filters=_episodes,
        view=lambda row, library: views.EpisodeView.of(row.body, row.standing, library),
        page=Page[views.EpisodeView],
        shown=views.EpisodeView,
        detail=views.EpisodeDetail,
        moves=(Move("start", "Start an episode that an import found", _start_episode),),
        act=_move_episode,
    ),
    _items(
        "task",
        "Tasks, newest first",
        views.TaskView,
        filters=_tasks,
        page=Page[views.TaskView],
        detail=views.TaskDetail,
        moves=(
            Move("reassign", "Give a task to somebody else", _reassign_task),
            Move("{move}", "Close a task with what came of it", _close_task),
        ),
    ),
    _items(
        "alert",
        "Alerts, newest first",
        views.AlertView,
        filters=_alerts,
        page=Page[views.AlertView],
        detail=views.AlertDetail,
        moves=(Move("{move}", "Acknowledge or snooze an alert, or call it false", _move_alert),),
    ),
    _items(
        "flag",
        "Expansion flags, newest first",
        views.FlagView,
        filters=_flags,
        page=Page[views.FlagView],
        detail=views.FlagDetail,
        moves=(Move("{move}", "Say what a flag came to", _move_flag),),
    ),
)


class Desk:
    """Reads the lists, and makes moves. `wake` is told when something is to be sent."""

    def __init__(self, uow: UnitOfWork, clock: Clock, rules: Rules, wake: Callable[[], None]) -> None:
        self.uow, self.clock, self.rules, self._wake = uow, clock, rules, wake

    async def page(self, listing: Listing, wanted: Wanted, paging: WantedPage) -> Page[Any]:
        """One page of a list."""
        before = paging.after(datetime, str)
        # A person may be asked for by e-mail, too.
        person = self.rules.directory.find(wanted.get("assignee") or "")
        wanted = {**listing.always, **wanted, **({"assignee": person.id} if person is not None else {})}
        async with self.uow.begin() as c:
            rows = await queries.page(c, listing.rows, listing.table, wanted, before, paging.limit + 1)
        shown, cursor = paging.page(rows, lambda row: (row.opened_at, row.id))
        return Page(items=[listing.view(row, self.rules.library) for row in shown], next_cursor=cursor)

    async def detail(self, listing: Listing, id: str) -> BaseModel:
        """One of a list with its moves. Raises a 404 problem."""
        async with self.uow.begin() as c:
            shown = await self._one(c, listing, id)
            moves = await queries.moves(c, id)
        history = [views.MoveView.model_validate(move) for move in moves]
        return listing.detail(**shown.model_dump(), moves=history)

    async def move(self, listing: Listing, id: str, command: Command, actor: str) -> BaseModel:
        """Move one of a list, in one transaction and under lock. Raises a 404, 409 or 400 problem."""
        now = self.clock.now()
        if command.until is not None and not now < command.until <= now + LONGEST_SNOOZE:
            words = f"`until` must lie ahead, by {LONGEST_SNOOZE.days} days at most."
            raise Problem(400, "invalid_request", words)
        async with self.uow.begin() as c:
            place = await queries.place(c, listing.table, {**listing.always, "id": id})
            if place is None:
                raise _not_found(listing, id)
            account, partition = place
            work = await store.load(c, self.rules, [account])
            try:
                await listing.act(c, work, id, command, actor, self.clock.now())
            except NotPossible as error:
                raise Problem(409, "not_possible", str(error)) from None
            await store.save(c, partition, work)
            shown = await self._one(c, listing, id)
        self._wake()
        return shown

    async def _one(self, c: AsyncConnection, listing: Listing, id: str) -> BaseModel:
        row = await queries.one(c, listing.rows, listing.table, {**listing.always, "id": id})
        if row is None:
            raise _not_found(listing, id)
        return listing.view(row, self.rules.library)


def _not_found(listing: Listing, id: str) -> Problem:
    return Problem(404, "not_found", f"There is no {listing.one} {id}. GET /v1/{listing.name} lists them.")


def routes(uow: UnitOfWork, clock: Clock, rules: Rules, wake: Callable[[], None]) -> Router:
    """Everything under `/v1` but the status."""
    router = Router(prefix="/v1")
    desk = Desk(uow, clock, rules, wake)
    _add_rules(router, desk)
    for listing in LISTS:
        _add_list(router, desk, listing)
        for move in listing.moves:
            _add_move(router, desk, listing, move)
    return router


def _add_list(router: Router, desk: Desk, listing: Listing) -> None:
    name = listing.name

    @router.get(
        f"/{name}", response_model=listing.page, tags=[listing.tag], summary=listing.summary, dependencies=_READ
    )
    async def listed(paging: WantedPage, wanted: Annotated[Wanted, Depends(listing.filters)]) -> Any:
        return await desk.page(listing, wanted, paging)

    @router.get(
        f"/{name}/{{id}}",
        response_model=listing.detail,
        tags=[listing.tag],
        summary=f"One {listing.one} with its moves",
        dependencies=_READ,
    )
    async def detail(id: str) -> Any:
        return await desk.detail(listing, id)


def _add_move(router: Router, desk: Desk, listing: Listing, way: Move) -> None:
    mover = require(way.scope)

    @router.post(
        f"/{listing.name}/{{id}}/{way.path}", response_model=listing.shown, tags=[listing.tag], summary=way.summary
    )
    async def move(
        id: str, command: Annotated[Command, Depends(way.command)], caller: Annotated[Caller, Depends(mover)]
    ) -> Any:
        # Who moves: the CSM who holds the key, or the key.
        return await desk.move(listing, id, command, caller.csm or caller.name)


def _add_rules(router: Router, desk: Desk) -> None:
    rules = desk.rules

    @router.get("/playbooks", tags=["playbooks"], summary="Those in force, with what they achieved", dependencies=_READ)
    async def playbooks() -> Page[views.PlaybookView]:
        async with desk.uow.begin() as c:
            achieved = await queries.achieved(c)
        return Page(
            items=[
                views.PlaybookView(
                    id=one.playbook.id,
                    version=one.playbook.version,
                    title=one.playbook.title,
                    source=one.source,
                    achieved=achieved.get(one.playbook.id, {}),
                )
                for one in rules.library.loaded
            ]
        )

    @router.get(
        "/playbooks/schema",
        tags=["playbooks"],
        summary="A playbook file's JSON Schema, for editors",
        dependencies=_READ,
    )
    async def schema() -> dict[str, Any]:
        return playbook_schema()

    @router.get("/csms", tags=["playbooks"], summary="The directory, with open tasks", dependencies=_READ)
    async def csms() -> Page[views.CsmView]:
        async with desk.uow.begin() as c:
            loads = await queries.loads(c)
        now = desk.clock.now()
        return Page(items=[views.CsmView.of(one, loads.get(one.id, 0), now) for one in rules.directory.csms])
