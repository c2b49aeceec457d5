"""The lists that people work through, each with its filters, its view and the moves that can be made.

Episodes, tasks, alerts and flags are the same list with other columns and moves: each is a row of `LISTS`, and there is
one route for all lists, one for all details, one for all moves, and one to move many at once.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, Final, Literal, NamedTuple

from pydantic import BaseModel
from sqlalchemy import Select, Table

from services.playbooks import queries, store
from services.playbooks import tables as t
from services.playbooks.api import filters
from services.playbooks.core import step as steps
from services.playbooks.core.checklist import Ticking
from services.playbooks.core.commands import Command
from services.playbooks.core.desk import move as move_item
from services.playbooks.core.item import NotPossible
from services.playbooks.core.work import Work
from services.playbooks.lists import Wanted
from services.playbooks.views import desk as views
from services.playbooks.views import moves as bodies


class Move(NamedTuple):
    """A way to move what is on a list: `POST /v1/LIST/{id}/PATH`."""

    path: str
    summary: str
    body: type[BaseModel] = bodies.Note
    is_needed: bool = False
    """Does it make no sense without a body?"""
    scope: Literal["operate", "admin"] = "operate"

    def command(self, body: BaseModel | None) -> Command:
        """What is to be done, by what was said with it."""
        said = body.model_dump() if body is not None else {}
        if isinstance(body, bodies.Checklist):
            said = {"ticking": Ticking(**said)}
        return Command(self.path, **said)

    @property
    def asked(self) -> Callable[..., Command]:
        """The same as FastAPI reads it."""

        def needed(body: Any) -> Command:
            return self.command(body)

        def optional(body: Any = None) -> Command:
            return self.command(body)

        needed.__annotations__["body"] = self.body
        optional.__annotations__["body"] = self.body | None
        return needed if self.is_needed else optional


def _do_item(work: Work, id: str, command: Command, actor: str, now: datetime) -> None:
    move_item(work, work.changes.items.get(id) or work.changes.beside[id], command, actor, now)


def _do_episode(work: Work, id: str, command: Command, actor: str, now: datetime) -> None:
    found = work.episodes.find(id)
    if found is None or found.state != "found":
        state = found.state if found is not None else "over long ago"
        what = "started" if command.event == "start" else "dismissed"
        raise NotPossible(f"Only a found episode can be {what}; this one is {state}.")
    if found.held_out and command.event == "start":
        share = "Its account is of the share that the playbook holds out, so nothing is done there."
        raise NotPossible(f"{share} Take `holdout` out of the playbook to reach it.")
    dismissed = partial(steps.dismiss, reason=command.note or "dismissed")
    work.by_hand(found, steps.start if command.event == "start" else dismissed, actor, now)


class Listing(NamedTuple):
    """One list: `GET /v1/NAMEs`, `GET /v1/NAMEs/{id}`, and its moves. It is one of items, unless said."""

    name: str
    summary: str
    filters: Callable[..., Wanted]
    """The query parameters, as FastAPI reads them, into what is asked."""
    view: type[views.EpisodeView] | type[views.ItemView]
    moves: tuple[Move, ...]
    rows: Select[Any] = store.ITEMS
    table: Table = t.items
    do: Callable[[Work, str, Command, str, datetime], None] = _do_item
    """Does a command of somebody, at an instant, to what is at hand and has this id. Raises `NotPossible`."""

    def only(self, wanted: Wanted) -> Wanted:
        """What is asked of what is on this list."""
        return wanted.only(kind=self.name) if self.table is t.items else wanted


_COMMENT = Move("comment", "Say something about it; its history keeps it", is_needed=True)
_SNOOZE = Move("snooze", "Be told of it again later", bodies.Snooze)
_REASSIGN = Move("reassign", "Give it to somebody else, who is told of it", bodies.Reassign, is_needed=True)
_FALSE_ALARM = Move("false_alarm", "There was nothing to do; it ends the episode")
_TASKS = (
    Move("take", "Take it on: it is yours, even when what it is about has passed"),
    _COMMENT,
    _SNOOZE,
    Move("done", "Close it: it is done, and the timeline has how you talked", bodies.Done),
    Move("no_result", "Close it: it was tried, and nothing came of it"),
    _FALSE_ALARM,
    _REASSIGN,
    Move("reopen", "Open it again"),
    Move("due", "Say by when it is to be done", bodies.Due, is_needed=True),
    Move("priority", "Say how pressing it is", bodies.Priority, is_needed=True),
    Move("checklist", "Tick its points, add some or take some off", bodies.Checklist, is_needed=True),
)
_ALERTS = (
    Move("acknowledge", "Say that you have seen it and look after it"),
    _COMMENT,
    _SNOOZE,
    Move("close", "Say that it is settled"),
    _REASSIGN,
    _FALSE_ALARM,
)
_FLAGS = (
    Move("accept", "Take it on", bodies.FlagOutcome),
    Move("dismiss", "Say that this is no chance", bodies.FlagOutcome),
    Move("won", "Say that they bought, and for how much", bodies.FlagOutcome),
    Move("lost", "Say that they did not buy", bodies.FlagOutcome),
    _REASSIGN,
    _COMMENT,
)
LISTS: Final = (
    Listing(
        *("episode", "Episodes, newest first", filters.episodes, views.EpisodeView),
        moves=(
            Move("start", "Start one that was found so"),
            Move("dismiss", "Let be what was found so; it isn't asked about again while it lasts"),
        ),
        rows=queries.EPISODES,
        table=t.episodes,
        do=_do_episode,
    ),
    Listing("task", "Tasks, newest first", filters.tasks, views.TaskView, _TASKS),
    Listing("alert", "Alerts, newest first", filters.alerts, views.AlertView, _ALERTS),
    Listing("flag", "Expansion flags, newest first", filters.flags, views.FlagView, _FLAGS),
)
