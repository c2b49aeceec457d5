"""The renewals of an account's contracts: which were due, what came of each, and which comes up.

Each end that a contract of six months or more was said to have is one; dates closer than a term can be are one that was
put right. A renewal before which nobody says anything renews by itself, lapses or is lost as time passes; that follows
from its row, and is asked when it is read. What people said of one stands beside what the subscription itself says.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from hashlib import sha256
from itertools import count
from typing import Any, Final, Literal, NamedTuple

from services.scoring.core import subscriptions as subs
from services.scoring.core.clock import DAY_US, LAST_US, day_of_us
from services.scoring.core.fold.renewals import SAID
from services.scoring.core.state import MONTHLY_DAYS, State, Subscription
from shared.messages.stamps import Cell, instant_of, micros

Then = Literal["renewed_by_itself", "lapsed", "lost"]
_AHEAD: Final = 2
"""So many of a contract that renews by itself are known before they come up."""
_NEVER_SAID: Final = Subscription()


class RenewalRow(NamedTuple):
    """One renewal."""

    id: str
    account_id: str
    subscription_id: str
    """Empty: the traits alone tell of it, or the unnamed one."""
    ends_at: datetime
    notice_at: datetime
    after_at: datetime | None
    """The renewal before it: until that is past it doesn't come up."""
    term_months: int
    mrr_minor: int | None
    renewed_minor: int | None
    """What it brought in a month after, where somebody said so."""
    currency: str | None
    then: Then
    """What it will be once its end is past."""
    forecast: str | None
    outcome: str | None
    reason: str | None
    owner: str | None


class _Due(NamedTuple):
    """One end of a contract, in microseconds, with all that was ever said to be this end."""

    at: int
    then: Then
    after: int | None = None
    outcome: str | None = None
    named: tuple[int, ...] = ()


def renewal_id(account_id: str, subscription_id: str, ends_at: int) -> str:
    """Under which a renewal is known: the same whenever it is asked for."""
    key = "\0".join((account_id, subscription_id, str(day_of_us(ends_at))))
    return f"rn_{sha256(key.encode()).hexdigest()[:16]}"


class Renewed(NamedTuple):
    """What renewed last: all contracts that were due on one day."""

    at: int
    """When they were due: ahead, where that was said before."""
    before: int | None
    """What they brought in a month until then; None where nobody said so."""
    after: int | None
    """What they bring since."""


def rows_of(account_id: str, state: State, now: datetime) -> list[RenewalRow]:
    """All that were due within two years, and those that come."""
    at = micros(now)
    left, found = _contracts(state, at)
    because = None if left is None else left.reason
    return [_row(account_id, state, row, term, due, because) for row, term, dues in found for due in dues]


def renewed_last(
    account_id: str, state: State, now: datetime, currency: str | None, rates: subs.Rates
) -> Renewed | None:
    """Of the renewals that were due within two years, or that somebody said to be made, the last; None is none.

    Amounts are in this currency; what can't be converted is left out.
    """
    at, days = micros(now), dict[int, list[tuple[int, subs.Row]]]()
    for row, _, dues in _contracts(state, at)[1]:
        for due in dues:
            said = due.outcome or _said(account_id, row.id, state, (due.at, *due.named)).get("outcome")
            passed = due.then == "renewed_by_itself" and day_of_us(due.at) < day_of_us(at)
            if said == "renewed" or (said is None and passed):
                days.setdefault(day_of_us(due.at), []).append((due.at, row))
    if not days:
        return None
    last = days[max(days)]

    def brought(after: int) -> int | None:
        amounts = [_in(currency, row, _minor(row, due + after), rates) for due, row in last]
        known = [one for one in amounts if one is not None]
        return sum(known) if known else None

    return Renewed(max(due for due, _ in last), brought(-1), brought(DAY_US))


def _in(currency: str | None, row: subs.Row, minor: int | None, rates: subs.Rates) -> int | None:
    own = row.fields.get("currency") or currency
    if minor is None or own == currency or own is None or currency is None:
        return minor
    return subs.convert(minor, own, currency, rates)


def _contracts(state: State, at: int) -> tuple[subs.Left | None, list[tuple[subs.Row, int, list[_Due]]]]:
    """Whether the customer left; and each contract with its term and ends."""
    first, bought = at - MONTHLY_DAYS * DAY_US, subs.bought_at(state.bought, LAST_US)
    rows = subs.beside(subs.rows_of(state), bought)
    left = subs.left_of(state.churned(), rows, _instant(state, "signed_at"), at)
    found: list[tuple[subs.Row, int, Iterable[_Due]]] = [(row, row.term_months, _dues(row, at)) for row in rows]
    renews = _instant(state, "renews_at")
    if renews is not None and not any("renews_at" in row.fields for row in rows):
        end = subs.end_of_trait(renews, at)
        alone = subs.Row("", {**bought, "notice_days": end.notice_days}, None, None, False, _NEVER_SAID)
        found.append((alone, end.term_months, _by_itself(renews, end.term_months, at)))
    until = (lambda dues: dues) if left is None else (lambda dues: _until(dues, left.at))
    return left, [(row, term, [due for due in until(dues) if due.at >= first]) for row, term, dues in found]


