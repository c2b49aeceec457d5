"""The catalogue in force, which scoring keeps: playbooks are read beside it, and go by its working days."""

from pathlib import Path
from typing import Final

from services.playbooks.core.rules import Library, Rules
from services.playbooks.files import Beside, load_files, load_playbook
from shared.conditions import Declared, Problem, Refused
from shared.documents.in_force import InForce
from shared.documents.shelf import Shelf, Texts
from shared.documents.store import Store
from shared.files.catalogue import declared_in
from shared.files.reading import content_of, gathered
from shared.files.templates import render
from shared.pg.uow import UnitOfWork

_KEY: Final = "catalogue", "main"
SHELF: Final = Store("scoring", _KEY[:1])
"""Where the service that owns it keeps it."""


class ByCatalogue:
    """The playbooks and people of the files, by the catalogue that is in force; at first, by the one in a file.

    A catalogue that they don't fit leaves the last in force, with an alarm. Raises `Refused` where the files are wrong
    by themselves.
    """

    def __init__(self, playbooks: Path, csms: Path, catalogue_file: Path | None, shelf: Shelf = SHELF) -> None:
        shipped = {_KEY: text} if (text := _text_of(catalogue_file)) else {}
        declared, refused = _declared(shipped), None
        try:
            loaded, people = load_files(playbooks, csms, declared)
        except Refused as error:
            # Somebody may have put a catalogue since that they fit.
            refused = error
            loaded, people = load_files(playbooks, csms)
        self._refused: Refused | None = refused
        self._first = Rules(Library(loaded), people, render, declared or Declared())
        self._documents = InForce(shelf, shipped, self._read, self._first)
        self.refresh = self._documents.refresh

    def rules(self) -> Rules:
        """What decides at the moment."""
        return self._documents.now

    @property
    def alarms(self) -> list[str]:
        """What doesn't fit."""
        return self._documents.alarms

    async def begin(self, uow: UnitOfWork) -> None:
        """Go by what is in force. Raises `Refused` where playbooks fit neither that nor the file."""
        async with uow.begin() as c:
            await self.refresh(c)
        if self._refused is not None and self.rules() is self._first:
            raise self._refused

    def _read(self, texts: Texts) -> Rules:
        declared, problems = _declared(texts), list[Problem]()
        beside = Beside(self._first.directory, declared)
        for one in self._first.library.loaded:
            with gathered(problems):
                load_playbook(one.source, one.playbook.id, beside)
        if problems:
            raise Refused(problems)
        return self._first._replace(declared=declared or Declared())


def _text_of(path: Path | None) -> bytes | None:
    try:
        return None if path is None else content_of(path)
    except Refused:
        return None  # Scoring says what is wrong with it.


def _declared(texts: Texts) -> Declared | None:
    return declared_in(texts[_KEY]) if _KEY in texts else None
