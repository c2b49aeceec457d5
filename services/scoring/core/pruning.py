"""What an account must forget: a function of its events and of the day, so that forgetting often is forgetting once."""

from collections.abc import Iterable
from operator import attrgetter
from typing import Any

import msgspec

from services.scoring.core.clock import DAY_US, day_of_us, month_number
from services.scoring.core.state import (
    BY_DAY,
    MOMENT_DAYS,
    MONTHLY_DAYS,
    MUTE_DAYS,
    PAPER_DAYS,
    PULSE_DAYS,
    TERMS_DAYS,
    USAGE_DAYS,
    USAGE_WEEKS,
    Account,
    Paper,
    Said,
    State,
    Uses,
)

_in_order = attrgetter("at", "rank", "source", "id")


def settled(said: Iterable[Said], since: int = 0, monthly: int = 0) -> list[Said]:
    """What stands of all that was said, oldest first.

    Of each field the latest; of those in `BY_DAY` the latest of each day from `since` on, of each month from `monthly`
    on, and the newest before then (of the status the newest of each, so that it is known what went before what).
    """
    standing: list[Said] = []
    taken: set[tuple[Any, ...]] = set()
    for one in sorted(said, key=_in_order, reverse=True):
        day, fields = day_of_us(one.at), {}
        for name, value in one.fields.items():
            places: list[tuple[Any, ...]] = [(name,)]
            if name in BY_DAY and day >= since:
                places = [(name, day)]
            elif name in BY_DAY:
                which = value if name == "status" else None
                # What no month has left of it isn't the newest of older ones: whenever it is forgotten, the same goes.
                places = [(name, which, month_number(day))] + ([(name, which, None)] if day < monthly else [])
            for place in places:
                if place in taken:
                    break
                taken.add(place)
            else:
                fields[name] = value
        if fields:
            standing.append(msgspec.structs.replace(one, fields=fields))
    standing.reverse()
    return standing


def day_cutoff(today: int) -> int:
    """The first day whose usage is remembered."""
    return today - USAGE_DAYS + 1


def forget(account: Account, today: int) -> None:
    """Forget what is too old on this day, unless that was done, and nothing came since that may be."""
    if account.pruned_on != today:
        prune(account.state, today, account.forgotten)
        account.pruned_on = today


def prune(state: State, today: int, forgotten: dict[tuple[int, str], Uses] | None = None) -> None:
    """Forget what is too old on this day. A function of the day alone: pruning often is pruning once.

    What was used on the days that are forgotten is added to `forgotten`.
    """
    first = day_cutoff(today)
    for feature, uses in state.usage.items():
        while uses and (oldest_day := min(uses)) < first:
            # What is forgotten of a day is a part of its week: sums again, whenever that is.
            week, gone = oldest_day // 7, uses.pop(oldest_day)
            state.weeks[week] = state.weeks.get(week, 0) + gone.events
            if forgotten is not None:
                forgotten.setdefault((oldest_day, feature), Uses(0, 0)).add(gone)
    while state.weeks and (oldest_week := min(state.weeks)) <= today // 7 - USAGE_WEEKS:
        del state.weeks[oldest_week]
    buckets: tuple[dict[int, Any], ...] = (*state.automatic.values(), state.people)
    for days in buckets:
        while days and (oldest_day := min(days)) < first:
            del days[oldest_day]
    for answers in state.moments.values():
        for day in [day for day in answers if day <= today - MOMENT_DAYS]:
            del answers[day]
    _prune_terms(state, today - TERMS_DAYS + 1, today - MONTHLY_DAYS + 1)
    # One that has ended stays while an earlier one, which it replaced, could still hold.
    for measure in [name for name, mute in state.mutes.items() if mute.at < (today - MUTE_DAYS) * DAY_US]:
        del state.mutes[measure]
    if state.pulse is not None and state.pulse.at < (today - PULSE_DAYS) * DAY_US:
        state.pulse = None


def _prune_terms(state: State, since: int, monthly: int) -> None:
    """Leave of what was bought, on the days before, what stood last in each month, and before these at all."""
    state.bought = _pruned(state.bought, since, monthly)
    state.churns = _pruned(state.churns, since, monthly)
    for one in state.subscriptions.values():
        one.said = _pruned(one.said, since, monthly)


def _pruned(said: list[Said], since: int, monthly: int) -> list[Said]:
    return settled(said, since, monthly) if len(said) > 1 and day_of_us(said[1].at) < since else said


def is_tombstone(row: Paper, today: int) -> bool:
    """Whether the row was settled so long ago that no measure looks at it."""
    return row.settled is not None and row.settled < (today - PAPER_DAYS) * DAY_US


def drop_tombstones(account: Account, today: int) -> None:
    """Leave only the rows that a measure may look at."""
    account.counted.clear()
    account.tickets = {key: row for key, row in account.tickets.items() if not is_tombstone(row, today)}
    account.invoices = {key: row for key, row in account.invoices.items() if not is_tombstone(row, today)}
