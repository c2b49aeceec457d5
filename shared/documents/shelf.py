"""What is kept of documents, where, and what a release changes of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Final, Protocol

Key = tuple[str, str]
"""A document's kind and id."""
Texts = Mapping[Key, bytes]
YAML: Final = "application/yaml"
JSON: Final = "application/json"
RELEASE: Final = "keepwell"
"""The author of what a release, or a folder that it was told to take, brought."""


def name_of(key: Key) -> str:
    """How a document is named where faults are told: `scorecards/mature`."""
    return "/".join(key)


def tag_of(text: bytes) -> str:
    """The strong entity tag of a text: the same for the same bytes."""
    return f'"{sha256(text).hexdigest()[:32]}"'


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a document, counted from 1. Without a text it says that the document was deleted."""

    kind: str
    id: str
    version: int
    text: bytes | None
    media_type: str
    author: str
    at: datetime
    shipped: bool
    """As a release has it: nobody edited it."""

    @property
    def key(self) -> Key:
        """Which document it is of."""
        return self.kind, self.id

    @property
    def tag(self) -> str | None:
        """Its entity tag."""
        return None if self.text is None else tag_of(self.text)


class Shelf(Protocol):
    """The documents of one service. Every method works in the transaction of a connection."""

    kinds: Sequence[str]

    async def lock(self, c: Any) -> None:
        """Let nobody else change a document until the transaction ends."""

    async def revision(self, c: Any) -> int:
        """How often these documents have changed."""

    async def current(self, c: Any) -> dict[Key, Version]:
        """The latest version of each, of the deleted ones too."""

    async def add(self, c: Any, versions: Sequence[Version]) -> None:
        """Put further versions there. Lock first."""

    async def history(self, c: Any, key: Key, before: int | None = None, limit: int | None = None) -> list[Version]:
        """The versions of a document, the newest first: those before a number, and at most so many."""

    async def one(self, c: Any, key: Key, version: int) -> Version | None:
        """One version."""


def to_ship(shipped: Texts, current: Mapping[Key, Version], now: datetime) -> list[Version]:
    """What a release adds: texts that are new or other than before, and the end of those that it no longer has.

    What somebody edited or deleted stays as it is.
    """
    found = []
    for key in sorted({*shipped, *current}):
        text, held = shipped.get(key), current.get(key)
        if held is None or (held.shipped and held.text != text):
            version = 1 if held is None else held.version + 1
            found.append(Version(*key, version, text, YAML, RELEASE, now, shipped=True))
    return found
