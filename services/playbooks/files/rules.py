"""The playbooks and the people together: each right by itself, and all of them beside each other and the catalogue."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from services.playbooks.core.directory import Directory
from services.playbooks.core.rules import Entry, Library, Rules
from services.playbooks.files.checks import Beside
from services.playbooks.files.loaded import Loaded, load_one
from services.playbooks.files.people import people_text, read_directory
from services.playbooks.files.together import entries_of, problems_together
from shared.conditions import Declared, Problem, Refused
from shared.documents.shelf import Texts, name_of
from shared.files.catalogue import declared_in
from shared.files.reading import files_in, gathered, read_each
from shared.files.templates import render

_LOG = logging.getLogger(__name__)
SHIPPED: Final = Path(__file__).parents[1] / "playbooks"
PLAYBOOKS: Final = "playbooks"
CSMS: Final = "csms", "main"
"""The one document of its kind."""
CATALOGUE: Final = "catalogue", "main"
"""What scoring keeps: playbooks are read beside it, and go by its working days."""
TEMPLATES: Final = "templates"
"""What the notifier keeps: a playbook's step `message` names one."""
KINDS: Final = (PLAYBOOKS, CSMS[0])
NO_IDS: Final = {"check", "schema"}
"""They are addresses beside those of playbooks."""


class People(NamedTuple):
    """The directory, with its text and what merely looks wrong in it; without a text, nobody."""

    text: bytes | None = None
    directory: Directory = Directory()
    warnings: tuple[Problem, ...] = ()


_UNKNOWN: Final = People()
"""Where the directory can't be read, no playbook is checked against it."""


class Sold(NamedTuple):
    """What the catalogue declares, with its text; None where there is none, or it can't be read."""

    text: bytes | None = None
    declared: Declared | None = None


@dataclass(frozen=True)
class RuleFiles:
    """The playbooks by id, the people and the catalogue: each is right by itself, and all of them together."""

    playbooks: Mapping[str, Loaded]
    people: People
    catalogue: Sold
    templates: frozenset[str] | None = None
    """By id; None is not known."""

    def __post_init__(self) -> None:
        if problems := problems_together(self.playbooks):
            raise Refused(problems)

    @property
    def beside(self) -> Beside:
        """What a playbook is checked against."""
        return Beside(self.people.directory, self.catalogue.declared)

    @cached_property
    def entries(self) -> Mapping[str, Entry]:
        """Each playbook as the core knows it, with what merely looks wrong."""
        return {one.playbook.id: one for one in entries_of(self.playbooks, self.templates)}

    @cached_property
    def rules(self) -> Rules:
        """What decides."""
        library = Library(self.entries.values())
        return Rules(library, self.people.directory, render, self.catalogue.declared or Declared())

    @property
    def texts(self) -> Texts:
        """As documents."""
        found = {(PLAYBOOKS, id): one.text for id, one in self.playbooks.items()}
        beside = {CSMS: self.people.text, CATALOGUE: self.catalogue.text}
        return found | {key: text for key, text in beside.items() if text is not None}

    def with_playbook(self, text: bytes) -> tuple[Entry, "RuleFiles"]:
        """A draft of a playbook, and all with it in place of the one of its id. Raises `Refused`."""
        one = _fit(load_one(text, "", self.beside))
        whole = replace(self, playbooks={**self.playbooks, one.id: one})
        return whole.entries[one.id], whole

    def with_people(self, text: bytes) -> tuple[People, "RuleFiles"]:
        """A draft of the directory, and all with it. Raises `Refused`, too, with what no longer fits in which one."""
        people = _people(text, "")
        problems, found = list[Problem](), dict[str, Loaded]()
        for id, one in self.playbooks.items():
            with gathered(problems):
                found[id] = load_one(one.text, one.name, Beside(people.directory, self.catalogue.declared))
        if problems:
            raise Refused(problems)
        return people, replace(self, people=people, playbooks=found)


