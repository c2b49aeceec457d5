"""An episode on its way through one look: its stations, its moves, and what it asks for."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from services.playbooks.core import gates
from services.playbooks.core.episode import Ask, AskedTask, Episode, Move, Planned, State, ask, episode_id
from services.playbooks.core.look import Look, View
from services.playbooks.core.playbook import FlagStep, Playbook, TaskStep
from services.playbooks.core.timing import MICROSECOND, may_fire_at, next_timer, still_counted
from services.playbooks.core.workinghours import add
from shared.conditions import Condition, Facts, LeafReading, Truth, evaluate


class Stepped(msgspec.Struct, frozen=True, kw_only=True):
    """What a step comes to. `fired`: it fired at this look, so that what it `closes` is to be closed."""

    episode: Episode | None
    moves: tuple[Move, ...] = ()
    asks: tuple[Ask, ...] = ()
    timer: datetime | None = None
    """When to look again at the latest, if nothing else happens; None is never."""
    fired: bool = False
    closed: Episode | None = None
    """The episode before, which became idle at this look and made room for the one that opened."""


class Walk:
    """An episode on its way through one look. What is always true of it, see `step`."""

    def __init__(
        self, playbook: Playbook, episode: Episode | None, look: Look, in_force: Playbook | None = None
    ) -> None:
        self.playbook = playbook
        self.in_force = in_force
        self.look = look
        self.view = View(playbook, look)
        self.episode = episode
        self.moves: list[Move] = []
        self.asks: list[Ask] = []
        self.fired = False
        self.closed: Episode | None = None

    def result(self) -> Stepped:
        """What the look came to."""
        return Stepped(
            episode=self.episode,
            moves=tuple(self.moves),
            asks=tuple(self.asks),
            timer=next_timer(self.playbook, self.episode, self.view, self.look.now),
            fired=self.fired,
            closed=self.closed,
        )

    # The stations, in the order in which a look passes them.

    def wake(self) -> None:
        """Over -> resting or idle when the condition no longer holds; resting -> idle when it may fire again."""
        episode = self.episode
        if episode is None:
            return
        if episode.state == "over" and (self.view.applies is Truth.FALSE or self.playbook.on_event is not None):
            self._move_on("the condition no longer holds")
        elif episode.state == "resting" and episode.rests_until is not None and self.look.now >= episode.rests_until:
            self._move("idle", "may fire again")

    def trigger(self) -> None:
        """None or idle -> pending, active or found; of an event, active -> active once more."""
        episode, playbook, look = self.episode, self.playbook, self.look
        if self.in_force is None:
            return
        if playbook.on_event is not None:
            # Which events count is said by the version in force, what comes of them by the one that is active.
            view = self.view if self.in_force == playbook else View(self.in_force, look)
            if view.event_applies and not view.exits and self._may_fire():
                if episode is None or episode.state != "active":
                    self._open((look.cause and look.cause.time) or look.now)
                self._set(event=look.cause)
                self.fire(f"{playbook.on_event} came", view.readings())
            return
        if (episode is not None and episode.state != "idle") or self.in_force != playbook:
            return
        if self.view.applies is not Truth.TRUE or self.view.exits or not self._may_fire():
            return
        if look.found_in is not None and not look.act_on_found:
            # What only closes others has nothing to do about what was so before.
            if not playbook.closes:
                self._open(look.now, found_in=look.found_in, readings=self.view.readings())
                self._move("found", f"found so in {look.found_in}", self.view.readings())
            return
        self._open(look.now, found_in=look.found_in)
        if look.found_in is not None:
            self.fire(f"found so in {look.found_in}, and asked to act on it", self.view.readings())
        elif playbook.held_for.seconds:
            self._move("pending", f"holds; looked at again after {playbook.held_for.words}", self.view.readings())
        else:
            self.fire("; ".join(leaf.words for leaf in self.view.readings(Truth.TRUE)), self.view.readings())

    def hold(self) -> None:
        """Pending -> active when the condition has held long enough; -> idle when it is false."""
        episode, now = self.episode, self.look.now
        if episode is None or episode.state != "pending":
            return
        if self.in_force is None:
            self._close("its playbook was deleted")
            return
        if self.view.applies is Truth.FALSE or self.view.exits:
            self._close(f"it did not hold for {self.playbook.held_for.words}: {self.view.why_ended()}")
            return
        held = episode.held
        if episode.running_since is not None:
            held += (now - episode.running_since) // MICROSECOND
        running = now if self.view.applies is Truth.TRUE else None
        if episode.running_since is None or running is None:
            self._set(held=held, running_since=running)
        if running is not None and held >= self.playbook.held_for.exact // MICROSECOND:
            self.fire(f"held for {self.playbook.held_for.words}", self.view.readings())

    def act(self) -> None:
        """Ask for every planned step that is due, unless something holds it back."""
        episode = self.episode
        if episode is None or episode.state != "active":
            return
        for planned in sorted(episode.planned, key=lambda one: (one.due, one.occurrence, one.step)):
            if planned.due <= self.look.now:
                self._act_on(planned)

    def finish(self) -> None:
        """Active -> over when it ends, of an event when all is done; a found one that no longer holds is closed."""
        episode = self.episode
        if episode is None or episode.state not in ("active", "found"):
            return
        if self.view.ends:
            self.end(self.view.why_ended())
        elif (
            self.playbook.on_event is not None
            and self.playbook.exit_when is None
            and not episode.planned
            and not any(task.open for task in episode.tasks)
        ):
            self.end("all steps are done")

    # Moves

    def fire(self, reason: str, readings: tuple[LeafReading, ...] = ()) -> None:
        """-> active, with every step on the plan. An episode that is active already gets one more occurrence."""
        episode, now = self._at_hand(), self.look.now
        planned = [
            Planned(
                step=place,
                occurrence=episode.occurrence + 1,
                due=now if one.after is None else add(self.look.hours, now, one.after),
            )
            for place, one in enumerate(self.playbook.steps)
        ]
        self._set(
            fired=(*still_counted(self.playbook, episode.fired, now), now),
            fired_at=now,
            occurrence=episode.occurrence + 1,
            planned=(*episode.planned, *planned),
            # A closed task matters only to the steps of its own firing.
            tasks=tuple(
                task
                for task in episode.tasks
                if task.open or any(one.occurrence == task.occurrence for one in episode.planned)
            ),
            readings=readings or episode.readings,
            running_since=None,
        )
        self._move("active", reason, readings)
        self.fired = True

    def end(self, reason: str, *, outside: bool = False) -> None:
        """-> over, and on to where `repeat` lets it. What never fired is closed at once.

        Without `repeat`, and when it was ended from `outside`, it stays over until its condition was false: nobody is
        asked twice about one thing.
        """
        if self._at_hand().state != "active":
            self._close(reason)
            return
        self._set(planned=(), ended_at=self.look.now, outcome=reason)
        self._move("over", reason)
        if self.playbook.on_event is None and (self.playbook.repeat is None or outside):
            self.wake()
        else:
            self._move_on("may fire again")

    def close_task(self, task: str, outcome: str) -> None:
        """Take a task off those that are open."""
        episode = self._at_hand()
        closed = [msgspec.structs.replace(one, open=False) if one.id == task else one for one in episode.tasks]
        self._set(tasks=tuple(closed))
        self._move(episode.state, f"a task was closed: {outcome.replace('_', ' ')}")

    def _act_on(self, planned: Planned) -> None:
        episode, chosen = self._at_hand(), self.playbook.steps[planned.step]
        left = tuple(one for one in episode.planned if one != planned)
        if chosen.unless is not None and self._is_met(chosen.unless, planned.occurrence):
            self._set(planned=left)
            self._move("active", f"step {planned.step + 1} is not needed any more")
            return
        closed = gates.closed_because(self.look.facts, self.look.now) if isinstance(chosen, FlagStep) else None
        if closed is not None:
            if not planned.held_back:
                self._set(planned=(*left, msgspec.structs.replace(planned, held_back=True)))
                self._move("active", f"step {planned.step + 1} is held back: {closed}")
            return
        asked = ask(self.playbook, episode, planned, self.look.by_time or chosen.after is not None)
        tasks = episode.tasks
        if isinstance(chosen, TaskStep):
            tasks = (*tasks, AskedTask(id=asked.id, occurrence=planned.occurrence))
        self._set(planned=left, tasks=tasks)
        self.asks.append(asked)

    def _is_met(self, unless: Condition, occurrence: int) -> bool:
        """Is a step's `unless` true? `task.done` speaks of the tasks of the same firing; without one it is unknown."""
        asked = [task for task in self._at_hand().tasks if task.occurrence == occurrence]
        values: Mapping[str, bool] = {"task.done": not any(task.open for task in asked)} if asked else {}
        return evaluate(unless, Facts.of({**self.look.values, **values}), self.look.now) is Truth.TRUE

    def _open(self, since: datetime, found_in: str | None = None, readings: tuple[LeafReading, ...] = ()) -> None:
        before, look = self.episode, self.look
        self.closed = before
        self.episode = Episode(
            id=episode_id(self.playbook.id, look.account, look.occasion),
            playbook=self.playbook.id,
            version=self.playbook.version,
            account=look.account,
            state="idle",
            opened_at=look.now,
            since=since,
            running_since=look.now,
            fired=still_counted(self.playbook, before.fired, look.now) if before is not None else (),
            readings=readings,
            found_in=found_in,
        )

    def _move_on(self, reason: str) -> None:
        """Over -> resting until `repeat` lets it fire again, or at once -> idle."""
        until = self._may_fire_at()
        if until is not None and until > self.look.now:
            self._set(rests_until=until)
            self._move("resting", f"may fire again from {until:%Y-%m-%d %H:%M} UTC")
        else:
            self._move("idle", reason)

    def _close(self, reason: str) -> None:
        self._set(planned=(), running_since=None, ended_at=self.look.now, outcome=reason)
        self._move("idle", reason)

    def _move(self, after: State, reason: str, readings: tuple[LeafReading, ...] = ()) -> None:
        episode = self._at_hand()
        move = Move(
            episode=episode.id,
            at=self.look.now,
            before=episode.state,
            after=after,
            reason=reason,
            actor=self.look.actor,
            readings=readings,
        )
        self.moves.append(move)
        self._set(state=after)

    def _set(self, **changed: object) -> None:
        self.episode = msgspec.structs.replace(self._at_hand(), **changed)

    def _at_hand(self) -> Episode:
        assert self.episode is not None
        return self.episode

    def _may_fire_at(self) -> datetime | None:
        return may_fire_at(self.playbook, self.episode.fired if self.episode is not None else ())

    def _may_fire(self) -> bool:
        earliest = self._may_fire_at()
        return earliest is None or earliest <= self.look.now
