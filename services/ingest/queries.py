"""What ingest's HTTP edge, its figures and its housekeeping read."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Row, Select, exists, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ingest.tables import aliases, imports, metadata, waiting
from shared.pg.uow import UnitOfWork

_EVENT: Final = select(*(waiting.c[name] for name in ("source", "id", "alias", "day", "type", "time", "received_at")))
_IMPORT: Final = select(imports.c.id.label("import_id"), *(c for c in imports.c if c.name != "id"))
_SINCE: Final = func.min(waiting.c.received_at).label("since")
_BY_ALIAS: Final = (
    select(waiting.c.alias, func.count().label("events"), _SINCE)
    .group_by(waiting.c.alias)
    .order_by(_SINCE, waiting.c.alias)
)
_OUTBOX: Final = metadata.tables["outbox"]
_UNENDED: Final = imports.c.state != "ended"
_WORK: Final = select(
    exists().select_from(_OUTBOX).label("outbox"),
    exists().where(aliases.c.release.is_not(None)).label("releases"),
    exists().where(_UNENDED).label("imports"),
)
COUNTED: Final[dict[str, tuple[str, Select[Any]]]] = {
    "keepwell_events_waiting": (
        "Events that wait until the account of their alias is known.",
        select(func.count()).select_from(waiting),
    ),
    "keepwell_imports_open": (
        "Imports that have not ended.",
        select(func.count()).select_from(imports).where(_UNENDED),
    ),
}


async def waiting_events(c: AsyncConnection, after: Sequence[Any] | None, limit: int) -> Sequence[Row[Any]]:
    """What waits, oldest first, after this place: when it came, and its key."""
    place = (waiting.c.received_at, waiting.c.source, waiting.c.id, waiting.c.alias, waiting.c.day)
    query = _EVENT.order_by(*place).limit(limit)
    return (await c.execute(query if after is None else query.where(tuple_(*place) > tuple_(*after)))).all()


async def waiting_by_alias(c: AsyncConnection, limit: int) -> Sequence[Row[Any]]:
    """How many events wait for each alias, and since when; the longest first."""
    return (await c.execute(_BY_ALIAS.limit(limit))).all()


async def one_import(c: AsyncConnection, id: str) -> Row[Any] | None:
    """An import by its id."""
    return (await c.execute(_IMPORT.where(imports.c.id == id))).one_or_none()


async def list_imports(c: AsyncConnection, before: Sequence[Any] | None, limit: int) -> Sequence[Row[Any]]:
    """Imports, the newest first, after this place: when it was opened, and its id."""
    place = (imports.c.opened_at, imports.c.id)
    query = _IMPORT.order_by(*(part.desc() for part in place)).limit(limit)
    return (await c.execute(query if before is None else query.where(tuple_(*place) < tuple_(*before)))).all()


async def work(uow: UnitOfWork) -> tuple[bool, bool, bool]:
    """Whether there is something to relay, something to release, and whether there are imports to mind."""
    [row] = await uow.once(_WORK)
    return row.outbox, row.releases, row.imports
