"""The leaves of a playbook's conditions at one look, as who asks about one account reads them."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import Literal

import msgspec

from services.playbooks.core.days import Past
from services.playbooks.core.look import Look
from services.playbooks.core.playbook import Playbook
from shared.conditions import Condition, Facts, Leaf, Truth, first_flip, leaves, leaves_of
from shared.conditions.evaluation import evaluate_leaf
from shared.words import clock_time, date_words

Place = Literal["for_accounts", "when", "exit_when"]
_DAY = timedelta(days=1)


class LeafSeen(msgspec.Struct, frozen=True, kw_only=True):
    """One leaf with the value that it sees."""

    where: Place
    """The condition that it stands in."""
    text: str
    """The leaf in the language: what it needs."""
    value: str
    truth: Truth
    words: str
    """Both in a sentence's words."""
    since: date | None = None
    """The UTC day since whose end it has been so, where that was recorded."""
    flips_at: datetime | None = None
    """When time alone will change it."""

    @property
    def told(self) -> str:
        """The words, with since when and until when."""
        since = f", since {date_words(self.since)}" if self.since is not None else ""
        until = f", until {clock_time(self.flips_at)} if nothing happens" if self.flips_at is not None else ""
        return f"{self.words}{since}{until}"


def leaves_seen(playbook: Playbook, look: Look, past: Past | None = None) -> list[LeafSeen]:
    """All leaves of its conditions, as written; `past` says since when."""
    places: tuple[tuple[Place, Condition | None], ...] = (
        ("for_accounts", playbook.for_accounts),
        ("when", playbook.when),
        ("exit_when", playbook.exit_when),
    )
    return [one for where, condition in places if condition is not None for one in _seen(where, condition, look, past)]


def _seen(where: Place, condition: Condition, look: Look, past: Past | None) -> Iterator[LeafSeen]:
    readings = leaves(condition, look.facts, look.now)
    for leaf, reading in zip(leaves_of(condition), readings, strict=True):
        yield LeafSeen(
            where=where,
            text=reading.text,
            value=reading.value,
            truth=reading.truth,
            words=reading.words,
            since=None if past is None else since(leaf, past, look),
            flips_at=first_flip([leaf], look.facts, look.now),
        )


def since(leaf: Leaf, past: Past, look: Look, most: timedelta = 400 * _DAY) -> date | None:
    """The day since whose end a leaf has been what it is now; None where its fact runs with time, is of an event, or
    was so all the time."""
    if leaf.subject.linear_of is not None or leaf.subject.name.startswith("event."):
        return None
    wanted, today = evaluate_leaf(leaf, look.facts, look.now), look.now.date()
    began, last = None, None
    for day, _, facts, _ in past.stretches(today - most, today, frozenset({leaf.subject.name})):
        truth = Truth.UNKNOWN if facts is None else evaluate_leaf(leaf, Facts.of(facts), look.now)
        if truth is wanted and last is not wanted:
            began = day if last is not None else None
        last = truth
    return began if last is wanted else None


def of(seen: Iterable[LeafSeen], where: Place, truth: Truth) -> list[LeafSeen]:
    """Those of one condition that are so."""
    return [one for one in seen if one.where == where and one.truth is truth]