def _instant(state: State, name: str) -> int | None:
    cell = state.traits.get(name)
    return None if cell is None or cell.value is None else micros(datetime.fromisoformat(cell.value))


def _until(dues: Iterable[_Due], left: int) -> Iterator[_Due]:
    """Of a customer who left: what was due next is lost, and there is nothing after it."""
    for due in dues:
        if due.outcome is None and due.at >= left:
            yield due._replace(outcome="lost")
            return
        yield due


def said_of(account_id: str, state: State, end: subs.End | None) -> Mapping[str, Any]:
    """What people said of the renewal that comes up: forecast, outcome, reason, owner."""
    if end is None or not state.renewals:
        return {}
    one = state.subscriptions.get(end.subscription_id)
    named = () if one is None else tuple(date for date in one.renewals if abs(date - end.at) < subs.LEAST_STEP_US)
    return _said(account_id, end.subscription_id, state, (end.at, *named))


def _dues(row: subs.Row, now: int) -> Iterator[_Due]:
    """The ends of one subscription, oldest first."""
    term = row.term_months
    if term < subs.CONTRACT_MONTHS or row.is_trial:
        return
    renews, ends = row.fields.get("renews_at"), row.fields.get("ends_at")
    groups = _grouped([*row.of.renewals, *([] if renews is None else [renews])])
    last = next((group for group in groups if renews in group), groups[-1] if groups else ())
    yield from (_Due(group[-1], "lost", outcome="renewed", named=group) for group in groups if group < last)
    by_itself = row.fields.get("auto_renews") is not False
    if ends is not None:
        yield _Due(ends, "lost", outcome="lost" if ends <= now else None, named=(*last, ends))
    elif not row.is_live(now) and last:
        # It ended: what it was to renew to next is lost.
        end = subs.moved_on(last[-1], term, row.until or now) if by_itself else last[-1]
        yield _Due(end, "lost", outcome="lost", named=(*last, end))
    elif renews is not None and by_itself:
        yield from (due._replace(named=last) if due.at == renews else due for due in _by_itself(renews, term, now))
    elif renews is not None:
        yield _Due(renews, "lapsed", named=last)


def _by_itself(end: int, term: int, now: int) -> Iterator[_Due]:
    """An end that goes on term by term, since two years ago, and some that lie ahead."""
    first = max(0, (day_of_us(now) - MONTHLY_DAYS - day_of_us(end)) // 31 // term)
    ahead, after = 0, None
    for terms in count(first):
        at = subs.months_later(end, terms * term)
        ahead += day_of_us(at) >= day_of_us(now)
        if ahead > _AHEAD or at > LAST_US:
            return
        yield _Due(at, "renewed_by_itself", after)
        after = at


def _grouped(dates: Iterable[int]) -> list[tuple[int, ...]]:
    """Dates, in order, those together that are one date put right."""
    groups: list[list[int]] = []
    for date in sorted(set(dates)):
        if groups and date - groups[-1][-1] < subs.LEAST_STEP_US:
            groups[-1].append(date)
        else:
            groups.append([date])
    return [tuple(group) for group in groups]


def _row(account_id: str, state: State, row: subs.Row, term: int, due: _Due, left_because: str | None) -> RenewalRow:
    said = _said(account_id, row.id, state, (due.at, *due.named))
    ends = due.then == "lost" and due.outcome != "renewed"
    because = row.fields.get("reason") or left_because if ends or due.outcome == "lost" else None
    return RenewalRow(
        id=renewal_id(account_id, row.id, due.at),
        account_id=account_id,
        subscription_id=row.id,
        ends_at=instant_of(due.at),
        notice_at=instant_of(due.at - row.notice_days * DAY_US),
        after_at=None if due.after is None else instant_of(due.after),
        term_months=term,
        mrr_minor=_minor(row, due.at - 1),
        renewed_minor=_minor(row, due.at + DAY_US) if due.outcome == "renewed" else None,
        currency=row.fields.get("currency") or subs.bought_at(state.bought, LAST_US).get("currency"),
        then=due.then,
        # An end that is set is a loss that is committed.
        forecast=said.get("forecast") or ("lost" if ends else None),
        outcome=due.outcome or said.get("outcome"),
        reason=said.get("reason") or because or None,
        owner=said.get("owner"),
    )


def _minor(row: subs.Row, at: int) -> int | None:
    """What a subscription brought in a month by what was said until then, whether it was live or not."""
    found = row.fields.get("mrr_minor") if not row.of.said else None
    for each in row.of.said:
        if each.at <= at or found is None:
            found = each.fields.get("mrr_minor", found)
    return found


def _said(account_id: str, subscription_id: str, state: State, dates: Iterable[int]) -> dict[str, Any]:
    ids = {renewal_id(account_id, subscription_id, date) for date in dates} if state.renewals else ()
    found: dict[str, Cell] = {}
    for id in ids:
        for name, cell in state.renewals.get(id, {}).items():
            if cell.beats(found.get(name)):
                found[name] = cell
    return {name: found[name].value for name in SAID if name in found}
