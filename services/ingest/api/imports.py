"""The HTTP edge for imports of history."""

from datetime import datetime
from typing import Annotated

from fastapi import Body

from services.ingest import queries
from services.ingest.api.parts import Ingest, Parts, Reader, SenderKey
from services.ingest.store import imports
from services.ingest.views import EndImport, ImportState, NewImport
from shared.auth.keys import Caller
from shared.web.paging import Page, WantedPage
from shared.web.problems import Problem
from shared.web.routes import Router

router = Router(prefix="/v1/imports", tags=["imports"])


async def _import(ingest: Ingest, id: str) -> ImportState:
    async with ingest.uow.begin() as c:
        found = await queries.one_import(c, id)
    if found is None:
        raise Problem(404, "unknown_import", f"There is no import {id!r}. GET /v1/imports lists them.")
    return ImportState.model_validate(found, from_attributes=True)


def _tried(ingest: Ingest, id: str, sender: Caller, state: str, name: str = "") -> ImportState:
    """What a key in test mode is told: no import is opened for it, and none is ended by it."""
    now = ingest.clock.now()
    ended = (now, sender.name) if state == "ended" else (None, None)
    return ImportState(
        import_id=id,
        name=name,
        state=state,
        actor=sender.name,
        opened_at=now,
        last_event_at=now,
        ended_at=ended[0],
        ended_by=ended[1],
        act_on_found=False,
        events=0,
    )


@router.post("", summary="Open an import of history", status_code=201)
async def open_import(
    ingest: Parts, sender: SenderKey, wanted: Annotated[NewImport | None, Body()] = None
) -> ImportState:
    """Then send events with its `import_id` in `history`, and end it."""
    id = f"imp_{ingest.random(8).hex()}"
    if sender.test:
        return _tried(ingest, id, sender, "open", wanted.name if wanted else "")
    async with ingest.uow.begin() as c:
        await imports.open_import(c, id, wanted.name if wanted else "", sender.name, ingest.clock.now())
    return await _import(ingest, id)


@router.post("/{id}/end", summary="End an import")
async def end_import(
    id: str, ingest: Parts, sender: SenderKey, how: Annotated[EndImport | None, Body()] = None
) -> ImportState:
    """May be repeated; the state is `ending` while publishes of its events are under way."""
    if sender.test:
        return _tried(ingest, id, sender, "ended")
    await ingest.releasing.end_import(id, sender.name, act_on_found=how is not None and how.act_on_found)
    return await _import(ingest, id)


@router.get("/{id}", summary="How an import goes")
async def get_import(id: str, ingest: Parts, sender: SenderKey) -> ImportState:
    """For those who wait for its end."""
    if sender.test:
        return _tried(ingest, id, sender, "ended")
    return await _import(ingest, id)


@router.get("", summary="Imports, the newest first")
async def list_imports(ingest: Parts, _: Reader, paging: WantedPage) -> Page[ImportState]:
    """With those that have ended."""
    async with ingest.uow.begin() as c:
        rows = await queries.list_imports(c, paging.after(datetime, str), paging.limit + 1)
    shown, cursor = paging.page(rows, lambda row: (row.opened_at, row.import_id))
    return Page(items=[ImportState.model_validate(row, from_attributes=True) for row in shown], next_cursor=cursor)
