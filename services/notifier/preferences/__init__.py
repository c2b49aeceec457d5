"""What people have set: kept here, told to playbooks, and known to the process that sends."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import bindparam, extract, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier import tables as t
from services.notifier.core.preferring import Kept, called, names_of, wanted
from shared.log.protocol import Outgoing
from shared.messages import envelope, registry
from shared.messages.actions import Recipient
from shared.messages.preferences import Preferences, PreferencesChanged, PreferencesChosen
from shared.pg import bulk
from shared.worker import outbox

_p: Final = t.preferences.c
_SET_AT: Final = select(_p.at).where(_p.person == bindparam("person")).with_for_update()
_ALL: Final = select(_p.person, _p.body, _p.at)
_OF: Final = _ALL.where(bulk.among(_p.person, "people"))
# Not the last instant: one that a clock ahead has set hides what others set until then.
_VERSION: Final = select(func.count(), func.sum(extract("epoch", _p.at)))
_TYPE: Final = "preferences.changed"
_PARTITION: Final = 0
"""Whose owner publishes it."""


class KnownPreferences:
    """What everybody has set, as of a moment ago."""

    def __init__(self) -> None:
        self._known: Mapping[str, Kept] = {}
        self._version: tuple[Any, ...] = ()

    def of(self, who: Recipient | None) -> Preferences:
        """What a recipient has set."""
        return wanted(self._known, who)

    async def refresh(self, c: Any) -> None:
        """Look it up, if it is other than at the last look."""
        version = tuple((await c.execute(_VERSION)).one())
        if version != self._version:
            self._known = {row.person: Kept(row.body, row.at) for row in await c.execute(_ALL)}
            self._version = version


async def read(c: AsyncConnection, person: str) -> Any:
    """What somebody has set (body, at, author), if anything."""
    asked = select(_p.person, _p.body, _p.at, _p.author).where(_p.person == called(person))
    return (await c.execute(asked)).one_or_none()


async def of(c: AsyncConnection, people: Iterable[Recipient]) -> dict[str, Kept]:
    """What these have set, by what they are called."""
    names = sorted({name for one in people for name in names_of(one)})
    return {row.person: Kept(row.body, row.at) for row in await c.execute(_OF, {"people": names})} if names else {}


async def put(c: AsyncConnection, person: str, said: Preferences, author: str, now: datetime) -> datetime:
    """Keep what somebody wants from now on, and tell playbooks. Returns when it was set: after what was set before,
    whatever the clock says."""
    before = await _set_at(c, person)
    at = now if before is None else max(now, before + timedelta(microseconds=1))
    row = {"person": called(person), "body": said, "at": at, "author": author}
    new = insert(t.preferences).values(row)
    await c.execute(new.on_conflict_do_update(index_elements=[_p.person], set_=row))
    event = envelope.wrap(
        PreferencesChanged(person=called(person), preferences=said, at=at),
        id=f"preferences-{called(person)}-{at.isoformat()}",
        source="keepwell/notifier",
        type=_TYPE,
        subject=registry.COMPANY,
        time=at,
    )
    message = Outgoing(registry.DELIVERIES, registry.COMPANY, envelope.encode(event), {"ce_type": _TYPE})
    await outbox.stage(c, _PARTITION, [message])
    return at


async def put_chosen(c: AsyncConnection, chosen: Iterable[PreferencesChosen]) -> None:
    """Keep what people sent by forms, unless something was set after that: a form may come late, and twice."""
    for one in chosen:
        before = await _set_at(c, one.person)
        if before is None or before < one.at:
            await put(c, one.person, one.preferences, one.actor, one.at)


async def _set_at(c: AsyncConnection, person: str) -> datetime | None:
    """When something was set last, which nobody changes until this transaction ends."""
    found: datetime | None = (await c.execute(_SET_AT, {"person": called(person)})).scalar_one_or_none()
    return found
