"""What is wrong with playbooks beside each other, and what merely looks so."""

from collections.abc import Collection, Iterator
from dataclasses import replace

from services.playbooks.core.playbook import STARTED
from services.playbooks.core.rules import Entry
from services.playbooks.files.circles import circles, way_back
from services.playbooks.files.loaded import Loaded, Playbooks
from services.playbooks.files.sequence import in_order
from services.playbooks.files.steps import StepFile
from shared.conditions import Problem, did_you_mean


def problems_together(playbooks: Playbooks) -> list[Problem]:
    """Playbooks that close or start what isn't there or can't be started, or that nothing starts."""
    return [*_wrong_closes(playbooks), *_wrong_starts(playbooks), *_never_started(playbooks)]


def entries_of(playbooks: Playbooks, templates: Collection[str] | None = None) -> tuple[Entry, ...]:
    """As the core knows them, by id, with warnings: of each that begins a circle in which they undo each other's work,
    and of messages by a template that isn't among those that are known."""
    found = {id: one.entry._replace(warnings=_warnings(one, templates)) for id, one in playbooks.items()}
    for way in circles({id: one.playbook for id, one in found.items()}):
        first = playbooks[way[0]]
        said = f"These set what the next waits for, in a circle: {' → '.join((*way, way[0]))}."
        warning = Problem(said, first.content.at("steps"), file=first.name)
        found[way[0]] = found[way[0]]._replace(warnings=(*found[way[0]].warnings, warning))
    return tuple(found[id] for id in sorted(found))


def _warnings(one: Loaded, templates: Collection[str] | None) -> tuple[Problem, ...]:
    named = [placed.step for placed in in_order(one.content.steps) if placed.step.message is not None]
    lacking = [step for step in named if templates is not None and step.message not in templates]
    return *one.entry.warnings, *(_lacks(step, one.name, templates or ()) for step in lacking)


def _lacks(step: StepFile, file: str, templates: Collection[str]) -> Problem:
    said = f"There is no template `{step.message}`: nothing could be written."
    return Problem(said, step.at("message"), did_you_mean(step.message, templates), file=file)


def _wrong_closes(playbooks: Playbooks) -> Iterator[Problem]:
    for id, one in playbooks.items():
        for other in one.entry.playbook.closes:
            if other not in playbooks:
                said = f"`{id}` closes `{other}`, which is no playbook."
                yield Problem(said, one.content.at("closes"), did_you_mean(other, playbooks), file=one.name)


def _wrong_starts(playbooks: Playbooks) -> Iterator[Problem]:
    """Steps that start what isn't there, what waits for an event, or what comes round to them again."""
    ways = {id: [step.start for step in _starting(one) if step.start is not None] for id, one in playbooks.items()}
    for id, one in playbooks.items():
        for step in _starting(one):
            if (said := _wrong_start(id, str(step.start), playbooks)) is not None:
                yield replace(said, position=step.at("start"), file=one.name)
        round_trip = way_back(id, ways)
        if round_trip and id == min(round_trip):
            said_of_all = f"These start each other in a circle: {' → '.join((*round_trip, id))}."
            yield Problem(said_of_all, one.content.at("steps"), file=one.name)


def _wrong_start(id: str, other: str, playbooks: Playbooks) -> Problem | None:
    if other not in playbooks:
        return Problem(f"`{id}` starts `{other}`, which is no playbook.", suggestion=did_you_mean(other, playbooks))
    if playbooks[other].entry.playbook.on_event not in (None, STARTED):
        return Problem(f"`{id}` starts `{other}`, which waits for an event of its own.")
    return None


def _starting(one: Loaded) -> list[StepFile]:
    return [placed.step for placed in in_order(one.content.steps) if placed.step.start is not None]


def _never_started(playbooks: Playbooks) -> Iterator[Problem]:
    """Those that only others start, and nobody does."""
    started = {step.start for one in playbooks.values() for step in _starting(one)}
    for id, one in playbooks.items():
        if one.entry.playbook.on_event == STARTED and id not in started:
            yield Problem(f"No playbook has a step that starts `{id}`.", one.content.at("on_event"), file=one.name)
