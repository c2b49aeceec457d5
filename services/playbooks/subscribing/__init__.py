"""What endpoints want to be told: said by the notifier, and part of the rules that each process goes by: at once where
it was heard, elsewhere a moment later."""

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.playbooks import tables as t
from services.playbooks.core.rules import Rules, RulesInForce
from services.playbooks.core.subscribed import NOTHING, Subscribed
from shared.messages.outward import WebhooksWanted
from shared.pg import bulk
from shared.worker.handler import Incoming

_WHO: Final = "keepwell/notifier"
_s: Final = t.subscribed.c
_LAST: Final = select(_s.body).where(_s.source == _WHO)
# Of what comes twice, or late, the last that was said counts.
_SAVE: Final = bulk.Insert(
    t.subscribed, ("source", "body", "at"), update=("body", "at"), where=lambda new: t.subscribed.c.at < new.at
)


class Subscribing:
    """The rules in force with what endpoints want; others only when one of both has changed."""

    def __init__(self, rules: RulesInForce) -> None:
        self._in_force = rules
        self._last: WebhooksWanted | None = None
        self._subscribed = NOTHING
        self._made: tuple[Rules, Subscribed, Rules] | None = None

    def rules(self) -> Rules:
        """What decides at the moment."""
        plain, known = self._in_force(), self._subscribed
        if self._made is None or self._made[0] is not plain or self._made[1] is not known:
            self._made = plain, known, plain._replace(subscribed=known)
        return self._made[2]

    async def refresh(self, c: Any) -> None:
        """Look up what they want by now."""
        last = (await c.execute(_LAST)).scalar_one_or_none()
        if last is not None:
            self.hear(last)

    def hear(self, wanted: WebhooksWanted) -> None:
        """Go by what was told, unless something later is known."""
        if self._last is None or wanted.at > self._last.at:
            self._last, self._subscribed = wanted, Subscribed.of(wanted)


async def fold(c: AsyncConnection, batch: Sequence[Incoming]) -> tuple[Sequence[Incoming], WebhooksWanted | None]:
    """Keep what a batch tells of what is wanted. Returns what else is in it, and the last that was said."""
    told = [one.data for one in batch if isinstance(one.data, WebhooksWanted)]
    if not told:
        return batch, None
    last = max(told, key=lambda one: one.at)
    await _SAVE(c, [(_WHO, last, last.at)])
    return [one for one in batch if not isinstance(one.data, WebhooksWanted)], last
