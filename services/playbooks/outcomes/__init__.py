"""What is kept of how playbooks come out, written with what came out: no job looks for it later."""

from collections.abc import Iterator, Mapping
from typing import Final

from sqlalchemy import case
from sqlalchemy.ext.asyncio import AsyncConnection

from services.playbooks import tables as t
from services.playbooks.core.changes import Changes
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
_SETTLE: Final = bulk.Update(t.sendings, ("action_id",), ("delivery",))
_COME: Final = bulk.Insert(
    *(t.outcomes, Outcome._fields),
    update=("before_minor", "after_minor", "currency", "stands"),
    # What was taken back and is said again is known since then.
    set=lambda new: {"at": case((_o.stands, _o.at), else_=new.at)},
)


def new(changes: Changes) -> Iterator[bulk.Write | None]:
    """What notes firings, sendings and what became of contracts; of one contract the last word stands."""
    yield _FIRE.of(changes.firings)
    yield _SEND.of(changes.sendings)
    yield _COME.of({(one.account_id, one.kind, one.due_at): one for one in changes.outcomes}.values())


async def keep(c: AsyncConnection, changes: Changes) -> None:
    """Note touches and ends of firings, those that were just noted among them."""
    noted = {one.episode_id: one.ended_as for one in changes.firings}
    fired = (one for one in changes.episodes.values() if one.fired_at is not None)
    await _END(c, [(one.id, one.ended_at, one.ended_as) for one in fired if noted.get(one.id) != one.ended_as])
    await _TOUCH(c, [(id, *touch) for id, touch in changes.touches.items()])


async def settle(c: AsyncConnection, states: Mapping[str, str]) -> None:
    """Note what became of what these actions sent."""
    await _SETTLE(c, sorted(states.items()))
