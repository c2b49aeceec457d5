"""Lets go by the outbox what waited for an alias, once it is set, and the ends of imports.

What waited goes in parts that no request or lock must wait for.

The request that sets an alias moves the first part in its own transaction, and notes on the alias that there is more.
The process that keeps house moves the rest, part by part under the alias's lock, and goes on with it after a restart.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Final

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ingest.core.merging import goes_on_as
from services.ingest.core.resolving import Release, Waiting, released
from services.ingest.store import aliases, imports, merged
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


@dataclass(kw_only=True)
class Releasing:
    """Moves what waited. `wake_relay` tells the relay that the outbox has something."""

    uow: UnitOfWork
    clock: Clock
    random: tracing.RandomBytes
    partitions: int
    wake_relay: Callable[[], None]
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> None:
        """Something was set: there may be more to move, and the outbox has the first of it."""
        self.wake_relay()
        self._more.set()

    async def begin(self, c: AsyncConnection, accounts: Mapping[str, str], now: datetime) -> bool:
        """Move the first part of what waits for aliases that this transaction sets. False: nothing waited."""
        if not accounts:
            return False
        releases = {alias: Release(alias, accounts[alias], f"imp_{self.random(8).hex()}") for alias in accounts}
        found = await aliases.take_waiting(c, list(accounts), PART)
        left = await aliases.still_waited_for(c, accounts) if len(found) == PART else set()
        await aliases.note_release(c, {alias: releases[alias].history for alias in left})
        for alias, part in groupby(found, key=lambda one: one.alias):
            await self._move(c, releases[alias], list(part), now, last=alias not in left)
        return bool(found)

    async def go_on(self) -> bool:
        """Move one part of what others have left. False: there was none."""
        async with self.uow.begin() as c:
            release = await aliases.lock_release(c)
            if release is None:
                return False
            part = await aliases.take_waiting(c, [release.alias], PART)
            last = len(part) < PART or not await aliases.still_waited_for(c, [release.alias])
            if last:
                await aliases.note_release(c, {release.alias: None})
            now_at = goes_on_as(await merged.all_of(c), release.account)
            await self._move(c, release._replace(account=now_at), part, self.clock.now(), last=last)
        self.wake_relay()
        return True

    async def end_import(
        self, id: str, actor: str, *, act_on_found: bool = False, silent_since: datetime | None = None
    ) -> bool:
        """Let nothing more into an import, and end it as soon as its publishes are confirmed.

        False where it was not open, or something came for it after `silent_since`.
        """
        async with self.uow.begin() as c:
            begun = await imports.begin_end(c, id, actor, act_on_found=act_on_found, silent_since=silent_since)
        await self.finish_import(id)
        return begun

    async def finish_import(self, id: str) -> None:
        """End an import that is ending, unless a publish of its is under way."""
        now = self.clock.now()
        async with self.uow.begin() as c:
            act_on_found = await imports.finish_end(c, id, now)
            if act_on_found is None:
                return
            for partition in range(self.partitions):
                await outbox.stage(c, partition, history_ended(id, partition, now, act_on_found=act_on_found))
        self.wake_relay()

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
        self, c: AsyncConnection, release: Release, part: Sequence[Waiting], now: datetime, *, last: bool
    ) -> None:
        """Stage a part of what waited for an alias; what is old of it as history, which ends with the last part."""
        partition = partition_of(release.account, self.partitions)
        old = sum(one.is_old(now) for one in part)
        if old:
            await imports.note_ended(c, release.history, f"waited for {release.alias}", old, now)
        messages = [_message(one, release, now) for one in part]
        if last and (old or await imports.is_noted(c, release.history)):
            messages += history_ended(release.history, partition, now, act_on_found=False)
        await outbox.stage(c, partition, messages)


def _message(one: Waiting, release: Release, now: datetime) -> Outgoing:
    value = released(one.value, release.account, now, release.history if one.is_old(now) else None)
    return Outgoing(CUSTOMER_EVENTS[one.type][0], release.account, value, one.headers)


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
