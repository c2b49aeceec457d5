"""What came of each account in a batch, told apart once.

Of usage there is by far the most, and it is folded together: so a use costs one look here, one in the fold, and
nothing is made for it alone. Whatever a group can answer for all of its events is asked of the group.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import accumulate
from typing import Any, Protocol

from services.scoring.core.clock import NEVER
from services.scoring.core.fold import source_of
from services.scoring.core.interruptions import hour_of
from shared.messages.accounts import AccountErased, ContactErased
from shared.messages.envelope import Event
from shared.messages.registry import UNTOLD
from shared.messages.usage import UsageRecorded


class Arrival(Protocol):
    """An event that is new."""

    @property
    def event(self) -> Event:
        """Its envelope. The data in that of usage isn't read."""

    @property
    def data(self) -> Any:
        """As its type's definition."""

    @property
    def trace(self) -> str | None:
        """The trace that it belongs to."""


@dataclass(slots=True)
class Arrivals:
    """One account's, each list in the order in which they came."""

    used: list[Arrival] = field(default_factory=list)
    """Usage: it is told once, together."""
    noted: list[Arrival] = field(default_factory=list)
    """What leaves rows and is told nobody: that somebody was asked, or may be."""
    others: list[Arrival] = field(default_factory=list)
    """What is told one by one."""
    imports: set[str] = field(default_factory=set)
    """Those that some of them are a part of."""

    @property
    def can_wait(self) -> bool:
        """Whether nothing in it makes its account be assessed at once, when the worker is behind."""
        return not self.others and not self.imports

    @property
    def live(self) -> Sequence[Arrival]:
        """The usage that is no history."""
        return [one for one in self.used if one.event.history is None] if self.imports else self.used

    @property
    def besides(self) -> Iterable[Arrival]:
        """All that isn't usage."""
        return (*self.noted, *self.others) if self.noted else self.others


def by_account(events: Iterable[tuple[Arrival, bool]]) -> dict[str, Arrivals]:
    """Of these events those that are seen for the first time, by account."""
    found: dict[str, Arrivals] = {}
    for one, is_first in events:
        if not is_first:
            continue
        event, data = one.event, one.data
        if (of := found.get(event.subject)) is None:
            of = found[event.subject] = Arrivals()
        if type(data) is UsageRecorded:
            of.used.append(one)
        elif isinstance(data, UNTOLD):
            of.noted.append(one)
        else:
            of.others.append(one)
        if event.history is not None:
            of.imports.add(event.history)
    return found


def by_hour(arrivals: Mapping[str, Arrivals], now: datetime) -> Counter[tuple[str, int]]:
    """How many live events came of each source, by the hour in which they were accepted."""
    found: Counter[tuple[str, int]] = Counter()
    used = [one.event.accepted or now for of in arrivals.values() for one in of.live]
    if used and (hour := hour_of(min(used))) == hour_of(max(used)):
        # As good as always: a batch was accepted within moments.
        found["usage", hour] = len(used)
    else:
        found.update(("usage", hour_of(at)) for at in used)
    for one in (one for of in arrivals.values() for one in of.besides if one.event.history is None):
        if (source := source_of(one.event.type)) is not None:
            found[source, hour_of(one.event.accepted or now)] += 1
    return found


def is_told(arrival: Arrival) -> bool:
    """Whether it is assessed at once: history isn't, but whoever is to be forgotten is, whatever the import."""
    return arrival.event.history is None or isinstance(arrival.data, ContactErased | AccountErased)


def untold_since(used: Sequence[Arrival], told: Sequence[Arrival]) -> list[datetime | None]:
    """For usage together, then for each event that is told after it: when the first was accepted of all yet untold.

    Topics are read side by side, so the one that is told first need not be the one that was accepted first. None where
    an event doesn't say, and for no usage.
    """
    first = min((one.event.accepted or NEVER for one in used), default=datetime.max.replace(tzinfo=UTC))
    accepted = [first, *(one.event.accepted or NEVER for one in told)]
    since = [None if at is NEVER else at for at in accumulate(reversed(accepted), min)][::-1]
    return since if used else [None, *since[1:]]
