"""What playbooks go by: their own documents, read beside scoring's catalogue and the notifier's templates."""

from datetime import datetime
from pathlib import Path
from typing import Any, Final

from services.playbooks.core.rules import Rules
from services.playbooks.files import CATALOGUE, KINDS, TEMPLATES, RuleFiles, load_files, read_texts
from shared.conditions import Refused
from shared.documents.in_force import InForce
from shared.documents.others import WithOthers
from shared.documents.shelf import Shelf
from shared.documents.store import Store
from shared.files.reading import content_of
from shared.pg.uow import UnitOfWork

SHELF: Final = WithOthers(Store("playbooks", KINDS), [Store("scoring", CATALOGUE[:1]), Store("notifier", (TEMPLATES,))])
"""Where each service keeps its own."""


class PlaybooksInForce(InForce[RuleFiles]):
    """The playbooks and people of the database, at first those of the files, by the catalogue that is in force.

    Raises `Refused` where the files are wrong by themselves.
    """

    def __init__(self, playbooks: Path, csms: Path, catalogue_file: Path | None, shelf: Shelf = SHELF) -> None:
        catalogue, refused = _text_of(catalogue_file), None
        try:
            first = load_files(playbooks, csms, catalogue)
        except Refused as error:
            # Somebody may have put a catalogue since that they fit.
            refused, first = error, load_files(playbooks, csms)
        beside = {} if catalogue is None else {CATALOGUE: catalogue}
        super().__init__(shelf, {**first.texts, **beside}, read_texts, first, is_whole=refused is None)
        self._first, self._refused = first, refused

    def rules(self) -> Rules:
        """What decides at the moment."""
        return self.now.rules

    async def begin(self, uow: UnitOfWork, now: datetime) -> None:
        """Ship, and go by what is in force then. Raises `Refused` where nothing is in force that fits."""
        await super().begin(uow, now)
        if self._refused is not None and self.now is self._first:
            raise self._refused


async def read_in_force(c: Any, catalogue_file: Path | None, shelf: Shelf = SHELF) -> RuleFiles:
    """What is in force, for a process that ships nothing: whatever lies in the other files by now."""
    catalogue = _text_of(catalogue_file)
    return await InForce(shelf, {} if catalogue is None else {CATALOGUE: catalogue}, read_texts).refresh(c)


def _text_of(path: Path | None) -> bytes | None:
    try:
        return None if path is None else content_of(path)
    except Refused:
        return None  # Scoring says what is wrong with it.
