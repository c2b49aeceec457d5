"""Watches over NPS: it is compared daily at 00:10 UTC, by the owner of `$company`, and a drop is told."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, get_args

from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring.company import is_ours, store, told
from services.scoring.core.clock import DAY_US, date_of, day_of
from services.scoring.core.drops import APART, QUIET, WINDOW, Answers, drops
from services.scoring.core.interruptions import hour_of
from services.scoring.queries import feedback
from shared.messages.accounts import NpsDropped
from shared.messages.feedback import SurveyKind
from shared.messages.stamps import instant_of
from shared.worker import outbox

_LOG = logging.getLogger(__name__)
_AFTER_MIDNIGHT: Final = timedelta(minutes=10)
_TYPE: Final = "nps.dropped"
_ALIKE: Final = feedback.Money("", {})
"""Each answer weighs the same."""


class Drops:
    """One worker's. A day is compared when every partition has counted all of it, and no import is open."""

    def __init__(self, partitions: Callable[[], int] = lambda: 1) -> None:
        self._partitions = partitions
        self._compared = -1

    def looks(self, partition: int, through: datetime) -> bool:
        """Whether a day is over of which nothing was compared yet."""
        return is_ours(partition, self._partitions()) and self._compared < day_of(through - _AFTER_MIDNIGHT)

    async def look(self, c: AsyncConnection, partition: int, through: datetime, now: datetime) -> None:
        """Compare, and tell what has dropped, unless that was done or must wait."""
        day = day_of(through - _AFTER_MIDNIGHT)
        compared = await store.compared(c, partition)
        if compared is not None and compared >= day:
            self._compared = compared
            return
        midnight = instant_of(day * DAY_US)
        if await store.counted_by_all(c) < hour_of(midnight) - 1 or await store.imports(c):
            return
        quiet = await store.drops_told(c, day - QUIET + 1)
        found = [one for kind in get_args(SurveyKind) for one in await _dropped(c, kind, midnight)]
        found = [one for one in found if (one.kind, one.product) not in quiet]
        for one in found:
            _LOG.warning("NPS dropped (%s%s).", one.kind, f", {one.product}" if one.product else "")
        named = [(f"nps@{date_of(day)}/{number}", one) for number, one in enumerate(found, 1)]
        await outbox.stage(c, partition, [told(_TYPE, one, id, midnight, now) for id, one in named])
        await store.keep_compared(c, partition, day, [(one.kind, one.product) for one in found])
        self._compared = day

    def forget(self) -> None:
        """Another worker may have compared."""
        self._compared = -1


async def _dropped(c: AsyncConnection, kind: SurveyKind, end: datetime) -> list[NpsDropped]:
    """What has dropped, and had so a week before."""
    found = await _at(c, kind, end)
    earlier = await _at(c, kind, end - APART) if found else {}
    return [one for product, one in found.items() if product in earlier]


async def _at(c: AsyncConnection, kind: SurveyKind, end: datetime) -> dict[str | None, NpsDropped]:
    middle = end - WINDOW
    before, now = [await _answers(c, kind, since, since + WINDOW) for since in (middle - WINDOW, middle)]
    return drops(kind, before, now)


async def _answers(c: AsyncConnection, kind: SurveyKind, since: datetime, until: datetime) -> dict[str | None, Answers]:
    """The answers of a window by product and score."""
    asked = feedback.Asked("nps", kind, since, until, by="product")
    found = await feedback.counted(c, asked, _ALIKE)
    return {product: {score: one.answers for score, one in scores.items()} for product, scores in found.items()}
