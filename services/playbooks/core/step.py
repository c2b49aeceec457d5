"""The step function: (playbook, episode, look) -> (episode, moves, asks, next timer). Pure, so a replay is the same.

Always true, whatever comes:
- One episode of a playbook and account is open at a time, and it moves only
  pending -> active -> over -> resting -> idle (`found` instead of pending; stations may be passed at once).
- A firing is never asked for twice: action ids come from (episode, step, occurrence), and a planned step is taken
  off the plan when it is asked for.
- Nothing fires before `repeat` allows it, counted from firing; what was found so doesn't count.
- What was ended from outside, as a false alarm or by another playbook, is not asked about again while it lasts.
- Only the version in force opens an episode; an older one, or a playbook that was deleted, ends what it began.
- What is unknown fires nothing, ends nothing, and stops the clock of `held_for` without setting it back.
"""

from datetime import datetime

import msgspec

from services.playbooks.core.episode import Ask, Episode, Move, Planned
from services.playbooks.core.look import Look, View
from services.playbooks.core.playbook import Playbook
from services.playbooks.core.walk import Stepped, Walk


def step(playbook: Playbook | None, episode: Episode | None, look: Look, own: Playbook | None = None) -> Stepped:
    """Look at an account with the playbook in force; None is one that was deleted.

    `episode` is the account's latest of that playbook, open or idle; `own` the version that it stays with, if another.
    """
    decides = own or playbook
    if decides is None:
        return Stepped(episode=episode)
    walk = Walk(decides, episode, look, playbook)
    walk.wake()
    walk.trigger()
    walk.hold()
    walk.act()
    walk.finish()
    return walk.result()


def start(playbook: Playbook, episode: Episode, look: Look) -> Stepped:
    """Fire a found episode by hand. Raises `ValueError` when it is not a found one."""
    if episode.state != "found":
        raise ValueError(f"Only a found episode can be started; this one is {episode.state}.")
    walk = Walk(playbook, episode, look)
    walk.fire(f"started by hand; found in {episode.found_in}")
    walk.act()
    return walk.result()


def end(playbook: Playbook, episode: Episode, look: Look, reason: str) -> Stepped:
    """End an episode from outside, such as by hand."""
    walk = Walk(playbook, episode, look)
    if episode.is_under_way:
        walk.end(reason, outside=True)
    return walk.result()


def close(playbook: Playbook, episode: Episode, look: Look, reason: str) -> Stepped:
    """End an episode because another playbook closes it, unless what it is about is known to go on."""
    return end(playbook, episode, look, reason) if View(playbook, look).may_be_closed else Stepped(episode=episode)


def put_off(episode: Episode, asked: Ask, until: datetime, now: datetime) -> Stepped:
    """Plan a step again that would have waited: what may hold it back is asked when it can go."""
    if episode.state != "active":
        return Stepped(episode=episode)
    again = Planned(step=asked.step, occurrence=asked.occurrence, due=until)
    waits = f"step {asked.step + 1} waits until {until:%Y-%m-%d %H:%M} UTC, when somebody is at work"
    move = Move(episode=episode.id, at=now, before="active", after="active", reason=waits, actor="keepwell")
    return Stepped(
        episode=msgspec.structs.replace(episode, planned=(*episode.planned, again)), moves=(move,), timer=until
    )


def leave(episode: Episode, look: Look, reason: str) -> Stepped:
    """Close an episode, wherever it stands, because its account has gone: there is nothing more to say of it."""
    ended = {"ended_at": look.now, "outcome": reason} if episode.is_under_way else {}
    moved = Move(episode=episode.id, at=look.now, before=episode.state, after="idle", reason=reason, actor=look.actor)
    closed = msgspec.structs.replace(episode, state="idle", planned=(), running_since=None, **ended)
    return Stepped(episode=closed, moves=(moved,))


def close_task(playbook: Playbook, episode: Episode, task: str, outcome: str, look: Look) -> Stepped:
    """Note that a task of the episode was closed, as `outcome`. A false alarm ends the episode."""
    walk = Walk(playbook, episode, look)
    walk.close_task(task, outcome)
    if outcome == "false_alarm" and episode.state == "active":
        walk.end("false alarm", outside=True)
    else:
        walk.finish()
    return walk.result()
