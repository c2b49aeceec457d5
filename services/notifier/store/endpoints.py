"""Endpoints as they are kept: made, changed, found wanting; and what playbooks are told of what they want."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import bindparam, delete, extract, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier import tables as t
from services.notifier.core.endpoints import FORMER_SECRET, Endpoint, wanted
from services.notifier.store import calls
from shared.log.protocol import Outgoing
from shared.messages import envelope, registry
from shared.messages.outward import WebhooksWanted
from shared.pg import bulk
from shared.worker import outbox

_e: Final = t.endpoints
_THERE: Final = _e.c.deleted_at.is_(None)
_KNOWN: Final = select(*(_e.c[name] for name in Endpoint._fields)).where(_THERE).order_by(_e.c.created_at, _e.c.id)
# Not the last instant: of two that were changed at once, one may be seen before the other.
_VERSION: Final = select(func.count(), func.sum(extract("epoch", _e.c.changed_at)))
_LAST: Final = select(func.max(_e.c.changed_at))
_LOCK: Final = select(func.pg_advisory_xact_lock(func.hashtext("keepwell.notifier.endpoints")))
_COUNT: Final = select(func.count()).select_from(_e).where(_THERE)
_WELL: Final[Mapping[str, Any]] = {"failures": 0, "failing_since": None, "held_since": None, "held_until": None}
_SET_HEALTH: Final = bulk.Update(
    _e,
    ("id",),
    ("failures", "failing_since", "last_failure", "held_since", "held_until"),
    # What it asked for holds until then, even if something gets through.
    also=lambda new: {
        "last_failure": func.coalesce(func.nullif(new.last_failure, ""), _e.c.last_failure),
        "held_since": func.coalesce(new.held_since, _e.c.held_since),
        "held_until": func.coalesce(new.held_until, _e.c.held_until),
    },
)
_LET_GO: Final = (
    update(_e).where(_e.c.id == bindparam("endpoint")).values(held_since=None, held_until=None).returning(_e.c.id)
)
_FORGET_HEALTH: Final = delete(t.told_health).where(t.told_health.c.endpoint_id == bindparam("endpoint"))
_TYPE: Final = "webhooks.wanted"
_PARTITION: Final = 0
"""Whose owner publishes it."""


class Condition(NamedTuple):
    """How an endpoint does, as whoever calls it has found. The table's columns by their names."""

    id: str
    failures: int
    failing_since: datetime | None
    last_failure: str
    held_since: datetime | None
    held_until: datetime | None


class KnownEndpoints:
    """Those that there are, looked up anew when they are others."""

    def __init__(self) -> None:
        self._known: Sequence[Endpoint] = ()
        self._version: tuple[Any, ...] = (0, None)

    @property
    def are_some(self) -> bool:
        """Whether there were any at the last look."""
        return bool(self._known)

    async def look(self, c: AsyncConnection) -> Sequence[Endpoint]:
        """As this transaction sees them."""
        version = tuple((await c.execute(_VERSION)).one())
        if version != self._version:
            self._known = [Endpoint._make(row) for row in await c.execute(_KNOWN)]
            self._version = version
        return self._known


async def count(c: AsyncConnection) -> int:
    """How many there are; nobody makes another until this transaction ends."""
    await c.execute(_LOCK)
    return int((await c.execute(_COUNT)).scalar_one())


async def make(c: AsyncConnection, row: Mapping[str, Any], now: datetime) -> None:
    """Keep a new one, and tell playbooks what is wanted."""
    at = await _next_instant(c, now)
    await c.execute(insert(_e).values({**row, "created_at": now, "changed_at": at}))
    await _tell(c, at)


async def change(c: AsyncConnection, id: str, changes: Mapping[str, Any], now: datetime) -> None:
    """Change one, and tell playbooks what is wanted. What waits for one that is disabled or deleted stops waiting; one
    that is enabled, or has another URL, is called as if it had never failed."""
    at = await _next_instant(c, now)
    anew = changes.get("enabled") or "url" in changes
    values = {**changes, **(_WELL if anew else {}), "changed_at": at}
    await c.execute(update(_e).where(_e.c.id == id).values(values))
    if changes.get("enabled") is False or "deleted_at" in changes:
        await calls.sweep(c, now)
    if "deleted_at" in changes:
        await c.execute(_FORGET_HEALTH, {"endpoint": id})
    await _tell(c, at)


async def disable(c: AsyncConnection, id: str, because: str, now: datetime) -> None:
    """Call it no more until somebody enables it."""
    await change(c, id, {"enabled": False, "disabled_because": because}, now)


async def rotate(c: AsyncConnection, id: str, secret: str, now: datetime) -> None:
    """Give one another secret; the one that it had signs beside it for a day."""
    at = await _next_instant(c, now)
    secrets = {"secret": secret, "former_secret": _e.c.secret, "former_until": now + FORMER_SECRET}
    await c.execute(update(_e).where(_e.c.id == id).values(**secrets, changed_at=at))


async def let_go(c: AsyncConnection, id: str) -> None:
    """Hold it no longer, whatever it asked for."""
    await c.execute(_LET_GO, {"endpoint": id})


async def note(c: AsyncConnection, conditions: Sequence[Condition]) -> None:
    """Keep how endpoints do."""
    await _SET_HEALTH(c, conditions)


async def _next_instant(c: AsyncConnection, now: datetime) -> datetime:
    """After all that was changed before, whatever the clock says; nobody else changes any until this commits."""
    await c.execute(_LOCK)
    last = (await c.execute(_LAST)).scalar_one()
    return now if last is None else max(now, last + timedelta(microseconds=1))


async def _tell(c: AsyncConnection, at: datetime) -> None:
    types, score_by = wanted([Endpoint._make(row) for row in await c.execute(_KNOWN)])
    event = envelope.wrap(
        WebhooksWanted(types=list(types), score_by=score_by, at=at),
        id=f"webhooks-{at.isoformat()}",
        source="keepwell/notifier",
        type=_TYPE,
        subject=registry.COMPANY,
        time=at,
    )
    message = Outgoing(registry.DELIVERIES, registry.COMPANY, envelope.encode(event), {"ce_type": _TYPE})
    await outbox.stage(c, _PARTITION, [message])
