"""A book of accounts as its team lives with it: events and time through the cores of scoring and playbooks, no process.

Each event is folded, scoring assesses, playbooks look, and every timer of both comes due on its instant. What people
are told is kept with its instant, so that a story can be asked what it came to, and a whole book how often it disturbs.
"""

import heapq
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, Final, NamedTuple

import msgspec

from services.playbooks.core import desk, reminding, settling
from services.playbooks.core.assignment import Load
from services.playbooks.core.commands import Command
from services.playbooks.core.episode import Episode, Move
from services.playbooks.core.item import OPEN, Item
from services.playbooks.core.rules import Library, Rules
from services.playbooks.core.standing import Standing
from services.playbooks.core.work import Work
from services.playbooks.files import load_all, read_people
from services.scoring.core.assess import assess
from services.scoring.core.decision import Decision, Occasion
from services.scoring.core.fold import fold
from services.scoring.core.scorecard import Rules as Cards
from services.scoring.core.state import Account
from shared.files.templates import render
from shared.messages import registry
from shared.messages.actions import ActionRequested
from shared.messages.assessments import Cause
from shared.messages.envelope import Event
from tests.support.scoring import SHIPPED, caused_by

PEOPLE: Final = """
roles: {last_resort: lea}
csms:
  - {id: ana, name: Ana, email: ana@example.com, manager: lea}
  - {id: sam, name: Sam, email: sam@example.com, manager: lea, tier: senior}
  - {id: lea, name: Lea, email: lea@example.com, tier: lead}
"""
"""Ana owns the accounts of most stories; Lea is her manager."""
_HOUR: Final = timedelta(hours=1)
_DILIGENT: Final = {"task": "done", "alert": "acknowledge"}
LIBRARY: Final = Library(load_all())
"""What ships."""


class Told(NamedTuple):
    """A message, and when it was decided."""

    at: datetime
    said: ActionRequested

    @property
    def waits(self) -> bool:
        """It comes with the digest, or with what else waits for working hours."""
        return self.said.not_before is not None and self.said.not_before > self.at


