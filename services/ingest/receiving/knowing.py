"""Finds the account of what names none, by where its user was last known to be, and learns where users are.

A record that names its account, of a user who is known to be there, asks no database.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.ingest.core.contents import is_alias
from services.ingest.core.knowing import SAME, Known, Stated, alias_of, news_in, stated_in
from services.ingest.core.merging import goes_on_as
from services.ingest.core.senders import Sender
from services.ingest.core.sent import Record, Said
from services.ingest.publishing.releasing import Releasing
from services.ingest.store import aliases, known, merged
from shared.pg.uow import UnitOfWork

_CACHED: Final = 100_000
_RESTLESS: Final = 100
_A_WHILE: Final = timedelta(minutes=1)
"""Who moves all the time is a machine, or one of ours: where they are is kept no more often than this."""


class _Seen(msgspec.Struct):
    """The latest that was said of a user here: kept of its first time, and said again up to `last`."""

    stated: Stated
    last: datetime
    moves: int = 0
    """How often they were somewhere else than before."""

    def tells(self, account: str | None, at: datetime, other: str = "") -> bool:
        """Whether nothing is to be learnt from a statement: it was said just so shortly before, or they never rest."""
        before = self.stated
        since = before.at
        if account == before.account and other == before.other:
            return since <= at < since + SAME
        return self.moves > _RESTLESS and since <= at < since + _A_WHILE

    def followed(self, by: Stated) -> "_Seen":
        """What is known once something new was said."""
        return _Seen(by, by.at, self.moves + (self.stated.account != by.account))


class Knowing:
    """What is known of users, by the key's source."""

    def __init__(self, uow: UnitOfWork, releasing: Releasing) -> None:
        self._uow, self._releasing = uow, releasing
        self._seen: dict[tuple[str, str], _Seen] = {}

    async def placed(self, records: Sequence[Record], sender: Sender, now: datetime) -> Sequence[Record]:
        """The records, of which each event names its account, or the alias under which it waits for one.

        What is learnt is committed: an event that comes again finds the same.
        """
        source = sender.source
        if sender.test:
            # What is remembered here is of those who count.
            stated = list(stated_in(records, now))
        else:
            telling = [one for one in records if (one.knows or one.same) and not self._is_told(source, one, now)]
            stated = self._fresh(source, stated_in(telling, now)) if telling else []
        events: dict[known.Event, datetime] = {}
        for record in records:
            for said in record.said:
                if said.account is None and said.user is not None:
                    events[said.source or source, said.id, said.user] = said.time or now
        if not stated and not events:
            return records
        accounts = await self._ask(source, stated, events, now, keep=not sender.test)
        return [_with_accounts(record, sender, accounts) for record in records] if events else records

    def _is_told(self, source: str, record: Record, now: datetime) -> bool:
        """Whether a record states nothing but what is known: as good as all do."""
        if record.same:
            return False
        for one in record.knows:
            seen = self._seen.get((source, one.user))
            if seen is None or not seen.tells(one.account, one.at):
                return False
            if one.at > seen.last:
                seen.last = min(one.at, now)
        return True

    def _fresh(self, source: str, stated: Iterable[Stated]) -> list[Stated]:
        """What isn't known here to be known."""
        fresh: list[Stated] = []
        mine: dict[str, _Seen] = {}
        for one in stated:
            if (seen := mine.get(one.user)) is None:
                seen = self._seen.get((source, one.user))
            if seen is not None:
                if seen.tells(one.account, one.at, one.other):
                    seen.last = max(seen.last, one.at)
                    continue
                if seen.stated.at < one.at < seen.last:
                    # It comes late, between two that said the same, of which the second was no news until now.
                    fresh.append(seen.stated._replace(at=seen.last))
            fresh.append(one)
            if seen is None or seen.stated.at <= one.at:
                mine[one.user] = _Seen(one, one.at) if seen is None else seen.followed(one)
        return fresh

    async def _ask(
        self,
        source: str,
        stated: Sequence[Stated],
        events: Mapping[known.Event, datetime],
        now: datetime,
        *,
        keep: bool,
    ) -> dict[known.Event, str]:
        """Learn, and find the accounts of events, in one transaction.

        Why nothing waits for ever: whoever is the first to place a user locks the user's alias, and reads again what
        was said meanwhile. An event that waits locks the same row before it does. So one of the two comes second, and
        sees what the first has committed.
        """
        moved = False
        async with self._uow.begin() as c:
            accounts = await known.resolved_of(c, events) if events else {}
            unplaced = {event: at for event, at in events.items() if event not in accounts}
            asked = {(user, at) for (_, _, user), at in unplaced.items()}
            rows = await _rows(c, source, asked.union((one.user, one.at) for one in stated), stated)
            news = news_in(stated, rows)
            if news and keep:
                await known.state(c, source, news)
                moved = await self._settle(c, source, news, rows, now)
            found = Known([*rows, *news])
            new = {
                event: found.account_of(event[2], at) or alias_of(source, event[2]) for event, at in unplaced.items()
            }
            if new and keep:
                await known.resolve(c, new, now)
        if keep:
            self._remember(source, stated)
        if moved:
            self._releasing.wake()
        return {**new, **accounts}

    async def _settle(
        self, c: AsyncConnection, source: str, news: Sequence[Stated], rows: Sequence[Stated], now: datetime
    ) -> bool:
        """Set the aliases of those who are placed for the first time, and let go what waited. False: nothing did."""
        found, locked = Known([*rows, *news]), dict[str, str | None]()
        named = _newly_named(news, rows)
        # Somebody is where one other name is, and no further along: those beside who is named are all that it moves.
        users = named | found.relatives(named)
        while names := {alias_of(source, user) for user in users} - locked.keys():
            locked |= await aliases.lock(c, sorted(names), now)
            first = min(one.at for one in news)
            found = Known([*await _rows(c, source, {(user, first) for user in users}, news), *news])
            users |= found.relatives(named)
        unset = {user: name for user in users if locked[name := alias_of(source, user)] is None}
        placed = {name: account for user, name in unset.items() if (account := found.account_of(user, first))}
        if not placed:
            return False
        goes_on = await merged.all_of(c)
        foreign = await aliases.lock(c, sorted({one for one in placed.values() if is_alias(one)}), now)
        given = {
            name: goes_on_as(goes_on, home)
            for name, account in placed.items()
            if (home := foreign[account] if is_alias(account) else account)
        }
        for name in placed.keys() - given.keys():
            # They are at an account that is known by an alias which nobody has set.
            await aliases.move(c, name, placed[name])
        await aliases.give(c, given, now)
        return await self._releasing.begin(c, given, now)

    def _remember(self, source: str, stated: Iterable[Stated]) -> None:
        if len(self._seen) > _CACHED:
            self._seen.clear()
        for one in stated:
            seen = self._seen.get((source, one.user))
            if seen is None or seen.stated.at <= one.at:
                self._seen[source, one.user] = _Seen(one, one.at) if seen is None else seen.followed(one)


async def _rows(
    c: AsyncConnection, source: str, asked: set[tuple[str, datetime]], stated: Iterable[Stated]
) -> list[Stated]:
    """What was said of these users about these times, and of the other names that they have."""
    rows = await known.near(c, source, asked)
    relatives = Known([*rows, *stated]).relatives(user for user, _ in asked)
    return rows + await known.near(c, source, {(user, at) for user in relatives for _, at in asked})


def _newly_named(news: Sequence[Stated], rows: Sequence[Stated]) -> set[str]:
    """Users of whom nothing was known, and who have just been given another name."""
    before = Known(rows)
    firsts = {one.user for one in news if one.other or before.account_of(one.user, one.at) is None}
    return firsts | {one.other for one in news if one.other}


def _with_accounts(record: Record, sender: Sender, accounts: Mapping[known.Event, str]) -> Record:
    if all(said.account is not None for said in record.said):
        return record

    def placed(said: Said) -> Said:
        account = None if said.account else accounts.get((said.source or sender.source, said.id, said.user or ""))
        return msgspec.structs.replace(said, account=account) if account else said

    return msgspec.structs.replace(record, said=tuple(map(placed, record.said)))
