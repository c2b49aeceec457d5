"""The step function: (playbook, episode, look) -> (episode, moves, asks, next timer). Pure, so a replay is the same.

Always true, whatever comes:
- One episode of a playbook and account (with `per`: of one contact, ticket or invoice) is open at a time, and it moves
  only as `MOVES` says (several moves may be made at one look).
- A firing is never asked for twice: action ids come from (episode, step, occurrence), and a planned step is taken
  off the plan when it is asked for.
- Nothing fires before `repeat` allows it, counted from the later of firing and closing; what was found so doesn't
  count. What people closed while it still holds is asked again then (after 30 days, unless said), as "still".
- What was ended from outside, as a false alarm or by another playbook, is not asked about again while it lasts.
- Only the version in force opens an episode; an older one, or a playbook that was deleted, ends what it began.
- What is unknown fires nothing, ends nothing, and stops the clock of `held_for` without setting it back. An unknown
  `unless` holds nothing back; an unknown `if` or `until` waits.

A look passes five stations in one order: what rests may wake, what is idle may open, what is pending may fire, what is
planned may be asked for, what is active may end. The order is what makes one look enough: an episode that wakes can
fire at once, one that fires asks at once for what isn't put off, and one whose event needs nothing more ends at once.
Each station asks for one state, so a station behind sees what those before it did, and none has to be passed twice.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from services.playbooks.core import flow
from services.playbooks.core.episode import (
    Ask,
    Episode,
    EpisodeTask,
    Event,
    Move,
    PlannedStep,
    StepResult,
    action_id,
    episode_id,
)
from services.playbooks.core.look import MICROSECOND, Look, View
from services.playbooks.core.playbook import Playbook, Step
from shared.conditions import LeafReading, Truth, one_line
from shared.words import clock_time

STILL: Final = timedelta(days=30)
"""After how long people are asked again about what they closed and still holds, unless `repeat` says."""
_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_NONE: Final = Episode(id="", playbook="", version="", account="", state="idle", opened_at=_EPOCH, since=_EPOCH)
"""Stands for the episode of an account that has had none. It is known by being this very object: what changes it before
there is a new one (`_new`) would be stored as an episode without an id. So every station asks for a state first."""


def step(playbook: Playbook | None, episode: Episode | None, look: Look, own: Playbook | None = None) -> StepResult:
    """Look at an account with the playbook in force; None is one that was deleted.

    `episode` is the account's latest of that playbook, open or idle; `own` the version that it stays with, if another.
    """
    decides = own or playbook
    if decides is None:
        return StepResult(episode=episode)
    walk = _Walk(decides, episode, look)
    walk.wake()
    walk.open(playbook)
    walk.still()
    walk.hold(deleted=playbook is None)
    walk.act()
    walk.finish()
    return walk.result()


def start(playbook: Playbook, episode: Episode, look: Look) -> StepResult:
    """Fire a found episode by hand. Raises `ValueError` when it is not a found one."""
    walk = _Walk(playbook, episode, look)
    walk.fire(f"started by hand; found in {episode.found_in}", by="started")
    walk.act()
    return walk.result()


def end(playbook: Playbook, episode: Episode, look: Look, reason: str) -> StepResult:
    """End an episode from outside, such as by hand."""
    return _end(playbook, episode, look, reason, passed=False)


def close(playbook: Playbook, episode: Episode, look: Look, reason: str) -> StepResult:
    """End an episode because another playbook closes it, unless what it is about is known to go on."""
    if not View(playbook, look).may_be_closed:
        return StepResult(episode=episode)
    return _end(playbook, episode, look, reason, passed=True)


def _end(playbook: Playbook, episode: Episode, look: Look, reason: str, *, passed: bool) -> StepResult:
    walk = _Walk(playbook, episode, look)
    if episode.is_under_way:
        walk.end(reason, outside=True, passed=passed)
    return walk.result()


def close_task(playbook: Playbook, episode: Episode, task: str, outcome: str, look: Look) -> StepResult:
    """Note that a task of the episode was closed, as `outcome`. A false alarm ends the episode."""
    walk = _Walk(playbook, episode, look)
    closed = tuple(one for one in episode.tasks if one.id == task and one.open)
    ended = {"open": False, "outcome": outcome}
    tasks = tuple(msgspec.structs.replace(one, **ended) if one in closed else one for one in episode.tasks)
    again_at = None
    if episode.state == "active" and playbook.on_event is None and not any(one.open for one in tasks):
        rests = playbook.repeat.after.exact if playbook.repeat is not None else timedelta()
        again_at = playbook.may_fire_at(episode.fired, look.now) if rests else look.now + STILL
    walk.move("noted", f"a task was closed: {outcome.replace('_', ' ')}", tasks=tasks, again_at=again_at)
    if outcome == "false_alarm" and episode.state == "active":
        walk.end("false alarm", outside=True)
    else:
        if episode.state == "active":
            walk.follow(closed)
            walk.act()
        walk.finish()
    return walk.result()


def reopen_task(playbook: Playbook, episode: Episode, task: str, look: Look) -> StepResult:
    """Note that a task of an active episode was opened again: nobody is asked again about what is being done."""
    walk = _Walk(playbook, episode, look)
    if episode.state == "active":
        opened = {"open": True, "outcome": ""}
        tasks = tuple(msgspec.structs.replace(one, **opened) if one.id == task else one for one in episode.tasks)
        walk.move("noted", "a task was opened again", tasks=tasks, again_at=None)
    return walk.result()


def begin(playbook: Playbook, episode: Episode | None, look: Look, by: str) -> StepResult:
    """Fire because a step of another playbook says so, where it may: its own condition, `repeat` and exit count."""
    walk = _Walk(playbook, episode, look)
    walk.wake()
    walk.start(f"started by {by}")
    walk.act()
    walk.finish()
    return walk.result()


def put_off(episode: Episode, asked: Ask, until: datetime, now: datetime) -> StepResult:
    """Plan a step again that would have waited: what may hold it back is asked when it can go."""
    if episode.state != "active":
        return StepResult(episode=episode)
    again = PlannedStep(step=asked.step, occurrence=asked.occurrence, due=until, waited=True, again=asked.again)
    waits = f"step {asked.step + 1} waits until {clock_time(until)}, when it may be brought"
    episode, move = episode.moved("noted", waits, now, "keepwell", planned=(*episode.planned, again))
    return StepResult(episode=episode, moves=(move,), timer=until)


def leave(episode: Episode, look: Look, reason: str) -> StepResult:
    """Close an episode, wherever it stands, because its account has gone: there is nothing more to say of it."""
    ended: dict[str, Any] = {"ended_at": look.now, "outcome": reason} if episode.is_under_way else {}
    episode, move = episode.moved("left", reason, look.now, look.actor, planned=(), running_since=None, **ended)
    return StepResult(episode=episode, moves=(move,))


class _Walk:
    """An episode on its way through one look: its stations in the order in which they are passed, then its moves."""

    def __init__(self, playbook: Playbook, episode: Episode | None, look: Look) -> None:
        self.playbook = playbook
        self.look = look
        self.view = View(playbook, look)
        self.episode = episode.believed(look.now) if episode is not None else _NONE
        self.moves: list[Move] = []
        self.asks: list[Ask] = []
        self.starts: tuple[str, ...] = ()
        self.fired = False
        self.passed = False
        self.closed: Episode | None = None

    def result(self) -> StepResult:
        """What the look came to."""
        return StepResult(
            episode=None if self.episode is _NONE else self.episode,
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
            elif self.playbook.held_for.seconds and self.view.applies is Truth.TRUE and not self.view.exits:
                # How long it has held counts while it rests: only firing has to wait.
                self.move("passed", "it holds again")

    def open(self, in_force: Playbook | None) -> None:
        """Idle: a new episode, where the version in force says so. Active, of an event: one more occurrence."""
        playbook, look, view = self.playbook, self.look, self.view
        if in_force is None:
            return
        if playbook.on_event is not None:
            subject = look.subject(in_force.per)
            is_other = self.episode is not _NONE and self.episode.subject != subject
            if in_force.per is not None and (is_other or not subject):
                return
            # Which events count is said by the version in force, what comes of them by the one that is active.
            asked = view if in_force == playbook else View(in_force, look)
            if asked.event_applies and not asked.exits and self._may_fire():
                self._fire_for_event()
            return
        if self.episode.state != "idle" or in_force != playbook:
            return
        if view.applies is not Truth.TRUE or view.exits:
            return
        found, seen = look.found_in, view.readings()
        if not self._may_fire() and (found is not None or not self.playbook.held_for.seconds):
            return
        if found is not None and not look.act_on_found and playbook.closes:
            # What only closes others has nothing to do about what was so before.
            return
        self._new(look.now, found)
        if found is not None and look.act_on_found:
            self.fire(f"found so in {found}, and asked to act on it", seen)
        elif found is not None:
            self.move("found", f"found so in {found}", seen, readings=seen)
        elif playbook.held_for.seconds:
            self.move("held", f"holds; looked at again after {playbook.held_for.words}", seen)
        else:
            self.fire("; ".join(leaf.words for leaf in view.readings(Truth.TRUE)), seen)

    def still(self) -> None:
        """Active, and closed by people a while ago: it is asked once more about what still holds."""
        at = self.episode.again_at if self.episode.state == "active" else None
        if at is not None and at <= self.look.now and self.view.applies is Truth.TRUE and not self.view.exits:
            self.fire("it still holds", self.view.readings())

    def hold(self, *, deleted: bool) -> None:
        """Pending: it fires when the condition has held for long enough, and ends when it is false."""
        episode, now = self.episode, self.look.now
        if episode.state != "pending":
            return
        if deleted:
            self.end("its playbook was deleted")
            return
        if self.view.applies is Truth.FALSE or self.view.exits:
            self.end(f"it did not hold for {self.playbook.held_for.words}: {self.view.why_ended()}")
            return
        # The clock is a sum of finished runs and the start of the one under way. What is unknown ends a run, and
        # what holds again begins one: so nothing is set back, and nothing counts of which nobody knows.
        held = episode.held
        if episode.running_since is not None:
            held += (now - episode.running_since) // MICROSECOND
        running = now if self.view.applies is Truth.TRUE else None
        if episode.running_since is None or running is None:
            self._set(held=held, running_since=running)
        if running is not None and held >= self.playbook.held_for.exact // MICROSECOND and self._may_fire():
            self.fire(f"held for {self.playbook.held_for.words}", self.view.readings())

    def act(self) -> None:
        """Active: ask for every planned step that is due, unless something holds it back."""
        passed: set[tuple[int, int]] = set()
        while self.episode.state == "active":
            due = [
                one
                for one in self.episode.planned
                if one.due <= self.look.now and (one.occurrence, one.step) not in passed
            ]
            if not due:
                return
            first = min(due, key=lambda one: (one.due, one.occurrence, one.step))
            passed.add((first.occurrence, first.step))
            self._act_on(first)

    def follow(self, closed: Iterable[EpisodeTask]) -> None:
        """Plan the steps that waited for the end of these tasks."""
        for task in closed:
            planned = flow.plan(self.playbook, self.look, task.occurrence, self.playbook.follow(task.step))
            self._set(planned=(*self.episode.planned, *planned))

    def start(self, reason: str) -> None:
        """Not fired yet: it fires, unless its condition is known to be false, it exits, or `repeat` lets it rest."""
        view = self.view
        if Truth.FALSE in (view.in_scope, view.applies) or view.exits or not self._may_fire():
            return
        if self.episode.state == "idle":
            self._new(self.look.now)
        if self.episode.state in ("idle", "pending"):
            self.fire(reason, view.readings())
        elif self.episode.state == "found":
            self.fire(reason, view.readings(), by="started")

    def finish(self) -> None:
        """Active: it ends when its condition does, of an event when all is done. Found: it ends with its condition."""
        episode, playbook = self.episode, self.playbook
        if episode.state not in ("active", "found"):
            return
        if self.view.ends:
            self.end(self.view.why_ended(), passed=True)
        elif playbook.on_event is not None and playbook.exit_when is None and not self._has_to_do:
            self.end("all steps are done")

    # Moves

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
        self.move("ended", reason, planned=(), running_since=None, **ended)
        if self.episode.state != "over":
            return
        self.passed = passed or outside
        if passed:
            first = len(self.playbook.steps)
            for place, _ in enumerate(self.playbook.on_exit, first):
                self._ask(PlannedStep(step=place, occurrence=self.episode.occurrence, due=self.look.now))
        if self.playbook.on_event is None and (self.playbook.repeat is None or outside):
            self.wake()
        else:
            self._move_on("may fire again")

    def move(self, event: Event, reason: str, seen: tuple[LeafReading, ...] | None = None, **changed: Any) -> None:
        """Let an event happen to the episode."""
        self.episode, move = self.episode.moved(event, reason, self.look.now, self.look.actor, seen or None, **changed)
        self.moves.append(move)

    def _new(self, since: datetime, found_in: str | None = None) -> None:
        before, look = self.episode, self.look
        self.closed = None if before is _NONE else before
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
        )

    def _fire_for_event(self) -> None:
        cause = self.look.cause
        if self.episode.state == "resting":
            # It rests by an older text; the one in force lets it fire.
            self.move("passed", "may fire again")
        if self.episode.state != "active":
            self._new((cause and cause.time) or self.look.now)
        self._set(event=cause)
        self.fire(f"{self.playbook.on_event} came", self.view.readings())

    def _act_on(self, planned: PlannedStep) -> None:
        episode, place = self.episode, planned.step + 1
        left = tuple(one for one in episode.planned if one != planned)
        if planned.step >= len(self.playbook.steps):
            self.move("noted", f"there is no step {place} any more", planned=left)
            return
        chosen = self.playbook.steps[planned.step]
        if chosen.unless is not None and flow.holds(chosen.unless, chosen, planned, episode, self.look):
            self.move("noted", f"step {place} is not needed any more", planned=left)
            return
        if chosen.kind == "flag" and (trouble := self.view.trouble(chosen.flag_kind)) is not None:
            if not planned.held_back:
                waits = (*left, msgspec.structs.replace(planned, held_back=True, waited=False))
                self.move("noted", f"step {place} is held back: {trouble}", planned=waits)
            return
        if chosen.condition is not None:
            self._branch(chosen, planned, left)
            return
        if chosen.kind == "start":
            self.starts = (*self.starts, chosen.name)
            self.move("noted", f"step {place} starts {chosen.name}", planned=left)
            return
        task = chosen.kind == "task" and not self.playbook.shadow
        asked = self._ask(planned)
        tasks = (EpisodeTask(id=asked.id, occurrence=planned.occurrence, step=planned.step),) if task else ()
        self._set(planned=left, tasks=(*episode.tasks, *tasks), again_at=None if task else episode.again_at)

    def _branch(self, chosen: Step, planned: PlannedStep, left: tuple[PlannedStep, ...]) -> None:
        """An `if` or `until`: once it is decided, the steps of that way are counted from now."""
        way = flow.way(chosen, planned, self.episode, self.look)
        if way == "wait" or chosen.condition is None:
            return
        asked = f"step {planned.step + 1}: {one_line(chosen.condition)}"
        if way == "leave":
            self.move("noted", f"{asked} was never known; neither way is taken", planned=left)
            return
        said = {"then": "holds", "else": "does not hold" if chosen.kind == "if" else "did not come in time"}[way]
        places = self.playbook.begins(planned.step, way)
        planned_now = flow.plan(self.playbook, self.look, planned.occurrence, places)
        self.move("noted", f"{asked} {said}", planned=(*left, *planned_now))

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
        until = self.playbook.may_fire_at(self.episode.fired, self.episode.closed_at)
        if until is not None and until > self.look.now:
            self.move("rested", f"may fire again from {clock_time(until)}", rests_until=until)
        else:
            self.move("passed", reason)

    @property
    def _has_to_do(self) -> bool:
        return bool(self.episode.planned) or any(task.open for task in self.episode.tasks)

    def _set(self, **changed: object) -> None:
        self.episode = msgspec.structs.replace(self.episode, **changed)

    def _may_fire(self) -> bool:
        earliest = self.playbook.may_fire_at(self.episode.fired, self.episode.closed_at)
        return earliest is None or earliest <= self.look.now
