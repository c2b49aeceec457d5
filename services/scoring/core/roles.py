"""What the roles of people at an account are worth."""

from collections.abc import Iterable, Mapping
from typing import Final

ROLE_WEIGHTS: Final[Mapping[str, int]] = {"decision_maker": 3, "executive_sponsor": 3, "champion": 2}
"""How much an answer counts by its contact's role, in health; 1 for all others.

Practice: who signs says more of what comes than who uses.
"""
KEY_ROLES: Final = frozenset(ROLE_WEIGHTS)
"""Whose leaving or silence is news by itself."""


def weight_of(role: str | None) -> int:
    """How much an answer of this role counts."""
    return ROLE_WEIGHTS.get(role or "", 1)


def main_role(roles: Iterable[str]) -> str | None:
    """Of several roles the one that counts most; of equals the first."""
    return max(roles, key=weight_of, default=None)
