"""A playbook tried on recorded days: when it would have fired for one account, whom it would have disturbed, and when
the account left.

It is the step function that decides, by a clock that goes from one day's end to the next, on the facts that stood
there. What nobody recorded is not simulated: nobody does what is asked, and sources were never interrupted. What holds
at the first look is found so, as when a playbook is new, and again after an import.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, Final, NamedTuple

import msgspec

from services.playbooks.core.assignment import Load, assign
from services.playbooks.core.days import GONE, QUIET, Past, Stretch
from services.playbooks.core.directory import Csm
from services.playbooks.core.episode import Ask, Episode, StepResult
from services.playbooks.core.holdout import is_held_out
from services.playbooks.core.look import DEPARTS, Look
from services.playbooks.core.outbound import OUTBOUND
from services.playbooks.core.playbook import Playbook
from services.playbooks.core.remembered import needed
from services.playbooks.core.rules import Rules
from services.playbooks.core.step import step
from services.playbooks.core.trouble import ASKED
from services.playbooks.core.workinghours import Hours
from shared.conditions import Facts, Truth, facts_of
from shared.conditions.evaluation import evaluate_leaf
from shared.messages.registry import COMPANY

_DAY: Final = timedelta(days=1)
_MICROSECOND: Final = timedelta(microseconds=1)
_OWNER: Final = "account.owner"
_MOST_REASONS: Final = 3
CONTACTS: Final = "contacts and systems"
"""Who gets what nobody here works through."""


class Firing(NamedTuple):
    """When it would have fired, and what it saw."""

    account: str
    name: str
    at: datetime
    reasons: tuple[str, ...]


class Sent(NamedTuple):
    """A message that somebody would have got; an alert and a task of one firing are one."""

    day: date
    to: str


class Life(NamedTuple):
    """What would have come of one account."""

    account: str
    known_from: date | None
    """The first day of the span on which anything is known of it."""
    found: bool
    """What it asks held when it was first looked at, or after an import: since when, nobody knows."""
    firings: tuple[Firing, ...]
    sent: tuple[Sent, ...]
    left: tuple[date, ...]
    """The days on which it left as a customer."""
    here: tuple[tuple[date, date], ...]
    """From when to when it was a customer, with the first and without the last day."""


class Trial:
    """One playbook, tried by these rules over these days."""

    def __init__(self, playbook: Playbook, rules: Rules, since: date, until: date) -> None:
        # What runs in the shadow, or is off, is tried as if in earnest.
        playbook = self._playbook = msgspec.structs.replace(playbook, shadow=False, off=False)
        self._rules, self._since, self._until = rules, since, until
        self._business = rules.business
        asked = playbook.follows
        self._follows = None if asked is None else frozenset({*asked, *DEPARTS, QUIET, GONE})
        """What may move an episode under way; None: anything."""
        self._reads = frozenset({*playbook.read, *DEPARTS, QUIET, GONE})
        self._only = _needed_by(playbook)
        dated = [leaf.subject for leaf in playbook.leaves if leaf.subject.linear_of is not None]
        behind = (name for one in dated for name in (one.linear_of, one.none_when) if name is not None)
        self._plain = [leaf for leaf in playbook.leaves if leaf.subject.linear_of is None]
        self._raw = (*dict.fromkeys(behind), *DEPARTS, QUIET)
        self._hours: dict[str | None, Hours] = {}
        self._loads: dict[str, Load] = {}
        self._turn = 0

    def life(self, past: Past) -> Life:
        """Go through an account's days."""
        going = _Going(past.account)
        for stretch in past.stretches(self._since, self._until, self._only):
            if stretch.facts is not None:
                going.note(stretch, stretch.facts)
                if stretch.facts.get(GONE) is None:
                    self._go(going, stretch, stretch.facts)
        return going.life(self._until)

    def _go(self, going: "_Going", stretch: Stretch, facts: Mapping[str, Any]) -> None:
        """Look at the end of the first of these days, where something may be otherwise, and then when time says so."""
        first, last = end_of(stretch.first), end_of(stretch.last)
        timer, judged = going.timer, None
        due = timer is not None and timer <= first
        if going.concerns(stretch.changed, self._reads, self._follows):
            judged = self._judged(facts, first)
            due = due or not (going.is_settled and going.judged == judged)
        if due:
            self._look(going, facts, first)
            going.judged = judged
        at = going.timer if due else timer
        while at is not None and at <= last:
            self._look(going, facts, at)
            at = going.timer

    def _judged(self, facts: Mapping[str, Any], at: datetime) -> tuple[Any, ...]:
        """All that a look goes by where nothing is under way: what its conditions say, the instants from which time
        runs, and whether anything is asked at all."""
        seen = Facts.of(facts)
        return (*(evaluate_leaf(leaf, seen, at) for leaf in self._plain), *map(facts.get, self._raw))

    def _look(self, going: "_Going", facts: Mapping[str, Any], at: datetime) -> None:
        quiet = facts.get(QUIET) is True
        found_in = None if going.is_met and not going.was_quiet else "backtest"
        look = Look.of(
            going.account,
            facts,
            at,
            occasion=going.occasion(),
            quiet=quiet,
            found_in=None if quiet else found_in,
            hours=self._hours_of(_text(facts, _OWNER)),
            business=self._business,
        )
        stepped = step(self._playbook, going.episode, look)
        going.was_quiet = quiet
        going.is_met = going.is_met or not quiet
        going.take(stepped, facts, at)
        going.is_settled = going.is_met and not (quiet or found_in or stepped.moves or going.is_under_way)
        if stepped.asks and not is_held_out(self._playbook, going.account):
            going.sent += self._sent(stepped.asks, facts, at)

    def _hours_of(self, owner: str | None) -> Hours:
        if owner not in self._hours:
            owned_by = self._rules.directory.owner(owner)
            self._hours[owner] = owned_by.hours if owned_by is not None else self._rules.directory.office
        return self._hours[owner]

    def _sent(self, asks: Iterable[Ask], facts: Mapping[str, Any], at: datetime) -> Iterator[Sent]:
        """Who gets what is asked for at one look."""
        told = dict.fromkeys(self._whom(ask, facts, at) for ask in asks if ask.kind not in ("trait", "assign_owner"))
        return (Sent(at.date(), one) for one in told)

    def _whom(self, ask: Ask, facts: Mapping[str, Any], at: datetime) -> str:
        """Whom the list of the step finds today: who was there then, nobody recorded."""
        if ask.kind in OUTBOUND:
            return CONTACTS
        chosen = self._playbook.every_step[ask.step]
        found = assign(chosen.assign, _text(facts, _OWNER), self._rules.directory, self._loads, at, needs_room=False)
        if not isinstance(found.to, Csm):
            return found.channel or "nobody"
        # Whose turn it is goes round; what people have on the desk by then is not known.
        self._turn += 1
        self._loads[found.to.id] = Load(0, self._turn)
        return found.to.name


