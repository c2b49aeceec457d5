"""The built-in measures, each a function of an account's view: whatever the files of this folder define as one."""

from typing import Final

from services.scoring.core.measures import billing, feedback, onboarding, relationship, support, usage
from services.scoring.core.measures.base import Measure

MEASURES: Final[dict[str, Measure]] = {
    one.name: one
    for group in (usage, support, feedback, billing, onboarding, relationship)
    for one in vars(group).values()
    if isinstance(one, Measure)
}
