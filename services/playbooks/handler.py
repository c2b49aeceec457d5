"""One batch of assessments and answers: load the accounts, step their episodes, save and stage what they ask for."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from services.playbooks import digests, preferring, store, subscribing
from services.playbooks.core import desk, reminding
from services.playbooks.core.changes import ACCOUNT_KEY, FOUND_KEY, MOVED_KEY
from services.playbooks.core.findings import lists, lists_due
from services.playbooks.core.interruptions import Interruption, after_mark
from services.playbooks.core.moved import list_due, list_of
from services.playbooks.core.preferring import chosen
from services.playbooks.core.rules import Rules, RulesInForce
from services.playbooks.core.sweep import MEET_KEY, heed, introduce
from services.playbooks.core.work import Work
from services.playbooks.people import absence
from shared.clock import Clock
from shared.figures import Figures, effect
from shared.messages import tracing
from shared.messages.assessments import AccountAssessed, PartitionMark
from shared.messages.deliveries import DeliveryResponded, DeliverySettled
from shared.messages.outward import WebhooksWanted
from shared.messages.preferences import PreferencesWanted
from shared.pg import bulk
from shared.worker.handler import Handler, Incoming

_LOG = logging.getLogger(__name__)
_ALARM: Final = timedelta(seconds=60)


class Adopted(NamedTuple):
    """What a partition goes by, and since when its playbooks are in force there."""

    rules: Rules
    since: datetime


class PlaybooksHandler(Handler):
    """Keeps nothing of accounts in memory: every row is read and locked anew."""

    def __init__(
        self,
        rules: RulesInForce,
        figures: Figures,
        clock: Clock,
        heard: Callable[[WebhooksWanted], None] = lambda _: None,
    ) -> None:
        self._in_force, self._heard = rules, heard
        """The second is told of what endpoints want, when it is written."""
        self._repeats = figures.count("keepwell_repeated_events_total", "Events seen before, and not counted.")
        self._dropped = figures.count("keepwell_assessment_gaps_total", "Assessments dropped: not the next one.")
        self._last_resort = figures.count(
            "keepwell_last_resort_total", "Tasks, alerts and flags that nobody was found for but the last resort."
        )
        self._circling = figures.count(
            "keepwell_circling_playbooks_total", "Traits that playbooks had set too often within a day to set again."
        )
        self._effect = effect(figures)
        self._clock = clock
        self._gaps: dict[int, dict[str, datetime]] = {}
        self._decided: dict[int, list[datetime]] = {}
        self._marked_through: dict[int, datetime | None] = {}
        self._interruptions: dict[int, tuple[Interruption, ...]] = {}
        self._wanted: dict[int, WebhooksWanted | None] = {}
        self._adopted: dict[int, Adopted] = {}
        """By partition: what it goes by."""

    async def handle(
        self, c: AsyncConnection, partition: int, batch: Sequence[Incoming], now: datetime, behind: bool
    ) -> None:
        """Take each assessment that is the next one of its account; move what recipients answered to.

        Marks may be among them: what is late is looked at only as far as they vouch for.
        """
        del behind
        batch = await preferring.fold(c, batch)
        batch, self._wanted[partition] = await subscribing.fold(c, batch)
        wanted = [one for one in batch if isinstance(one.data, PreferencesWanted)]
        batch = [one for one in batch if not isinstance(one.data, PreferencesWanted)]
        looked = [one for one in batch if not isinstance(one.data, DeliverySettled)]
        accounts = {one.event.subject for one in looked if not isinstance(one.data, PartitionMark)}
        interruptions, (rules, since) = self._interruptions[partition], self._goes_by(partition)
        work = await store.load(c, rules, accounts, self._marked_through.get(partition), interruptions, since)
        # They lock items, too, so they come before people.
        settled = [one.data for one in batch if isinstance(one.data, DeliverySettled)]
        # What arrived by one road was delivered.
        settled.sort(key=lambda one: one.state == "delivered")
        await store.note_settled(c, {id: one.state for one in settled for id in one.action_ids})
        if settled and accounts:
            # What it says is read with what is open.
            await bulk.written(c)
        answers = [one for one in looked if isinstance(one.data, DeliveryResponded)]
        meant = [id for one in answers for id in (one.data.item_id, one.data.action_id) if id]
        claimed = [(one.event.subject, _response(one), now) for one in (*answers, *wanted)]
        first = await store.claim_responses(c, claimed)
        known = await store.lock_meant(c, [one.event.subject for one in answers], meant)
        work.changes.beside.meet(known)
        for one in looked:
            if isinstance(one.data, PartitionMark):
                work.marked_through = self._marked_through[partition] = one.data.through
                told = after_mark(self._interruptions[partition], one.data)
                work.interruptions = self._interruptions[partition] = told
            elif isinstance(one.data, AccountAssessed):
                self._assess(work, partition, one, now)
            elif (key := (one.event.subject, _response(one))) in first:
                first.remove(key)
                heed(work, one.event.subject)
                desk.respond(work, one.event.subject, known, one.data)
            else:
                self._repeats.add()
        for one in wanted:
            self._prefer(work, one, first)
        await store.save(c, partition, work, adopted=True)
        self._count(work)
        if (changed := self._interruptions[partition]) is not interruptions:
            # Whose clock is behind looks no earlier than the mark says.
            await store.keep_interruptions(c, partition, changed, max(now, work.marked_through or now))
        accepted = (message.event.accepted for message in work.changes.out)
        self._decided[partition] = [at for at in accepted if at is not None]

    def _prefer(self, work: Work, one: Incoming, first: set[tuple[str, str]]) -> None:
        """Tell on what somebody wants who sent the form of their own digest, once."""
        if (key := (one.event.subject, _response(one))) not in first:
            self._repeats.add()
            return
        first.remove(key)
        told = chosen(work.rules.directory, one.data)
        if told is None:
            _LOG.warning("%s can't set the preferences of %s.", one.data.actor, one.data.person)
        else:
            work.changes.out.append(told)

    def hears(self, partition: int, marks: Sequence[Incoming]) -> bool:
        """Take down up to when they vouch, unless they say of interruptions what is not yet written."""
        known = self._interruptions[partition]
        if any(after_mark(known, one.data) is not known for one in marks):
            return False
        self._marked_through[partition] = marks[-1].data.through
        return True

    async def taken(self, c: AsyncConnection, partition: int, now: datetime) -> None:
        """Go by the rules in force."""
        self._interruptions[partition] = await store.interruptions(c, partition)
        await self._adopt(c, partition, now)

    def looks(self, partition: int, through: datetime) -> bool:
        """Whether other rules are in force than the partition goes by."""
        del through
        return self._adopted[partition].rules is not self._in_force()

    async def look(self, c: AsyncConnection, partition: int, through: datetime, now: datetime) -> None:
        """Go over to the rules in force, between two batches."""
        del through
        await self._adopt(c, partition, now)

    async def _adopt(self, c: AsyncConnection, partition: int, now: datetime) -> None:
        """Go by the rules in force; where people are others, somebody may be found for what lies with nobody."""
        before, rules = self._adopted.get(partition), self._in_force()
        since = await store.adopt(c, partition, rules, now)
        if before is None or before.rules.directory is not rules.directory:
            await absence.wake(c, partition, rules.directory, now)
        self._adopted[partition] = Adopted(rules, since)

    def _goes_by(self, partition: int) -> Adopted:
        """What a partition goes by. What endpoints want counts at once: accounts need not meet that."""
        adopted, subscribed = self._adopted[partition], self._in_force().subscribed
        if adopted.rules.subscribed == subscribed:
            return adopted
        return adopted._replace(rules=adopted.rules._replace(subscribed=subscribed))

    async def on_timers(
        self, c: AsyncConnection, partition: int, due: Sequence[tuple[str, datetime]], now: datetime
    ) -> None:
        """Look at accounts again on the second that was set, remind of what is overdue, tell what was found.

        Accounts whose turn it is meet playbooks that are new or changed. Digests say how things are now.
        """
        accounts = {key.removeprefix(ACCOUNT_KEY): at for key, at in due if key.startswith(ACCOUNT_KEY)}
        meet = {key.removeprefix(MEET_KEY): at for key, at in due if key.startswith(MEET_KEY)}
        rules, since = self._goes_by(partition)
        known: Any = {"interruptions": self._interruptions[partition], "adopted_at": since}
        work = await store.load(c, rules, {*accounts, *meet}, **known)
        timed = await store.lock_timed(c, sorted(accounts), rules.directory)
        # Where an alert may go up, what else is open there matters.
        alerts = sorted({one.account_id for one in timed if one.kind == "alert"})
        work.changes.beside.meet([*timed, *await store.lock_meant(c, alerts, [])])
        for account in sorted(accounts):
            work.time(account, accounts[account])
        for account in sorted(meet):
            introduce(work, account, meet[account])
        for item in timed:
            reminding.remind(work, item)
        # All partitions send for one another: in one order, so that none waits for one that waits for it.
        for key, at in sorted(due):
            if key.startswith(FOUND_KEY):
                await self._tell_found(c, work, key.removeprefix(FOUND_KEY), at)
            elif key.startswith(MOVED_KEY):
                await self._tell_moved(c, work, key.removeprefix(MOVED_KEY), at)
            elif key == digests.KEY:
                await self._tell_days(c, work, max(now, at))
        await store.save(c, partition, work, adopted=True)
        self._count(work)

    async def _tell_found(self, c: AsyncConnection, work: Work, import_id: str, at: datetime) -> None:
        """Send the lists of an import, or look again later when something was found since."""
        span = await store.lock_found(c, import_id)
        if span is None:
            return
        due = lists_due(import_id, *span)
        if due > at:
            work.changes.timers[FOUND_KEY + import_id] = due
            return
        found = await store.take_found(c, import_id, at)
        for message in lists(found, import_id, work.rules.library, work.rules.directory, at):
            work.changes.tell(message, at)

    async def _tell_moved(self, c: AsyncConnection, work: Work, list_id: str, at: datetime) -> None:
        """Tell whoever answers for somebody what of theirs moved, or look again later when more did since."""
        last = await absence.lock_moved(c, list_id)
        if last is None:
            return
        if (due := list_due(last)) > at:
            work.changes.timers[MOVED_KEY + list_id] = due
            return
        moved = await absence.take_moved(c, list_id, at)
        known = await absence.former(c, [row.whose for row, _ in moved[:1]])
        if (message := list_of(moved, work.rules.directory, known, at)) is not None:
            work.changes.tell(message, at)

    async def _tell_days(self, c: AsyncConnection, work: Work, now: datetime) -> None:
        """Send some of the digests that are due, and look again when the next is."""
        for message in await digests.make(c, work.rules, now):
            work.changes.tell(message, now)
        work.changes.timers |= await digests.next_look(c, now)

    def _assess(self, work: Work, partition: int, one: Incoming, now: datetime) -> None:
        account, assessed = one.event.subject, one.data
        last = work.standings.get(account)
        if last is not None and assessed.rev <= last.rev:
            self._repeats.add()
            return
        gaps = self._gaps.setdefault(partition, {})
        if last is not None and assessed.rev > last.rev + 1 and not self._has_waited(gaps, account, assessed.rev, now):
            return
        gaps.pop(account, None)
        headers = {tracing.HEADER: one.record.headers[tracing.HEADER]} if tracing.HEADER in one.record.headers else {}
        work.assess(account, assessed, headers)

    def _count(self, work: Work) -> None:
        opened = [move.subject for move in work.changes.moves if move.before is None]
        fallen = sum(work.changes.items[id].last_resort for id in opened if id in work.changes.items)
        if fallen:
            self._last_resort.add(fallen)
        for move in work.changes.circling:
            self._circling.add()
            episode = work.changes.episodes[move.subject]
            with tracing.about(episode.account):
                _LOG.warning("Playbook %s %s.", episode.playbook, move.reason)

    def _has_waited(self, gaps: dict[str, datetime], account: str, rev: int, now: datetime) -> bool:
        """One that comes too early is dropped: the relay sends everything again from what was not confirmed.

        What is missing for a minute will not come any more. That is an alarm, but no reason to look away for ever.
        """
        self._dropped.add()
        since = gaps.setdefault(account, now)
        waited = now - since >= _ALARM
        with tracing.about(account):
            log = _LOG.error if waited else _LOG.warning
            log("Assessments before %s are missing since %s.", rev, since)
        return waited

    def gaps(self, now: datetime) -> int:
        """Accounts whose next assessment has been missing for a minute."""
        return sum(now - since >= _ALARM for gaps in self._gaps.values() for since in gaps.values())

    def committed(self, partition: int) -> None:
        """Measure how long the events of the batch took to be decided about."""
        if (wanted := self._wanted.pop(partition, None)) is not None:
            self._heard(wanted)
        now = self._clock.now()
        for caused_at in self._decided.pop(partition, ()):
            self._effect.observe(max(0.0, (now - caused_at).total_seconds()), "decided")

    def forget(self, partition: int) -> None:
        """Nothing is remembered that is not read again; whose partition it is now sees what is missing for itself."""
        known: tuple[dict[int, Any], ...] = (self._decided, self._gaps, self._marked_through)
        for remembered in (*known, self._interruptions, self._wanted, self._adopted):
            remembered.pop(partition, None)


def _response(one: Incoming) -> str:
    """What tells one answer from another."""
    return one.data.response_id or one.event.id
