"""Would they recommend us?"""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from services.scoring.core import feedback
from services.scoring.core.measures.base import Measure, Reading, View
from services.scoring.core.measures.feedback import answers
from services.scoring.core.roles import weight_of
from shared.messages.stamps import Cell
from shared.words import counted, number

NPS_DAYS: Final = 180
"""Relationship surveys go out every quarter at the least; what is older than two of them says little."""


def answered(view: View) -> int:
    """How many answers the NPS rests on."""
    return len(answers.latest(view, "nps", NPS_DAYS)) or sum(_moments(view).values())


def _moments(view: View) -> Counter[int]:
    sums: Counter[int] = Counter()
    for found in answers.moments(view, "nps").values():
        sums.update(found)
    return sums


def _nps(view: View) -> Reading:
    found = answers.latest(view, "nps", NPS_DAYS)
    if not found:
        return _of_moments(view)
    sums: Counter[int] = Counter()
    for contact, cell in found.items():
        sums[cell.value[0]] += weight_of(view.state.role_of(contact))
    result = feedback.nps(Counter(cell.value[0] for cell in found.values()))
    return Reading(result, _in_words(view, found, result), answers.spread_of(sums))


def _in_words(view: View, found: Mapping[str, Cell], result: float) -> str:
    """Beside the figure the one to call: of those who would not recommend us, whose word weighs most."""
    if len(found) == 1:
        ((contact, cell),) = found.items()
        return answers.scored(view, contact, cell)
    words = f"NPS {number(result, 0)} from {counted(len(found), 'answer')}"
    unhappy = [
        (-weight_of(view.state.role_of(contact)), cell.value[0], contact)
        for contact, cell in found.items()
        if cell.value[0] <= feedback.DETRACTOR
    ]
    return f"{words}; {answers.scored(view, contact := min(unhappy)[2], found[contact])}" if unhappy else words


def _of_moments(view: View) -> Reading:
    sums = _moments(view)
    if not sums:
        return Reading(None, f"no NPS answer in {NPS_DAYS} days")
    result = feedback.nps(sums)
    words = f"NPS {number(result, 0)} from {counted(sums.total(), 'answer')} about a moment"
    return Reading(result, words, answers.spread_of(sums))


def _counted(view: View) -> Mapping[str, str]:
    return answers.latest_counted(view, "nps", NPS_DAYS) or answers.moments_counted(view, "nps")


NPS = Measure(
    "feedback.nps",
    "",
    # Of one answer. Practice: the step between 6 and 7 is where people begin to look elsewhere; a 7 or 8 is content.
    ((3, 0), (4, 10), (5, 25), (6, 35), (7, 70), (8, 80), (9, 95), (10, 100)),
    _nps,
    ("feedback.nps", "contact."),
    _counted,
    facts=("feedback.worst_decision_maker", "feedback.all_detractors", "feedback.detractors"),
)
