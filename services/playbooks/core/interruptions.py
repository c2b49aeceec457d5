"""When sources of evidence were interrupted, as marks tell: a look that is made up later sees what was so then."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from shared.messages.assessments import PartitionMark

_KEPT: Final = timedelta(days=2)
"""After that every account has been looked at since."""


class Interruption(NamedTuple):
    """One source, from the mark that told of it first to the one that no longer did."""

    source: str
    since: datetime
    until: datetime | None = None


def interrupted(known: Iterable[Interruption], at: datetime) -> frozenset[str]:
    """The sources that are at an instant."""
    return frozenset(one.source for one in known if one.since <= at and (one.until is None or at < one.until))


def changes(known: Iterable[Interruption], after: datetime) -> list[datetime]:
    """The instants after another at which some began or ended."""
    return [at for one in known for at in (one.since, one.until) if at is not None and at > after]


def after_mark(known: tuple[Interruption, ...], mark: PartitionMark) -> tuple[Interruption, ...]:
    """What is known of them after a mark; the very same where it says nothing new."""
    going_on = {one.source for one in known if one.until is None}
    if going_on == mark.interrupted.keys():
        return known
    ended = [one if one.until or one.source in mark.interrupted else one._replace(until=mark.through) for one in known]
    kept = [one for one in ended if one.until is None or mark.through - one.until < _KEPT]
    return (*kept, *(Interruption(source, mark.through) for source in sorted(mark.interrupted.keys() - going_on)))
