"""Handing somebody's book over, in transactions of some accounts each, so that nobody waits for long."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Annotated, Final

from fastapi import Depends

from services.playbooks import queries, store
from services.playbooks.api.desk import Desk, actor_of
from services.playbooks.api.listings import LISTS
from services.playbooks.api.people import found_in
from services.playbooks.core.assignment import When, why_absent
from services.playbooks.core.directory import Csm
from services.playbooks.core.handing import HandOver, hand_book
from services.playbooks.people import absence
from services.playbooks.views.people import HandedOver, HandOverBody
from shared.auth.keys import Caller, require
from shared.web.problems import Problem
from shared.web.routes import Router

MOST: Final = 1_000
"""How many accounts one request hands over; it says how many are left."""
_AT_ONCE: Final = 50
_TASKS: Final = next(one for one in LISTS if one.name == "task")


def routes(desk: Desk) -> Router:
    """`POST /v1/people/{id}/hand-over`."""
    router = Router(prefix="/v1", tags=["people"])

    @router.post("/people/{id}/hand-over", summary="Give somebody's open work to somebody else")
    async def hand_over(
        id: str, body: HandOverBody, caller: Annotated[Caller, Depends(require("operate"))]
    ) -> HandedOver:
        """What they have open, at all accounts or at some: tasks, alerts and flags. Whoever gets it is told in one
        message, and whoever answers for them hears once what moved. The accounts' owner is another thing: PATCH
        /v1/accounts/{id} of ingest.

        Where much is left, ask again: it goes on where it stopped.
        """
        directory, now = desk.rules.directory, desk.clock.now()
        to = found_in(directory, body.to, 400)
        whose = directory.find(id) or await _former(desk, id)
        if to.id == whose.id:
            raise Problem(400, "invalid_request", f"It is {to.name}'s already.")
        if to.has_left(now):
            raise Problem(400, "invalid_request", f"{to.name} has left. Name somebody who is there.")
        asked = HandOver(whose, to, body.reason, actor_of(caller), now)
        async with desk.uow.begin() as c:
            places = await queries.places_of(c, whose.id, None if body.all else body.accounts)
        moved = 0
        for chunk in _chunks(places[:MOST]):
            moved += await _hand_some(desk, chunk, asked)
        desk.wake()
        async with desk.uow.begin() as c:
            left = await queries.places_of(c, whose.id, None if body.all else body.accounts)
        absent = why_absent(to, When(now))
        return HandedOver(
            moved=moved,
            accounts=min(len(places), MOST),
            accounts_left=len(left),
            warning=f"{to.name} is {absent}." if absent else None,
        )

    return router


async def _former(desk: Desk, id: str) -> Csm:
    """Somebody who was in the directory, or has something all the same. Raises a 404 problem."""
    async with desk.uow.begin() as c:
        known = (await absence.former(c, [id])).get(id)
        if known is None and await queries.places_of(c, id, None):
            known = Csm(id=id, name=id)
    return known if known is not None else found_in(desk.rules.directory, id)


def _chunks(places: Sequence[tuple[int, str]]) -> Iterator[tuple[int, list[str]]]:
    """So many accounts of one partition at once."""
    for partition, group in groupby(places, lambda one: one[0]):
        accounts = [account for _, account in group]
        yield from ((partition, accounts[first : first + _AT_ONCE]) for first in range(0, len(accounts), _AT_ONCE))


async def _hand_some(desk: Desk, chunk: tuple[int, list[str]], asked: HandOver) -> int:
    partition, accounts = chunk
    async with desk.uow.begin() as c:
        work = await desk.at_hand(c, _TASKS, partition, accounts, [])
        moved = hand_book(work, asked)
        await store.save(c, partition, work)
    return moved