class Book:
    """Accounts, their items and what was told of them; `diligent` people do each task, and
    acknowledge each alert, an hour before it is due."""

    def __init__(
        self,
        events: Iterable[Event],
        cards: Cards = SHIPPED,
        people: str = PEOPLE,
        library: Library = LIBRARY,
        *,
        diligent: bool = False,
    ) -> None:
        self.cards = cards
        self.rules = Rules(library, read_people(people, "csms.yaml"), render)
        self.accounts: dict[str, Account] = {}
        self.decisions: dict[str, Decision] = {}
        self.standings: dict[str, Standing] = {}
        self.episodes: dict[str, dict[str, Episode]] = {}
        self.items: dict[str, dict[str, Item]] = {}
        self.loads: dict[str, Load] = {}
        self.told: list[Told] = []
        self.moves: list[Move] = []
        self.fed: dict[str, dict[str, datetime]] = {}
        """By item, the playbooks that asked for it or joined it, and when."""
        self.now = datetime.min.replace(tzinfo=UTC)
        self.diligent = diligent
        self._looks: dict[tuple[str, str], datetime] = {}
        self._queue: list[tuple[datetime, int, str, str, Event | None]] = []
        self._places = count()
        for event in sorted(events, key=lambda one: one.time):
            self._put(event.time, "event", event.subject, event)

    def add(self, *events: Event) -> None:
        """More that will happen."""
        for event in events:
            self._put(event.time, "event", event.subject, event)

    def found(self, events: Iterable[Event], at: datetime) -> None:
        """The past, imported: what holds when it ends is found so, and tells nobody."""
        for event in events:
            fold(self.accounts.setdefault(event.subject, Account(event.subject)), event, registry.data_of(event))
        self.now = at
        for account in self.accounts:
            self._assess(account, Cause(kind="history"), found_in="past")

    def run(self, until: datetime) -> "Book":
        """Let everything happen up to an instant."""
        while self._queue and self._queue[0][0] <= until:
            at, _, kind, account, event = heapq.heappop(self._queue)
            if event is None and self._looks.get((kind, account)) != at:
                continue
            self.now = max(self.now, at)
            if event is not None:
                self._take(event)
                continue
            del self._looks[kind, account]
            match kind:
                case "playbooks":
                    self._wait(account)
                case "work":
                    self._work_off(account)
                case _:
                    self._assess(account, Cause(kind="usage" if kind == "usage" else "time"))
        self.now = until
        return self

    def do(self, item: Item, event: str, at: datetime | None = None, **said: Any) -> None:
        """A person's move."""
        self.now = max(self.now, at or self.now)
        work = self._work(item.account_id)
        work.changes.beside.meet(self._of(item.account_id))
        desk.move(work, self.items[item.account_id][item.id], Command(event, **said), item.assignee or "ana", self.now)
        self._save(item.account_id, work)

    def all(self, *playbooks: str, kind: str = "") -> list[Item]:
        """What was ever asked for or joined by these playbooks (none: by all), in order."""
        found = [item for items in self.items.values() for item in items.values() if kind in ("", item.kind)]
        wanted = [one for one in found if not playbooks or any(name in self.fed[one.id] for name in playbooks)]
        return sorted(wanted, key=lambda one: one.opened_at)

    # How it goes

    def _take(self, event: Event) -> None:
        account = self.accounts.setdefault(event.subject, Account(event.subject))
        fold(account, event, registry.data_of(event))
        if event.type == "usage.recorded":
            # What is used in an hour is assessed once, as a batch is.
            self._put(event.time + _HOUR, "usage", event.subject)
            return
        contact = msgspec.json.decode(event.data).get("contact_id") or ""
        name, role = account.state.name_of(contact), account.state.role_of(contact)
        self._assess(event.subject, msgspec.structs.replace(caused_by(event), contact_name=name, contact_role=role))

    def _assess(self, account: str, cause: Cause, found_in: str | None = None) -> None:
        occasion = Occasion(cause, found_in=found_in)
        outcome = assess(self.accounts[account], self.decisions.get(account), occasion, self.now, self.cards)
        self.decisions[account] = outcome.decision
        if (at := outcome.next_at) is not None:
            self._put(max(at, self.now + timedelta(microseconds=1)), "scoring", account)
        if outcome.assessed is not None:
            work = self._work(account)
            work.assess(account, outcome.assessed, {})
            self._save(account, work)

    def _wait(self, account: str) -> None:
        work = self._work(account)
        work.changes.beside.meet(self._of(account))
        work.time(account, self.now)
        for item in self._of(account):
            can_be = item.kind == "alert" or item.escalated_at is None
            is_due = item.state in ("open", "taken") and item.due_at is not None and can_be
            if item.state == "snoozed" or is_due:
                reminding.remind(work, item)
        self._save(account, work)

    def _work(self, account: str) -> Work:
        standing = self.standings.get(account)
        return Work(self.rules, [standing] if standing else [], self.episodes.get(account, {}).values())

    def _save(self, account: str, work: Work) -> None:
        settling.close(work, [item for item in self._of(account) if item.state in OPEN])
        self.loads |= settling.carry_out(work, {id: self.loads.get(id, Load()) for id in settling.people(work)})
        changes = work.changes
        self.standings |= changes.standings
        self.moves += changes.moves
        playbooks = {id: one.playbook for id, one in changes.episodes.items()}
        for item in changes.items.values():
            fed = self.fed.setdefault(item.id, {item.playbook: item.opened_at})
            for name in (playbooks[id] for id in item.feeders if id in playbooks):
                fed.setdefault(name, self.now)
        self.items.setdefault(account, {}).update(changes.items)
        self.episodes.setdefault(account, {}).update(changes.episodes)
        for id in changes.retired:
            self.episodes[account].pop(id, None)
        for at in changes.timers.values():
            self._put(max(at, self.now + timedelta(microseconds=1)), "playbooks", account)
        said = [registry.data_of(message.event) for message in changes.out]
        for one in said:
            if isinstance(one, ActionRequested) and not one.revision and one.kind != "digest":
                self.told.append(Told(self.now, one))
        self._deliver(account, {one.action_id for one in said if isinstance(one, ActionRequested)})
        if self.diligent:
            for item in changes.items.values():
                if _DILIGENT.get(item.kind) and item.state in OPEN and item.due_at is not None:
                    self._put(max(self.now, item.due_at - _HOUR), "work", account)

    def _deliver(self, account: str, actions: set[str]) -> None:
        """What goes at once has arrived."""
        for item in self._of(account):
            at_once = item.not_before is None or item.not_before <= self.now
            if item.action_id in actions and at_once:
                self.items[account][item.id] = item._replace(delivery="delivered")

    def _work_off(self, account: str) -> None:
        """Do the tasks that are due within the hour, and acknowledge the alerts."""
        for item in self._of(account):
            move = _DILIGENT.get(item.kind)
            if move and item.state in OPEN and item.state != "acknowledged" and item.due_at is not None:
                if item.due_at - _HOUR <= self.now:
                    self.do(item, move, note="called them" if move == "done" else "")
                else:
                    self._put(item.due_at - _HOUR, "work", account)

    def _of(self, account: str) -> list[Item]:
        return list(self.items.get(account, {}).values())

    def _put(self, at: datetime, kind: str, account: str, event: Event | None = None) -> None:
        if event is None:
            # Scoring says when to look next; of all others the earliest counts.
            if kind != "scoring" and self._looks.get((kind, account), at + _HOUR) <= at:
                return
            self._looks[kind, account] = at
        heapq.heappush(self._queue, (at, next(self._places), kind, account, event))


def disturbances(book: Book, begin: datetime, end: datetime) -> Iterator[float]:
    """Messages outside the digest on each working day, as of a book of 50 accounts."""
    day = timedelta(days=1)
    while begin < end:
        if begin.weekday() < 5:
            told = [one for one in book.told if begin <= one.at < begin + day and not one.waits]
            yield len(told) * 50 / len(book.accounts)
        begin += day
