"""Whether it is used more or less than before: uses (events, whatever their quantities) a day, now against earlier.

Two windows of full days, today left out: by default the last 14 against the 56 before them, so that a quiet month end
or one good week doesn't make the yardstick. Days on which everything is closed, and the account's first seven, in
which people try things out, are in neither.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from services.scoring.core.clock import day_of_us, open_days, working_days
from services.scoring.core.measures.base import Measure, Reading, View
from services.scoring.core.measures.usage.chance import Uses, Windows, change
from services.scoring.core.measures.usage.days import uses_by_day
from services.scoring.core.measures.usage.silence import never
from services.scoring.core.measures.usage.year import year_in_words
from shared.words import counted, number

_TRYING_OUT: Final = 7
"""An account's first days, in which people try things out, are no yardstick."""
_FEWEST_DAYS: Final = 14
"""Fewer days to compare with are no yardstick either: two of each weekday."""
_FEWEST_WORKING_DAYS: Final = 2
"""Fewer, of the days now, say nothing of the others."""
SPANS: Final = (7, 14, 30)
"""Days over which changes are facts: of a day there is only chance, and of 90 no 90 before them."""
_TIMES: Final = 200
"""From this growth on people say how many times, not how many percent more."""


class Compared(NamedTuple):
    """The windows, and the uses in them by actor: `all` together, and `human` what is left of the others."""

    over: Windows
    uses: dict[str, Uses]


def compared(view: View) -> Compared | str:
    """What the trends rest on; where there is nothing to compare, why."""
    over = windows(view)
    return over if isinstance(over, str) else Compared(over, uses_in(view, over))


def windows(view: View) -> Windows | str:
    """The windows; where there is nothing to compare, why."""
    cadence, closed = view.cadence, view.catalogue.closed
    if not cadence.now:
        return f"its plan is used {cadence.name}: too seldom for a trend"
    middle = view.today - cadence.now
    if day_of_us(view.state.last_used) < middle - cadence.before:
        # Nothing in either, whichever days were closed.
        return Windows(middle - cadence.before, middle, cadence.before, cadence.now)
    start = max(middle - cadence.before, day_of_us(view.state.heard["usage"]) + _TRYING_OUT)
    days_before = open_days(start - 1, middle - 1, closed)
    days_now = open_days(middle - 1, view.today - 1, closed)
    if days_before < _FEWEST_DAYS:
        return f"not yet {_FEWEST_DAYS} days of usage to compare with"
    if not days_now:
        return f"closed for all of the last {cadence.now} days"
    if working_days(middle - 1, view.today - 1, view.catalogue.week, closed) < _FEWEST_WORKING_DAYS:
        # The weekend before a holiday would stand for all of it.
        return f"closed for most of the last {cadence.now} days"
    return Windows(start, middle, days_before, days_now)


def uses_in(view: View, over: Windows) -> dict[str, Uses]:
    """Uses by actor in both windows, closed days left out."""
    start, middle, today, closed = over.start, over.middle, view.today, frozenset(view.catalogue.closed)

    def summed(events: Mapping[int, int]) -> Uses:
        before = now = 0
        for day, count in events.items():
            if start <= day < today and day not in closed:
                if day < middle:
                    before += count
                else:
                    now += count
        return Uses(before, now)

    state = view.state
    every = summed(uses_by_day(view))
    others = {actor: summed(days) for actor, days in state.automatic.items()}
    before, now = (every[side] - sum(one[side] for one in others.values()) for side in (0, 1))
    return {"all": every, "human": Uses(before, now), **others}


def change_in(view: View, days: int) -> float | None:
    """Uses a day in so many full days against as many before, in %; None while it is in use for fewer."""
    first, closed, today = view.state.heard.get("usage"), view.catalogue.closed, view.today
    start, middle = today - 2 * days, today - days
    if first is None or not view.state.last_used or day_of_us(first) > start:
        return None
    over = Windows(start, middle, open_days(start - 1, middle - 1, closed), open_days(middle - 1, today - 1, closed))
    if not (over.days_before and over.days_now):
        return None
    shut, uses = frozenset(closed), uses_by_day(view)
    before, now = (
        sum(uses.get(day, 0) for day in range(since, since + days) if day not in shut) for since in (start, middle)
    )
    return change(Uses(before, now), over) if before or now else None


