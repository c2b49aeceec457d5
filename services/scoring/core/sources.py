"""What is known of each source of evidence over all accounts, and when it should be declared connected."""

from collections.abc import Container
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from services.scoring.core.catalogue import SOURCES

# Enough to tell a source that sends from one that somebody tried out. Practice.
_MANY: Final = 10
_SHARE: Final = 0.2


def bit_of(source: str) -> int:
    """The bit of a source in a number that says which have been heard of."""
    return 1 << SOURCES.index(source)


def bits_of(heard: Container[str]) -> int:
    """The sources that have been heard of, as one number."""
    return sum(bit_of(source) for source in SOURCES if source in heard)


@dataclass(frozen=True, slots=True)
class Heard:
    """A source, over all accounts that are customers."""

    source: str
    declared: int | None
    """The UTC day since when it is declared connected; None: each account's own first event tells."""
    last_at: datetime | None
    """When the last event happened that came from it."""
    accounts: int
    """How many accounts it was heard of for."""
    of: int

    @property
    def suggest_declaring(self) -> bool:
        """Whether it is heard of for so many accounts that silence of the others would say something, too."""
        heard = self.accounts >= _MANY or self.accounts >= max(1.0, _SHARE * self.of)
        return self.declared is None and heard
