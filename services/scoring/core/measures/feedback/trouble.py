"""What no mean may hide: a decision maker who would not recommend us, or nobody who would."""

from typing import Final

from services.scoring.core.feedback import DETRACTOR
from services.scoring.core.measures.base import View
from services.scoring.core.measures.feedback import answers
from services.scoring.core.sentences import quoted
from shared.messages.stamps import Cell

DAYS: Final = 90
"""How long an answer stands, unless the same person answers anew. Whole days, so that it ends at midnight."""
_FEW_SEATS: Final = 5
"""Up to so many seats one voice alone is the account's."""


def _heard(view: View) -> dict[str, Cell]:
    """By contact the latest answers that stand. Who left the customer has no say in it any more."""
    found = answers.latest(view, "nps", DAYS)
    return {contact: cell for contact, cell in found.items() if not view.has_left(contact)}


def worst(view: View) -> tuple[str, Cell] | None:
    """The decision maker whose latest answer is lowest, and that answer."""
    found = [
        (cell.value[0], contact, cell)
        for contact, cell in view.once(_heard).items()
        if "decision_maker" in view.state.roles_of(contact)
    ]
    return min(found)[1:] if found else None


def worst_in_words(view: View) -> str:
    """Whom to call."""
    found = worst(view)
    return f"their decision maker scored us {found[1].value[0]}{quoted(found[1].value[1])}" if found else ""


def detractors(view: View) -> int:
    """How many would not recommend us."""
    return sum(cell.value[0] <= DETRACTOR for cell in view.once(_heard).values())


def all_detractors(view: View) -> bool | None:
    """Whether all who answered would not recommend us: two or more, or one where there are few seats."""
    found = view.once(_heard).values()
    if not found:
        return None
    enough = len(found) > 1 or (view.profile.seats is not None and view.profile.seats <= _FEW_SEATS)
    return enough and all(cell.value[0] <= DETRACTOR for cell in found)


def detractors_in_words(view: View) -> str:
    """How many they are, or who it is."""
    found = view.once(_heard)
    if len(found) == 1:
        ((contact, cell),) = found.items()
        return answers.scored(view, contact, cell)
    return f"{'both' if len(found) == 2 else f'all {len(found)}'} who answered scored us {DETRACTOR} or less"
