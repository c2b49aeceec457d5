"""Intake: what was read is checked, resolved and published, and each event is answered for.

Most events need no database: it is asked only where an alias, an import or a merging is in play, and every few seconds
for which accounts go on as others. What it decides is committed before anything is published, so that an alias's row is
there before its `account.updated`, and what comes after an `account.merged` goes to the new account.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec

from services.ingest.core.checking import Answer, Checked, Refusal, Waits, adjusted, check
from services.ingest.core.contents import is_alias
from services.ingest.core.erasing import forgotten_by, gone_by
from services.ingest.core.merging import goes_on_as, homes_of
from services.ingest.core.resolving import Resolved, accounts_of, names_of, resolve, value_of, with_subject
from services.ingest.core.senders import Sender
from services.ingest.publishing.releasing import Releasing
from services.ingest.receiving.usage import Usage
from services.ingest.store import aliases, erasing, imports, merged
from services.ingest.store import refused as refusals
from shared.clock import Clock
from shared.figures import Figures
from shared.log.protocol import Outgoing
from shared.log.publisher import Publisher
from shared.log.tokens import token_of
from shared.messages import tracing
from shared.pg.uow import UnitOfWork

_CACHED = 100_000
_FRESH: Final = timedelta(seconds=4)
"""How long it is believed which accounts go on as others: with the reading itself at most 5 s."""


class Intake:
    """Takes events in."""

    def __init__(
        self,
        *,
        uow: UnitOfWork,
        publisher: Publisher,
        releasing: Releasing,
        clock: Clock,
        random: tracing.RandomBytes,
        figures: Figures,
        usage: Usage,
        cluster: Callable[[], str],
    ) -> None:
        self._usage, self._cluster = usage, cluster
        self._uow, self._publisher, self._releasing = uow, publisher, releasing
        self._clock, self._random = clock, random
        accepted, refused = "Events confirmed by the broker, or kept waiting.", "Events refused, by their code."
        self._accepted = figures.count("keepwell_events_accepted_total", accepted, "type")
        self._refused = figures.count("keepwell_events_refused_total", refused, "code")
        self._aliases: dict[str, str] = {}
        """Aliases that are set. They never change, so they may be remembered for as long as there is room."""
        self._merged: dict[str, str] = {}
        """Accounts that go on as others, as of `_read_at`: those merged here at once, those merged elsewhere soon."""
        self._read_at: datetime | None = None
        self._reading = asyncio.Lock()

    def check_open(self) -> None:
        """Raises `Unconfirmed` while the broker keeps us waiting: nobody needs to read a body then."""
        self._publisher.check()

    async def take(self, raws: Sequence[msgspec.Raw], sender: Sender) -> Answer:
        """Take what can be taken, and return when the broker, or the database for what waits, has confirmed it.

        Raises `Unconfirmed` when the broker has not: then the sender sends everything again, with the same ids.
        """
        now = self._clock.now()
        checked, refused = check(raws, now, sender)
        await self._read_merged(now)
        headers = tracing.headers()
        ready, unsettled = self._sort(checked)
        waiting: list[Checked] = []
        publish = ""
        if unsettled:
            publish = self._random(8).hex()
            settled = await self._settle(unsettled, publish, headers, now)
            ready = sorted([*ready, *settled.ready], key=lambda event: event.index)
            refused = sorted([*refused, *settled.refused], key=lambda refusal: refusal.index)
            waiting = settled.waiting
        reached = await self._publisher.publish(_messages(ready, headers))
        histories = {event.history: 0 for event in unsettled if event.history is not None}
        if histories:
            histories |= Counter(event.history for event in ready if event.history is not None)
            async with self._uow.begin() as c:
                await imports.confirm(c, publish, histories)
        taken = [*ready, *waiting]
        self._count(sender, taken, refused)
        forget_by = gone_by(now) if await self._forget(taken, now) else msgspec.UNSET
        return Answer(
            len({event.index for event in taken}),
            refused,
            [Waits(event.index, event.id, event.subject) for event in sorted(waiting, key=lambda event: event.index)],
            adjusted(taken),
            token=token_of(reached, self._cluster()),
            topics_forget_by=forget_by,
        )

    def _sort(self, checked: Sequence[Checked]) -> tuple[list[Checked], list[Checked]]:
        """Events that can go at once, and those for which the database must be asked."""
        ready: list[Checked] = []
        unsettled: list[Checked] = []
        for event in checked:
            if not event.aliases and event.into is None and ":" not in event.subject:
                if event.history is not None:
                    unsettled.append(event)
                    continue
                if event.subject not in self._merged:
                    ready.append(event)
                    continue
            account = self._aliases.get(event.subject) if is_alias(event.subject) else event.subject
            known = account is not None and all(self._aliases.get(name) == account for name in names_of(event))
            if known and account is not None and event.history is None and event.into is None:
                ready += [with_subject(event, home) for home in homes_of(event.type, account, self._merged)]
            else:
                unsettled.append(event)
        return ready, unsettled

    async def _settle(self, events: list[Checked], publish: str, headers: dict[str, str], now: datetime) -> Resolved:
        """Decide, in one transaction, over events that need the database.

        Why nothing waits for ever, and nothing is lost between two requests: an event with an alias that nobody knows
        writes the alias's row and locks it before it waits, and so does whoever sets the alias. So one of the two comes
        second, and sees what the first has committed: either the account, or what waits. All lock rows of aliases in
        one order, so that they never wait for each other in a circle; rows of `waiting` are written only under the
        lock of their alias. The transaction commits before anything is published: had the `account.updated` gone first
        and the commit failed, scoring would know an alias that ingest does not, and what waits for it would stay.
        """
        histories = {event.history for event in events if event.history is not None}
        async with self._uow.begin() as c:
            is_open = await imports.admit(c, histories, publish, now) if histories else {}
            refused = [_outside(e, is_open) for e in events if e.history is not None and not is_open.get(e.history)]
            gone = {refusal.index for refusal in refused}
            events = [event for event in events if event.index not in gone]
            names = {name for event in events for name in names_of(event)}
            known = await aliases.lock(c, sorted(names), now)
            goes_on, heard_of = self._merged, set[str]()
            if named := accounts_of(events, known):
                goes_on = await merged.lock(c)
                heard_of = await merged.known(c, {goes_on_as(goes_on, name) for name in named})
            settled = resolve(events, known, goes_on, heard_of)
            await merged.merge(c, settled.newly_merged, now)
            await aliases.give(c, settled.newly_set, now)
            await aliases.keep_waiting(c, settled.waiting, headers, now)
            moved = await self._releasing.begin(c, settled.newly_set, now)
        settled.refused += refused
        if len(self._aliases) > _CACHED:
            self._aliases.clear()
        self._aliases.update({name: account for name, account in known.items() if account is not None})
        self._aliases.update(settled.newly_set)
        # For good: so what was read before somebody merged can't undo it.
        self._merged = {**self._merged, **goes_on, **settled.newly_merged}
        if moved:
            self._releasing.wake()
        return settled

    async def _forget(self, taken: Sequence[Checked], now: datetime) -> bool:
        """Delete what is kept and shown of those whom these events erase. Returns whether there are any."""
        forgotten = forgotten_by(taken)
        if forgotten:
            async with self._uow.begin() as c:
                for one in forgotten:
                    await erasing.forget(c, one, now)
                    await refusals.forget(c, one)
        return bool(forgotten)

    async def _read_merged(self, now: datetime) -> None:
        """Know which accounts go on as others. Requests that come meanwhile wait for the one reading."""
        if not self._is_fresh(now):
            async with self._reading:
                if not self._is_fresh(now):
                    async with self._uow.begin() as c:
                        self._merged = {**self._merged, **await merged.all_of(c)}
                    self._read_at = now

    def _is_fresh(self, now: datetime) -> bool:
        return self._read_at is not None and abs(now - self._read_at) < _FRESH

    def _count(self, sender: Sender, taken: Sequence[Checked], refused: Sequence[Refusal]) -> None:
        by_type = Counter(event.type for event in taken)
        for type, count in by_type.items():
            self._accepted.add(count, type)
        if sender.name:
            self._usage.take(sender.name, by_type)
            self._usage.refuse(sender.name, len(refused))
        for code, count in Counter(refusal.code for refusal in refused).items():
            self._refused.add(count, code)


def _messages(events: Sequence[Checked], headers: dict[str, str]) -> list[Outgoing]:
    by_type = {type: {**headers, "ce_type": type} for type in {event.type for event in events}}
    return [Outgoing(event.topic, event.subject, value_of(event), by_type[event.type]) for event in events]


def _outside(event: Checked, is_open: dict[str, bool]) -> Refusal:
    if event.history in is_open:
        words = f"The import {event.history!r} has ended. Open another (POST /v1/imports) for what is left."
        return Refusal(event.index, event.id, "import_ended", words)
    words = f"There is no import {event.history!r}. Open one (POST /v1/imports) and put its import_id in 'history'."
    return Refusal(event.index, event.id, "unknown_import", words)
