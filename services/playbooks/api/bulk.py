"""Moving many at once: in one order of locks, in transactions of some accounts each, so that nobody waits for long."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from inspect import signature
from itertools import groupby
from typing import Annotated, Any, Final, NamedTuple

from fastapi import Depends
from pydantic import ConfigDict, ValidationError, create_model

from services.playbooks import lists, store
from services.playbooks import tables as t
from services.playbooks.api.desk import Desk, actor_of
from services.playbooks.api.listings import LISTS, Listing
from services.playbooks.core.commands import Command, fault
from services.playbooks.core.item import OPEN, NotPossible
from services.playbooks.lists import Wanted
from services.playbooks.views.moves import Bulk, Moved, Refusal
from shared.auth.keys import Caller, require
from shared.conditions import did_you_mean
from shared.web.paging import Paging
from shared.web.problems import Problem, invalid
from shared.web.routes import Router

MOST: Final = 5_000
"""How many one request moves that says by a filter which."""
_AT_ONCE: Final = 100
"""How many one transaction moves."""


class _Meant(NamedTuple):
    """One that is to be moved, and where it lies."""

    partition: int
    account: str
    id: str


def routes(desk: Desk) -> Router:
    """`POST /v1/LIST/bulk`."""
    router = Router(prefix="/v1", tags=["desk"])
    for listing in LISTS:
        _add(router, desk, listing)
    return router


def _add(router: Router, desk: Desk, listing: Listing) -> None:
    summary = f"Move many {listing.name}s at once"

    @router.post(f"/{listing.name}s/bulk", summary=summary)
    async def bulk(body: Bulk, caller: Annotated[Caller, Depends(require("operate"))]) -> Moved:
        """By their ids, or by the parameters of the list. What can't be moved is told, with why; all else is moved.

        Sent again it does the same again: what stands as it was asked for counts as moved.
        """
        return await _move(desk, listing, body, actor_of(caller))


async def _move(desk: Desk, listing: Listing, body: Bulk, actor: str) -> Moved:
    command = _command(listing, body)
    if (wrong := fault(command, desk.clock.now())) is not None:
        raise Problem(400, "invalid_request", wrong)
    meant, refused, cursor = await _meant(desk, listing, body)
    moved = 0
    for chunk in _chunks(meant):
        refused += (failed := await _move_some(desk, listing, chunk, command, actor))
        moved += len(chunk) - len(failed)
    desk.wake()
    return Moved(moved=moved, refused=refused, more=cursor is not None, next_cursor=cursor)


def _command(listing: Listing, body: Bulk) -> Command:
    """What is to be done with each. Raises a 400 problem."""
    ways = {way.path: way for way in listing.moves}
    if (way := ways.get(body.move)) is None:
        hint = did_you_mean(body.move, ways) or f"Known are {', '.join(ways)}."
        raise invalid("body.move", f"A {listing.name} has no move {body.move!r}. {hint}")
    try:
        return way.command(way.body(**(body.model_extra or {})))
    except ValidationError as error:
        raise _problem("body", error) from None


async def _meant(desk: Desk, listing: Listing, body: Bulk) -> tuple[list[_Meant], list[Refusal], str | None]:
    """Those that are meant, in the order in which they are locked, those that are not there, and where to go on."""
    paging = Paging(MOST, body.cursor)
    wanted = listing.only(Wanted({"id": body.ids}) if body.ids is not None else desk.meant(_wanted(listing, body)))
    async with desk.uow.begin() as c:
        after = paging.after(datetime, str)
        rows = await lists.places(c, listing.table, wanted, after, MOST + 1, desk.clock.now())
    shown, cursor = paging.page(rows, lambda row: (row.opened_at, row.id))
    found = sorted(_Meant(row.partition, row.account_id, row.id) for row in shown)
    missing = set(body.ids or ()) - {one.id for one in found}
    words = f"There is no {listing.name} with this id."
    return found, [Refusal(id=id, code="not_found", message=words) for id in sorted(missing)], cursor


def _wanted(listing: Listing, body: Bulk) -> Wanted:
    """The filter, read as the list's parameters are. Raises a 400 problem."""
    parameters = signature(listing.filters).parameters.values()
    fields: dict[str, Any] = {one.name: (one.annotation, one.default) for one in parameters}
    model = create_model("Filter", __config__=ConfigDict(extra="forbid"), **fields)
    try:
        read = model(**(body.filter or {}))
    except ValidationError as error:
        raise _problem("body.filter", error) from None
    wanted = listing.filters(**{name: getattr(read, name) for name in fields})
    if not wanted.names_any:
        raise invalid("body.filter", f"It says nothing of which, and would move every {listing.name}. Name some.")
    if listing.table is t.items and wanted.columns.get("state") is None and body.move != "reopen":
        # Who says "all of Ana's" means what is to be done.
        return wanted.only(state=sorted(OPEN))
    return wanted


def _problem(where: str, error: ValidationError) -> Problem:
    first = error.errors()[0]
    place = ".".join([where, *map(str, first["loc"])])
    return invalid(place, "there is no such field" if first["type"] == "extra_forbidden" else first["msg"])


def _chunks(meant: Sequence[_Meant]) -> Iterator[list[_Meant]]:
    """So many of one partition at once."""
    for _, group in groupby(meant, lambda one: one.partition):
        of_one = list(group)
        yield from (of_one[first : first + _AT_ONCE] for first in range(0, len(of_one), _AT_ONCE))


async def _move_some(
    desk: Desk, listing: Listing, chunk: Sequence[_Meant], command: Command, actor: str
) -> list[Refusal]:
    """Move these in one transaction. Returns those that can't be."""
    refused: list[Refusal] = []
    async with desk.uow.begin() as c:
        accounts, ids = sorted({one.account for one in chunk}), [one.id for one in chunk]
        work = await desk.at_hand(c, listing, chunk[0].partition, accounts, ids)
        for id in ids:
            try:
                listing.do(work, id, command, actor, desk.clock.now())
            except NotPossible as error:
                refused.append(Refusal(id=id, code="not_possible", message=str(error)))
        await store.save(c, chunk[0].partition, work)
    return refused