def people_trend(view: View) -> float | None:
    """The trend of what people do alone; None where it is no trend, or nobody ever was there."""
    if not view.state.last_used_by_people or isinstance(found := view.once(compared), str):
        return None
    return change(found.uses["human"], found.over)


def levels(view: View) -> dict[str, float]:
    """Uses a day in the trend's windows, now and before; of people apart where others use it, too."""
    if not view.state.last_used or isinstance(found := view.once(compared), str):
        return {}
    kinds = {"usage.level": "all", "usage.people_level": "human"} if view.state.automatic else {"usage.level": "all"}
    over, said = found.over, dict[str, float]()
    for name, kind in kinds.items():
        uses = found.uses[kind]
        said |= {name: _a_day(uses.now, over.days_now), f"{name}_before": _a_day(uses.before, over.days_before)}
    return said


def _a_day(uses: int, days: int) -> float:
    # Three digits: more would be news on every day.
    return float(f"{uses / days:.3g}")


def people_trend_in_words(view: View) -> str:
    """Such as `people −80 %`."""
    found = view.once(compared)
    return "" if isinstance(found, str) else f"people {_said(found.uses['human'], found.over)}"


def _trend(view: View) -> Reading:
    if not view.state.last_used:
        return Reading(None, never(view, 0).words)
    found = view.once(compared)
    if isinstance(found, str):
        return Reading(None, found)
    changed = change(found.uses["all"], found.over)
    return Reading(changed, _in_words(view, found.uses, found.over, changed))


def _in_words(view: View, found: dict[str, Uses], over: Windows, changed: float) -> str:
    uses, window = found["all"], counted(view.today - over.middle, "day")
    before = number(uses.before / over.days_before)
    now = counted(uses.now / over.days_now, "use")
    if not uses.now:
        words = f"no use in {window}" + (f", {before} a day before" if uses.before else "")
    elif not uses.before and changed:
        words = f"in use again: {now} a day in {window}, none in {counted(view.cadence.before, 'day')} before"
    elif abs(changed) < 1:
        words = "usage is steady"
    else:
        words = (
            f"usage {'fell' if changed < 0 else 'grew'} by {number(abs(changed), 0)} %, from {before} to {now} a day"
        )
    year = year_in_words(view) if abs(changed) >= 1 and uses.now else ""
    return words + _by_actor(found, over) + (f"; {year}" if year else "")


def _by_actor(found: dict[str, Uses], over: Windows) -> str:
    """Such as `: people −80 %, integrations ×5`; nothing where people alone use it, or no two kinds differ."""
    kinds = [
        (name, found[actor])
        for actor, name in (("human", "people"), ("integration", "integrations"), ("agent", "agents"))
        if actor in found and any(found[actor])
    ]
    if [name for name, _ in kinds] in ([], ["people"]):
        return ""
    return ": " + ", ".join(f"{name} {_said(uses, over)}" for name, uses in kinds)


def _said(uses: Uses, over: Windows) -> str:
    changed = change(uses, over)
    if abs(changed) < 1:
        return "steady"
    if not uses.before:
        return "new"
    if changed >= _TIMES:
        return f"×{number(1 + changed / 100, 0)}"
    return f"{'−' if changed < 0 else '+'}{number(abs(changed), 0)} %"


# PostHog's handbook calls −5 % a warning and −20 % trouble; at −40 % in a fortnight the trade makes a call.
# Growth beyond a tenth says nothing more of health.
TREND = Measure(
    "usage.trend",
    "%",
    ((-60, 0), (-30, 40), (-10, 80), (0, 90), (10, 100)),
    _trend,
    ("usage.",),
    facts=(
        *("usage.people_trend", "usage.year_on_year", *(f"usage.change.{days}d" for days in SPANS)),
        *(f"usage.{level}{when}" for level in ("level", "people_level") for when in ("", "_before")),
    ),
)