def read_texts(texts: Texts) -> RuleFiles:
    """The playbooks and people of these documents. Raises `Refused` with all that is wrong in all of them."""
    problems, found, people = list[Problem](), dict[str, Loaded](), _UNKNOWN
    with gathered(problems):
        people = _people(texts.get(CSMS), name_of(CSMS))
    sold = _sold(texts.get(CATALOGUE))
    for key, text in texts.items():
        if key[0] == PLAYBOOKS:
            with gathered(problems):
                found[key[1]] = _fit(_read(text, name_of(key), people, sold), key[1])
    if problems:
        raise Refused(problems)
    return RuleFiles(found, people, sold, frozenset(id for kind, id in texts if kind == TEMPLATES))


def load_files(folder: Path, csms: Path, catalogue: bytes | None = None) -> RuleFiles:
    """The playbooks of a folder and the people of a file, beside a catalogue; named as documents are.

    Raises `Refused` with all that is wrong in either.
    """
    problems, people, loaded = list[Problem](), _UNKNOWN, dict[str, Loaded]()
    with gathered(problems):
        people = _people(people_text(csms), str(csms))
    sold = _sold(catalogue)
    with gathered(problems):
        loaded = load_folder(folder, lambda data, name: _read(data, name, people, sold))
    if problems:
        raise Refused(problems)
    for warning in people.warnings:
        _LOG.warning("%s", warning)
    return RuleFiles({id: one.renamed(name_of((PLAYBOOKS, id))) for id, one in loaded.items()}, people, sold)


def load_folder(folder: Path, read: Callable[[bytes, str], Loaded] = load_one) -> dict[str, Loaded]:
    """Every playbook of a folder, by id. Raises `Refused` with all that is wrong in all files."""
    problems: list[Problem] = []
    loaded = read_each(files_in(folder), lambda data, name: _fit(read(data, name)), lambda one: one.id, problems)
    problems += [] if problems else problems_together(loaded)
    if not loaded and not problems:
        problems.append(Problem("There is no playbook in this folder.", file=str(folder)))
    if problems:
        raise Refused(problems)
    for warning in (warning for one in entries_of(loaded) for warning in one.warnings):
        _LOG.warning("%s", warning)
    return loaded


def _fit(one: Loaded, id: str | None = None) -> Loaded:
    """The same, whose id can be one, and is the one that it is put as."""
    said, at = "", one.content.at("id")
    if id not in (None, one.id):
        said = f"The text says that it is `{one.id}`, and is put as `{id}`: these must be the same."
    elif one.id in NO_IDS:
        said = f"`{one.id}` can't be the id of a playbook: it names something else beside them."
    if said:
        raise Refused([Problem(said, at, file=one.name)])
    return one


def _read(text: bytes, name: str, people: People, sold: Sold) -> Loaded:
    """A playbook beside these people and this catalogue; beside people who can't be read, it isn't checked for them."""
    try:
        return _known(text, people.text, people is _UNKNOWN, sold.text).renamed(name)
    except Refused as error:
        raise Refused(replace(one, file=name) for one in error.problems) from None


@lru_cache(maxsize=1024)
def _known(text: bytes, csms: bytes | None, is_unknown: bool, catalogue: bytes | None) -> Loaded:
    """Read once: most texts are the same each time."""
    people = None if is_unknown else _people(csms, name_of(CSMS)).directory
    return load_one(text, "", Beside(people, _sold(catalogue).declared))


@lru_cache(maxsize=64)
def _people(text: bytes | None, name: str) -> People:
    if text is not None and not text.strip():
        raise Refused([Problem("The text is empty: to have no directory, delete it.", file=name)])
    found = None if text is None else read_directory(text, name)
    return People(text) if found is None else People(text, found.directory(), found.warnings)


@lru_cache(maxsize=64)
def _sold(text: bytes | None) -> Sold:
    return Sold(text, None if text is None else declared_in(text))
