"""What a backtest says over all accounts: how often it would have fired, how much people would have got, and how well
it warns of customers who leave, beside how often they leave anyway."""

import heapq
from collections import Counter
from datetime import date, timedelta
from statistics import median
from typing import Final

import msgspec

from services.playbooks.core.backtest import CONTACTS, Firing, Life
from shared.words import counted, date_words
from shared.words.shares import Span, share_of

LEAST: Final = 10
"""Of fewer there are only counts: one more could turn any figure round."""
_WEEK: Final = timedelta(days=7)
_DAY: Final = timedelta(days=1)
_MOST_SHOWN: Final = 500


class Rate(msgspec.Struct, frozen=True):
    """How many of how many; the share in percent with 95 % bounds, none of too few."""

    number: int
    of: int
    share: float | None = None
    low: float | None = None
    high: float | None = None

    @classmethod
    def among(cls, number: int, of: int) -> "Rate":
        """So many of so many."""
        return cls(number, of, *(_span(number, of) if of >= LEAST else ()))


def _span(number: int, of: int) -> Span:
    return Span(*(round(one, 1) for one in share_of(number / of, of)))


class Warned(msgspec.Struct, frozen=True, kw_only=True):
    """How well it warns: of a firing within so many days of the last at the account it says nothing new."""

    within_days: int
    left: int
    """Accounts that left in these days, each as often as it did."""
    precision: Rate
    """Of the firings that can be judged, those after which the account left within the days."""
    recall: Rate
    """Of those that left, those for which it fired within the days before."""
    base_rate: Rate
    """Of accounts that were customers, looked at once a week: those that left within the days after."""
    lead_days: float | None
    """Between the first firing in the days before, and leaving: the median."""
    too_recent: int
    """Firings too near to the end to be judged."""


class Person(msgspec.Struct, frozen=True):
    """What somebody would have got."""

    who: str
    messages: int
    a_week: float
    busiest_week: int
    weeks: list[int]
    """The messages of each week, as weeks are listed."""


class Week(msgspec.Struct, frozen=True):
    """A week from its Monday."""

    monday: date
    firings: int
    messages: int


class Shown(msgspec.Struct, frozen=True):
    """One firing."""

    account: str
    name: str
    day: date
    reasons: tuple[str, ...]


class Backtest(msgspec.Struct, frozen=True, kw_only=True):
    """What would have been."""

    since: date
    until: date
    recorded_from: date | None
    """The first day of which anything is known of any account."""
    accounts: int
    found: int
    """Accounts where it held when they were first looked at: found so, and not fired."""
    firings: int
    fired_for: int
    """How many accounts it fired for."""
    messages: int
    people: list[Person]
    weeks: list[Week]
    shown: list[Shown]
    """The latest firings."""
    warned: Warned | None
    """None: nobody is known to have left."""
    words: list[str]


