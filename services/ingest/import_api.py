"""The HTTP edge for imports of history."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Body
from pydantic import BaseModel, Field

from services.ingest import import_store
from services.ingest.parts import Ingest, Parts, Reader, Sender
from shared.web.paging import Page, WantedPage
from shared.web.problems import Problem

router = APIRouter(prefix="/v1/imports", tags=["imports"])


class NewImport(BaseModel, extra="forbid"):
    """What history is going to be sent."""

    name: str = Field("", max_length=256, description="For people; such as the name of the file.")


class EndImport(BaseModel, extra="forbid"):
    """How an import ends."""

    act_on_found: bool = Field(False, description="Start every playbook whose condition holds when the import ends.")


class ImportState(BaseModel):
    """An import. `open`: takes events; `ending`: its last publishes are waited for; `ended`: it is over."""

    import_id: str
    name: str
    state: str
    actor: str
    opened_at: datetime
    last_event_at: datetime
    ended_at: datetime | None
    ended_by: str | None = Field(description="Who ended it, or `silence`: nothing was sent for an hour.")
    act_on_found: bool
    events: int


def _shown(one: import_store.Import) -> ImportState:
    fields = {name: getattr(one, name) for name in import_store.Import.__slots__ if name != "id"}
    return ImportState(import_id=one.id, **fields)


async def _import(ingest: Ingest, id: str) -> ImportState:
    async with ingest.uow.begin() as c:
        found = await import_store.one(c, id)
    if found is None:
        raise Problem(404, "unknown_import", f"There is no import {id!r}. GET /v1/imports lists them.")
    return _shown(found)


@router.post("", summary="Open an import of history", status_code=201)
async def open_import(ingest: Parts, sender: Sender, wanted: Annotated[NewImport | None, Body()] = None) -> ImportState:
    """Then send events with its `import_id` in `history`, and end it."""
    id = f"imp_{ingest.random(8).hex()}"
    async with ingest.uow.begin() as c:
        await import_store.open_import(c, id, wanted.name if wanted else "", sender.name, ingest.clock.now())
    return await _import(ingest, id)


@router.post("/{id}/end", summary="End an import")
async def end_import(
    id: str, ingest: Parts, sender: Sender, how: Annotated[EndImport | None, Body()] = None
) -> ImportState:
    """May be repeated; the state is `ending` while publishes of its events are under way."""
    await ingest.door.end_import(id, sender.name, act_on_found=how is not None and how.act_on_found)
    return await _import(ingest, id)


@router.get("/{id}", summary="How an import goes")
async def get_import(id: str, ingest: Parts, _: Sender) -> ImportState:
    """For those who wait for its end."""
    return await _import(ingest, id)


@router.get("", summary="Imports, the newest first")
async def list_imports(ingest: Parts, _: Reader, paging: WantedPage) -> Page[ImportState]:
    """With those that have ended."""
    before = paging.after(datetime, str) or (datetime.max.replace(tzinfo=UTC), "")
    async with ingest.uow.begin() as c:
        rows = await import_store.page(c, (before[0], before[1]), paging.limit + 1)
    shown, cursor = paging.page(rows, lambda row: (row.opened_at, row.id))
    return Page(items=[_shown(row) for row in shown], next_cursor=cursor)
