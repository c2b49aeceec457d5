"""What an account's subscriptions come to at an instant: which are live, their revenue, seats and plan, and the end.

Instants are microseconds since 1970. A month's revenue counts while a subscription is active or past due: trialing and
paused are live without revenue, incomplete never was, unpaid has left, and past due leaves after 60 days.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from fractions import Fraction
from typing import Any, Final

from services.scoring.core.clock import DAY_US, day_of_us
from services.scoring.core.fold.subscriptions import LEFT, NEVER
from services.scoring.core.state import BY_DAY, Said, State, Subscription
from shared.messages.fields import MOST_WHOLE
from shared.messages.stamps import instant_of, micros
from shared.words import decimals

_NO_REVENUE: Final = frozenset({"trialing", "paused"})
_PAID: Final = frozenset({"active", "past_due", "paused"})
PAST_DUE_US: Final = 60 * DAY_US
_NOTICE_DAYS: Final = 30
_A_YEAR: Final = 12
_MONTH_US: Final = 31 * DAY_US
LEAST_STEP_US: Final = 27 * DAY_US
"""A renewal that moves by less was put right, not renewed."""
CONTRACT_MONTHS: Final = 6
"""What runs for less is a billing period, not a contract."""
_LEAST_SHARE: Final = 10
"""A contract of less, in % of revenue, doesn't set the account's end."""
_NOT_THEIRS: Final = frozenset({"payment_failed", "payment_disputed"})
"""Reasons that are nobody's decision."""

Rates = Mapping[str, Fraction]
"""What one unit of a currency is worth, all in one and the same."""


@dataclass(frozen=True, slots=True)
class Row:
    """One subscription as it stood at an instant."""

    id: str
    fields: Mapping[str, Any]
    """What was said last."""
    since: int | None
    """When it last became live; None where that was never seen."""
    until: int | None
    """When it ended, or will."""
    failed: bool
    """It ended because it wasn't paid."""
    of: Subscription
    ended_before: int | None = None
    """When it had ended, before it last became live."""
    is_trial: bool = False
    """It was tried, and has not been paid for by then."""

    def is_live(self, at: int) -> bool:
        """Whether it is live at an instant."""
        return self.until is None or self.until > at

    @property
    def has_revenue(self) -> bool:
        """Whether what it costs counts, while it is live."""
        return self.fields.get("status") not in _NO_REVENUE

    @property
    def started(self) -> int:
        """When it started, as far as is known."""
        said: int | None = self.fields.get("started_at")
        return (self.of.first or 0) if said is None else said

    @property
    def notice_days(self) -> int:
        """How long before its end notice is to be given."""
        said: int | None = self.fields.get("notice_days")
        return _NOTICE_DAYS if said is None else said

    @property
    def term_months(self) -> int:
        """How long it runs each time: as said, else by how far its renewal last moved, else by how near it ever was."""
        if (said := self.fields.get("term_months")) is not None:
            return int(said)
        renews: int | None = self.fields.get("renews_at")
        if renews is not None:
            before = [one for one in self.of.renewals if renews - one >= LEAST_STEP_US]
            if before:
                return max(1, round((renews - before[-1]) / DAY_US / 365.25 * _A_YEAR))
            if self.of.ahead <= _MONTH_US:
                return 1
        return _A_YEAR


@dataclass(frozen=True, slots=True)
class Figures:
    """What an account buys at an instant. Money is in minor units of `currency`."""

    mrr_minor: int | None = None
    currency: str | None = None
    plan: str | None = None
    seats: int | None = None
    amounts: Mapping[str, int] | None = None
    """By subscription with revenue: what it adds."""
    apart: Mapping[str, tuple[int, str]] | None = None
    """By subscription: revenue in a currency for which there is no rate, which is left out."""


@dataclass(frozen=True, slots=True)
class End:
    """When a contract ends or renews."""

    at: int
    notice_days: int
    term_months: int
    renews: bool
    subscription_id: str = ""
    """Empty: the unnamed one, or a trait alone says it."""

    @property
    def lead_days(self) -> int:
        """How many days before its end the renewal begins: 90 before notice, at most half the term."""
        return min(self.notice_days + 90, round(self.term_months * 365.25 / _A_YEAR / 2))


@dataclass(frozen=True, slots=True)
class Left:
    """The customer left."""

    at: int
    reason: str
    voluntary: bool


def rows_of(state: State, at: int | None = None) -> list[Row]:
    """The subscriptions that count, as they stand, or stood: the named ones; without any, the unnamed one."""
    rows = [row for id, one in state.subscriptions.items() if (row := _row(id, one, at)) is not None]
    return [row for row in rows if row.id] or rows


def beside(rows: list[Row], traits: Mapping[str, Any]) -> list[Row]:
    """Those that count beside the traits: where these name revenue, trials alone say nothing of what the account buys.

    Else a customer who tries one thing more would have given up all that they have.
    """
    return [] if traits.get("mrr_minor") and all(row.is_trial for row in rows) else rows


