"""Use against the same weeks a year ago: what is less than last month may be as much as in every summer.

Said, and no part of the points. One year is one sample, in which the account may have had other seats and another plan;
and a customer who leaves in August would look like one on holiday. Closed days and muting are how people say it.
"""

from typing import Final

from services.scoring.core.clock import DAY_US, day_of_us
from services.scoring.core.measures.base import View
from services.scoring.core.measures.usage.chance import Uses, Windows, change
from services.scoring.core.pruning import day_cutoff
from shared.words import number

_WEEKS: Final = 4
_A_YEAR: Final = 52
"""Weeks: so that weekdays meet their like."""


def year_on_year(view: View) -> float | None:
    """The change in percent; None without a year of use, or where it was long not used, as silence says that."""
    return view.once(_year_on_year)


def _year_on_year(view: View) -> float | None:
    state, week = view.state, view.today // 7
    first = state.heard.get("usage")
    earlier = week - _A_YEAR - _WEEKS
    if first is None or first >= (earlier * 7 + 1) * DAY_US or day_of_us(state.last_used) < day_cutoff(view.today):
        return None
    before = sum(state.weeks.get(one, 0) for one in range(earlier, earlier + _WEEKS))
    days = range(7 * (week - _WEEKS), 7 * week)
    now = sum(uses.events for found in state.usage.values() for day, uses in found.items() if day in days)
    return change(Uses(before, now), Windows(0, 0, len(days), len(days))) if before else None


def year_in_words(view: View) -> str:
    """Such as `as in the same weeks a year ago`; nothing where that isn't known."""
    changed = year_on_year(view)
    if changed is None:
        return ""
    if abs(changed) < 1:
        return "as in the same weeks a year ago"
    return f"{number(abs(changed), 0)} % {'less' if changed < 0 else 'more'} than in the same weeks a year ago"
