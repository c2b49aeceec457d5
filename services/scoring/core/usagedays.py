"""Usage by day and feature, for longer than measures look: what state forgets goes to rows, as sums that are added up.

When that was can't be seen: what a day had is the sum of its rows and of what state still has. A name beyond the bound
of features counts with the others, as it does in state, whenever its rows were written.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final, NamedTuple

from services.scoring.core.state import OTHER, Account, Uses

KEPT_DAYS: Final = 400
"""How long it is known what was used on a day."""
Days = dict[tuple[int, str], Uses]
"""By day and feature."""


class UsageRow(NamedTuple):
    """How a feature was used on a day, as far as state has forgotten it."""

    account_id: str
    day: int
    feature: str
    events: int
    quantity: int
    """In millionths."""


def rows_of(account: Account, today: int) -> list[UsageRow]:
    """What an account's state has forgotten since that was written; what is too old leaves nothing."""
    return [
        UsageRow(account.id, day, feature, uses.events, uses.quantity)
        for (day, feature), uses in account.forgotten.items()
        if day > today - KEPT_DAYS
    ]


def enough(counts: Iterable[tuple[int, int]], most: int) -> int | None:
    """The day since which there are so many: of how many there are on each, the newest first. None: there are not."""
    total = 0
    for day, count in counts:
        total += count
        if total >= most:
            return day
    return None


def counted(account: Account, feature: str | None) -> list[tuple[int, int]]:
    """How many features state knows to have been used on each day, the newest first."""
    usage = account.state.usage
    of = usage.values() if feature is None else [usage.get(feature, {})]
    return sorted(Counter(day for days in of for day in days).items(), reverse=True)


def together(account: Account, kept: Iterable[tuple[int, str, int, int]], first: int = 0, last: int = 2**31) -> Days:
    """What was used on each of these days: by the rows that are given, and by state."""
    named, found = account.state.usage, Days()
    given = ((day, feature, Uses(events, quantity)) for day, feature, events, quantity in kept)
    forgotten = ((day, feature, uses) for (day, feature), uses in account.forgotten.items())
    here = (
        (day, feature, uses) for feature, days in named.items() for day, uses in days.items() if first <= day <= last
    )
    for day, feature, uses in (*given, *forgotten, *here):
        key = day, feature if feature in named else OTHER
        found.setdefault(key, Uses(0, 0)).add(uses)
    return found