def _row(id: str, one: Subscription, at: int | None) -> Row | None:
    """One as it stood at an instant; None while it never was live."""
    said = one.said if at is None else [each for each in one.said if each.at <= at]
    if one.first is None or (at is not None and one.first > at):
        return None
    fields: dict[str, Any] = {}
    for each in said:
        fields |= each.fields
    # What is kept of the latest alone holds for its past as well: when it ends, and how long it runs.
    for each in one.said if at is not None else ():
        fields |= {name: value for name, value in each.fields.items() if name not in BY_DAY}
    statuses = [(each.at, each.fields["status"]) for each in said if "status" in each.fields]
    if not statuses:
        return Row(id, fields, one.first, fields.get("ends_at"), False, one)
    life = _life(statuses, one)
    if life is None:
        return None
    since, until, failed, before = life
    said_so = {status for _, status in statuses}
    is_trial = "trialing" in said_so and said_so.isdisjoint(_PAID)
    ends = fields.get("ends_at")
    if ends is not None and (until is None or ends < until):
        until, failed = ends, False
    return Row(id, fields, since, until, failed, one, before, is_trial)


_Life = tuple[int | None, int | None, bool, int | None]


def _life(statuses: Sequence[tuple[int, str | None]], one: Subscription) -> _Life | None:
    """When it last became live, when and how that ended, and when it had ended before, by what was said of its status.

    None: it never was live. Before anything was said of its status it was active.
    """
    since, until, failed, was, late, never, before = None, None, False, False, None, False, None
    for at, status in statuses:
        if status in NEVER and not was:
            never = True
        elif status in NEVER | LEFT:
            if not was and never:
                continue  # Its first payment never came.
            if until is None:
                by_lateness = late is not None and late + PAST_DUE_US < at
                until = late + PAST_DUE_US if late is not None and by_lateness else at
                failed = by_lateness or status == "unpaid"
            was, late = True, None
        else:
            if not was:
                since = min(at, one.began or at) if never else one.first
            elif until is not None:
                since, before = at, until
            was, until, failed = True, None, False
            late = (at if late is None else late) if status == "past_due" else None
    if late is not None:
        until, failed = late + PAST_DUE_US, True
    return (since, until, failed, before) if was else None


def figures_of(rows: Sequence[Row], traits: Mapping[str, Any], at: int, rates: Rates) -> Figures:
    """What the live subscriptions come to; what none of them ever said is as the traits have it.

    Of an account whose subscriptions have all ended: no revenue, and the plan that it had.
    """
    if not rows:
        return Figures(**{name: traits.get(name) for name in ("mrr_minor", "currency", "plan", "seats")})
    live = [row for row in rows if row.is_live(at)]
    shown = live or [max(rows, key=lambda row: (row.until or 0, row.id))]
    first = min(shown, key=lambda row: (row.started, row.id))
    currency = traits.get("currency") or first.fields.get("currency") or _any(shown, "currency")
    amounts: dict[str, int] = {}
    apart: dict[str, tuple[int, str]] = {}
    for row in live:
        minor = row.fields.get("mrr_minor")
        if minor is None or not row.has_revenue:
            continue
        own = row.fields.get("currency") or currency
        converted = minor if own == currency else convert(minor, own, currency, rates)
        if converted is None:
            apart[row.id] = minor, own
        else:
            amounts[row.id] = converted
    largest = max(shown, key=lambda row: (amounts.get(row.id, 0), row.fields.get("seats") or 0, row.id))
    plan = largest.fields.get("plan") or _any(shown, "plan")
    seats = [row.fields["seats"] for row in shown if row.fields.get("seats") is not None]
    revenue = None if apart and not amounts else _bounded(sum(amounts.values()))
    return Figures(
        mrr_minor=revenue if _said(rows, "mrr_minor") else traits.get("mrr_minor"),
        currency=currency,
        plan=plan if _said(shown, "plan") else traits.get("plan"),
        seats=(_bounded(sum(seats)) if seats else None) if _said(shown, "seats") else traits.get("seats"),
        amounts=amounts,
        apart=apart,
    )


def _bounded(number: int) -> int:
    return max(-MOST_WHOLE, min(number, MOST_WHOLE))


def _said(rows: Iterable[Row], name: str) -> bool:
    return any(name in row.fields for row in rows)


def _any(rows: Iterable[Row], name: str) -> Any:
    return next((value for row in rows if (value := row.fields.get(name)) is not None), None)


def convert(minor: int, of: str, to: str, rates: Rates) -> int | None:
    """An amount in another currency, rounded half up; None without a rate for both."""
    if of not in rates or to not in rates:
        return None
    exact = minor * rates[of] / rates[to] * Fraction(10) ** (decimals(to) - decimals(of))
    return (2 * exact.numerator + exact.denominator) // (2 * exact.denominator)


def bought_at(said: Sequence[Said], at: int) -> dict[str, Any]:
    """What the traits said by an instant of revenue, seats and plan."""
    fields: dict[str, Any] = {}
    for each in said:
        if each.at <= at:
            fields |= each.fields
    return fields


