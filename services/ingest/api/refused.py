"""The HTTP edge for what was refused: it is listed as it was sent, and sent again when what was wrong is mended."""

import base64
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Final

from fastapi import Query
from pydantic import AwareDatetime
from sqlalchemy import Row

from services.ingest import queries
from services.ingest.api.events import sender_of
from services.ingest.api.parts import OPEN_DOOR, Ingest, Operator, Parts, Reader
from services.ingest.core.senders import Sender
from services.ingest.store import refused
from services.ingest.views import RefusedAgain, RefusedPage, RefusedRecord, Replay, Replayed
from shared.web.paging import WantedPage
from shared.web.problems import Problem
from shared.web.routes import Router

router = Router(prefix="/v1/refused", tags=["events"])
_MOST: Final = 1_000
_ABOUT: Final = (
    "By the same door, in the name of the same key, from when it was first received, with today's mappings and "
    "declarations. What is taken now is listed no longer; what is refused again stays, with today's reason."
)


@router.get("", summary="Records that were refused, as they were sent")
async def list_refused(
    ingest: Parts,
    _: Reader,
    paging: WantedPage,
    key: Annotated[str | None, Query(max_length=256, description="The name of the key that sent them.")] = None,
    code: Annotated[str | None, Query(max_length=128, description="Why, such as `unknown_type`.")] = None,
    door: Annotated[str | None, Query(max_length=128, description="The way that they came by.")] = None,
    since: Annotated[AwareDatetime | None, Query(description="Last refused then or later.")] = None,
) -> RefusedPage:
    """The newest first. They are kept for 30 days after they were last refused."""
    wanted = queries.Refusals(key, code, door, since)
    async with ingest.uow.begin() as c:
        rows = await queries.refusals(c, wanted, paging.after(datetime, str), paging.limit + 1)
        left_out = await queries.refusals_left_out(c, key)
    shown, cursor = paging.page(rows, lambda row: (row.at, row.id))
    return RefusedPage(items=[_shown(row) for row in shown], next_cursor=cursor, left_out=left_out)


@router.post("/replay", summary="Send refused records again", description=_ABOUT, dependencies=[OPEN_DOOR])
async def replay_many(which: Replay, ingest: Parts, _: Operator) -> Replayed:
    """At most 1,000 at once, the oldest first."""
    wanted = queries.Refusals(which.key, which.code, which.door, before=which.before, ids=which.ids)
    return await _replayed(ingest, wanted)


@router.post("/{id}/replay", summary="Send a refused record again", description=_ABOUT, dependencies=[OPEN_DOOR])
async def replay_one(id: str, ingest: Parts, _: Operator) -> Replayed:
    """Of one that is refused again the answer says why."""
    await _known(ingest, id)
    return await _replayed(ingest, queries.Refusals(ids=[id]))


@router.get("/{id}", summary="One refused record")
async def get_refused(id: str, ingest: Parts, _: Reader) -> RefusedRecord:
    """As it was sent."""
    return _shown(await _known(ingest, id))


@router.delete("/{id}", summary="Forget a refused record", status_code=204)
async def delete_refused(id: str, ingest: Parts, _: Operator) -> None:
    """It can't be sent again then."""
    await _known(ingest, id)
    async with ingest.uow.begin() as c:
        await refused.remove(c, [id])


async def _known(ingest: Ingest, id: str) -> Row[Any]:
    async with ingest.uow.begin() as c:
        rows = await queries.refusals(c, queries.Refusals(ids=[id]), None, 1)
    if not rows:
        raise Problem(404, "not_found", f"There is no refused record {id!r}. GET /v1/refused lists them.")
    return rows[0]


async def _replayed(ingest: Ingest, wanted: queries.Refusals) -> Replayed:
    before = wanted.before or ingest.clock.now()
    wanted = wanted._replace(before=before)
    async with ingest.uow.begin() as c:
        rows, left = await queries.first_refusals(c, wanted, _MOST)
    done = await ingest.replaying.replay(rows, partial(_sender, ingest))
    again = [RefusedAgain(id=one.id, code=one.code, message=one.reason) for one in done.refused]
    return Replayed(taken=len(done.taken), refused=again, left=left, before=before)


async def _sender(ingest: Ingest, key: str) -> Sender | None:
    caller = await ingest.keys.named(key)
    return None if caller is None else sender_of(caller, ingest.keys.sources)


def _shown(row: Row[Any]) -> RefusedRecord:
    record = bytes(row.bytes)
    try:
        text, encoding = record.decode(), "text"
    except UnicodeDecodeError:
        text, encoding = base64.b64encode(record).decode(), "base64"
    return RefusedRecord.model_validate({**row._mapping, "bytes": text, "encoding": encoding})
