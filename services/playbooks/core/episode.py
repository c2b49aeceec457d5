"""One firing of one playbook for one account: the machine that it is, and what its moves and asks look like."""

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, Literal, get_args

import msgspec

from services.playbooks.core.playbook import Asked
from shared.conditions import LeafReading
from shared.messages.assessments import Cause

State = Literal["idle", "pending", "active", "found", "over", "resting"]
"""`idle`: not begun, or closed. `pending`: held, not long enough yet. `active`: fired. `found`: held when an import
ended; no actions. `over`: ended, but its condition still holds. `resting`: ended, and `repeat` lets it fire later."""

FALSE_ALARM: Final = "false alarm"
"""Why an episode ended that somebody calls one."""
EndedAs = Literal["", "itself", "done", "false_alarm", "outside", "left"]
"""`itself`: what it was about has passed. `done`: all was done. `outside`: somebody, or another playbook, ended it.
`left`: its account has gone. Empty: it goes on, or never fired."""

Event = Literal[
    "held", "fired", "found", "started", "noted", "ended", "dismissed", "rested", "passed", "resumed", "left"
]
"""`held`: its condition began to hold. `found`: it held before anybody looked. `started`: by hand. `noted`: something
happened that moves it nowhere. `dismissed`: a person let it be before it fired. `rested`: ended, and `repeat` makes it
wait. `passed`: nothing keeps it from firing anew. `resumed`: all was done, and some of it was taken back. `left`: its
account has gone."""

_FIRED: Final[tuple[State, ...]] = ("active", "over", "resting", "idle")
MOVES: Final[Mapping[tuple[State, Event], State]] = {
    ("idle", "held"): "pending",
    ("idle", "fired"): "active",
    ("idle", "found"): "found",
    ("pending", "fired"): "active",
    ("found", "started"): "active",
    # One more event while it is active is one more occurrence.
    ("active", "fired"): "active",
    # What never fired is closed at once; what did waits until its condition has passed.
    ("pending", "ended"): "idle",
    ("found", "ended"): "idle",
    # What a person has let be waits, too: nobody is asked about it while it lasts.
    ("pending", "dismissed"): "over",
    ("found", "dismissed"): "over",
    ("active", "ended"): "over",
    ("over", "rested"): "resting",
    ("over", "passed"): "idle",
    ("resting", "passed"): "idle",
    ("resting", "resumed"): "active",
    ("idle", "resumed"): "active",
    # Its tasks may be closed long after it has ended.
    **{(state, "noted"): state for state in _FIRED},
    **{(state, "left"): "idle" for state in get_args(State) if state != "idle"},
}
"""Where each event takes an episode; what is not here can't happen."""


class PlannedStep(msgspec.Struct, frozen=True, kw_only=True):
    """A step that is still to be done. `held_back`: a gate was closed when it was due. `waited`: for the digest.
    `until`: when an `if` or `until` gives up, or an offer about an event is too old. `again` tells it apart from the
    same step that was taken back."""

    step: int
    occurrence: int
    due: datetime
    held_back: bool = False
    waited: bool = False
    until: datetime | None = None
    again: str = ""


class EpisodeTask(msgspec.Struct, frozen=True, kw_only=True):
    """A task that the episode asked for."""

    id: str
    occurrence: int
    open: bool = True
    step: int = -1
    """The number of the step that asked for it; -1 is not known."""
    outcome: str = ""
    """As what it was closed: done, no_result, …"""


