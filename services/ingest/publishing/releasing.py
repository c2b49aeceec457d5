"""Lets go what waited for an alias, once it is set: to the outbox, in parts that no request or lock must wait for.

The request that sets an alias moves the first part in its own transaction, and notes on the alias that there is more.
The process that keeps house moves the rest, part by part under the alias's lock, and goes on with it after a restart.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Final

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ingest.core.resolving import Waiting, released
from services.ingest.store import aliases, imports
from shared.clock import Clock
from shared.log.partitioner import partition_of
from shared.log.protocol import Outgoing
from shared.messages import envelope, tracing
from shared.messages.accounts import HistoryEnded
from shared.messages.registry import CUSTOMER_EVENTS, EVENT_TOPICS, HISTORY_ENDED
from shared.pg.uow import UnitOfWork
from shared.worker import outbox

_log = logging.getLogger("keepwell.ingest")
PART: Final = 1000
"""Events in one transaction."""
_PAUSE: Final = 1.0


class Releasing:
    """Moves what waited. `wake_relay` tells the relay that the outbox has something."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        clock: Clock,
        random: tracing.RandomBytes,
        partitions: int,
        wake_relay: Callable[[], None],
    ) -> None:
        self._uow, self._clock, self._random = uow, clock, random
        self._partitions, self._wake_relay = partitions, wake_relay
        self._more = asyncio.Event()

    def wake(self) -> None:
        """Something was set: there may be more to move, and the outbox has the first of it."""
        self._wake_relay()
        self._more.set()

    async def begin(self, c: AsyncConnection, accounts: Mapping[str, str], now: datetime) -> bool:
        """Move the first part of what waits for aliases that this transaction sets. False: nothing waited."""
        releases = {alias: f"imp_{self._random(8).hex()}" for alias in accounts}
        found = await aliases.take_waiting(c, list(accounts), PART) if accounts else []
        left = await aliases.still_waited_for(c, accounts) if len(found) == PART else set()
        if left:
            await aliases.note_release(c, {alias: releases[alias] for alias in left})
        for alias, part in groupby(found, key=lambda one: one.alias):
            await self._move(c, list(part), alias, accounts[alias], releases[alias], now, last=alias not in left)
        return bool(found)

    async def go_on(self) -> bool:
        """Move one part of what others have left. False: there was none."""
        async with self._uow.begin() as c:
            locked = await aliases.lock_release(c)
            if locked is None:
                return False
            alias, account, release = locked
            part = await aliases.take_waiting(c, [alias], PART)
            last = len(part) < PART or not await aliases.still_waited_for(c, [alias])
            if last:
                await aliases.note_release(c, {alias: None})
            await self._move(c, part, alias, account, release, self._clock.now(), last=last)
        self._wake_relay()
        return True

    async def run(self) -> None:
        """Move what is left whenever there is some, until cancelled."""
        while True:
            await self._more.wait()
            self._more.clear()
            try:
                while await self.go_on():
                    pass
            except (SQLAlchemyError, OSError, TimeoutError) as error:
                _log.warning("what waited must wait a little longer", extra={"error": type(error).__name__})
                await asyncio.sleep(_PAUSE)
                self._more.set()

    async def _move(
        self,
        c: AsyncConnection,
        part: Sequence[Waiting],
        alias: str,
        account: str,
        release: str,
        now: datetime,
        *,
        last: bool,
    ) -> None:
        """Stage a part of what waited for an alias; what is old of it as history, which ends with the last part."""
        partition = partition_of(account, self._partitions)
        old = sum(one.is_old(now) for one in part)
        if old:
            await imports.note_ended(c, release, f"waited for {alias}", old, now)
        messages = _messages(part, account, release, now)
        if last and (old or await imports.is_noted(c, release)):
            messages += history_ended(release, partition, now, act_on_found=False)
        await outbox.stage(c, partition, messages)


def _messages(part: Sequence[Waiting], account: str, release: str, now: datetime) -> list[Outgoing]:
    messages = []
    for one in part:
        value = released(one.value, account, now, release if one.is_old(now) else None)
        messages.append(Outgoing(CUSTOMER_EVENTS[one.type][0], account, value, one.headers))
    return messages


def history_ended(import_id: str, partition: int, now: datetime, *, act_on_found: bool) -> list[Outgoing]:
    """What tells one partition, in every event topic, that an import is over."""
    messages = []
    for topic in EVENT_TOPICS:
        event = envelope.wrap(
            HistoryEnded(import_id=import_id, topic=topic, act_on_found=act_on_found),
            id=f"{import_id}:{topic}:{partition}",
            source="keepwell/ingest",
            type=HISTORY_ENDED,
            subject=import_id,
            time=now,
            accepted=now,
        )
        headers = {**tracing.headers(), "ce_type": HISTORY_ENDED}
        messages.append(Outgoing(topic, import_id, envelope.encode(event), headers, partition))
    return messages
