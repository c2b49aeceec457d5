"""Who is where: what was said of users, each with its time, and at which account somebody was by that.

Somebody is, at any time, where was last said by then, by the times of the events that said so; before the first, where
they were said to be first. So what is found doesn't depend on the order in which things came, once all are known.

That two names are one person's is said with a time as well: from then on somebody is where the other name is by its own
statements. Who has none of their own is where the names are that point to them.
"""

import re
from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from services.ingest.core.attributes import CONTROL, LONGEST_ID, NO_SEGMENTS
from services.ingest.core.dialects.fields import within
from services.ingest.core.sent import Record
from shared.messages.registry import COMPANY

SAME: Final = timedelta(minutes=10)
"""That somebody is where they were said to be so shortly before is no news."""
_RESERVED: Final = re.compile(r"[%/]")


class Stated(NamedTuple):
    """Of a user, from then on: at which account they are; or, without one, which other name they have."""

    user: str
    at: datetime
    other: str = ""
    account: str | None = None


class Known:
    """What was said of some users, and of those who are the same person."""

    def __init__(self, stated: Iterable[Stated]) -> None:
        best: dict[tuple[str, datetime, str], Stated] = {}
        self._pointing: dict[str, set[str]] = {}
        for one in stated:
            key = one[:3]
            # Of two accounts at one instant it is the same one in whatever order they come.
            if key not in best or (one.account or "") > (best[key].account or ""):
                best[key] = one
            if one.other:
                self._pointing.setdefault(one.other, set()).add(one.user)
        self._pointed: dict[str, list[Stated]] = {}
        """What the names say that point to a user, once it was asked."""
        self._of: dict[str, list[Stated]] = {}
        for one in sorted(best.values(), key=_order):
            self._of.setdefault(one.user, []).append(one)

    def account_of(self, user: str, at: datetime) -> str | None:
        """Where they were then; None where nothing is known of them."""
        for one in _by_nearness(self._of.get(user, ()), at):
            if (account := one.account or self._own(one.other, at)) is not None:
                return account
        if (pointing := self._pointed.get(user)) is None:
            pointing = [one for name in self._pointing.get(user, ()) for one in self._of[name] if one.account]
            pointing.sort(key=lambda one: (one.at, one.account))
            self._pointed[user] = pointing
        return next((one.account for one in _by_nearness(pointing, at)), None)

    def relatives(self, users: Iterable[str]) -> set[str]:
        """Other names of these, as far as they are known here."""
        given = set(users)
        found = {one.other for user in given for one in self._of.get(user, ()) if one.other}
        return (found | {name for user in given for name in self._pointing.get(user, ())}) - given

    def _own(self, user: str, at: datetime) -> str | None:
        own = [one for one in self._of.get(user, ()) if one.account]
        return next((one.account for one in _by_nearness(own, at)), None)


def stated_in(records: Iterable[Record], now: datetime) -> Iterator[Stated]:
    """What records state of users; of a time that is still to come, it is from now on."""
    for record in records:
        for knows in record.knows:
            if is_account(knows.account):
                yield Stated(knows.user, min(knows.at, now), "", knows.account)
        for same in record.same:
            yield Stated(same.user, min(same.at, now), same.other)


def news_in(stated: Iterable[Stated], rows: Iterable[Stated]) -> list[Stated]:
    """What of these statements isn't said by those rows; of each user they are taken by their time."""
    news = list[Stated]()
    by_user: dict[str, list[Stated]] = {}
    for row in sorted(set(rows), key=_order):
        by_user.setdefault(row.user, []).append(row)
    for one in sorted(set(stated), key=lambda one: (one.user, *_order(one), one.account or "")):
        of = by_user.setdefault(one.user, [])
        if not _says(of, one):
            news.append(one)
            insort(of, one, key=_order)
    return news


def _says(of: Sequence[Stated], new: Stated) -> bool:
    """Whether a statement of a user is known, or no news beside what was said shortly before. They come in order."""
    place = bisect_right(of, _order(new), key=_order)
    if place == 0:
        return False
    last = of[place - 1]
    return (last.other, last.account) == (new.other, new.account) and new.at - last.at < SAME


def _order(one: Stated) -> tuple[datetime, bool, str]:
    """At one instant an account counts before another name: it stands behind it, as what was said last."""
    return one.at, not one.other, one.other


def alias_of(source: str, user: str) -> str:
    """The alias under which events of a user wait whom nobody has placed yet."""
    # A source may hold a slash: no two pairs have one alias.
    escaped = _RESERVED.sub(lambda found: f"%{ord(found[0]):02X}", source)
    name = f"user:{escaped}/{user}"
    return name if (short := within(name)) == name else f"user:{short}"


def is_account(name: str) -> bool:
    """Whether it can be an account's id, or an alias."""
    return 0 < len(name) <= LONGEST_ID and name not in NO_SEGMENTS and name != COMPANY and not CONTROL.search(name)


def _by_nearness(stated: Sequence[Stated], at: datetime) -> Iterator[Stated]:
    """What was said by then, the latest first; then what was said later, the earliest first. They come in order."""
    place = bisect_right(stated, at, key=lambda one: one.at)
    yield from reversed(stated[:place])
    yield from stated[place:]
