"""One look at an account with its playbooks: each is stepped, and what came of it is noted. `Work` says when."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from services.playbooks.core import step as steps
from services.playbooks.core.changes import Changes
from services.playbooks.core.directory import Csm
from services.playbooks.core.episode import Episode, Move, StepResult
from services.playbooks.core.episodes import Ending, Episodes
from services.playbooks.core.findings import Finding, list_of
from services.playbooks.core.glance import glance
from services.playbooks.core.interruptions import Interruption
from services.playbooks.core.look import Look, View
from services.playbooks.core.message import Errand, Visit
from services.playbooks.core.outcomes import firing
from services.playbooks.core.playbook import STARTED, Playbook
from services.playbooks.core.rules import Rules
from services.playbooks.core.standing import (
    Standing,
    mute_of,
    owner,
)


class Looking:
    """The accounts at hand, what is known of them, and what the looks so far have come to."""

    def __init__(
        self,
        rules: Rules,
        standings: Iterable[Standing],
        episodes: Iterable[Episode],
        marked_through: datetime | None = None,
        interruptions: Sequence[Interruption] = (),
        adopted_at: datetime | None = None,
    ) -> None:
        self.rules, self.interruptions = rules, interruptions
        """Of sources, by the marks so far."""
        self.marked_through = marked_through
        """All that was accepted by then in this partition has been assessed; None is not known."""
        self._adopted_at = adopted_at
        """Since when the playbooks are in force here."""
        self.changes = Changes(rules.directory, rules.subscribed)
        self.standings = {one.account: one for one in standings}
        self.episodes = Episodes(episodes, rules.library, self.changes)
        self.moved_on: set[str] = set()
        """The accounts of which time, or their owner, has moved on: what lies with nobody may find somebody."""
        self.owned_before: dict[str, str] = {}
        """By account: its former owner, whose open work there is to move to the new one."""
        self.former: dict[str, Csm] = {}
        """By id: people who have something here and are not in the directory any more, as they were known last."""
        self.to_seat: set[str] = set()
        """Items whose assignee was not there when they were to be reminded."""
        self.errands: list[Errand] = []
        self._next: dict[str, datetime] = {}
        self.looked_at: set[str] = set()
        """Of these, what was asked for may still wait to be sent."""
        self.ended: dict[str, Ending] = {}
        """By episode."""
        self.gone: dict[str, Ending] = {}
        """By account."""
        self.left: dict[str, Ending] = {}
        """By account: it is no customer any more, since now. What people wrote by hand about it ends."""

    # One look

    def _moved_on(self, account: str, at: datetime) -> Standing | None:
        stands = self.standings.get(account)
        if stands is not None:
            stands = self.changes.turn(msgspec.structs.replace(stands, at=max(at, stands.at)), max(at, stands.at))
            self.standings[account] = self.changes.standings[account] = stands
        return stands

    def _look(self, stands: Standing, occasion: str, actor: str, **others: Any) -> Look:
        """At an account as it stands; the others are what `Look.of` takes."""
        return glance(self.rules, self.interruptions, stands, occasion, actor, **others)

    def _walk(self, visit: Visit, changed: Collection[str] | None = None) -> None:
        """Step the playbooks and the open episodes to which what has changed (None: all) may matter; closers last."""
        account, library, latest = visit.stands.account, self.rules.library, self.episodes.at(visit.stands.account)
        before = self.standings.get(account)
        self.standings[account] = visit.stands
        self._next.pop(account, None)
        unasked = dict(before.unasked) if before is not None else {}
        moves, wanted = len(self.changes.moves), library.current if changed is None else library.concerned(changed)
        keys = {(name, visit.look.subject(library.current[name].per)) for name in wanted}
        keys |= {
            key
            for key, one in latest.items()
            if changed is None or one.subject or (one.is_open and library.may_move(one, changed))
        }
        for name, subject in sorted(keys, key=lambda one: (one[0] in library.closers, one)):
            own = library.of(name, latest.get((name, subject)))
            if own is None:
                continue
            asked = visit if name not in unasked else visit.found_in(unasked[name])
            episode, current = self._step(own, asked, subject), library.current.get(name)
            if (found_in := asked.look.found_in) is not None and not asked.look.act_on_found:
                unasked.pop(name, None)
                if View(own, asked.look).is_withheld and (episode is None or episode.is_at_rest):
                    unasked[name] = found_in
            if episode is not None and not episode.is_under_way and current is not None and current != own:
                # The last episode of an old version has ended: the one in force looks, too. What holds for it now
                # though the old one has ended, holds because of the change.
                self._step(current, visit.found_in(visit.look.found_in or f"playbook {current.name}"), subject)
        if not (visit.look.quiet or visit.look.muted) and any(
            self.episodes.may_wait(one, visit.look.now) for one in latest.values()
        ):
            self.looked_at.add(account)
        # What was not looked at now has its instant in the last `look_at`.
        also = before.look_at if before is not None and changed is not None else None
        look = visit.look
        plain = not (look.quiet or look.found_in is not None or look.interrupted or look.muted)
        settled = plain and len(self.changes.moves) == moves
        self._remember(account, also, list(library.checksums.values()), settled=settled, unasked=unasked)

    def _leave(self, stands: Standing, look: Look, reason: str, *, is_news: bool) -> None:
        """Close all that is open of an account that has gone. Of one that was erased nothing is told any more."""
        self.standings[stands.account] = stands
        for episode in list(self.episodes.at(stands.account).values()):
            if episode.is_open:
                self.episodes.keep(steps.leave(episode, look, reason))
                self.changes.call_back(episode.account, episode.sent, reason, look.now)
        self.gone[stands.account] = Ending(stands.account, look.now, reason, look.actor, is_news=is_news)
        self._remember(stands.account, None, list(self.rules.library.checksums.values()))

    def _remember(
        self, account: str, also: datetime | None, met: list[int] | None, *, settled: bool = False, **others: Any
    ) -> None:
        """Note in the standing when to look next, who has looked, and whether there is nothing to do until then."""
        mute = mute_of(self.standings[account])
        if mute is not None:
            self.changes.set_timer(account, mute.until)
        next_looks = also, self._next.pop(account, None), mute.until if mute is not None else None
        at = min((one for one in next_looks if one is not None), default=None)
        stands = msgspec.structs.replace(self.standings[account], look_at=at, met=met, settled=settled, **others)
        self.standings[account] = self.changes.standings[account] = stands

    # One playbook

    def _step(self, playbook: Playbook, visit: Visit, subject: str = "") -> Episode | None:
        in_force = self.rules.library.current.get(playbook.id)
        stepped = steps.step(
            in_force, self.episodes.at(visit.stands.account).get((playbook.id, subject)), visit.look, playbook
        )
        self._note(playbook, stepped, visit)
        return stepped.episode

    def _note(self, playbook: Playbook, stepped: StepResult, visit: Visit) -> None:
        """Remember what a step came to."""
        episode, look, changes = stepped.episode, visit.look, self.changes
        if stepped.timer is not None:
            changes.set_timer(look.account, stepped.timer)
            self._next[look.account] = min(stepped.timer, self._next.get(look.account, stepped.timer))
        if episode is None:
            return
        if stepped.closed is not None:
            changes.episodes[stepped.closed.id] = stepped.closed
            changes.retired.add(stepped.closed.id)
        self.episodes.keep(stepped)
        if stepped.fired and episode.occurrence == 1:
            changes.firings.append(firing(episode, visit.stands, look.now, playbook))
        if episode.subject and not (
            self.episodes.may_go_on(episode, look.now) or playbook.still_counted(episode.fired, look.now)
        ):
            # There may be one for each of many tickets: one that is closed is looked at no more.
            changes.episodes[episode.id] = episode
            changes.retired.add(episode.id)
        self.errands += [Errand(ask, playbook, episode, visit) for ask in stepped.asks]
        tells = not (playbook.shadow or episode.held_out)
        for move in stepped.moves:
            if move.after == "found" and look.found_in is not None and tells:
                at = visit.found_at or look.now
                changes.find(Finding(list_of(look.found_in), episode.id, owner(visit.stands), at))
        if stepped.passed:
            left, by_hand = look.departed is not None, look.cause is None and look.actor != "time"
            is_news = not (by_hand or playbook.on_exit or look.muted)
            self.ended[episode.id] = Ending(episode.account, look.now, episode.outcome, look.actor, left, is_news)
            changes.call_back(episode.account, episode.sent, episode.outcome, look.now)
        if stepped.fired and playbook.closes and tells:
            self._close_others(playbook, visit)
        for name in stepped.starts if tells else ():
            self._start(name, episode, playbook, visit)

    def _close_others(self, playbook: Playbook, visit: Visit) -> None:
        account, look, reason = visit.stands.account, visit.look, f"closed by {playbook.id}"
        for episode in [one for one in self.episodes.at(account).values() if one.playbook in playbook.closes]:
            other = self.rules.library.of(episode.playbook, episode)
            if other is not None:
                self._note(other, steps.close(other, episode, look, reason), visit)

    def _start(self, name: str, by: Episode, playbook: Playbook, visit: Visit) -> None:
        """Begin another playbook, which goes its own way; or say why not, in the history of who asked."""
        other, look = self.rules.library.current.get(name), visit.look
        if other is not None and other.on_event in (None, STARTED):
            episode = self.episodes.at(look.account).get((name, ""))
            own = self.rules.library.of(name, episode) or other
            asked = msgspec.structs.replace(look, occasion=f"{look.occasion} {by.id}", found_in=None)
            begun = steps.begin(own, episode, asked, playbook.title)
            self._note(own, begun, visit)
            if begun.fired:
                return
        said = f"{name} did not start: it has begun, or rests, or what it is about does not hold"
        if name in self.rules.library.every and other is None:
            said = f"{name} did not start: it is switched off"
        self.changes.moves.append(Move(by.id, look.now, by.state, by.state, said, look.actor))
