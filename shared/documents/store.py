"""Documents in the database."""

from collections.abc import Sequence
from dataclasses import astuple
from typing import Any, Final

from sqlalchemy import MetaData, bindparam, func, select, update
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.documents import tables
from shared.documents.shelf import Key, Version
from shared.pg import bulk

# They stand in a schema of their own, and whoever reads them is at home in another.
_RULES: Final = MetaData()
_v: Final = tables.versions.to_metadata(_RULES, schema="rules")
_r: Final = tables.revisions.to_metadata(_RULES, schema="rules")
_COLUMNS: Final[list[Any]] = list(_v.c)
_OF_SERVICE = _r.c.service == bindparam("of")
_BEGIN = insert(_r).values(service=bindparam("of"), revision=0).on_conflict_do_nothing()
_LOCK = select(_r.c.revision).where(_OF_SERVICE).with_for_update()
_REVISION = select(_r.c.revision).where(_OF_SERVICE)
_NEXT = update(_r).where(_OF_SERVICE).values(revision=_r.c.revision + 1)
_CURRENT = (
    select(*_COLUMNS)
    .ext(distinct_on(_v.c.kind, _v.c.id))
    .where(bulk.among(_v.c.kind, "kinds"))
    .order_by(_v.c.kind, _v.c.id, _v.c.version.desc())
)
_ADD = bulk.Insert(_v, tuple(column.name for column in _v.c))
_HISTORY = (
    select(*_COLUMNS)
    .where(_v.c.kind == bindparam("kind"), _v.c.id == bindparam("id"))
    .where(_v.c.version < func.coalesce(bindparam("before", type_=_v.c.version.type), 2**31 - 1))
    .order_by(_v.c.version.desc())
    .limit(bindparam("most"))
)


class Store:
    """The documents of one service, which alone writes them."""

    def __init__(self, service: str, kinds: Sequence[str]) -> None:
        self._service, self.kinds = service, kinds

    async def lock(self, c: AsyncConnection) -> None:
        """Let nobody else change a document until the transaction ends."""
        await c.execute(_BEGIN, {"of": self._service})
        await c.execute(_LOCK, {"of": self._service})

    async def revision(self, c: AsyncConnection) -> int:
        """How often these documents have changed."""
        return (await c.execute(_REVISION, {"of": self._service})).scalar_one_or_none() or 0

    async def current(self, c: AsyncConnection) -> dict[Key, Version]:
        """The latest version of each, of the deleted ones too."""
        found = (Version(*row) for row in await c.execute(_CURRENT, {"kinds": list(self.kinds)}))
        return {one.key: one for one in found}

    async def add(self, c: AsyncConnection, versions: Sequence[Version]) -> None:
        """Put further versions there. Lock first."""
        await _ADD(c, [astuple(one) for one in versions])
        await c.execute(_NEXT, {"of": self._service})

    async def history(
        self, c: AsyncConnection, key: Key, before: int | None = None, limit: int | None = None
    ) -> list[Version]:
        """The versions of a document, the newest first: those before a number, and at most so many."""
        asked = {"kind": key[0], "id": key[1], "before": before, "most": limit}
        return [Version(*row) for row in await c.execute(_HISTORY, asked)]

    async def one(self, c: AsyncConnection, key: Key, version: int) -> Version | None:
        """One version."""
        found = await self.history(c, key, version + 1, 1)
        return found[0] if found and found[0].version == version else None
