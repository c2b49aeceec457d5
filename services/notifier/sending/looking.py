"""Looks for what may be sent now on a channel."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier.core import grouping
from services.notifier.core.grouping import Due
from services.notifier.core.routing import Setup
from services.notifier.sending.attempt import cut_off
from services.notifier.store import leases
from services.notifier.store.endings import Ending


class Found(NamedTuple):
    """What a look has found."""

    parcels: Sequence[Sequence[Due]]
    """What goes as one message, each whole; the longest due first."""
    seen: set[str]
    """All that was due, by id."""
    given_up: Sequence[Ending]
    """What ended by it: it was cut off as often as it may be."""


async def look(c: AsyncConnection, transport: str, now: datetime, most: int, setup: Setup | None) -> Found:
    """Find what is due, so many deliveries at most, and record what was cut off."""
    due = await leases.due(c, transport, now, most)
    seen = {one.id for one in due}
    sent_before = sorted({d.message_id for d in due if d.message_id is not None})
    company = await leases.company(c, sent_before) if sent_before else []
    due = grouping.complete(due, company, now)
    hopeless = grouping.hopeless(due)
    lost = list(cut_off(company, hopeless, now))
    given_up = await leases.record(c, lost, now, setup=setup) if lost else []
    return Found(grouping.parcels((d for d in due if d.id not in hopeless), most), seen, given_up)