class _Going:
    """One account on its way through the days."""

    def __init__(self, account: str) -> None:
        self.account = account
        self.episode: Episode | None = None
        self.timer: datetime | None = None
        self.is_met = False
        self.was_quiet = False
        self.is_settled = False
        """The last look moved nothing, and would again find nothing to do while what it went by stays the same."""
        self.judged: tuple[Any, ...] | None = None
        self.sent: list[Sent] = []
        self._looks = 0
        self._found = False
        self._firings: list[Firing] = []
        self._left: list[date] = []
        self._here: list[tuple[date, date]] = []
        self._here_since: date | None = None
        self._known_from: date | None = None

    @property
    def is_under_way(self) -> bool:
        """Is there an episode whose steps and end ask for more than its conditions?"""
        return self.episode is not None and self.episode.state in ("active", "found")

    def occasion(self) -> str:
        """What tells this look from every other of the account."""
        self._looks += 1
        return str(self._looks)

    def concerns(self, changed: frozenset[str], reads: frozenset[str], follows: frozenset[str] | None) -> bool:
        """May what changed move anything?"""
        if not self.is_met:
            return True
        if self.episode is not None and self.episode.is_open:
            return follows is None or not follows.isdisjoint(changed)
        return not reads.isdisjoint(changed)

    def note(self, stretch: Stretch, facts: Mapping[str, Any]) -> None:
        """Whether the account is a customer on these days."""
        day, has_left = stretch.first, has_churned(facts)
        is_one = self.account != COMPANY and facts.get("account.excluded") is None and facts.get(GONE) is None
        is_customer = is_one and not has_left
        if has_left and self._here_since is not None:
            self._left.append(day)
        if self._here_since is not None and not is_customer:
            self._here.append((self._here_since, day))
        self._here_since = (self._here_since or day) if is_customer else None
        self._known_from = self._known_from or day

    def take(self, stepped: StepResult, facts: Mapping[str, Any], at: datetime) -> None:
        """Remember what a look came to."""
        self.episode, self.timer = stepped.episode, stepped.timer
        if stepped.fired and stepped.episode is not None:
            saw = tuple(one.words for one in stepped.episode.readings if one.truth is Truth.TRUE)[-_MOST_REASONS:]
            name = _text(facts, "account.name") or self.account
            self._firings.append(Firing(self.account, name, at, saw))
        self._found = self._found or any(move.after == "found" for move in stepped.moves)

    def life(self, until: date) -> Life:
        """All that came of it."""
        here = [*self._here, *([(self._here_since, until + _DAY)] if self._here_since is not None else [])]
        told = (tuple(self._firings), tuple(self.sent), tuple(self._left), tuple(here))
        return Life(self.account, self._known_from, self._found, *told)


def has_churned(facts: Mapping[str, Any]) -> bool:
    """Has the customer left?"""
    return facts.get("account.churned") is True or facts.get("account.churned_at") is not None


def _needed_by(playbook: Playbook) -> frozenset[str]:
    """The facts that its conditions, its steps and what is told of a firing go by: of all others nothing is asked."""
    asked = [one for step in playbook.steps for one in (step.unless, step.condition) if one is not None]
    flags = ASKED if any(one.kind == "flag" for one in playbook.steps) else ()
    always = (_OWNER, "account.name", *DEPARTS, QUIET, GONE)
    return playbook.read.union(*map(facts_of, asked), needed(playbook.remembers), flags, always)


@lru_cache(maxsize=1024)
def end_of(day: date) -> datetime:
    """The last instant of a UTC day."""
    return datetime.combine(day + _DAY, time(), UTC) - _MICROSECOND


def _text(facts: Mapping[str, Any], name: str) -> str | None:
    value = facts.get(name)
    return value if isinstance(value, str) else None
