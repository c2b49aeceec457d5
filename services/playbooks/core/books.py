"""How many accounts somebody looks after, by how they are served, and whether that is more than one person can."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from services.playbooks.core.directory import Directory
from shared.words import counted, listed

MOST: Final[Mapping[str, int]] = {"high_touch": 15, "low_touch": 50, "self": 250}
"""How many accounts of one kind alone are a whole book, by the ids of the catalogue's models of onboarding. What has
another model, or none, counts as low touch."""
_USUAL: Final = "low_touch"
_SERVED: Final = {"high_touch": "by high touch", "low_touch": "by low touch", "self": "by self-service"}


class Book(msgspec.Struct, frozen=True):
    """Somebody's accounts, by how they are served."""

    accounts: dict[str, int]

    @property
    def percent(self) -> int:
        """What they come to of one person's book."""
        return round(sum(100 * number / MOST[touch] for touch, number in self.accounts.items()))

    @property
    def warning(self) -> str | None:
        """That it is more than one person looks after; it keeps nobody from getting work."""
        if self.percent <= 100:
            return None
        kinds = [f"{number} {_SERVED[touch]}" for touch, number in self.accounts.items() if number]
        total = counted(sum(self.accounts.values()), "account")
        return f"{total} ({listed(kinds)}) are {self.percent} % of a book"


class Books:
    """Counts customers by their owners, one account at a time; who left, and who is no customer, is nobody's load."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._found: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.accounts = 0

    def add(self, facts: Mapping[str, Any]) -> None:
        """One account's facts."""
        self.accounts += 1
        owner = self._directory.owner(facts.get("account.owner"))
        if owner is None or facts.get("account.churned") is True or facts.get("account.excluded") is not None:
            return
        model = str(facts.get("onboarding.model"))
        self._found[owner.id][model if model in MOST else _USUAL] += 1

    def of(self, csm: str, share: float = 1) -> Book:
        """Somebody's, where a `share` of all accounts was counted."""
        return Book({touch: round(self._found[csm][touch] / share) for touch in MOST})
