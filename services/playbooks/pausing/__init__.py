"""Pauses of playbooks: kept in the database, and part of the rules that each process goes by, a moment later."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.playbooks import tables as t
from services.playbooks.core.rules import Library, Pause, Rules, RulesInForce
from shared.clock import Clock
from shared.pg import bulk

_p = t.pauses.c
_KNOWN = select(*(_p[name] for name in Pause._fields))
_ALL = _KNOWN.order_by(_p.playbook)
_END = update(t.pauses).where(_p.until <= bindparam("now"), _p.ended_at.is_(None)).values(ended_at=_p.until)
_SAVE = bulk.Insert(t.pauses, Pause._fields, update=[name for name in Pause._fields if name != "playbook"])


def with_pauses(rules: Rules, pauses: Sequence[Pause]) -> Rules:
    """The same, with these pauses of its playbooks."""
    return rules._replace(library=Library(rules.library.loaded, pauses)) if pauses else rules


class Pausing:
    """The rules in force with the pauses of their playbooks; others only when one of both has changed."""

    def __init__(self, rules: RulesInForce, clock: Clock) -> None:
        self._in_force, self._clock = rules, clock
        self._pauses: tuple[Pause, ...] = ()
        self._made: tuple[Rules, tuple[Pause, ...], Rules] | None = None

    def rules(self) -> Rules:
        """What decides at the moment."""
        plain, pauses = self._in_force(), self._pauses
        if self._made is None or self._made[0] is not plain or self._made[1] != pauses:
            self._made = plain, pauses, with_pauses(plain, pauses)
        return self._made[2]

    async def refresh(self, c: Any) -> None:
        """Look up what is paused by now; a pause for a time alone ends with it."""
        await c.execute(_END, {"now": self._clock.now()})
        self._pauses = await known(c)


async def known(c: AsyncConnection) -> tuple[Pause, ...]:
    """The latest pause of each playbook, those that have ended, too."""
    return tuple(Pause(*row) for row in await c.execute(_ALL))


async def under_way(c: AsyncConnection) -> dict[str, Pause]:
    """The pauses that have not ended, by playbook."""
    rows = await c.execute(_KNOWN.where(_p.ended_at.is_(None)))
    return {row.playbook: Pause(*row) for row in rows}


async def latest(c: AsyncConnection, playbook: str) -> Pause | None:
    """The latest pause of a playbook, locked."""
    row = (await c.execute(_KNOWN.where(_p.playbook == playbook).with_for_update())).one_or_none()
    return None if row is None else Pause(*row)


async def put(c: AsyncConnection, pause: Pause) -> None:
    """Keep one in place of the last of its playbook."""
    await _SAVE(c, [pause])
