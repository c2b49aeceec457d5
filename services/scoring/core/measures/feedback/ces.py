"""How easy was it?"""

from services.scoring.core import feedback
from services.scoring.core.measures.base import Measure, Reading, View
from services.scoring.core.measures.feedback import answers
from shared.words import counted, number


def _ces(view: View) -> Reading:
    found = answers.scores(view, "ces")
    if not found:
        return Reading(None, f"no answer on ease in {answers.MOMENT_DAYS} days")
    mean = feedback.ces(found)
    words = f"ease {number(mean, 1)} of 7 from {counted(sum(found.values()), 'answer')}"
    return Reading(mean, words, answers.spread_of(found))


CES = Measure(
    "feedback.ces",
    "",
    # Of one answer. Practice: 5 and more agree that it was easy, 4 is neither, 3 and less had a hard time.
    ((1, 0), (2, 10), (3, 25), (4, 50), (5, 75), (6, 90), (7, 100)),
    _ces,
    ("feedback.ces", "contact.erased"),
    lambda view: answers.moments_counted(view, "ces") or answers.latest_counted(view, "ces", answers.MOMENT_DAYS),
)
