"""How much of what its plan contains the account uses."""

from collections.abc import Mapping

from services.scoring.core.measures.base import Measure, Reading, View
from services.scoring.core.measures.usage.silence import early_in_words, is_early, never, window
from shared.words import counted, listed


def used_features(view: View) -> tuple[list[str], list[str]]:
    """The plan's features that were used in its window, and those that were not, in the plan's order."""
    used: list[str] = []
    unused: list[str] = []
    since = view.today - window(view)
    for feature in view.catalogue.features.get(view.profile.plan or "", ()):
        days = view.state.usage.get(feature)
        (used if days and max(days) > since else unused).append(feature)
    return used, unused


def _breadth(view: View) -> Reading:
    used, unused = used_features(view)
    total = len(used) + len(unused)
    if not total:
        return Reading(None, "the features of its plan are not declared")
    if not view.state.last_used:
        return never(view, 0)
    if not used and is_early(view):
        return Reading(None, early_in_words(view))
    words = f"{len(used) or 'none'} of {counted(total, 'feature')} of the plan in use"
    return Reading(100 * len(used) / total, words + (f"; not {listed(unused, most=3)}" if used and unused else ""))


def _features_counted(view: View) -> Mapping[str, str]:
    days = window(view)
    return {feature: f"{feature} was not used for {days} days" for feature in used_features(view)[0]}


# Practice: who uses two fifths of what they pay for is half way, four fifths is all that anybody uses.
BREADTH = Measure(
    "usage.breadth",
    "%",
    ((0, 0), (40, 50), (80, 100)),
    _breadth,
    ("usage.", "subscription.", "account."),
    _features_counted,
    facts=("usage.used_features", "usage.unused_features"),
)
