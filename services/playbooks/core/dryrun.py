"""What a playbook would do to all accounts as they stand now, as if it were new: gathered account by account."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

import msgspec

from services.playbooks.core.leaves import LeafSeen
from services.playbooks.core.outlook import SOON, Outlook, State
from services.playbooks.core.rehearsal import Rehearsed
from services.playbooks.core.standing import Standing, owner
from shared.words import counted

MOST_SHOWN = 50
_MOST_REASONS = 10
_SHOWN: tuple[State, ...] = ("now", "held", "by_time")


class OneAccount(msgspec.Struct, frozen=True, kw_only=True):
    """One account, looked at leaf by leaf."""

    id: str
    name: str
    state: State
    at: datetime | None
    words: str
    leaves: list[LeafSeen]
    steps: list[Rehearsed]
    """As they would be done when it fires; where nothing makes it fire, as if it did now."""


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """One account for which it fires, or will."""

    id: str
    name: str
    owner: str | None
    state: State
    at: datetime | None
    reasons: tuple[str, ...]


class Owned(msgspec.Struct, frozen=True):
    """Of one owner's accounts."""

    owner: str | None
    now: int
    soon: int


class Numbered(msgspec.Struct, frozen=True):
    """How many there are of something that is said."""

    words: str
    number: int


class DryRun(msgspec.Struct, frozen=True, kw_only=True):
    """Over all accounts."""

    accounts: int
    """Those that were looked at: neither gone nor merged."""
    for_accounts: int
    """Those that it is for."""
    states: dict[State, int]
    now: int
    """Where it holds now: when it is switched on these are found so, and nobody is told but by a list."""
    soon: int
    """Where it would fire within seven days if nothing else happened."""
    held_out: int
    """How many of those where it holds now it holds out: nothing is asked for there."""
    unknown: list[Numbered]
    """Why nobody can say of some, most frequent first."""
    owners: list[Owned]
    people: list[Numbered]
    """Messages for each if all that hold now were started."""
    shown: list[Tried]
    words: list[str]
    account: OneAccount | None = None


class Tally:
    """Gathers accounts, one by one."""

    def __init__(self, now: datetime, *, of_event: bool) -> None:
        self.accounts = 0
        self._soon_until, self._of_event = now + SOON, of_event
        self._states, self._unknown, self._people = Counter[State](), Counter[str](), Counter[str]()
        self._now, self._soon = Counter[str | None](), Counter[str | None]()
        self._shown: list[Tried] = []
        self._held_out = 0

    def add(self, stands: Standing, found: Outlook, told: Iterable[str] = (), *, held_out: bool = False) -> None:
        """One that is looked at, with whom a firing would tell now."""
        self.accounts += 1
        self._states[found.state] += 1
        self._people.update(told)
        if found.state == "unknown":
            self._unknown.update(found.reasons)
        if found.state == "now":
            self._now[owner(stands)] += 1
            self._held_out += held_out
        elif found.state in ("held", "by_time") and found.at is not None and found.at <= self._soon_until:
            self._soon[owner(stands)] += 1
        if found.state in _SHOWN and len(self._shown) < MOST_SHOWN:
            name = stands.facts.get("account.name")
            self._shown.append(
                Tried(
                    id=stands.account,
                    name=name if isinstance(name, str) else stands.account,
                    owner=owner(stands),
                    state=found.state,
                    at=found.at,
                    reasons=found.reasons,
                )
            )

    def result(self, account: OneAccount | None = None) -> DryRun:
        """All of it."""
        now, soon = self._now.total(), self._soon.total()
        outside = (
            self._states["not_for_account"] + self._states["gone"] + self._states["importing"] + self._states["muted"]
        )
        owners = sorted({*self._now, *self._soon}, key=lambda one: (-self._now[one] - self._soon[one], one or ""))
        return DryRun(
            accounts=self.accounts,
            for_accounts=self.accounts - outside,
            states=dict(self._states),
            now=now,
            soon=soon,
            held_out=self._held_out,
            unknown=[Numbered(*one) for one in self._unknown.most_common(_MOST_REASONS)],
            owners=[Owned(one, self._now[one], self._soon[one]) for one in owners],
            people=[Numbered(*one) for one in self._people.most_common()],
            shown=self._shown,
            words=list(self._words(now)),
            account=account,
        )

    def _words(self, now: int) -> Iterable[str]:
        if self._of_event:
            yield "It waits for events: which accounts it is for is known, and not when their next one comes."
        elif now:
            yield (
                f"When it is switched on, {counted(now, 'account')} for which it holds now will be found so: listed "
                "for their owners, who can start them. It fires for those that come to hold after that."
            )
        if self._held_out:
            yield f"{counted(self._held_out, 'account')} of them it holds out: there it decides, and asks for nothing."
        if muted := self._states["muted"]:
            yield f"{counted(muted, 'account')} are muted: nothing fires there."
        if importing := self._states["importing"]:
            yield f"At {counted(importing, 'account')} an import is open: nobody is asked about them yet."
