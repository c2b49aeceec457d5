"""A playbook with the text that it was read from."""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

from services.playbooks.core.rules import Entry
from services.playbooks.files.checks import Beside
from services.playbooks.files.playbook import PlaybookFile
from shared.files.reading import read


class Loaded(NamedTuple):
    """One playbook: the name of the file that it is from, its text, what stands there, and what it comes to."""

    name: str
    text: bytes
    content: PlaybookFile
    entry: Entry

    @property
    def id(self) -> str:
        """The playbook's."""
        return self.entry.playbook.id

    def renamed(self, name: str) -> "Loaded":
        """The same, from a file of another name."""
        warnings = tuple(replace(one, file=name) for one in self.entry.warnings)
        return self._replace(name=name, entry=self.entry._replace(warnings=warnings))


def load_one(data: bytes, name: str, beside: Beside | None = None) -> Loaded:
    """A playbook from its YAML, checked against what is known beside it. Raises `Refused`."""
    found = read(data, name, PlaybookFile, beside)
    return Loaded(name, data, found, Entry(found.playbook(), data.decode("utf-8-sig"), tuple(found.warnings)))


Playbooks = Mapping[str, Loaded]
"""By id."""
