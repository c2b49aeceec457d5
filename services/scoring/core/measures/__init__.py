"""The built-in measures, each a function of an account's view: whatever the files of this folder define as one."""

from collections.abc import Callable, Mapping
from typing import Final

from services.scoring.core.measures import (
    billing,
    contract,
    feedback,
    onboarding,
    relationship,
    support,
    usage,
)
from services.scoring.core.measures.base import Measure, View
from shared.conditions import MEASURES as NAMES

GROUPS: Final = (usage, support, feedback, billing, contract, onboarding, relationship)
"""What has measures; each says by `facts` what else is known beside them."""

_FOUND: Final = {one.name: one for group in GROUPS for one in vars(group).values() if isinstance(one, Measure)}
MEASURES: Final[dict[str, Measure]] = {name: _FOUND.pop(name) for name in NAMES}
assert not _FOUND, f"They have no row in the catalogue of facts: {', '.join(_FOUND)}"

IN_WORDS: Final[Mapping[str, Callable[[View], str]]] = {
    name: words for group in GROUPS for name, words in getattr(group, "IN_WORDS", {}).items()
}
"""What a customer-success manager reads of a fact that is no measure, where a condition on it holds."""
