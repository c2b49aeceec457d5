"""What is open in trouble at an account: the one place that decides what is, and says it in a line each."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final, NamedTuple

from shared.conditions import Facts
from shared.words import counted, date_words, money, number

SILENT: Final = 5
"""Working days without use that a caller should know of."""
KEY_SILENT: Final = 15
"""The same of people of key roles, while their colleagues go on."""
FALLING: Final = -40
"""Percent: the change of usage."""
SHRUNK: Final = -20
"""Percent in 90 days: the change of revenue or seats."""
FEW_SEATS: Final = 40
"""Percent of the seats in use."""
BEHIND: Final = 60
"""Percent of the milestones that are expected by now."""
DETRACTOR: Final = 6
LOW_PULSE: Final = 4


class Trouble(NamedTuple):
    """One thing that is wrong."""

    about: tuple[str, ...]
    """The facts that say it."""
    words: str
    holds_back: bool
    """Nothing is sold meanwhile."""


class _Known:
    """An account's facts, as far as they are known."""

    def __init__(self, facts: Facts, now: datetime) -> None:
        self._facts = facts
        self._now = now

    def number(self, name: str) -> float | None:
        value = self._facts.get(name, self._now)
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None

    def at_most(self, name: str, bound: float) -> float | None:
        """The number, where it is known and no more than that."""
        value = self.number(name)
        return value if value is not None and value <= bound else None

    def at_least(self, name: str, bound: float) -> float | None:
        """The number, where it is known and no less than that."""
        value = self.number(name)
        return value if value is not None and value >= bound else None

    def is_so(self, name: str) -> bool:
        return self._facts.get(name, self._now) is True

    def text(self, name: str) -> str:
        value = self._facts.get(name, self._now)
        return value if isinstance(value, str) else ""

    def day(self, name: str) -> str:
        """The day of an instant."""
        at = self._facts.get(name, self._now)
        return date_words(at) if isinstance(at, datetime) else ""


def troubles(facts: Facts, now: datetime) -> Iterator[Trouble]:
    """All that is open, the worst first. What is not known is no trouble."""
    known = _Known(facts, now)
    for about, holds_back, say in _SIGNS:
        if words := say(known):
            yield Trouble(about, words, holds_back)


def held_back(facts: Facts, now: datetime, kind: str | None = None) -> str | None:
    """Why nothing of a kind is sold to an account now, or None: never to the angry, nor to who isn't settled yet.

    Who is settling in on more seats than they pay for is told all the same, before the invoice does.
    """
    known = _Known(facts, now)
    if (band := known.text("health.band")) in ("red", "unknown"):
        return f"the account's health is {band}"
    overrun = kind == "seats" and (known.number("usage.active_share") or 0) > 100
    if known.text("account.stage") == "onboarding" and not overrun:
        return "the account is in onboarding"
    return next((one.words for one in troubles(facts, now) if one.holds_back), None)


def _leaving(known: _Known) -> str:
    if not known.is_so("account.leaving"):
        return ""
    day = known.day("account.leaves_at")
    return f"they leave on {day}" if day else "they are leaving"


def _lapsed(known: _Known) -> str:
    return "the contract has lapsed" if known.is_so("contract.lapsed") else ""


def _renewal(known: _Known) -> str:
    forecast, day = known.text("contract.renewal_forecast"), known.day("contract.ends_at")
    if forecast not in ("at_risk", "lost") or known.text("contract.renewal_outcome") == "renewed":
        return ""
    when = f" on {day}" if day else ""
    return f"their renewal{when} is at risk" if forecast == "at_risk" else f"their renewal{when} is forecast as lost"


def _urgent(known: _Known) -> str:
    count = known.at_least("support.urgent", 1)
    if count is None:
        return ""
    since = known.day("support.urgent_since")
    if count > 1:
        return f"{number(count)} urgent tickets open" + (f", the oldest since {since}" if since else "")
    return "an urgent ticket open" + (f" since {since}" if since else "")


def _failing(known: _Known) -> str:
    day = known.day("billing.payment_failed_at")
    return f"a payment has been failing since {day}" if day else ""


