"""How satisfied were they?"""

from services.scoring.core import feedback
from services.scoring.core.measures.base import Measure, Reading, View
from services.scoring.core.measures.feedback import answers
from shared.words import counted, number


def _csat(view: View) -> Reading:
    found = answers.scores(view, "csat")
    if not found:
        return Reading(None, f"no satisfaction answer in {answers.MOMENT_DAYS} days")
    share = feedback.csat(found)
    words = f"satisfaction {number(share, 0)} % from {counted(sum(found.values()), 'answer')}"
    return Reading(share, words, answers.spread_of(found))


CSAT = Measure(
    "feedback.csat",
    "%",
    # Of one answer. 4 and 5 are counted as satisfied wherever a share of the satisfied is told; 3 is a complaint that
    # was not made. A 4 is worth what an 8 of 10 is.
    ((1, 0), (2, 15), (3, 45), (4, 80), (5, 100)),
    _csat,
    ("feedback.csat", "contact.erased"),
    lambda view: answers.moments_counted(view, "csat") or answers.latest_counted(view, "csat", answers.MOMENT_DAYS),
)
