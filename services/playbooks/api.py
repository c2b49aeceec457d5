"""The HTTP edge: playbooks, episodes, and the lists that people work through, with the moves that they make."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends
from sqlalchemy.ext.asyncio import AsyncConnection

from services.playbooks import desk, listing, store, views
from services.playbooks.carrying import Rules
from services.playbooks.core import step as steps
from services.playbooks.files import playbook_schema
from services.playbooks.store import Item
from services.playbooks.work import Work
from shared.auth.keys import Caller, require
from shared.clock import Clock
from shared.pg.uow import UnitOfWork
from shared.web.paging import Page, WantedPage
from shared.web.problems import Problem

_READ: Final = [Depends(require("read"))]
Operator = Annotated[Caller, Depends(require("operate"))]
_ALERT_STATES: Final = {"acknowledge": "acknowledged", "snooze": "snoozed", "false_alarm": "false_alarm"}
_FLAG_STATES: Final = {"accept": "accepted", "dismiss": "dismissed", "won": "won", "lost": "lost"}


class Desks:
    """Does what people ask for, each in one transaction, under lock. `wake` is told when something is to be sent."""

    def __init__(self, uow: UnitOfWork, clock: Clock, rules: Rules, wake: Callable[[], None]) -> None:
        self.uow, self.clock, self.rules = uow, clock, rules
        self._wake = wake

    @asynccontextmanager
    async def at(self, id: str) -> AsyncIterator[tuple[AsyncConnection, Work]]:
        """The work on the account of an item or episode. Raises a 404 problem."""
        async with self.uow.begin() as c:
            place = await listing.place(c, id)
            if place is None:
                raise Problem(404, "not_found", f"There is no {id} here.")
            account, partition = place
            work = Work(c, partition, self.rules)
            await work.load([account])
            try:
                yield c, work
            except desk.NotPossible as error:
                raise Problem(409, "not_possible", str(error)) from None
            await work.save()
        self._wake()

    async def move(self, kind: str, id: str, act: Callable[[Work, Item, datetime], Item]) -> Item:
        """Move one item. Raises a 404 or 409 problem."""
        async with self.at(id) as (c, work):
            found = [one for one in await store.lock_items(c, [id]) if one.kind == kind]
            if not found:
                raise Problem(404, "not_found", f"There is no {kind} {id}. GET /v1/{kind}s lists them.")
            return act(work, found[0], self.clock.now())


def routes(uow: UnitOfWork, clock: Clock, rules: Rules, wake: Callable[[], None]) -> APIRouter:
    """Everything under `/v1` but the status."""
    router = APIRouter(prefix="/v1")
    desks = Desks(uow, clock, rules, wake)
    _add_playbooks(router, desks)
    _add_tasks(router, desks)
    _add_alerts(router, desks)
    _add_flags(router, desks)
    return router


def _add_playbooks(router: APIRouter, desks: Desks) -> None:
    uow, rules = desks.uow, desks.rules

    @router.get("/playbooks", tags=["playbooks"], summary="Those in force, with what they achieved", dependencies=_READ)
    async def playbooks() -> Page[views.PlaybookView]:
        async with uow.begin() as c:
            achieved = await listing.achieved(c)
        items = [
            views.PlaybookView(
                id=one.playbook.id,
                version=one.playbook.version,
                title=one.playbook.title,
                source=one.source,
                achieved=achieved.get(one.playbook.id, {}),
            )
            for one in rules.library.loaded
        ]
        return Page(items=items)

    @router.get("/playbooks/schema", tags=["playbooks"], summary="The JSON Schema of a playbook file, for editors")
    async def schema() -> dict[str, Any]:
        return playbook_schema()

    @router.get("/csms", tags=["playbooks"], summary="The directory, with open tasks", dependencies=_READ)
    async def csms() -> Page[views.CsmView]:
        async with uow.begin() as c:
            loads = await listing.loads(c)
        now = desks.clock.now()
        return Page(items=[views.csm_view(one, loads.get(one.id, 0), now) for one in rules.directory.csms])

    @router.get("/episodes", tags=["playbooks"], summary="Episodes, newest first", dependencies=_READ)
    async def episodes(
        paging: WantedPage,
        account: str | None = None,
        state: views.EpisodeState | None = None,
        playbook: str | None = None,
    ) -> Page[views.EpisodeView]:
        before = paging.after(datetime, str)
        async with uow.begin() as c:
            rows = await listing.episodes(
                c, account=account, state=state, playbook=playbook, before=before, most=paging.limit + 1
            )
        shown, cursor = paging.page(rows, lambda row: (row.episode.opened_at, row.episode.id))
        return Page(items=[views.episode_view(row, rules.library) for row in shown], next_cursor=cursor)

    @router.get("/episodes/{id}", tags=["playbooks"], summary="One episode with its moves", dependencies=_READ)
    async def episode(id: str) -> views.EpisodeDetail:
        async with uow.begin() as c:
            found = await listing.episode(c, id)
            moves = await listing.moves(c, id)
        if found is None:
            raise Problem(404, "not_found", f"There is no episode {id}. GET /v1/episodes lists them.")
        shown = views.episode_view(found, rules.library)
        return views.EpisodeDetail(
            **shown.model_dump(), moves=[views.MoveView.model_validate(move, from_attributes=True) for move in moves]
        )

    @router.post("/episodes/{id}/start", tags=["playbooks"], summary="Start an episode that an import found")
    async def start(id: str, caller: Operator) -> views.EpisodeView:
        async with desks.at(id) as (_, work):
            found = work.episode(id)
            if found is None or found.state != "found":
                state = found.state if found is not None else "over long ago"
                raise Problem(409, "not_possible", f"Only a found episode can be started; this one is {state}.")
            work.by_hand(found, steps.start, _actor(caller), desks.clock.now())
        async with uow.begin() as c:
            started = await listing.episode(c, id)
        assert started is not None
        return views.episode_view(started, rules.library)


def _add_tasks(router: APIRouter, desks: Desks) -> None:
    @router.get("/tasks", tags=["desk"], summary="Tasks, newest first", dependencies=_READ)
    async def tasks(
        paging: WantedPage,
        assignee: str | None = None,
        account: str | None = None,
        state: views.TaskState | None = None,
    ) -> Page[views.TaskView]:
        rows, cursor = await _listed(desks, paging, "task", account, state, assignee)
        return Page(items=[views.task_view(row) for row in rows], next_cursor=cursor)

    @router.post("/tasks/{id}/reassign", tags=["desk"], summary="Give a task to somebody else")
    async def reassign(id: str, body: views.Reassign, caller: Operator) -> views.TaskView:
        return views.task_view(
            await desks.move(
                "task",
                id,
                lambda work, item, now: desk.reassign(work, item, body.to, _actor(caller), now, desks.rules),
            )
        )

    @router.post("/tasks/{id}/{outcome}", tags=["desk"], summary="Close a task with what came of it")
    async def close(
        id: str, outcome: views.TaskEnd, caller: Operator, body: views.Noted | None = None
    ) -> views.TaskView:
        note = body.note if body is not None else ""
        return views.task_view(
            await desks.move(
                "task", id, lambda work, item, now: desk.move(work, item, outcome, _actor(caller), now, note=note)
            )
        )


def _add_alerts(router: APIRouter, desks: Desks) -> None:
    @router.get("/alerts", tags=["desk"], summary="Alerts, newest first", dependencies=_READ)
    async def alerts(
        paging: WantedPage, account: str | None = None, state: views.AlertState | None = None
    ) -> Page[views.AlertView]:
        rows, cursor = await _listed(desks, paging, "alert", account, state)
        return Page(items=[views.alert_view(row) for row in rows], next_cursor=cursor)

    @router.post("/alerts/{id}/{move}", tags=["desk"], summary="Acknowledge or snooze an alert, or call it false")
    async def move(
        id: str, move: views.AlertMove, caller: Operator, body: views.Snooze | None = None
    ) -> views.AlertView:
        said = body or views.Snooze()
        if said.until is not None and said.until.tzinfo is None:
            raise Problem(400, "invalid_request", "`until` needs a zone, as in 2026-03-02T09:00:00Z.")
        now = desks.clock.now()
        if said.until is not None and not now < said.until <= now + desk.LONGEST_SNOOZE:
            raise Problem(
                400, "invalid_request", f"`until` must lie ahead, by {desk.LONGEST_SNOOZE.days} days at most."
            )
        return views.alert_view(
            await desks.move(
                "alert",
                id,
                lambda work, item, now: desk.move(
                    work, item, _ALERT_STATES[move], _actor(caller), now, note=said.note, until=said.until
                ),
            )
        )


def _add_flags(router: APIRouter, desks: Desks) -> None:
    @router.get("/flags", tags=["desk"], summary="Expansion flags, newest first", dependencies=_READ)
    async def flags(
        paging: WantedPage, account: str | None = None, state: views.FlagState | None = None
    ) -> Page[views.FlagView]:
        rows, cursor = await _listed(desks, paging, "flag", account, state)
        return Page(items=[views.flag_view(row) for row in rows], next_cursor=cursor)

    @router.post("/flags/{id}/{move}", tags=["desk"], summary="Say what a flag came to")
    async def move(
        id: str, move: views.FlagMove, caller: Operator, body: views.FlagOutcome | None = None
    ) -> views.FlagView:
        said = body or views.FlagOutcome()
        if (said.amount_minor is None) != (said.currency is None):
            raise Problem(400, "invalid_request", "`amount_minor` and `currency` go together.")
        return views.flag_view(
            await desks.move(
                "flag",
                id,
                lambda work, item, now: desk.move(
                    work,
                    item,
                    _FLAG_STATES[move],
                    _actor(caller),
                    now,
                    note=said.note,
                    amount_minor=said.amount_minor,
                    currency=said.currency,
                ),
            )
        )


async def _listed(
    desks: Desks, paging: WantedPage, kind: str, account: str | None, state: str | None, assignee: str | None = None
) -> tuple[list[Item], str | None]:
    person = desks.rules.directory.find(assignee) if assignee else None
    before = paging.after(datetime, str)
    async with desks.uow.begin() as c:
        rows = await listing.items(
            c,
            kind,
            account=account,
            state=state,
            assignee=person.id if person is not None else assignee,
            before=before,
            most=paging.limit + 1,
        )
    return paging.page(rows, lambda row: (row.opened_at, row.id))


def _actor(caller: Caller) -> str:
    """Who moves: the CSM who holds the key, or the key."""
    return caller.csm or caller.name
