"""How long nobody has used the product: after use that is the worst news there is, never a lack of data."""

from typing import Final

from services.scoring.core.clock import DAY_US, day_of_us, in_words, open_days, working_days
from services.scoring.core.measures.base import DAYS_30, Reading, View
from services.scoring.core.pruning import day_cutoff
from services.scoring.core.state import USAGE_DAYS
from shared.words import counted

NEVER: Final = "no usage yet"
NEVER_DAYS: Final = 30
"""Who could be heard of for so long and never was, has not begun: by day 30 of a contract first value is due."""
_MISSED: Final = (0, 5, 10, 20)
"""What missed cycles of a longer cadence mean in the working days of one who comes daily: by the curve of recency 60
points after the first, 20 after the second, 0 after the third, and from then on the cap at 15 working days."""


MOST: Final = 65
"""Working days: a quarter, after which all windows of usage are empty. From then on silence is a date
(`usage.last_seen_at`) and no count, so that whoever is long gone is looked at no more."""
_FOUR_WEEKS: Final = 28
_MOST_NEVER: Final = 180
"""The same of those that never used it, in days of the calendar."""


def window(view: View) -> int:
    """Days in which people and features are looked for: the cadence's, and as many more as were closed; 90 at most."""
    asked, closed = view.cadence.seen, view.catalogue.closed
    return next(
        (days for days in range(asked, USAGE_DAYS - 1) if open_days(view.today - days, view.today, closed) >= asked),
        USAGE_DAYS - 1,
    )


def silence(view: View) -> int | None:
    """Working days since the last use: by people, where there ever were any. None: it was never used."""
    last = view.state.last_used_by_people or view.state.last_used
    return working_days_since(view, day_of_us(last)) if last else None


def working_days_since(view: View, day: int, until: int | None = None) -> int:
    """Working days after this day until today, or another one, `MOST` at most.

    By a longer cadence, what its missed cycles mean in them.
    """
    catalogue, until = view.catalogue, view.today if until is None else until
    if not view.cadence.cycle:
        return min(working_days(day, until, catalogue.week, catalogue.closed), MOST)
    missed, last = missed_cycles(view, day, until), len(_MISSED) - 1
    return min(_MISSED[min(missed, last)] + 5 * max(0, missed - last), MOST)


def missed_cycles(view: View, day: int, until: int | None = None) -> int:
    """Whole cycles of the plan's cadence that have passed since this day, closed days left out."""
    return open_days(day, view.today if until is None else until, view.catalogue.closed) // view.cadence.cycle


def is_early(view: View) -> bool:
    """Whether by a longer cadence at most one cycle was missed: then an empty window says nothing yet."""
    last = view.state.last_used
    return bool(view.cadence.cycle and last and missed_cycles(view, day_of_us(last)) <= 1)


def early_in_words(view: View) -> str:
    """That it is too early to say."""
    return f"too early to say: at most one {view.cadence.name} cycle was missed"


def never_used_for(view: View) -> int | None:
    """For how many open days an account that never used it could be heard of; None: it did, or could not."""
    since = view.connected("usage")
    if since is None or view.state.last_used or since > view.today:
        return None
    return open_days(since, min(view.today, since + _MOST_NEVER), view.catalogue.closed)


def still_counts(view: View) -> bool:
    """Whether another day without use still counts."""
    state, since = view.state, view.connected("usage")
    days = [day_of_us(at) for at in (state.last_used, state.last_used_by_people) if at]
    if not days and since is not None:
        days = [since]
    return any(working_days_since(view, day) < MOST for day in days)


def is_long_unused(view: View) -> bool:
    """Whether it could be heard of for a whole window, and never was: then that is the worst, and no lack of data."""
    days = never_used_for(view)
    return days is not None and days >= NEVER_DAYS


def never_in_words(view: View) -> str:
    """What a customer-success manager says of an account that has not begun."""
    return "pays, never used" if (view.profile.mrr_minor or 0) > 0 else "never used"


def never(view: View, worst: float) -> Reading:
    """The reading of an account without any use: the worst where it was long possible, else no data."""
    return Reading(worst, never_in_words(view)) if is_long_unused(view) else Reading(None, NEVER)


def silence_in_words(view: View) -> str:
    """Such as `no use for 42 days; 15 people used it before`; of people alone where others go on."""
    by_people = day_of_us(view.state.last_used_by_people)
    last = day_of_us(view.state.last_used)
    return no_use(view, by_people or last, " by people" if by_people < last else "")


def no_use(view: View, last: int, by: str = "") -> str:
    """That it was not used after a day, and by how many it was before; by a longer cadence, what was missed."""
    if working_days_since(view, last) == MOST:
        return f"no use{by} since {in_words(last * DAY_US)}"
    words = f"no use{by} for {counted(view.today - last, 'day')}"
    if view.cadence.cycle and (missed := missed_cycles(view, last)):
        words += f", {counted(missed, f'{view.cadence.name} cycle')} missed"
    users = users_before(view, last, DAYS_30)
    return words + (f"; {counted(users, 'person', 'people')} used it before" if users else "")


def users_before(view: View, last: int, days: int) -> int:
    """Distinct users in so many days up to the day of the last use; 0 where not all of them are remembered."""
    if last - days + 1 < day_cutoff(view.today):
        return 0
    return sum(count for day, count in view.state.people.items() if last - days < day <= last)


def active_before(view: View) -> int | None:
    """The same in four weeks up to the last use by people; None where it isn't known."""
    last = view.state.last_used_by_people
    return (users_before(view, day_of_us(last), _FOUR_WEEKS) or None) if last and view.state.knows_people else None
