"""Periods of revenue figures: whole days, and of what is long ago whole months, as that is how it is remembered."""

from typing import Final, Literal, NamedTuple

from services.scoring.core.clock import date_of, month_of
from services.scoring.core.state import MONTHLY_DAYS, TERMS_DAYS

_A_YEAR: Final = 12


class Period(NamedTuple):
    """Days from the first until, and without, the last; both since 1970-01-01."""

    name: str
    start: int
    stop: int


def first_day(today: int) -> int:
    """The first day on which a figure can begin."""
    return today - MONTHLY_DAYS + 1


def known(day: int, today: int) -> int:
    """A day at whose beginning it is known how all stood: of what is long ago the first of its month."""
    return day if day > today - TERMS_DAYS else month_of(day)[0]


def year_until(stop: int) -> int:
    """The first of the twelve months of which the last has the day before this one."""
    day = month_of(stop - 1)[0]
    for _ in range(_A_YEAR - 1):
        day = month_of(day - 1)[0]
    return day


def periods_of(start: int, stop: int, by: Literal["month", "quarter"] | None) -> list[Period]:
    """The months or quarters between two days, cut at both; or all as one."""
    if by is None:
        return [Period(f"{date_of(start)}/{date_of(stop)}", start, stop)]
    found: list[Period] = []
    day = start
    while day < stop:
        until = min(_next(day, by), stop)
        date = date_of(day)
        found.append(Period(f"{date:%Y-%m}" if by == "month" else f"{date.year}-Q{(date.month + 2) // 3}", day, until))
        day = until
    return found


def _next(day: int, by: Literal["month", "quarter"]) -> int:
    following = month_of(day)[1]
    while by == "quarter" and date_of(following).month % 3 != 1:
        following = month_of(following)[1]
    return following