class Tally:
    """Gathers lives, one by one; of each it keeps numbers alone."""

    def __init__(self, since: date, until: date, within_days: int) -> None:
        self._since, self._until, self._within = since, until, timedelta(days=within_days)
        self.accounts = self._found = self._firings = self._fired_for = self._left = self._recent = 0
        self._recorded_from: date | None = None
        self._by_week, self._messages = Counter[date](), Counter[tuple[str, date]]()
        self._judged, self._right, self._leavers, self._warned = 0, 0, 0, 0
        self._at_risk = self._went = 0
        self._leads: list[int] = []
        self._shown: list[tuple[date, str, int, Shown]] = []

    def add(self, life: Life) -> None:
        """One account's."""
        if life.known_from is None:
            return
        self.accounts += 1
        self._recorded_from = min(self._recorded_from or life.known_from, life.known_from)
        self._found += life.found
        self._firings += len(life.firings)
        self._fired_for += bool(life.firings)
        for firing in life.firings:
            self._by_week[_monday(firing.at.date())] += 1
            self._show(firing)
        for sent in life.sent:
            self._messages[sent.to, _monday(sent.day)] += 1
        self._judge(life)
        self._sample(life)

    def _show(self, firing: Firing) -> None:
        day = firing.at.date()
        one = day, firing.account, self._firings, Shown(firing.account, firing.name, day, firing.reasons)
        if len(self._shown) < _MOST_SHOWN:
            heapq.heappush(self._shown, one)
        else:
            heapq.heappushpop(self._shown, one)

    def _judge(self, life: Life) -> None:
        fired = [one.at.date() for one in life.firings]
        last: date | None = None
        for day in fired:
            if last is not None and day - last <= self._within:
                continue
            last = day
            if day + self._within > self._until:
                self._recent += 1
                continue
            self._judged += 1
            self._right += any(day < left <= day + self._within for left in life.left)
        self._left += len(life.left)
        for left in life.left:
            if life.found:
                # Since when it held nobody knows: it may have warned, and may not.
                continue
            before = [day for day in fired if left - self._within <= day < left]
            self._leavers += 1
            self._warned += bool(before)
            self._leads += [(left - before[0]).days] if before else []

    def _sample(self, life: Life) -> None:
        for since, until in life.here:
            day = since + (self._since - since) % _WEEK
            while day < until and day + self._within <= self._until:
                self._at_risk += 1
                self._went += any(day < left <= day + self._within for left in life.left)
                day += _WEEK

    def result(self) -> Backtest:
        """All of it."""
        warned = self._how_it_warns()
        return Backtest(
            since=self._since,
            until=self._until,
            recorded_from=self._recorded_from,
            accounts=self.accounts,
            found=self._found,
            firings=self._firings,
            fired_for=self._fired_for,
            messages=sum(self._messages.values()),
            people=self._people(),
            weeks=self._weeks(),
            shown=[one for *_, one in sorted(self._shown, key=lambda each: each[:3], reverse=True)],
            warned=warned,
            words=self._words(warned),
        )

    def _how_it_warns(self) -> Warned | None:
        if not self._left:
            return None
        return Warned(
            within_days=self._within.days,
            left=self._left,
            precision=Rate.among(self._right, self._judged),
            recall=Rate.among(self._warned, self._leavers),
            base_rate=Rate.among(self._went, self._at_risk),
            lead_days=median(self._leads) if len(self._leads) >= LEAST else None,
            too_recent=self._recent,
        )

    def _people(self) -> list[Person]:
        # What was before the first recorded day says nothing of a week.
        weeks = max(1.0, ((self._until - (self._recorded_from or self._since)).days + 1) / 7)
        by_week = {who: [self._messages[who, monday] for monday in self._mondays] for who, _ in self._messages}
        people = (
            Person(who, sum(numbers), round(sum(numbers) / weeks, 1), max(numbers), numbers)
            for who, numbers in by_week.items()
        )
        return sorted(people, key=lambda one: (one.who == CONTACTS, -one.messages, one.who))

    def _weeks(self) -> list[Week]:
        by_week = Counter[date]()
        for (_, monday), number in self._messages.items():
            by_week[monday] += number
        return [Week(monday, self._by_week[monday], by_week[monday]) for monday in self._mondays]

    @property
    def _mondays(self) -> list[date]:
        first, last = _monday(self._since), _monday(self._until)
        return [first + number * _WEEK for number in range((last - first).days // 7 + 1)]

    def _words(self, warned: Warned | None) -> list[str]:
        if self._recorded_from is None:
            span = f"{date_words(self._since)} to {date_words(self._until)}"
            return [
                f"No day from {span} is recorded: what a day was is known once it is over, from when Keepwell runs."
            ]
        said = []
        if self._recorded_from > self._since:
            said.append(
                f"Days are recorded from {self._recorded_from.isoformat()} on: of earlier ones nothing is known."
            )
        if self._found:
            said.append(
                f"At {counted(self._found, 'account')} it held when they were first looked at: found so, and not fired."
            )
        if warned is None:
            said.append("No account is known to have left in these days: how well it warns can't be said.")
        elif min(warned.precision.of, warned.recall.of) < LEAST:
            firings, left = counted(warned.precision.of, "firing"), counted(warned.recall.of, "account")
            said.append(
                f"{firings} that can be judged and {left} that left are too few for a share: under {LEAST}, one more "
                "could turn it round."
            )
        elif (warned.precision.low or 0) <= (warned.base_rate.share or 0):
            said.append("By these numbers it may warn no better than chance: the base rate lies within what is likely.")
        return said


def _monday(day: date) -> date:
    return day - day.weekday() * _DAY
