"""The work of one transaction on some accounts, decided over plain values: what was loaded comes in, changes go out.

The worker's batches and timers go through it, and so does what people do by hand, so that there is one way to move.
An assessment passes, in this order: playbooks that are new or changed look at how the account stood (`_meet`); looks
whose timer is late are made up (`_catch_up`); every playbook looks at the assessment (`Looking._walk`). When the whole
batch has passed, `settling` closes the items of what ended, and gives what was asked for to somebody.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from services.playbooks.core.books import carried
from services.playbooks.core.concerned import changed
from services.playbooks.core.days import differing
from services.playbooks.core.episode import Episode, StepResult
from services.playbooks.core.episodes import Ending
from services.playbooks.core.erasing import end_about, forgotten_by, mute_left
from services.playbooks.core.interruptions import changes
from services.playbooks.core.look import Look, View, departed
from services.playbooks.core.looking import Looking
from services.playbooks.core.message import Visit
from services.playbooks.core.outcomes import outcomes
from services.playbooks.core.playbook import Playbook
from services.playbooks.core.recording import noted
from services.playbooks.core.standing import (
    Standing,
    is_by_time,
    knew_until,
    known_before,
    looked_at,
    owner,
    ran_ahead,
    standing,
    still_sent,
)
from shared.messages.assessments import AccountAssessed


class Work(Looking):
    """Accounts at hand. First any moves, then those of `settling`, once each; then `changes` are complete."""

    # What accounts go through

    def assess(self, account: str, assessed: AccountAssessed, headers: Mapping[str, str]) -> None:
        """Look at an account right after an assessment, which is the next one by its rev."""
        if assessed.gone is None:
            self._meet(account, assessed.at)
            self._catch_up(account, knew_until(assessed))
        before, cause = self.standings.get(account), assessed.cause
        now = looked_at(before, assessed)
        stands = standing(account, assessed)
        kept: dict[str, Any] = {"sets": before.sets if before else {}, "sent": still_sent(before, assessed)}
        kept["before_import"] = known_before(before) if stands.quiet else None
        stands = msgspec.structs.replace(stands, at=now, **kept)
        others = differing(before.facts, stands.facts) if before is not None else []
        then = before and self.changes.turn(before, now, anew=ran_ahead(before, assessed))
        stands = carried(before, noted(then, stands, others))
        if before is not None and owner(before) != owner(stands):
            self.moved_on.add(account)
            if cause.type == "account.updated" and cause.data.get("move_open") is True and owner(before) is not None:
                self.owned_before[account] = owner(before) or ""
        self.changes.outward.assessed(before, stands, assessed)
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
            stands = mute_left(self.standings[account], forgetting)
            self.standings[account] = self.changes.standings[account] = stands
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
        """Move a playbook's episode of an account because a person said so; None where the account is not known or has
        gone."""
        stands = self._moved_on(account, now)
        if stands is None or stands.gone is not None:
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
                # A version is met again after a pause, a mute or another text: what is found then is another episode.
                occasion = f"met {playbook.version} after {episode.id if episode is not None else 'none'}"
                look = self._look(then, occasion, "keepwell", found_in=found_in)
                episode = self._step(playbook, Visit(then, look, found_at=at))
                if View(playbook, look).is_withheld and (episode is None or episode.is_at_rest):
                    unasked[playbook.id] = found_in
        for episode in list(self.episodes.at(account).values()):
            own = library.of(episode.playbook, episode)
            if own is not None and episode.state == "pending" and episode.playbook not in library.current:
                # It ends as of then, whenever the account meets that: not as of whichever look comes next.
                self._step(own, Visit(then, self._look(then, "met nothing", "keepwell")), episode.subject)
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
