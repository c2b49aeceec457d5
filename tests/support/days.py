"""Days of accounts, as they would have been recorded."""

from collections.abc import Mapping
from datetime import date
from itertools import pairwise
from typing import Any

from services.playbooks.core.days import Before, Past, differing


def a_past(account: str, ends: Mapping[date, Mapping[str, Any]]) -> Past:
    """An account whose facts at the end of these days were these, and of the days between those of the day before."""
    days = sorted(ends)
    rows = [(days[0], Before(first=True))]
    for before, day in pairwise(days):
        then, now = ends[before], ends[day]
        rows.append((day, Before({name: then.get(name) for name in differing(then, now)})))
    (today, last), *older = reversed(rows)
    return Past(account, ends[days[-1]], today, last, older)
