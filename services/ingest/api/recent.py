"""What came in lately: as a list, and live as server-sent events."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated, Final

from fastapi import Header, Query, Request, Response
from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse, format_sse_event
from pydantic import AwareDatetime

from services.ingest.api.parts import Ingest, Parts, Reader
from services.ingest.core.watched import Fate
from services.ingest.receiving.listening import Full, Listener, Told
from services.ingest.store import recent
from services.ingest.views import Recent
from shared.web.paging import Page, WantedPage
from shared.web.problems import Problem
from shared.web.routes import Router

router = Router(prefix="/v1")
_ABOUT: Final = """\
Some of what came in, the first records of each second a key: as it was sent, as it was understood, what became of it,
and why. The last thousand are kept, for a week at most, and as many of keys in test mode.

Server-sent events: `record` for each, with its id, so that `Last-Event-ID` goes on behind it; `assessed` where an
account of them was assessed: its score before and after, and what moved it; `left_out` where more came than was taken.
A list, the newest first, for who accepts `application/json`, or with `live=false`."""
_MEDIA: Final = "text/event-stream"


@router.get(
    "/recent",
    tags=["events"],
    summary="What came in lately, and what became of it",
    description=_ABOUT,
    response_model=Page[Recent],
    responses={200: {"content": {_MEDIA: {"schema": {"type": "string"}}}}},
)
async def list_recent(
    request: Request,
    ingest: Parts,
    _: Reader,
    paging: WantedPage,
    key: Annotated[str | None, Query(description="Of the key with this name.")] = None,
    account: Annotated[str | None, Query(description="Understood to be about this account.")] = None,
    fate: Annotated[Fate | None, Query(description="Only what this became of.")] = None,
    since: Annotated[AwareDatetime | None, Query(description="What came from then on.")] = None,
    test: Annotated[bool | None, Query(description="Of keys in test mode, or of others.")] = None,
    live: Annotated[bool | None, Query(description="Events, or a list, whatever the caller accepts.")] = None,
    last_event_id: Annotated[int | None, Header(alias="Last-Event-ID", ge=0, le=2**63 - 1)] = None,
) -> Page[Recent] | Response:
    """One page, or what comes until the caller leaves."""
    wanted = recent.Wanted(key, account, fate, test, since)
    if live if live is not None else "application/json" not in request.headers.get("accept", ""):
        return EventSourceResponse(
            _told(ingest, _listener(ingest, wanted), last_event_id, since),
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )
    before = paging.after(int)
    async with ingest.uow.begin() as c:
        rows = await recent.latest(c, wanted, before[0] if before else None, paging.limit + 1)
    shown, cursor = paging.page(rows, lambda row: (row.id,))
    return Page(items=[Recent.of(row) for row in shown], next_cursor=cursor)


def _listener(ingest: Ingest, wanted: recent.Wanted) -> Listener:
    try:
        return ingest.listening.join(wanted)
    except Full:
        words = "Many are listening already. Close another, or ask again with `live=false`."
        raise Problem(503, "busy", words, retry_after=60) from None


async def _told(ingest: Ingest, listener: Listener, after: int | None, since: datetime | None) -> AsyncIterator[bytes]:
    try:
        async for told in ingest.listening.told(listener, after, stored=since is not None):
            yield KEEPALIVE_COMMENT if told is None else _event(told)
    finally:
        ingest.listening.leave(listener)


def _event(told: Told) -> bytes:
    id = None if told.id is None else str(told.id)
    return format_sse_event(data_str=told.body.model_dump_json(), event=told.event, id=id)
