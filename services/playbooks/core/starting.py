"""Playbooks that a person starts at an account, and why one can't be."""

from services.playbooks.core.episode import Episode, StepResult
from services.playbooks.core.holdout import is_held_out
from services.playbooks.core.look import Look, View
from services.playbooks.core.playbook import STARTED, Playbook
from services.playbooks.core.step import begin
from shared.conditions import Truth
from shared.words import clock_time


def why_not(playbook: Playbook, episode: Episode | None, look: Look) -> str | None:
    """Why a playbook can't be started at this account now, in words after its name; None: it can."""
    view = View(playbook, look)
    if (silence := look.silence(playbook.id)) is not None:
        return f"can't start: {silence}"
    if playbook.shadow:
        return "would tell nobody: its mode is shadow"
    if is_held_out(playbook, look.account):
        return "holds this account out, so that what it achieves can be told: it would ask for nothing"
    if playbook.on_event not in (None, STARTED):
        return f"begins by itself, when {playbook.on_event} comes"
    if episode is not None and episode.state == "active":
        return f"has begun already, at {clock_time(episode.fired_at or episode.opened_at)}"
    if look.quiet:
        return "can't start while an import of this account's history is open"
    if view.in_scope is Truth.FALSE:
        return f"is not for this account: {look.departed or _false(view)}"
    if view.applies is Truth.FALSE:
        return f"does not hold here: {_false(view)}"
    if view.exits:
        return f"would be over at once: {view.why_met}"
    rests = playbook.may_fire_at(episode.fired, episode.closed_at) if episode is not None else None
    return f"rests until {clock_time(rests)}" if rests is not None and rests > look.now else None


def start(playbook: Playbook, episode: Episode | None, look: Look, actor: str) -> StepResult:
    """Fire it, where nothing speaks against it (`why_not`); what was ended by hand before, begins anew."""
    return begin(playbook, episode, look, actor, anew=True)


def _false(view: View) -> str:
    return "; ".join(leaf.words for leaf in view.readings(Truth.FALSE))