def _overdue(known: _Known) -> str:
    day, amount = known.day("billing.overdue_since"), known.number("billing.overdue_minor")
    if not day or amount == 0:
        return ""
    currency = known.text("account.currency")
    what = money(int(amount), currency) if amount and currency else "an invoice"
    return f"{what} overdue since {day}"


def _silent(known: _Known) -> str:
    if known.number("usage.never") is not None:
        return "they pay, and never used it"
    days = known.at_least("usage.silence", SILENT)
    return f"no use for {counted(days, 'working day')}" if days is not None else ""


def _falling(known: _Known) -> str:
    change = known.at_most("usage.trend", FALLING)
    return f"usage down {number(-change, 0)} %" if change is not None else ""


def _few_seats(known: _Known) -> str:
    share = known.at_most("usage.active_share", FEW_SEATS)
    if share is None:
        return ""
    users, seats = known.number("usage.active_users"), known.number("account.seats")
    if users is not None and seats:
        return f"{number(users)} of {counted(seats, 'seat')} in use"
    return f"{number(share, 0)} % of the seats in use"


def _behind(known: _Known) -> str:
    progress = known.at_most("onboarding.progress", BEHIND - 1)
    if progress is None or known.text("account.stage") != "onboarding":
        return ""
    return f"onboarding is behind: {number(progress, 0)} % of what is expected by now"


def _decision_maker(known: _Known) -> str:
    score = known.at_most("feedback.worst_decision_maker", DETRACTOR)
    return f"a decision maker scored us {number(score)}" if score is not None else ""


def _detractors(known: _Known) -> str:
    return f"all who answered scored us {DETRACTOR} or less" if known.is_so("feedback.all_detractors") else ""


def _key_person(known: _Known) -> str:
    for role in ("champion", "decision_maker"):
        if day := known.day(f"contacts.{role}_left_at"):
            who = known.text("contacts.left") or f"their {role.replace('_', ' ')}"
            return f"{who} left on {day}"
    return ""


def _key_people(known: _Known) -> str:
    days = known.at_least("contacts.key_user_silence", KEY_SILENT)
    who = known.text("contacts.unseen") or "a key user"
    return f"{who} unseen for {counted(days, 'working day')}" if days is not None else ""


def _pulse(known: _Known) -> str:
    pulse = known.at_most("relationship.pulse", LOW_PULSE)
    return f"pulse {number(pulse)} of 10" if pulse is not None else ""


def _contracted(known: _Known) -> str:
    for fact, what in (("contract.change", "revenue"), ("contract.seats_change", "seats")):
        if (change := known.at_most(fact, SHRUNK)) is not None:
            return f"{what} down {number(-change, 0)} % in 90 days"
    day = known.day("contract.contracted_at")
    return f"contracted on {day}" if day else ""


_SIGNS: Final[tuple[tuple[tuple[str, ...], bool, Callable[[_Known], str]], ...]] = (
    (("account.leaving", "account.leaves_at"), True, _leaving),
    (("support.urgent", "support.urgent_since"), True, _urgent),
    (("billing.payment_failed_at",), True, _failing),
    (("billing.overdue_since", "billing.overdue_minor", "billing.beyond_habit_since"), True, _overdue),
    (("contract.lapsed",), False, _lapsed),
    (("contract.renewal_forecast", "contract.renewal_outcome"), True, _renewal),
    (("feedback.worst_decision_maker",), True, _decision_maker),
    (("feedback.all_detractors",), False, _detractors),
    (("usage.silence", "usage.recency", "usage.never", "usage.last_seen_at"), False, _silent),
    (("usage.active_share", "usage.active_users"), False, _few_seats),
    (("usage.trend", "usage.people_trend"), False, _falling),
    (("contacts.champion_left_at", "contacts.decision_maker_left_at", "contacts.left"), False, _key_person),
    (("contacts.key_user_silence", "contacts.unseen"), False, _key_people),
    (("contract.contracted_at", "contract.change", "contract.seats_change"), True, _contracted),
    (("onboarding.progress",), False, _behind),
    (("relationship.pulse",), False, _pulse),
)
"""The facts that each is about, whether it holds offers back, and its words."""
ASKED: Final = frozenset(
    {
        *(name for about, *_ in _SIGNS for name in about),
        *("health.band", "account.stage", "account.currency", "account.seats", "contract.ends_at"),
    }
)
"""The facts that decide what holds offers back."""