def ends_of(rows: Sequence[Row], figures: Figures, now: int) -> tuple[list[End], bool]:
    """The ends of live contracts of at least six months and a tenth of the revenue; and whether one lapsed.

    What renews by itself has moved on by its term when its end is past; what does not has lapsed.
    """
    ends, lapsed = [], False
    amounts, total = figures.amounts or {}, figures.mrr_minor or 0
    for row in rows:
        if not row.is_live(now) or 100 * amounts.get(row.id, 0) < _LEAST_SHARE * total:
            continue
        term, scheduled, renews = row.term_months, row.fields.get("ends_at"), row.fields.get("renews_at")
        if scheduled is None and renews is not None and day_of_us(renews) < day_of_us(now):
            if row.fields.get("auto_renews") is False:
                lapsed, renews = True, None
            else:
                renews = moved_on(renews, term, now)
        at = scheduled if scheduled is not None else renews
        if at is not None and term >= CONTRACT_MONTHS:
            ends.append(End(at, row.notice_days, term, renews=scheduled is None, subscription_id=row.id))
    return ends, lapsed


def end_of_trait(renews: int, now: int) -> End:
    """The end of a contract of which a trait alone says when it renews: a year's, that renews by itself."""
    return End(moved_on(renews, _A_YEAR, now), _NOTICE_DAYS, _A_YEAR, renews=True)


def moved_on(end: int, months: int, now: int) -> int:
    """The first end, by whole terms, that isn't before today."""
    if day_of_us(end) >= day_of_us(now):
        return end
    passed = (instant_of(now).year - instant_of(end).year) * _A_YEAR + instant_of(now).month - instant_of(end).month
    terms = max(0, passed // months - 1)
    while day_of_us(at := months_later(end, terms * months)) < day_of_us(now):
        terms += 1
    return at


def months_later(us: int, months: int) -> int:
    """The same day of the month, so many months later; the last where there is no such day."""
    start = instant_of(us)
    year, month = divmod(start.year * _A_YEAR + start.month - 1 + months, _A_YEAR)
    for day in range(start.day, start.day - 4, -1):
        try:
            return micros(start.replace(year=year, month=month + 1, day=day))
        except ValueError:
            continue
    return us + int(timedelta(days=months * 30).total_seconds()) * 1_000_000


def leaves_at(rows: Iterable[Row], now: int) -> int | None:
    """When the account leaves: every live subscription with revenue (without any, every live one) has an end set."""
    live = [row for row in rows if row.is_live(now)]
    bound = [row for row in live if row.has_revenue and row.fields.get("mrr_minor")] or live
    ends = [end for row in bound if (end := row.fields.get("ends_at")) is not None]
    return max(ends) if ends and len(ends) == len(bound) else None


def ending_share(rows: Iterable[Row], figures: Figures, now: int) -> float | None:
    """How much of the revenue has an end set, in %."""
    amounts, total = figures.amounts or {}, figures.mrr_minor or 0
    if total <= 0:
        return None
    ending = sum(amounts.get(row.id, 0) for row in rows if row.is_live(now) and row.fields.get("ends_at") is not None)
    return 100 * ending / total


def left_of(said: Said | None, rows: Sequence[Row], signed: int | None, now: int) -> Left | None:
    """When and why the customer left, unless they came back: by a subscription that became live, or were signed.

    `said` is what was said last of it. Where the one that ended doesn't say why, whoever said that they left does.
    """
    found: list[Left] = []
    if said is not None and not any(row.since is not None and row.since > said.at for row in rows):
        found.append(Left(said.at, said.fields["reason"], said.fields["voluntary"]))
    if rows and not any(row.is_live(now) for row in rows):
        last = max(rows, key=lambda row: (row.until or 0, row.id))
        reason = last.fields.get("reason") or ("unpaid" if last.failed else "")
        found.append(Left(last.until or 0, reason, not (last.failed or reason in _NOT_THEIRS)))
    if signed is not None:
        found = [one for one in found if one.at >= signed]
    if not found:
        return None
    first = min(found, key=lambda one: one.at)
    return replace(next((one for one in found if one.reason), first), at=first.at)


def came_back(said: Said | None, rows: Sequence[Row], signed: int | None, now: int) -> int | None:
    """When a customer who is here had come back, after having left: the last time that they did.

    `said` is what was said last of their leaving. What takes the place of another within a day is no coming back.
    """
    live = [row for row in rows if row.is_live(now)]
    # One that had ended began anew; of others it may be said that they began before they were heard of.
    starts = [row.since or 0 if row.ended_before else min(row.since or 0, row.started) for row in live]
    ended = [row.until for row in rows if row.until is not None and not row.is_live(now)]
    ended += [row.ended_before for row in live if row.ended_before is not None]
    found: list[int] = []
    if said is not None:
        found += _first_after(said.at, (row.since for row in rows), signed)
    if ended and live:
        found += [start for start in (min(starts),) if start >= max(ended) + DAY_US]
    elif ended:
        found += _first_after(max(ended), (), signed)
    return max(found, default=None)


def _first_after(at: int, starts: Iterable[int | None], signed: int | None) -> list[int]:
    later = [start for start in (*starts, signed) if start is not None and start > at]
    return [min(later)] if later else []
