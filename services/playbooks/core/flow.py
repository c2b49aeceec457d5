"""How an episode goes from step to step: lists that begin, tasks that are followed, `if` and `until`.

Every step of a list is counted from when its list begins: those of a playbook from firing, those of `then` and `else`
from when it is decided which way to go. What is unknown decides nothing: it is asked again at every look, until it has
been waited for long enough.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, Literal

from services.playbooks.core.episode import Episode, EpisodeTask, Move, PlannedStep
from services.playbooks.core.look import Look
from services.playbooks.core.of_subject import of_subject
from services.playbooks.core.playbook import Playbook, Step
from services.playbooks.core.workinghours import Duration, add
from shared.conditions import Condition, Facts, Truth, evaluate, flip_instant, leaves_of

_LONGEST: Final = Duration(seconds=90 * 86_400)
"""After how long an `if` that nobody can answer is left, unless it says; and an offer about an event, held back."""
ALL_DONE: Final = "all steps are done"
"""Why an episode of an event ends."""

Way = Literal["then", "else", "wait", "leave"]


def plan(playbook: Playbook, look: Look, occurrence: int, places: Iterable[int]) -> tuple[PlannedStep, ...]:
    """These steps, counted from the instant of the look."""
    return tuple(_planned(playbook, place, look, occurrence) for place in places)


def _planned(playbook: Playbook, place: int, look: Look, occurrence: int) -> PlannedStep:
    chosen = playbook.steps[place]
    due = look.now if chosen.after is None else add(look.hours, look.now, chosen.after)
    until = None
    if chosen.condition is not None:
        until = add(look.hours, due, chosen.within or _LONGEST)
    elif chosen.kind == "flag" and playbook.on_event is not None:
        until = due + _LONGEST.exact
    return PlannedStep(step=place, occurrence=occurrence, due=due, until=until)


def take_back(episode: Episode, step: int, reason: str, now: datetime) -> tuple[Episode, Move] | None:
    """Plan a step again that was asked for and is held back before anybody has heard of it; None where that is over.

    An episode of an event had nothing more to do, and goes on with it: for as long as an offer about an event waits.
    """
    of_event = episode.state in ("idle", "resting") and episode.outcome == ALL_DONE
    if episode.state != "active" and not of_event:
        return None
    until = episode.fired_at + _LONGEST.exact if of_event and episode.fired_at is not None else None
    occurrence, mark = episode.occurrence, f"taken back {now.isoformat()}"
    again = PlannedStep(step=step, occurrence=occurrence, due=now, held_back=True, until=until, again=mark)
    said, planned = f"step {step + 1} is held back: {reason}", (*episode.planned, again)
    if not of_event:
        return episode.moved("noted", said, now, "keepwell", planned=planned)
    anew: dict[str, Any] = {"planned": planned, "ended_at": None, "rests_until": None, "outcome": "", "ended_as": ""}
    return episode.moved("resumed", said, now, "keepwell", **anew)


def way(chosen: Step, planned: PlannedStep, episode: Episode, look: Look) -> Way:
    """Which way an `if` or `until` that is due goes now."""
    assert chosen.condition is not None
    truth = evaluate(chosen.condition, facts(chosen, planned, episode, look), look.now)
    if truth is Truth.TRUE:
        return "then"
    if chosen.kind == "if" and truth is Truth.FALSE:
        return "else"
    if planned.until is None or planned.until > look.now:
        return "wait"
    return "else" if chosen.kind == "until" else "leave"


def holds(condition: Condition, chosen: Step, planned: PlannedStep, episode: Episode, look: Look) -> bool:
    """Is a step's `unless` known to be true?"""
    return evaluate(condition, facts(chosen, planned, episode, look), look.now) is Truth.TRUE


def facts(chosen: Step, planned: PlannedStep, episode: Episode, look: Look) -> Facts:
    """What the conditions of a step may name: the account, the event that fired, and what came of the tasks."""
    asked = [one for one in episode.tasks if one.occurrence == planned.occurrence and chosen.of in (None, one.step)]
    about = of_subject(episode.subject, look.values)
    return Facts.of({**look.values, **about, **_came_of(asked)}, cause=episode.event, withheld=look.interrupted)


def will_tell(playbook: Playbook, episode: Episode, task: str) -> bool:
    """Will a step that is still to come alert somebody unless this task is done?"""
    asked = {(one.occurrence, one.step) for one in episode.tasks if one.id == task}
    return any(
        _minds(playbook, planned.step, step)
        for planned in episode.planned
        for occurrence, step in asked
        if planned.occurrence == occurrence and planned.step < len(playbook.steps)
    )


def _minds(playbook: Playbook, place: int, task: int) -> bool:
    """Does this step alert somebody, or begin a list that does, unless that task is done?"""
    chosen = playbook.steps[place]
    condition, alerts = chosen.unless, [chosen]
    if chosen.kind == "until":
        condition, alerts = chosen.condition, [playbook.steps[one] for one in playbook.begins(place, "else")]
    names = [leaf.subject.name for leaf in leaves_of(condition)] if condition is not None else []
    return chosen.of in (None, task) and "task.done" in names and any(one.kind == "alert" for one in alerts)


def _came_of(asked: list[EpisodeTask]) -> Mapping[str, Any]:
    """Of no task nothing is known; of one that is open, only that it is not done."""
    if not asked:
        return {}
    if any(task.open for task in asked):
        return {"task.done": False}
    return {"task.done": True, "task.no_result": any(task.outcome == "no_result" for task in asked)}


def next_instants(playbook: Playbook, episode: Episode, look: Look) -> Iterable[datetime]:
    """When a planned step may have something to do, if nothing else happens."""
    for planned in episode.planned:
        yield planned.due
        chosen = playbook.steps[planned.step] if planned.step < len(playbook.steps) else None
        if chosen is None or planned.due > look.now:
            continue
        if planned.until is not None:
            yield planned.until
        if chosen.condition is None:
            continue
        known = facts(chosen, planned, episode, look)
        if (flip := flip_instant(chosen.condition, known, look.now)) is not None:
            yield flip
