"""Playbooks as they run: paused and resumed, started at an account by hand, their episodes ended."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from itertools import groupby
from typing import Annotated, Any, Final

from fastapi import Depends
from sqlalchemy.ext.asyncio import AsyncConnection

from services.playbooks import pausing, queries, store
from services.playbooks.api.desk import Desk, actor_of
from services.playbooks.core import starting
from services.playbooks.core import step as steps
from services.playbooks.core.episode import Episode, StepResult
from services.playbooks.core.look import Look
from services.playbooks.core.playbook import Playbook
from services.playbooks.core.rules import Pause
from services.playbooks.views.desk import EpisodeView
from services.playbooks.views.silence import EndBody, Ended, PauseBody, PauseView, StartBody
from shared.auth.keys import Caller, require
from shared.conditions import did_you_mean
from shared.web.problems import Problem
from shared.web.routes import Router

LookUp = Callable[[AsyncConnection], Awaitable[Any]]
"""Looks up what is paused, for the rules that this process goes by."""
MOST: Final = 5_000
"""How many episodes one request ends."""
_LONGEST: Final = timedelta(days=366)
_AT_ONCE: Final = 100
_Operator = Annotated[Caller, Depends(require("operate"))]


def routes(desk: Desk, look_up: LookUp) -> Router:
    """`POST /v1/playbooks/{id}/{pause|resume|start|end-episodes}`."""
    router = Router(prefix="/v1/playbooks", tags=["playbooks"])

    @router.post("/{id}/pause", summary="Have it fire nothing for a while; what it has begun goes on")
    async def pause(id: str, body: PauseBody, caller: _Operator) -> PauseView:
        """What becomes true meanwhile is found so when it is resumed. It counts everywhere within seconds."""
        return await _pause(desk, look_up, id, body, actor_of(caller))

    @router.post("/{id}/resume", summary="Let it fire again; what holds is found so")
    async def resume(id: str, caller: _Operator) -> PauseView:
        return await _resume(desk, look_up, id, actor_of(caller))

    @router.post("/{id}/start", summary="Start it at an account by hand")
    async def start(id: str, body: StartBody, caller: _Operator) -> EpisodeView:
        """409 says why it can't, where it can't."""
        return await _start(desk, _running(desk, id), body.account, actor_of(caller))

    @router.post("/{id}/end-episodes", summary="End all that it has begun, visibly, with a reason")
    async def end(id: str, body: EndBody, caller: _Operator) -> Ended:
        """Untouched tasks and alerts close with the reason; what somebody took up stays, and says so. What was ended so
        is not asked about again while it lasts."""
        return await _end_all(desk, id, body.reason, actor_of(caller))

    return router


def _known(desk: Desk, id: str) -> Playbook:
    every = desk.rules.library.every
    if id not in every:
        words = f"There is no playbook {id!r}. {did_you_mean(id, every) or ''}".rstrip()
        raise Problem(404, "not_found", words)
    return every[id]


def _running(desk: Desk, id: str) -> Playbook:
    """One that decides. Raises a 404 or a 409 problem."""
    if (playbook := _known(desk, id)).off:
        raise Problem(409, "not_possible", f"{playbook.title} is switched off. Put it with `mode: live` to have it.")
    return playbook


async def _pause(desk: Desk, look_up: LookUp, id: str, body: PauseBody, actor: str) -> PauseView:
    _running(desk, id)
    now = desk.clock.now()
    if body.until is not None and not now < body.until <= now + _LONGEST:
        raise Problem(400, "invalid_request", f"`until` must lie ahead, by {_LONGEST.days} days at most.")
    async with desk.uow.begin() as c:
        known = await pausing.latest(c, id)
        since = known.since if known is not None and known.ended_at is None else now
        wanted = Pause(id, since, body.until, body.reason, actor)
        await pausing.put(c, wanted)
    async with desk.uow.begin() as c:
        await look_up(c)
    return PauseView.of(wanted)


async def _resume(desk: Desk, look_up: LookUp, id: str, actor: str) -> PauseView:
    async with desk.uow.begin() as c:
        known = await pausing.latest(c, id)
        if known is None or known.ended_at is not None:
            raise Problem(409, "not_possible", f"The playbook {id!r} is not paused.")
        await pausing.put(c, known._replace(ended_at=desk.clock.now(), actor=actor))
    async with desk.uow.begin() as c:
        await look_up(c)
    return PauseView.of(known)


async def _start(desk: Desk, playbook: Playbook, account: str, actor: str) -> EpisodeView:
    async with desk.uow.begin() as c:
        work, partition = await desk.account(c, account)
        episode = work.episodes.at(account).get((playbook.id, ""))
        own = work.rules.library.of(playbook.id, episode) or playbook

        def begin(look: Look) -> StepResult:
            if (why := starting.why_not(own, episode, look)) is not None:
                raise Problem(409, "not_possible", f"{playbook.title} {why}.")
            return starting.start(own, episode, look, actor)

        begun = work.on_playbook(account, own, begin, actor, desk.clock.now())
        if begun is None or begun.episode is None or not begun.fired:
            raise Problem(409, "not_possible", f"{playbook.title} can't start at {account} now.")
        await store.save(c, partition, work)
        shown = await desk.episode(c, begun.episode.id)
    desk.wake()
    return shown


async def _end_all(desk: Desk, id: str, reason: str, actor: str) -> Ended:
    async with desk.uow.begin() as c:
        running = await queries.running(c, id, MOST + 1)
        number = len(running) if len(running) <= MOST else await queries.number_running(c, id)
    if not running:
        _known(desk, id)
    ended = 0
    for _, group in groupby(running[:MOST], lambda row: row.partition):
        rows = list(group)
        for first in range(0, len(rows), _AT_ONCE):
            accounts = [row.account_id for row in rows[first : first + _AT_ONCE]]
            ended += await _end_some(desk, id, rows[first].partition, accounts, reason, actor)
    desk.wake()
    return Ended(ended=ended, left=max(0, number - len(running[:MOST])))


async def _end_some(desk: Desk, id: str, partition: int, accounts: list[str], reason: str, actor: str) -> int:
    """End what the playbook has begun at these accounts, in one transaction. Returns how many episodes."""
    ended = 0
    async with desk.uow.begin() as c:
        interruptions = await store.interruptions(c, partition)
        work = await store.load(c, desk.rules, accounts, interruptions=interruptions)
        for account in sorted(set(accounts)):
            for episode in [one for one in work.episodes.at(account).values() if one.playbook == id]:
                if episode.is_under_way:
                    work.by_hand(episode, partial(_let_end, reason=reason), actor, desk.clock.now())
                    ended += 1
        await store.save(c, partition, work)
    return ended


def _let_end(playbook: Playbook, episode: Episode, look: Look, reason: str) -> StepResult:
    move = steps.end if episode.state == "active" else steps.dismiss
    return move(playbook, episode, look, reason)