class Move(msgspec.Struct, frozen=True):
    """One move of an episode or an item (`subject`), with its reason and actor."""

    subject: str
    at: datetime
    before: str | None
    after: str
    reason: str
    actor: str
    readings: tuple[LeafReading, ...] | None = None


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    """An episode is a value: a move makes a new one."""

    id: str
    playbook: str
    version: str
    account: str
    state: State
    opened_at: datetime
    since: datetime
    """Since when its condition is known to hold; of an event, when it happened."""
    held: int = 0
    """How long the condition held before `running_since`, in microseconds by the clock of `held_for`."""
    running_since: datetime | None = None
    """None while something unknown stops the clock."""
    fired: tuple[datetime, ...] = ()
    """The playbook's firings for this account that `repeat` may still count, those of earlier episodes too."""
    closed_before: datetime | None = None
    """When the playbook's last one that had fired was closed, before this one: `repeat` counts from there, too."""
    fired_at: datetime | None = None
    occurrence: int = 0
    planned: tuple[PlannedStep, ...] = ()
    tasks: tuple[EpisodeTask, ...] = ()
    readings: tuple[LeafReading, ...] = ()
    """What the last firing saw."""
    at_firing: dict[str, Any] = {}
    """Of what the words of its exit ask for, what was known when it first fired, as facts travel."""
    rests_until: datetime | None = None
    ended_at: datetime | None = None
    outcome: str = ""
    """Why it ended, in words."""
    ended_as: EndedAs = ""
    found_in: str | None = None
    event: Cause | None = None
    """The event that fired it last: later steps may speak of it."""

    subject: str = ""
    """The contact, ticket or invoice that it is about, where its playbook has one for each."""
    told: tuple[str, ...] = ()
    """The ids of those to whom it gave something, and the channels that it told; empty is the installation's own."""
    sent: tuple[str, ...] = ()
    """The ids of what it asked to be sent to contacts and other systems: called back when it ends."""
    again_at: datetime | None = None
    """When it is asked again what was closed though it still holds."""
    held_out: bool = False
    """Its account is of the share for which the playbook only decides: nothing is asked for."""

    @property
    def closed_at(self) -> datetime | None:
        """When it ended, for `repeat`: one that never fired doesn't count, but the one before it still does."""
        return self.ended_at if self.fired_at is not None else self.closed_before

    @property
    def is_under_way(self) -> bool:
        """True while it has something to do yet: until then it stays with the version that opened it."""
        return self.state in ("pending", "active", "found")

    @property
    def is_open(self) -> bool:
        """True until it is idle: while it is, no other episode of the playbook and account can open."""
        return self.state != "idle"

    @property
    def is_at_rest(self) -> bool:
        """True when nothing of it goes on: what holds makes another, of what was so before a found one."""
        return self.state in ("idle", "resting")

    def believed(self, now: datetime) -> "Episode":
        """The same, as if what it notes as later than now had just happened: the clock that noted it ran ahead.

        What waits for a time after that waits as long as it was to, and no longer.
        """
        noted = (self.fired_at, self.ended_at, self.closed_before, self.running_since)
        ahead = max((one for one in noted if one is not None), default=now) - now
        if ahead <= timedelta():
            return self
        by_now = {
            name: min(at, now)
            for name in ("fired_at", "ended_at", "closed_before", "running_since", "since", "opened_at")
            if (at := getattr(self, name)) is not None
        }
        sooner = {name: at - ahead for name in ("rests_until", "again_at") if (at := getattr(self, name)) is not None}
        planned = tuple(msgspec.structs.replace(one, due=one.due - ahead) for one in self.planned)
        fired = tuple(min(at, now) for at in self.fired)
        return msgspec.structs.replace(self, fired=fired, planned=planned, **by_now, **sooner)

    def moved(
        self,
        event: Event,
        reason: str,
        at: datetime,
        actor: str,
        seen: tuple[LeafReading, ...] | None = None,
        **changed: Any,
    ) -> tuple["Episode", Move]:
        """The episode after an event, with what else `changed`, and the move. Raises `ValueError` where it has none."""
        after = MOVES.get((self.state, event))
        if after is None:
            raise ValueError(f"An episode that is {self.state} can't be {event}.")
        move = Move(subject=self.id, at=at, before=self.state, after=after, reason=reason, actor=actor, readings=seen)
        return msgspec.structs.replace(self, state=after, **changed), move


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that an episode asks for. Who gets it is chosen by whoever carries it out."""

    id: str
    episode: str
    kind: Asked
    step: int
    occurrence: int
    by_time: bool
    """Time alone caused it: what moved the score at this look is not its story."""
    waited: bool = False
    """It has waited for when it may be brought."""
    again: str = ""
    """As the planned step's."""


class StepResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a step comes to. `fired`: it fired at this look, so that what it `closes` is to be closed."""

    episode: Episode | None
    moves: tuple[Move, ...] = ()
    asks: tuple[Ask, ...] = ()
    timer: datetime | None = None
    """When to look again at the latest, if nothing else happens; None is never."""
    fired: bool = False
    passed: bool = False
    """What it was about has passed, or was nothing: its episode has ended, and not because all was done."""
    starts: tuple[str, ...] = ()
    """The playbooks that it begins."""
    closed: Episode | None = None
    """The episode before, which is idle and made room for the one that opened."""


def episode_id(playbook: str, account: str, occasion: str) -> str:
    """The same playbook, account and occasion (a rev or an instant) give the same id, however often it is decided."""
    return "ep_" + _digest(playbook, account, occasion)


def action_id(episode: str, step: int, occurrence: int, again: str = "") -> str:
    """From (episode, step, occurrence), so that doing it twice is doing it once. `again` tells a reminder apart."""
    return "act_" + _digest(episode, str(step), str(occurrence), again)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]
