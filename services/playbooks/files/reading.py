"""From texts and folders to playbooks and people."""

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from services.playbooks.core.directory import Directory
from services.playbooks.core.playbook import STARTED, Playbook
from services.playbooks.core.rules import Entry
from services.playbooks.files.checks import Beside
from services.playbooks.files.circles import circles, way_back
from services.playbooks.files.people import load_people
from services.playbooks.files.playbook import PlaybookFile
from shared.conditions import Declared, Problem, Refused, did_you_mean
from shared.files.reading import files_in, gathered, read, read_each

_LOG = logging.getLogger(__name__)
SHIPPED: Final = Path(__file__).parents[1] / "playbooks"


def load_playbook(data: bytes | str, name: str, beside: Beside | None = None) -> Entry:
    """One playbook from its YAML, checked against what is known beside it. Raises `Refused`."""
    found = read(data, name, PlaybookFile, beside)
    text = data if isinstance(data, str) else data.decode("utf-8-sig")
    return Entry(found.playbook(), text, tuple(map(str, found.warnings)))


def read_version(source: str | None, name: str) -> Playbook | None:
    """An older version that an episode stays with; None when it can't be read any more."""
    try:
        return None if source is None else load_playbook(source, name).playbook
    except Refused as error:
        _LOG.warning("An old version can't be read any more; its episodes go on with the one in force: %s", error)
        return None


def load_all(folder: Path = SHIPPED, beside: Beside | None = None) -> tuple[Entry, ...]:
    """Every playbook of a folder, by id. Raises `Refused` with all that is wrong in all files."""
    problems: list[Problem] = []
    loaded = read_each(
        files_in(folder),
        lambda data, name: load_playbook(data, name, beside),
        lambda one: one.playbook.id,
        problems,
    )
    closing = [(one.playbook.id, other) for one in loaded.values() for other in one.playbook.closes]
    for closer, other in () if problems else closing:
        if other not in loaded:
            said = f"`{closer}` closes `{other}`, which is no playbook."
            problems.append(Problem(said, suggestion=did_you_mean(other, loaded), file=str(folder)))
    if not problems:
        known = {name: one.playbook for name, one in loaded.items()}
        problems += [*_wrong_starts(known, str(folder)), *_never_started(known, str(folder))]
    if not loaded and not problems:
        problems.append(Problem("There is no playbook in this folder.", file=str(folder)))
    if problems:
        raise Refused(problems)
    loaded |= _circling(loaded)
    for warning in (warning for one in loaded.values() for warning in one.warnings):
        _LOG.warning("%s", warning)
    return tuple(loaded[name] for name in sorted(loaded))


def _circling(loaded: Mapping[str, Entry]) -> dict[str, Entry]:
    """Those that begin a circle in which playbooks undo each other's work, with a warning."""
    found = dict[str, Entry]()
    for way in circles({id: one.playbook for id, one in loaded.items()}):
        said = f"These set what the next waits for, in a circle: {' → '.join((*way, way[0]))}."
        entry = loaded[way[0]]
        found[way[0]] = entry._replace(warnings=(*entry.warnings, said))
    return found


def _wrong_starts(playbooks: Mapping[str, Playbook], folder: str) -> Iterator[Problem]:
    """Steps that start what isn't there, what waits for an event, or what comes round to them again."""
    starts = {id: [one.name for one in playbook.steps if one.kind == "start"] for id, playbook in playbooks.items()}
    for id, others in starts.items():
        for other in others:
            if other not in playbooks:
                said = f"`{id}` starts `{other}`, which is no playbook."
                yield Problem(said, suggestion=did_you_mean(other, playbooks), file=folder)
            elif playbooks[other].on_event not in (None, STARTED):
                yield Problem(f"`{id}` starts `{other}`, which waits for an event of its own.", file=folder)
        round_trip = way_back(id, starts)
        if round_trip and id == min(round_trip):
            said = f"These start each other in a circle: {' → '.join((*round_trip, id))}."
            yield Problem(said, file=folder)


def _never_started(playbooks: Mapping[str, Playbook], folder: str) -> Iterator[Problem]:
    """Those that only others start, and nobody does."""
    started = {step.name for one in playbooks.values() for step in one.steps if step.kind == "start"}
    for id, playbook in playbooks.items():
        if playbook.on_event == STARTED and id not in started:
            yield Problem(f"No playbook has a step that starts `{id}`.", file=folder)


def load_files(folder: Path, csms: Path, declared: Declared | None = None) -> tuple[tuple[Entry, ...], Directory]:
    """The playbooks and the people. Raises `Refused` with all that is wrong in either."""
    problems: list[Problem] = []
    loaded, people = tuple[Entry, ...](), None
    with gathered(problems):
        people = load_people(csms)
    with gathered(problems):
        loaded = load_all(folder, Beside(people, declared))
    if problems or people is None:
        raise Refused(problems)
    return loaded, people
