"""When and how people want to hear: told by the notifier, and part of the rules that each process goes by, a moment
later."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import extract, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.playbooks import tables as t
from services.playbooks.core.rules import Rules, RulesInForce
from shared.messages.preferences import Preferences, PreferencesChanged
from shared.pg import bulk
from shared.worker.handler import Incoming

_p: Final = t.preferences.c
_ALL: Final = select(_p.person, _p.body).order_by(_p.at, _p.person)
# Not the last instant: one that a clock ahead has set hides what others set until then.
_VERSION: Final = select(func.count(), func.sum(extract("epoch", _p.at)))
# Of what comes twice, or late, the last that was set counts.
_SAVE: Final = bulk.Insert(
    t.preferences, ("person", "body", "at"), update=("body", "at"), where=lambda new: t.preferences.c.at < new.at
)


class Preferring:
    """The rules in force with what people have set; others only when one of both has changed."""

    def __init__(self, rules: RulesInForce) -> None:
        self._in_force = rules
        self._set: Mapping[str, Preferences] = {}
        self._version: tuple[Any, ...] = ()
        self._made: tuple[Rules, Mapping[str, Preferences], Rules] | None = None

    def rules(self) -> Rules:
        """What decides at the moment."""
        plain, known = self._in_force(), self._set
        if self._made is None or self._made[0] is not plain or self._made[1] is not known:
            people = plain.directory.with_preferences(known)
            self._made = plain, known, plain._replace(directory=people) if people is not plain.directory else plain
        return self._made[2]

    async def refresh(self, c: Any) -> None:
        """Look up what people have set by now, if that is other than at the last look."""
        version = tuple((await c.execute(_VERSION)).one())
        if version != self._version:
            self._set = {row.person: row.body for row in await c.execute(_ALL)}
            self._version = version


async def fold(c: AsyncConnection, batch: Sequence[Incoming]) -> Sequence[Incoming]:
    """Keep what a batch tells of preferences. Returns what else is in it."""
    told = {one.data.person: one.data for one in batch if isinstance(one.data, PreferencesChanged)}
    if not told:
        return batch
    await _SAVE(c, [(name, one.preferences, one.at) for name, one in told.items()])
    return [one for one in batch if not isinstance(one.data, PreferencesChanged)]
