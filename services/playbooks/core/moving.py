"""An episode on its way through one look, and the moves that it can make there: each is noted with its reason."""

from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from services.playbooks.core import flow
from services.playbooks.core.episode import (
    FALSE_ALARM,
    Ask,
    EndedAs,
    Episode,
    Event,
    Move,
    PlannedStep,
    StepResult,
    action_id,
    episode_id,
)
from services.playbooks.core.holdout import is_held_out
from services.playbooks.core.look import Look, View
from services.playbooks.core.playbook import Playbook
from services.playbooks.core.remembered import kept
from shared.conditions import LeafReading, Truth
from shared.words import clock_time

_EPOCH: Final = datetime.fromtimestamp(0, UTC)
NONE: Final = Episode(id="", playbook="", version="", account="", state="idle", opened_at=_EPOCH, since=_EPOCH)
"""Stands for the episode of an account that has had none. It is known by being this very object: what changes it before
there is a new one (`_new`) would be stored as an episode without an id. So every station asks for a state first."""


class Moving:
    """What the look has come to so far."""

    def __init__(self, playbook: Playbook, episode: Episode | None, look: Look) -> None:
        self.playbook = playbook
        self.look = look
        self.view = View(playbook, look, episode.subject if episode is not None else None)
        self.episode = episode.believed(look.now) if episode is not None else NONE
        self.moves: list[Move] = []
        self.asks: list[Ask] = []
        self.starts: tuple[str, ...] = ()
        self.fired = False
        self.passed = False
        self.closed: Episode | None = None

    def result(self) -> StepResult:
        """What the look came to."""
        return StepResult(
            episode=None if self.episode is NONE else self.episode,
            moves=tuple(self.moves),
            asks=tuple(self.asks),
            timer=self.view.next_look(self.episode, flow.next_instants(self.playbook, self.episode, self.look)),
            starts=self.starts,
            fired=self.fired,
            passed=self.passed,
            closed=self.closed,
        )

    def wake(self) -> None:
        """Over: on, when the condition no longer holds. Resting: on, when it may fire again."""
        episode = self.episode
        if episode.state == "over" and (self.view.applies is Truth.FALSE or self.playbook.on_event is not None):
            self._move_on("the condition no longer holds")
        elif episode.state == "resting" and episode.rests_until is not None:
            if self.look.now >= episode.rests_until:
                self.move("passed", "may fire again")
            elif self.playbook.on_event is None and self.view.applies is Truth.TRUE and not self.view.exits:
                # Since when it holds counts while it rests, and whether history made it so: only firing has to wait.
                self.move("passed", "it holds again")

    def let_begin(self) -> None:
        """Over, though its condition holds: it may begin again, as a person says so."""
        if self.episode.state == "over":
            self.move("passed", f"{self.look.actor} starts it again")

    def fire(self, reason: str, readings: tuple[LeafReading, ...] = (), by: Event = "fired") -> None:
        """Put every step on the plan. An episode that is active already gets one more occurrence."""
        episode, now = self.episode, self.look.now
        occurrence = episode.occurrence + 1
        planned = flow.plan(self.playbook, self.look, occurrence, self.playbook.begins())
        waited_for = {one.occurrence for one in episode.planned}
        self.move(
            by,
            reason,
            readings,
            fired=(*self.playbook.still_counted(episode.fired, now), now),
            fired_at=now,
            occurrence=occurrence,
            planned=(*episode.planned, *planned),
            # A closed task matters only to the steps of its own firing.
            tasks=tuple(task for task in episode.tasks if task.open or task.occurrence in waited_for),
            readings=readings or episode.readings,
            at_firing=episode.at_firing or kept(self.playbook.remembers, self.look.values),
            running_since=None,
            again_at=None,
        )
        self.fired = True

    def end(self, reason: str, *, outside: bool = False, passed: bool = False) -> None:
        """It ends, and what had fired goes on to where `repeat` lets it.

        Without `repeat`, and when it was ended from `outside`, it stays over until its condition was false: nobody is
        asked twice about one thing. When what it is about has `passed`, `on_exit` tells those who were told.
        """
        ended: dict[str, Any] = {"ended_at": self.look.now, "outcome": reason, "again_at": None}
        ended["ended_as"] = self._ended_as(reason, outside=outside, passed=passed)
        self.move("ended", reason, planned=(), running_since=None, **ended)
        if self.episode.state != "over":
            return
        self.passed = passed or outside
        if passed and self.look.muted is None:
            first = len(self.playbook.steps)
            for place, _ in enumerate(self.playbook.on_exit, first):
                self._ask(PlannedStep(step=place, occurrence=self.episode.occurrence, due=self.look.now))
        if self.playbook.on_event is None and (self.playbook.repeat is None or outside):
            self.wake()
        else:
            self._move_on("may fire again")

    def _ended_as(self, reason: str, *, outside: bool, passed: bool) -> EndedAs:
        if self.episode.fired_at is None:
            return ""
        if reason == FALSE_ALARM:
            return "false_alarm"
        if outside:
            return "outside"
        if self.look.departed is not None and self.view.in_scope is Truth.FALSE:
            return "left"
        return "itself" if passed else "done"

    def move(self, event: Event, reason: str, seen: tuple[LeafReading, ...] | None = None, **changed: Any) -> None:
        """Let an event happen to the episode."""
        self.episode, move = self.episode.moved(event, reason, self.look.now, self.look.actor, seen or None, **changed)
        self.moves.append(move)

    def _new(self, since: datetime, found_in: str | None = None) -> None:
        before, look = self.episode, self.look
        self.closed = None if before is NONE else before
        self.episode = Episode(
            id=episode_id(self.playbook.id, look.account, look.occasion),
            playbook=self.playbook.id,
            version=self.playbook.version,
            account=look.account,
            subject=look.subject(self.playbook.per),
            state="idle",
            opened_at=look.now,
            since=since,
            running_since=look.now,
            fired=self.playbook.still_counted(before.fired, look.now),
            closed_before=before.closed_at,
            found_in=found_in,
            held_out=is_held_out(self.playbook, look.account),
        )

    def _ask(self, planned: PlannedStep) -> Ask:
        chosen, episode = self.playbook.every_step[planned.step], self.episode
        asked = Ask(
            id=action_id(episode.id, planned.step, planned.occurrence, planned.again),
            episode=episode.id,
            kind=chosen.kind,  # type: ignore[arg-type]  # What only leads on asks for nothing.
            step=planned.step,
            occurrence=planned.occurrence,
            by_time=self.look.by_time or chosen.after is not None,
            waited=planned.waited,
            again=planned.again,
        )
        self.asks.append(asked)
        return asked

    def _move_on(self, reason: str) -> None:
        """Over: it rests until `repeat` lets it fire again, or is closed at once."""
        if (until := self._rests_until) is not None:
            self.move("rested", f"may fire again from {clock_time(until)}", rests_until=until)
        else:
            self.move("passed", reason)

    def _set(self, **changed: object) -> None:
        self.episode = msgspec.structs.replace(self.episode, **changed)

    @property
    def _rests_until(self) -> datetime | None:
        """When `repeat` lets it fire again; None is now."""
        earliest = self.playbook.may_fire_at(self.episode.fired, self.episode.closed_at)
        return earliest if earliest is not None and earliest > self.look.now else None
