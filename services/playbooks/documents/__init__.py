"""What playbooks go by: their own documents, read beside scoring's catalogue and the notifier's templates."""

import logging
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

_LOG = logging.getLogger(__name__)
SHELF: Final = WithOthers(Store("playbooks", KINDS), [Store("scoring", CATALOGUE[:1]), Store("notifier", (TEMPLATES,))])
"""Where each service keeps its own."""


class PlaybooksInForce(InForce[RuleFiles]):
    """The playbooks and people of the database, at first those of the files, by the catalogue that is in force.

    Files that can't be right, or fit no catalogue, stop nothing: what is in force stays, with an alarm.
    """

    def __init__(self, playbooks: Path, csms: Path, catalogue_file: Path | None, shelf: Shelf = SHELF) -> None:
        catalogue, self._alarm = _text_of(catalogue_file), ""
        self._refused: Refused | None = None
        try:
            first = load_files(playbooks, csms, catalogue)
        except Refused as error:
            self._refused, first = error, self._by_themselves(playbooks, csms)
        beside = {} if catalogue is None else {CATALOGUE: catalogue}
        super().__init__(shelf, {**first.texts, **beside}, read_texts, first, is_whole=self._refused is None)
        self._first = first

    def _by_themselves(self, playbooks: Path, csms: Path) -> RuleFiles:
        """The files without the catalogue: somebody may have put one since that they fit. Nothing, where these can't be
        right at all."""
        try:
            return load_files(playbooks, csms)
        except Refused as error:
            self._alarm = f"What lies in the files here can't be right, so what is in force stays as it is. {error}"
            return read_texts({})

    def rules(self) -> Rules:
        """What decides at the moment."""
        return self.now.rules

    @property
    def alarms(self) -> list[str]:
        """What doesn't fit, or can't be read."""
        return [*super().alarms, *([self._alarm] if self._alarm else [])]

    async def begin(self, uow: UnitOfWork, now: datetime) -> None:
        """Ship, and go by what is in force then. Raises `Refused` where nothing is."""
        if not self._alarm:
            await super().begin(uow, now)
        else:
            _LOG.error("%s", self._alarm)
            async with uow.begin() as c:
                await self.refresh(c)
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
