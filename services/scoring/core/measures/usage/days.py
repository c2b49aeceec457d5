"""On which days it was used, and on how many since it last was silent."""

from collections.abc import Mapping
from typing import Final

from services.scoring.core.measures.base import View
from services.scoring.core.measures.usage.silence import silence, working_days_since

SILENT: Final = 10
"""Working days, or what missed cycles mean in them: after so many without use a task is due."""
MOST: Final = 10
"""Who used it on so many days since is back, and no news every day."""


def uses_by_day(view: View) -> Mapping[int, int]:
    """Uses of all features. Most are used on the same days: days are fewer than what there is of them by feature."""
    return view.once(_uses_by_day)


def _uses_by_day(view: View) -> Mapping[int, int]:
    found: dict[int, int] = {}
    for days in view.state.usage.values():
        for day, uses in days.items():
            found[day] = found.get(day, 0) + uses.events
    return found


def days_in_use(view: View) -> int | None:
    """Days of use since it was last silent, `MOST` at most: by people, where there ever were any. 0 while it is silent.

    None: it was never used.
    """
    quiet_for = silence(view)
    if quiet_for is None or quiet_for >= SILENT:
        return None if quiet_for is None else 0
    others = view.state.automatic.values() if view.state.last_used_by_people else ()
    uses, found, later = uses_by_day(view), 0, view.today
    for day in sorted(uses, reverse=True):
        if found == MOST or (later - day >= SILENT and working_days_since(view, day, later) >= SILENT):
            break
        if uses[day] > sum(one.get(day, 0) for one in others):
            found, later = found + 1, day
    return found
