"""The work of one transaction on some accounts, decided over plain values: what was loaded comes in, changes go out.

The worker's batches and timers go through it, and so does what people do by hand, so that there is one way to move.
An assessment passes, in this order: playbooks that are new or changed look at how the account stood (`_meet`); looks
whose timer is late are made up (`_catch_up`); every playbook looks at the assessment (`_walk`). When the whole batch
has passed, `settling` closes the items of what ended, and gives what was asked for to somebody.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from services.playbooks.core import step as steps
from services.playbooks.core.books import carried
from services.playbooks.core.changes import Changes
from services.playbooks.core.concerned import changed
from services.playbooks.core.days import differing
from services.playbooks.core.directory import Csm
from services.playbooks.core.episode import Episode, Move, StepResult
from services.playbooks.core.episodes import Ending, Episodes
from services.playbooks.core.erasing import end_about, forgotten_by
from services.playbooks.core.findings import Finding, list_of
from services.playbooks.core.glance import glance
from services.playbooks.core.interruptions import Interruption, changes
from services.playbooks.core.look import Look, View, departed
from services.playbooks.core.message import Errand, Visit
from services.playbooks.core.outcomes import firing, outcomes
from services.playbooks.core.playbook import STARTED, Playbook
from services.playbooks.core.recording import noted
from services.playbooks.core.rules import Rules
from services.playbooks.core.standing import (
    Standing,
    is_by_time,
    knew_until,
    looked_at,
    mute_of,
    owner,
    ran_ahead,
    standing,
)
from shared.messages.assessments import AccountAssessed


class Work:
    """Accounts at hand. First any moves, then those of `settling`, once each; then `changes` are complete."""

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
        self.changes = Changes()
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

    # What accounts go through

    def assess(self, account: str, assessed: AccountAssessed, headers: Mapping[str, str]) -> None:
        """Look at an account right after an assessment, which is the next one by its rev."""
        if assessed.gone is None:
            self._meet(account, assessed.at)
            self._catch_up(account, knew_until(assessed))
        before, cause = self.standings.get(account), assessed.cause
        now = looked_at(before, assessed)
        stands = msgspec.structs.replace(standing(account, assessed), at=now, sets=before.sets if before else {})
        others = differing(before.facts, stands.facts) if before is not None else []
        then = before and self.changes.turn(before, now, anew=ran_ahead(before, assessed))
        stands = carried(before, noted(then, stands, others))
        if before is not None and owner(before) != owner(stands):
            self.moved_on.add(account)
            if cause.type == "account.updated" and cause.data.get("move_open") is True and owner(before) is not None:
                self.owned_before[account] = owner(before) or ""
        self.changes.outcomes += outcomes(before, stands)
        restated = f"scorecard {assessed.scorecard}" if cause.kind == "scorecard" else None
        look = self._look(
            stands,
            f"rev {assessed.rev}",
            f"{cause.source} {cause.id}" if cause.kind == "event" else cause.kind,
            by_time=is_by_time(cause),
            unknown=assessed.unknown,
            cause=cause,
            found_in=assessed.found_in if assessed.found_in is not None else restated,
            act_on_found=assessed.act_on_found,
        )
        if stands.gone is not None:
            self._leave(stands, look, stands.gone, is_news=assessed.gone == "merged")
        else:
            self._walk(Visit(stands, look, fresh=True, headers=headers), changed(before, look, others))
            if look.departed is not None and before is not None and departed(before.facts) is None:
                self.left[account] = Ending(account, now, look.departed, look.actor, departed=True)
        if (forgetting := forgotten_by(account, assessed, before)) is not None:
            self.ended |= end_about(forgetting, self.episodes, look)
            self.changes.forget(forgetting, assessed.rev, look.now)

    def time(self, account: str, at: datetime) -> None:
        """Look at an account because its timer came due at `at`, after what was due before."""
        self._meet(account, at)
        self._catch_up(account, at)
        stands = self._moved_on(account, at)
        if stands is not None and stands.gone is None:
            self.moved_on.add(account)
            self._walk(Visit(stands, self._look(stands, f"at {stands.at.isoformat()}", "time")))

    def by_hand(self, episode: Episode, move: Callable[..., StepResult], actor: str, now: datetime) -> None:
        """Move one episode because a person said so; `move` is one of the functions of `step`."""
        playbook = self.rules.library.of(episode.playbook, episode)
        if playbook is not None:
            self.on_playbook(episode.account, playbook, lambda look: move(playbook, episode, look=look), actor, now)

    def on_playbook(
        self, account: str, playbook: Playbook, move: Callable[[Look], StepResult], actor: str, now: datetime
    ) -> StepResult | None:
        """Move a playbook's episode of an account because a person said so; None where nothing is known of it."""
        stands = self._moved_on(account, now)
        if stands is None:
            return None
        look = self._look(stands, f"at {stands.at.isoformat()}", actor, by_time=False)
        moved = move(look)
        self._note(playbook, moved, Visit(stands, look))
        self._remember(account, stands.look_at, stands.met)
        return moved

    # What comes before a look

    def _meet(self, account: str, at: datetime) -> None:
        """Let playbooks that are new or changed look at how the account stood: what held already is found so.

        An account meets them when something next happens to it, before that is looked at, or when its turn comes: so
        what the change made true is told from what the news made true, and only the news fires. What time alone made
        true before they were in force held already, too.
        """
        before, library = self.standings.get(account), self.rules.library
        stands = self._unmuted(account, at)
        known = list(library.checksums.values())
        if stands is None or stands.gone or stands.met in (None, known):
            return
        after_mute = f"mute of {account}" if before is not stands else None
        unasked = {name: found_in for name, found_in in stands.unasked.items() if name in library.current}
        at = max(at, stands.at)
        then = msgspec.structs.replace(stands, at=min(at, max(stands.at, self._adopted_at or stands.at)))
        for playbook in library.current.values():
            episode = self.episodes.at(account).get((playbook.id, ""))
            waits = episode is not None and episode.state == "pending" and playbook.id in library.paused
            is_free = episode is None or not episode.is_under_way or waits
            if library.checksums[playbook.id] not in stands.met and is_free:
                found_in = after_mute or f"playbook {playbook.name}"
                look = self._look(then, f"met {playbook.version}", "keepwell", found_in=found_in)
                episode = self._step(playbook, Visit(then, look, found_at=at))
                if View(playbook, look).is_withheld and (episode is None or episode.is_at_rest):
                    unasked[playbook.id] = found_in
        self._remember(account, stands.look_at, known, unasked=unasked)

    def _unmuted(self, account: str, at: datetime) -> Standing | None:
        """The account; where its mute is over by then, as one that has met no playbook: what holds is found so."""
        stands = self.standings.get(account)
        if stands is not None and stands.muted is not None and stands.muted.until <= at:
            stands = self.standings[account] = msgspec.structs.replace(stands, muted=None, met=[], settled=False)
        return stands

    def _catch_up(self, account: str, until: datetime | None) -> None:
        """Do the looks that were due before `until`: their timer is late, or a source was interrupted or came back.

        Nor must it miss what was accepted before: scoring reads several topics, and may tell of a late event in one
        before an early one in another. So a look is made up only for instants for which both the assessment (nothing
        accepted before `until` is told later) and the last mark vouch, or the mark alone where the assessment can't
        say; what neither does is left to its timer, which waits for a mark. Each look moves `look_at` on or clears it.
        """
        if self.marked_through is not None:
            until = min(until or self.marked_through, self.marked_through)
        while until is not None and (stands := self.standings.get(account)) is not None and stands.gone is None:
            due = [*changes(self.interruptions, stands.at), stands.look_at or until]
            if min(due) >= until:
                return
            self.time(account, min(due))

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
        self.changes.moves.append(Move(by.id, look.now, by.state, by.state, said, look.actor))
