"""An account's days: what its facts were at the end of each, read back from how it stands now.

Of a day is kept only what changed on it, as that was before. So a day on which nothing changed costs nothing, no row
rests on an older one, and the oldest can be deleted at any time: every day after them is still what it was.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final, NamedTuple

import msgspec

from shared.messages.assessments import FactValue

_DAY: Final = timedelta(days=1)
GONE: Final = "account.gone"
"""Among the facts of a day: why nothing is asked about the account any more."""
QUIET: Final = "account.quiet"
"""Among the facts of a day: an import is open."""


class Before(msgspec.Struct, frozen=True, array_like=True):
    """What an account's facts were before a day."""

    was: dict[str, FactValue | None] = {}
    """Of the facts that were others at the day's end; None: it was not known."""
    first: bool = False
    """Nothing is known of the account before this day."""

    @property
    def says(self) -> bool:
        """Is there anything to keep?"""
        return self.first or bool(self.was)


def is_other(value: Any, was: Any) -> bool:
    """Are these values of a fact not the same? 1 is not `true`, nor is a list with the one a list with the other."""
    if value != was or type(value) is not type(was):
        return True
    return type(value) is list and repr(value) != repr(was)


def differing(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """The names of the facts that are others now than then, or known only at one of the two."""
    # Compared here, and asked of `is_other` only where that may say more: an account has a hundred facts.
    was = then.get
    others = [
        name
        for name, value in now.items()
        if value != (before := was(name))
        or type(value) is not type(before)
        or (type(value) is list and is_other(value, before))
    ]
    return [*others, *(then.keys() - now.keys())]


class Stretch(NamedTuple):
    """Days of an account that ended alike, the first and the last."""

    first: date
    last: date
    facts: dict[str, Any] | None
    """At the end of each of them; None: nothing was known of it yet. One dict goes along: who keeps it takes a copy."""
    changed: frozenset[str]
    """The facts that were others the day before, or known on only one of the two; at first, all that are known."""


class Past:
    """How one account stood at the end of each day, by how it stands since its last day, what it was before that, and
    the rows of earlier days, newest first."""

    def __init__(
        self, account: str, facts: Mapping[str, Any], day: date, before: Before, rows: Sequence[tuple[date, Before]]
    ) -> None:
        self.account, self._facts = account, facts
        self._changes = [(day, before), *((at, one) for at, one in rows if at < day)]

    def on(self, day: date) -> dict[str, Any] | None:
        """Its facts at the end of a day; None where nothing was known of it yet."""
        return next(self.stretches(day, day)).facts

    def stretches(self, since: date, until: date, only: frozenset[str] | None = None) -> Iterator[Stretch]:
        """Its days from `since` to `until`, oldest first: as many together as ended alike. `only`: of these facts."""
        facts, later = _some(self._facts, only), list[tuple[date, Mapping[str, Any]]]()
        known: dict[str, Any] | None = facts
        for day, before in self._changes:
            if day <= since:
                break
            if before.first:
                later.append((day, dict(facts)))
                facts.clear()
                known = None
                break
            if was := _some(before.was, only):
                later.append((day, {name: facts.get(name) for name in was}))
                _apply(facts, was)
        at, changed = since, frozenset(facts)
        for day, then in reversed(later):
            if day > until:
                break
            yield Stretch(at, day - _DAY, known, changed)
            _apply(facts, then)
            at, known, changed = day, facts, frozenset(then)
        yield Stretch(at, until, known, changed)


def _some(facts: Mapping[str, Any], only: frozenset[str] | None) -> dict[str, Any]:
    if only is None:
        return dict(facts)
    return {} if only.isdisjoint(facts) else {name: facts[name] for name in only & facts.keys()}


def _apply(facts: dict[str, Any], others: Mapping[str, Any]) -> None:
    for name, value in others.items():
        if value is None:
            facts.pop(name, None)
        else:
            facts[name] = value
