"""What attempts came to, as it is written: their results, what they say of their roads, and the messages as sent."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier.core.breaks import Place, breaks
from services.notifier.core.retry import Sent, hold
from services.notifier.core.routing import Setup, Transport
from services.notifier.sending.attempt import Attempt
from services.notifier.store import erasing, leases
from services.notifier.store.breaks import note
from services.notifier.store.deliveries import EVERY_TARGET
from services.notifier.store.endings import Ending

_LOG: Final = logging.getLogger(__name__)


async def write(
    c: AsyncConnection,
    channel: Transport,
    ended: Sequence[Attempt],
    now: datetime,
    dice: Callable[[], float],
    setup: Setup | None,
) -> list[Ending]:
    """Record attempts that have ended on a channel. Returns which deliveries that ended."""
    for attempt in ended:
        held = hold(attempt.outcome, attempt.ended_at)
        if held is not None:
            if held.whole_channel:
                _LOG.error("Nothing gets through by %s: %s.", channel, held.reason)
            target = EVERY_TARGET if held.whole_channel else attempt.target
            await leases.hold(c, channel, target, attempt.ended_at, held.until, held.reason)
    broken: dict[Place, str] = {
        (channel, found[0]): found[1]
        for attempt in ended
        if attempt.tells and (found := breaks(attempt.outcome, attempt.target)) is not None
    }
    if broken:
        await note(c, broken, now)
    endings: list[Ending] = []
    # As batches do: first the messages, then what brings those up to date.
    for these in ([one for one in ended if not one.is_update], [one for one in ended if one.is_update]):
        results = [result for attempt in these for result in attempt.results(dice(), setup)]
        composed = dict(kept for attempt in these if (kept := attempt.kept) is not None)
        if results:
            endings += await leases.record(c, results, now, composed, setup)
            await leases.drop(c, {one.id for one in these if not isinstance(one.outcome, Sent)} & composed.keys())
        await erasing.recompose(c, await erasing.erased(c, list(composed)))
    return endings
