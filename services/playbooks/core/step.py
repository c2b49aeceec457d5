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

from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from services.playbooks.core.episode import FALSE_ALARM, Ask, Episode, PlannedStep, StepResult
from services.playbooks.core.look import Look, View
from services.playbooks.core.moving import NONE
from services.playbooks.core.playbook import Playbook
from services.playbooks.core.walk import Walk
from shared.words import clock_time

STILL: Final = timedelta(days=30)
"""After how long people are asked again about what they closed and still holds, unless `repeat` says."""


def step(playbook: Playbook | None, episode: Episode | None, look: Look, own: Playbook | None = None) -> StepResult:
    """Look at an account with the playbook in force; None is one that was deleted.

    `episode` is the account's latest of that playbook, open or idle; `own` the version that it stays with, if another.
    """
    decides = own or playbook
    if decides is None:
        return StepResult(episode=episode)
    if episode is None and decides is playbook and not (view := View(playbook, look)).may_open:
        # As most looks are: nothing has begun, and nothing begins. The stations would find no more than that.
        return StepResult(episode=None, timer=view.next_look(NONE))
    walk = Walk(decides, episode, look)
    walk.wake()
    walk.open(playbook)
    walk.still()
    walk.hold(deleted=playbook is None)
    walk.act()
    walk.finish()
    return walk.result()


def start(playbook: Playbook, episode: Episode, look: Look) -> StepResult:
    """Fire a found episode by hand. Raises `ValueError` when it is not a found one."""
    walk = Walk(playbook, episode, look)
    walk.fire(f"started by hand; found in {episode.found_in}", by="started")
    walk.act()
    return walk.result()


def dismiss(playbook: Playbook, episode: Episode, look: Look, reason: str) -> StepResult:
    """Let be what has not fired: it is not asked about again while it lasts. Raises `ValueError` when it has fired."""
    walk = Walk(playbook, episode, look)
    walk.move("dismissed", reason, planned=(), running_since=None, ended_at=look.now, outcome=reason)
    walk.wake()
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
    walk = Walk(playbook, episode, look)
    if episode.is_under_way:
        walk.end(reason, outside=True, passed=passed)
    return walk.result()


def close_task(playbook: Playbook, episode: Episode, task: str, outcome: str, look: Look) -> StepResult:
    """Note that a task of the episode was closed, as `outcome`. A false alarm ends the episode."""
    walk = Walk(playbook, episode, look)
    closed = tuple(one for one in episode.tasks if one.id == task and one.open)
    ended = {"open": False, "outcome": outcome}
    tasks = tuple(msgspec.structs.replace(one, **ended) if one in closed else one for one in episode.tasks)
    again_at = None
    if episode.state == "active" and playbook.on_event is None and not any(one.open for one in tasks):
        rests = playbook.repeat.after.exact if playbook.repeat is not None else timedelta()
        again_at = playbook.may_fire_at(episode.fired, look.now) if rests else look.now + STILL
    walk.move("noted", f"a task was closed: {outcome.replace('_', ' ')}", tasks=tasks, again_at=again_at)
    if outcome == "false_alarm" and episode.state == "active":
        walk.end(FALSE_ALARM, outside=True)
    else:
        if episode.state == "active":
            walk.follow(closed)
            walk.act()
        walk.finish()
    return walk.result()


def reopen_task(playbook: Playbook, episode: Episode, task: str, look: Look) -> StepResult:
    """Note that a task of an active episode was opened again: nobody is asked again about what is being done."""
    walk = Walk(playbook, episode, look)
    if episode.state == "active":
        opened = {"open": True, "outcome": ""}
        tasks = tuple(msgspec.structs.replace(one, **opened) if one.id == task else one for one in episode.tasks)
        walk.move("noted", "a task was opened again", tasks=tasks, again_at=None)
    return walk.result()


def begin(playbook: Playbook, episode: Episode | None, look: Look, by: str, *, anew: bool = False) -> StepResult:
    """Fire because somebody, or a step of another playbook, says so, where it may: its own condition, `repeat` and exit
    count. `anew`: what was ended from outside and still holds begins anew, too."""
    walk = Walk(playbook, episode, look)
    walk.wake()
    if anew:
        walk.let_begin()
    walk.start(f"started by {by}")
    walk.act()
    walk.finish()
    return walk.result()


def suppose(playbook: Playbook, look: Look) -> Episode:
    """The episode of a firing at that instant, whatever its conditions say: what it would ask for is on its plan."""
    walk = Walk(playbook, None, look)
    walk.suppose()
    return walk.episode


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
    ended: dict[str, Any] = {}
    if episode.is_under_way:
        ended = {"ended_at": look.now, "outcome": reason, "ended_as": "left" if episode.fired_at is not None else ""}
    episode, move = episode.moved("left", reason, look.now, look.actor, planned=(), running_since=None, **ended)
    return StepResult(episode=episode, moves=(move,))
