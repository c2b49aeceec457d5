"""What ingest's HTTP edge, its figures and its housekeeping read."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Row, Select, exists, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ingest.tables import aliases, imports, metadata, refused, refused_days, waiting
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
    "keepwell_refused_kept": (
        "Records that were refused and are kept, to be seen and sent again.",
        select(func.count()).select_from(refused),
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


class Refusals(NamedTuple):
    """Which of what was refused is meant; None: any."""

    key: str | None = None
    code: str | None = None
    door: str | None = None
    since: datetime | None = None
    """Last refused then or later."""
    before: datetime | None = None
    """Last refused then or before."""
    ids: Sequence[str] | None = None

    def where(self) -> list[ColumnElement[bool]]:
        """As conditions."""
        found = [refused.c[name] == value for name in ("key", "code", "door") if (value := getattr(self, name))]
        found += [refused.c.last_at >= self.since] if self.since is not None else []
        found += [refused.c.last_at <= self.before] if self.before is not None else []
        return found + ([refused.c.id.in_(self.ids)] if self.ids is not None else [])


async def refusals(
    c: AsyncConnection, wanted: Refusals, before: Sequence[Any] | None, limit: int
) -> Sequence[Row[Any]]:
    """What was refused, the newest first, after this place: when it was first refused, and its id."""
    place = (refused.c.at, refused.c.id)
    query = select(refused).where(*wanted.where()).order_by(*(part.desc() for part in place)).limit(limit)
    return (await c.execute(query if before is None else query.where(tuple_(*place) < tuple_(*before)))).all()


async def first_refusals(c: AsyncConnection, wanted: Refusals, most: int) -> tuple[Sequence[Row[Any]], int]:
    """The oldest of them, and how many more there are."""
    query = select(refused).where(*wanted.where()).order_by(refused.c.at, refused.c.id).limit(most)
    rows = (await c.execute(query)).all()
    number = (await c.execute(select(func.count()).select_from(refused).where(*wanted.where()))).scalar_one()
    return rows, number - len(rows)


async def refusals_left_out(c: AsyncConnection, key: str | None) -> int:
    """How many records more were refused and not kept, by what is still known of it."""
    query = select(func.coalesce(func.sum(refused_days.c.left_out), 0))
    return int((await c.execute(query if key is None else query.where(refused_days.c.key == key))).scalar_one())


async def work(uow: UnitOfWork) -> tuple[bool, bool, bool]:
    """Whether there is something to relay, something to release, and whether there are imports to mind."""
    [row] = await uow.once(_WORK)
    return row.outbox, row.releases, row.imports
