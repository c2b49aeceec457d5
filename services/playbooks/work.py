"""The work of one transaction on some accounts: lock and load, step the playbooks, save and send what came of it.

The worker's batches and timers go through it, and so does what people do by hand, so that there is one way to move.
Locks are taken in one order everywhere: accounts, episodes, items, people.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.playbooks import store
from services.playbooks.carrying import Rules, Wanted, carry_out, settle
from services.playbooks.changes import Changes
from services.playbooks.closing import Closing, close_items
from services.playbooks.core import step as steps
from services.playbooks.core.episode import Episode
from services.playbooks.core.look import Look
from services.playbooks.core.playbook import Playbook
from services.playbooks.core.standing import Standing, is_by_time, knew_until, owner, standing
from services.playbooks.core.step import Stepped
from services.playbooks.core.workinghours import OFFICE
from services.playbooks.digests import FoundRow
from services.playbooks.library import mark
from services.playbooks.reminders import remind
from services.playbooks.store import Item
from shared.messages.assessments import AccountAssessed, Cause

Move = Callable[[Playbook, Episode, Look], Stepped]


class _Context(NamedTuple):
    """Where a step comes from."""

    stands: Standing
    look: Look
    fresh: bool = False
    headers: Mapping[str, str] = {}
    found_at: datetime | None = None
    """When it is found so, if that is not the instant that is looked at."""


class Work:
    """Accounts at hand in one transaction. `load` first, then any moves, then `save`."""

    def __init__(
        self, c: AsyncConnection, partition: int, rules: Rules, marked_through: datetime | None = None
    ) -> None:
        self.marked_through = marked_through
        """All that was accepted by then in this partition has been assessed; None is not known."""
        self._c = c
        self._partition = partition
        self._rules = rules
        self.changes = Changes()
        self.standings: dict[str, Standing] = {}
        self._latest: dict[tuple[str, str], Episode] = {}
        self._wanted: list[Wanted] = []
        self._next: dict[str, datetime] = {}
        self._ended: dict[str, str] = {}
        self._closing: list[Closing] = []

    async def load(self, accounts: Iterable[str]) -> None:
        """Lock these accounts and their latest episodes."""
        ids = sorted(set(accounts))
        rows = await store.lock_accounts(self._c, ids)
        self.standings = {id: row.standing for id, row in rows.items()}
        found = await store.lock_episodes(self._c, ids)
        await self._rules.library.fetch(self._c, found)
        self._latest = {(one.account, one.playbook): one for one in found}

    async def save(self) -> None:
        """Carry out what was asked for and write everything."""
        accounts = {one.account for one in self._closing}
        accounts |= {one.account for one in self.changes.episodes.values() if one.id in self._ended}
        if accounts:
            stored = await store.lock_open(self._c, sorted(accounts))
            self._close_items([self.changes.items.get(one.id, one) for one in stored])
        loads = await carry_out(self._c, self.changes, self._wanted, self._rules)
        # What was asked for and ended in one transaction ends as it would in two.
        self._close_items(list(self.changes.items.values()))
        await settle(self._c, self.changes, loads)
        await self.changes.save(self._c, self._partition)

    # What accounts go through

    def assess(self, account: str, assessed: AccountAssessed, headers: Mapping[str, str]) -> None:
        """Look at an account right after an assessment, which is the next one by its rev."""
        if assessed.gone is None:
            self._meet(account, assessed.at)
            self._look_first(account, knew_until(assessed))
        before, cause = self.standings.get(account), assessed.cause
        # Looks never go back in time, whatever the clocks say.
        now = max(assessed.at, before.at) if before is not None else assessed.at
        found_in = assessed.found_in
        if found_in is None and cause.kind == "scorecard":
            found_in = f"scorecard {assessed.scorecard}"
        look = self._look(
            stands := msgspec.structs.replace(standing(account, assessed), at=now),
            f"rev {assessed.rev}",
            f"{cause.source} {cause.id}" if cause.kind == "event" else cause.kind,
            by_time=is_by_time(cause),
            unknown=assessed.unknown,
            cause=cause,
            found_in=found_in,
            act_on_found=assessed.act_on_found,
        )
        if stands.gone is not None:
            self._leave(stands, look, stands.gone)
        else:
            self._walk(_Context(stands, look, fresh=True, headers=headers))

    def time(self, account: str, at: datetime) -> None:
        """Look at an account because its timer came due at `at`."""
        self._meet(account, at)
        stands = self._moved_on(account, at)
        if stands is not None and stands.gone is None:
            self._walk(_Context(stands, self._look(stands, f"at {stands.at.isoformat()}", "time", by_time=True)))

    def by_hand(self, episode: Episode, move: Move, actor: str, now: datetime) -> None:
        """Move one episode because a person said so."""
        stands = self._moved_on(episode.account, now)
        playbook = self._rules.library.of(episode.playbook, episode)
        if stands is not None and playbook is not None:
            look = self._look(stands, f"at {stands.at.isoformat()}", actor, by_time=False)
            self._note(playbook, move(playbook, episode, look), _Context(stands, look))
            self._remember(stands.account, stands.look_at, stands.met)

    def episode(self, id: str) -> Episode | None:
        """An account's latest episode of a playbook, by its id; None when a later one has taken its place."""
        return next((one for one in self._latest.values() if one.id == id), None)

    def remind_of(self, item: Item) -> None:
        """Do what is due for a timed item, unless time has settled it: then nobody wants to hear of it.

        A snoozed alert about a state of affairs that has passed is closed; what was told of an event stays true.
        """
        stands, episode = self.standings[item.account_id], self.episode(item.episode_id)
        is_active = episode is not None and episode.state == "active"
        if not is_active and item.snoozed_until is not None and item.snoozed_until <= stands.at:
            playbook = self._rules.library.of(item.playbook, episode)
            if playbook is not None and playbook.on_event is None:
                self.changes.close(item, "closed", episode.outcome if episode is not None else "", "time", stands.at)
                return
        if is_active or item.kind != "task":
            remind(self.changes, item, stands, self._rules.directory)

    # What comes before a look

    def _look_first(self, account: str, until: datetime | None) -> None:
        """Do the looks that were due before `until`: their timer is late, and what held then must not be lost.

        Nor must such a look miss what was accepted before it: scoring reads several topics, and may have told of a late
        event in one before it read an early one in another. How far it has read all, marks say.
        """
        if until is not None and self.marked_through is not None:
            until = min(until, self.marked_through)
        while until is not None and (stands := self.standings.get(account)) is not None:
            if stands.look_at is None or stands.look_at >= until:
                return
            self.time(account, stands.look_at)

    def _meet(self, account: str, at: datetime) -> None:
        """Let playbooks that are new or changed look at how the account stood: what held already is found so."""
        stands, library = self.standings.get(account), self._rules.library
        if stands is None or stands.gone or stands.met is None or stands.met == library.marks:
            return
        for playbook in library.current.values():
            episode = self._latest.get((account, playbook.id))
            if mark(playbook) in stands.met or (episode is not None and episode.is_open):
                continue
            look = self._look(
                stands, f"met {playbook.version}", "keepwell", by_time=True, found_in=f"playbook {playbook.name}"
            )
            self._step(playbook, _Context(stands, look, found_at=max(at, stands.at)))
        self.standings[account] = msgspec.structs.replace(stands, met=library.marks)

    def _remember(self, account: str, also: datetime | None, met: list[int] | None) -> None:
        """Note in the standing when to look next, and who has looked."""
        at = min((one for one in (also, self._next.pop(account, None)) if one is not None), default=None)
        stands = msgspec.structs.replace(self.standings[account], look_at=at, met=met)
        self.standings[account] = self.changes.standings[account] = stands

    # One look

    def _moved_on(self, account: str, at: datetime) -> Standing | None:
        stands = self.standings.get(account)
        if stands is not None:
            stands = self.standings[account] = msgspec.structs.replace(stands, at=max(at, stands.at))
            self.changes.standings[account] = stands
        return stands

    def _look(
        self,
        stands: Standing,
        occasion: str,
        actor: str,
        *,
        by_time: bool,
        unknown: Mapping[str, str] | None = None,
        cause: Cause | None = None,
        found_in: str | None = None,
        act_on_found: bool = False,
    ) -> Look:
        name = owner(stands)
        return Look.of(
            stands.account,
            stands.facts,
            stands.at,
            unknown,
            occasion=occasion,
            actor=actor,
            by_time=by_time,
            cause=cause,
            quiet=stands.quiet,
            found_in=found_in,
            act_on_found=act_on_found,
            hours=self._rules.directory.person(name).hours if name else OFFICE,
        )

    def _walk(self, context: _Context) -> None:
        """Step every playbook of an account, those that close others last."""
        account, library = context.stands.account, self._rules.library
        self.standings[account] = context.stands
        self._next.pop(account, None)
        names = {*library.current, *(name for one, name in self._latest if one == account)}
        closers = {name for name, playbook in library.current.items() if playbook.closes}
        for name in sorted(names, key=lambda one: (one in closers, one)):
            own = library.of(name, self._latest.get((account, name)))
            if own is None:
                continue
            episode, current = self._step(own, context), library.current.get(name)
            if episode is not None and not episode.is_open and current is not None and current != own:
                # The last episode of an old version is closed: the one in force looks, too. What holds for it now
                # though the old one has ended, holds because of the change.
                found_in = context.look.found_in or f"playbook {current.name}"
                look = msgspec.structs.replace(context.look, found_in=found_in)
                self._step(current, context._replace(look=look))
        self._remember(account, None, library.marks)

    def _leave(self, stands: Standing, look: Look, reason: str) -> None:
        """Close all that is open of an account that has gone."""
        self.standings[stands.account] = stands
        for episode in [one for one in self._latest.values() if one.account == stands.account and one.is_open]:
            self._keep(steps.leave(episode, look, reason))
        self._closing.append(Closing(stands.account, None, frozenset(), look.now, reason, look.actor))
        self._remember(stands.account, None, self._rules.library.marks)

    def _step(self, playbook: Playbook, context: _Context) -> Episode | None:
        in_force = self._rules.library.current.get(playbook.id)
        stepped = steps.step(in_force, self._latest.get((context.stands.account, playbook.id)), context.look, playbook)
        self._note(playbook, stepped, context)
        return stepped.episode

    def _note(self, playbook: Playbook, stepped: Stepped, context: _Context) -> None:
        """Remember what a step came to."""
        episode, look, changes = stepped.episode, context.look, self.changes
        changes.set_timer(look.account, stepped.timer)
        if stepped.timer is not None:
            self._next[look.account] = min(stepped.timer, self._next.get(look.account, stepped.timer))
        if episode is None:
            return
        if stepped.closed is not None:
            changes.episodes[stepped.closed.id] = stepped.closed
            changes.retired.add(stepped.closed.id)
        self._keep(stepped)
        caused_at = look.cause.accepted if look.cause is not None else None
        self._wanted += [
            Wanted(ask, playbook, episode, context.stands, look.now, context.fresh, caused_at, context.headers)
            for ask in stepped.asks
        ]
        for move in stepped.moves:
            if move.after == "found" and look.found_in is not None:
                at = context.found_at or look.now
                changes.found(FoundRow(look.found_in, episode.id, owner(context.stands), at))
            elif move.after == "over":
                self._ended[move.subject] = move.reason
        if stepped.fired and playbook.closes:
            self._close_others(playbook, context)

    def _keep(self, stepped: Stepped) -> None:
        """Write the episode, if anything changed, and its moves."""
        episode = stepped.episode
        if episode is not None and self._latest.get((episode.account, episode.playbook)) != episode:
            self._latest[episode.account, episode.playbook] = self.changes.episodes[episode.id] = episode
        self.changes.note(*stepped.moves)

    def _close_others(self, playbook: Playbook, context: _Context) -> None:
        account, look, reason = context.stands.account, context.look, f"closed by {playbook.id}"
        spared = set()
        for name in playbook.closes:
            episode = self._latest.get((account, name))
            other = self._rules.library.of(name, episode)
            if episode is not None and other is not None:
                stepped = steps.close(other, episode, look, reason)
                self._note(other, stepped, context)
                if stepped.episode is not None and stepped.episode.is_under_way:
                    spared.add(episode.id)
        self._closing.append(Closing(account, playbook.closes, frozenset(spared), look.now, reason, look.actor))

    def _close_items(self, items: Sequence[Item]) -> None:
        close_items(self.changes, items, self._closing, self._ended, self.standings)
