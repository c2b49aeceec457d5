"""What people at the account say.

About the relationship (the default of NPS) each contact's latest answer counts, for half a year; about a moment (the
default of satisfaction and ease) all answers do, for a quarter. The two are never mixed: where there is one of its own
kind, a measure looks at that kind alone. Points are those of each single answer, so that one answer moves them by what
it says, and not by what it does to a share.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from services.scoring.core.clock import written_us
from services.scoring.core.measures.base import View
from services.scoring.core.measures.feedback.answers import role_of
from services.scoring.core.measures.feedback.ces import CES
from services.scoring.core.measures.feedback.csat import CSAT
from services.scoring.core.measures.feedback.nps import NPS, answered
from services.scoring.core.measures.feedback.trouble import (
    all_detractors,
    detractors,
    detractors_in_words,
    worst,
    worst_in_words,
)

__all__ = ["CES", "CSAT", "IN_WORDS", "NPS", "facts", "role_of"]

IN_WORDS: Final[Mapping[str, Callable[[View], str]]] = {
    "feedback.worst_decision_maker": worst_in_words,
    "feedback.all_detractors": detractors_in_words,
}


def facts(view: View) -> dict[str, Any]:
    """What else is known of their answers."""
    answers = view.of_contacts("nps").values()
    said = [(cell.at, cell.rank, cell.source, cell.id, cell.value[0]) for cell in answers]
    if (moment := view.state.last_moment) is not None:
        said.append((moment.at, moment.rank, moment.source, moment.id, moment.value))
    last = max(said, default=None)
    lowest = worst(view)
    return {
        "feedback.nps_answers": answered(view),
        "feedback.last_nps": last[-1] if last else None,
        "feedback.last_nps_at": written_us(last[0]) if last else None,
        "feedback.worst_decision_maker": lowest[1].value[0] if lowest else None,
        "feedback.all_detractors": all_detractors(view),
        "feedback.detractors": detractors(view) if "feedback" in view.state.heard else None,
    }
