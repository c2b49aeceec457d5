"""What is kept of how playbooks come out, written with what came out: no job looks for it later."""

from collections.abc import Iterator, Mapping
from typing import Final

from sqlalchemy import case
from sqlalchemy.ext.asyncio import AsyncConnection

from services.playbooks import tables as t
from services.playbooks.core.changes import Changes
from services.playbooks.core.episode import Episode
from services.playbooks.core.outcomes import Firing, Outcome, Sending
from shared.pg import bulk

_f, _o = t.firings.c, t.outcomes.c
_FIRE: Final = bulk.Insert(t.firings, Firing._fields, nothing=True)
_END: Final = bulk.Update(
    *(t.firings, ("episode_id",), ("ended_at", "ended_as")), where=lambda new: _f.ended_as != new.ended_as
)
_TOUCH: Final = bulk.Update(
    *(t.firings, ("episode_id",), ("touched_at", "touched_by")), where=lambda _: _f.touched_at.is_(None)
)
_SEND: Final = bulk.Insert(t.sendings, Sending._fields, nothing=True)
_SETTLE: Final = bulk.Update(
    *(t.sendings, ("action_id",), ("delivery",)), where=lambda _: t.sendings.c.delivery != "delivered"
)
_COME: Final = bulk.Insert(
    *(t.outcomes, Outcome._fields),
    update=("before_minor", "after_minor", "currency", "stands"),
    # What was taken back and is said again is known since then.
    set=lambda new: {"at": case((_o.stands, _o.at), else_=new.at)},
)


def to_note(changes: Changes) -> Iterator[bulk.Write | None]:
    """What notes firings, the ends of earlier ones, sendings and what became of contracts, of each of which the last
    word stands. What fired and ended in one transaction is noted as it ended."""
    noted = {one.episode_id for one in changes.firings}
    fired = {one.id: one for one in changes.episodes.values() if one.fired_at is not None}
    yield _FIRE.of(_as_ended(one, fired.get(one.episode_id)) for one in changes.firings)
    yield _END.of((one.id, one.ended_at, one.ended_as) for one in fired.values() if one.id not in noted)
    yield _SEND.of(changes.sendings)
    yield _COME.of({(one.account_id, one.kind, one.due_at): one for one in changes.outcomes}.values())


def _as_ended(firing: Firing, episode: Episode | None) -> Firing:
    return firing._replace(ended_at=episode.ended_at, ended_as=episode.ended_as) if episode is not None else firing


async def touch(c: AsyncConnection, changes: Changes) -> None:
    """Note touches of firings, those that were just noted among them."""
    await _TOUCH(c, [(id, *touch) for id, touch in changes.touches.items()])


def to_settle(states: Mapping[str, str]) -> bulk.Write | None:
    """What notes what became of what these actions sent."""
    return _SETTLE.of(states.items())
