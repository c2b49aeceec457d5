"""The stations of a look, each of which asks for one state of an episode; `step` says in which order they come."""

from collections.abc import Iterable

import msgspec

from services.playbooks.core import flow
from services.playbooks.core.episode import EpisodeTask, PlannedStep
from services.playbooks.core.look import MICROSECOND, View
from services.playbooks.core.moving import NONE, Moving
from services.playbooks.core.playbook import Playbook, Step
from services.playbooks.core.workinghours import ran
from shared.conditions import Truth, one_line
from shared.words import clock_time


class Walk(Moving):
    """An episode passes its stations."""

    def open(self, in_force: Playbook | None) -> None:
        """Idle: a new episode, where the version in force says so. Active, of an event: one more occurrence."""
        playbook, look, view = self.playbook, self.look, self.view
        if in_force is None or self._silence is not None:
            return
        if playbook.on_event is not None:
            subject = look.subject(in_force.per)
            is_other = self.episode is not NONE and self.episode.subject != subject
            if in_force.per is not None and (is_other or not subject):
                return
            # Which events count is said by the version in force, what comes of them by the one that is active.
            asked = view if in_force == playbook else View(in_force, look, subject)
            if asked.event_applies and not asked.exits and self._rests_until is None:
                self._fire_for_event()
            return
        if self.episode.state != "idle" or in_force != playbook:
            return
        if view.applies is not Truth.TRUE or view.exits:
            return
        found, seen = look.found_in, view.readings()
        if found is not None and not look.act_on_found and playbook.closes:
            # What only closes others has nothing to do about what was so before.
            return
        self._new(look.now, found)
        if found is not None and not look.act_on_found:
            self.move("found", f"found so in {found}", seen, readings=seen)
        elif (until := self._rests_until) is not None:
            self.move("held", f"holds; may fire again from {clock_time(until)}", seen)
        elif found is not None:
            self.fire(f"found so in {found}, and asked to act on it", seen)
        elif playbook.is_held:
            self.move("held", f"holds; looked at again after {playbook.held_for.words}", seen)
        else:
            self.fire(self._holds, seen)

    def still(self) -> None:
        """Active, and closed by people a while ago: it is asked once more about what still holds."""
        at = self.episode.again_at if self.episode.state == "active" and self._silence is None else None
        if at is not None and at <= self.look.now and self.view.applies is Truth.TRUE and not self.view.exits:
            self.fire("it still holds", self.view.readings())

    def hold(self, *, deleted: bool) -> None:
        """Pending: it fires when the condition has held for long enough, and ends when it is false."""
        episode, now = self.episode, self.look.now
        if episode.state != "pending":
            return
        if deleted or self._silence is not None:
            # What holds when the silence is over is found so: nobody wants a storm then.
            self.end("its playbook was deleted or switched off" if deleted else f"it did not fire, as {self._silence}")
            return
        if self.view.applies is Truth.FALSE or self.view.exits:
            long = f"for {self.playbook.held_for.words}" if self.playbook.is_held else "until it may fire again"
            self.end(f"it did not hold {long}: {self.view.why_ended(episode)}")
            return
        # The clock is a sum of finished runs and the start of the one under way. What is unknown ends a run, and
        # what holds again begins one: so nothing is set back, and nothing counts of which nobody knows.
        held = episode.held
        if episode.running_since is not None:
            held += ran(self.look.business, episode.running_since, now, self.playbook.held_for) // MICROSECOND
        running = now if self.view.applies is Truth.TRUE else None
        if episode.running_since is None or running is None:
            self._set(held=held, running_since=running)
        if running is not None and held >= self.playbook.held_for.run // MICROSECOND and self._rests_until is None:
            is_held = self.playbook.is_held
            self.fire(f"held for {self.playbook.held_for.words}" if is_held else self._holds, self.view.readings())

    def act(self) -> None:
        """Active: ask for every planned step that is due, unless something holds it back."""
        if self.look.muted is not None:
            return
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
            tasks = self.episode.tasks
            self._act_on(first)
            if self.episode.tasks != tasks:
                # What is asked for may decide what waited for it.
                passed.clear()

    def follow(self, closed: Iterable[EpisodeTask]) -> None:
        """Plan the steps that waited for the end of these tasks."""
        for task in closed:
            planned = flow.plan(self.playbook, self.look, task.occurrence, self.playbook.follow(task.step))
            self._set(planned=(*self.episode.planned, *planned))

    def start(self, reason: str) -> None:
        """Not fired yet: it fires, unless its condition is known to be false, it exits, or `repeat` lets it rest."""
        view = self.view
        if self._silence is not None:
            return
        if Truth.FALSE in (view.in_scope, view.applies) or view.exits or self._rests_until is not None:
            return
        if self.episode.state == "idle":
            self._new(self.look.now)
        if self.episode.state in ("idle", "pending"):
            self.fire(reason, view.readings())
        elif self.episode.state == "found":
            self.fire(reason, view.readings(), by="started")

    def suppose(self) -> None:
        """Idle: it fires, whatever its conditions say."""
        self._new(self.look.now)
        self.fire("supposed", self.view.readings())

    def finish(self) -> None:
        """Active: it ends when its condition does, of an event when all is done. Found: it ends with its condition."""
        episode, playbook = self.episode, self.playbook
        if episode.state not in ("active", "found"):
            return
        if self.view.ends:
            self.end(self.view.why_ended(episode), passed=True)
        elif playbook.on_event is not None and playbook.exit_when is None and not self._has_to_do:
            self.end(flow.ALL_DONE)

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
        if chosen.kind == "flag" and planned.until is not None and planned.until <= self.look.now:
            self.move("noted", f"step {place} was held back for too long", planned=left)
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

    @property
    def _silence(self) -> str | None:
        return self.look.silence(self.playbook.id)

    @property
    def _holds(self) -> str:
        return "; ".join(leaf.words for leaf in self.view.readings(Truth.TRUE))

    @property
    def _has_to_do(self) -> bool:
        return bool(self.episode.planned) or any(task.open for task in self.episode.tasks)
