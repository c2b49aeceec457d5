"""The lists that people work through, each with its filters, its view and the moves that can be made.

Episodes, tasks, alerts and flags are the same list with other columns and moves: each is a row of `LISTS`, and there is
one route for all lists, one for all details and one for all moves.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal, NamedTuple

from fastapi import Query
from pydantic import BaseModel
from sqlalchemy import Select, Table
from sqlalchemy.ext.asyncio import AsyncConnection

from services.playbooks import queries, store
from services.playbooks import tables as t
from services.playbooks.core import step as steps
from services.playbooks.core.desk import Command
from services.playbooks.core.desk import move as move_item
from services.playbooks.core.episode import State
from services.playbooks.core.item import NotPossible
from services.playbooks.core.work import Work
from services.playbooks.views import desk as views

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
