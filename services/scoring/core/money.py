"""What an account brings in a month, by day: steps from what it was to what it became, which go to rows.

A row is a function of what is folded alone, by the same reading of subscriptions and traits that facts come from
(`subscriptions.rows_of`), at the end of the day. Ends that are set, and those that come when a payment stays out, are
steps that lie ahead. A row says what went before it, so that figures of any period are sums.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from services.scoring.core import subscriptions as subs
from services.scoring.core.clock import DAY_US, day_of_us, month_of
from services.scoring.core.fold.subscriptions import LEFT
from services.scoring.core.state import BOUGHT, FIRST_DAY, MONTHLY_DAYS, TERMS_DAYS, Said, State, Subscription
from shared.messages.stamps import micros

FOREVER: Final = 2**31 - 1
"""The day until which the last step holds."""
_TRAITS: Final = tuple(sorted(BOUGHT))
_NO_RATES: Final[Mapping[str, Any]] = {}


class MoneyRow(NamedTuple):
    """What an account brings in one currency from a day on. Of a day there is a row for each currency that it has had.

    Amounts are those of a month, in minor units.
    """

    account_id: str
    day: int
    currency: str
    """Empty: nobody said which."""
    until: int
    """The day of the next step."""
    minor: int
    before_minor: int
    """What it was until then."""
    plan: str | None
    before_plan: str | None
    pays: bool
    """It brings something, in whatever currency."""
    paid: bool
    """It did until then."""
    had: bool
    """It ever did, before."""
    reason: str | None
    """Why it brings nothing any more."""
    voluntary: bool | None
    """Whether somebody decided so; None: it goes on."""


class _Standing(NamedTuple):
    """What an account brings at the end of a day, by currency."""

    amounts: Mapping[str, int]
    plan: str | None
    reason: str | None
    voluntary: bool | None

    @property
    def pays(self) -> bool:
        return any(self.amounts.values())


_NOTHING: Final = _Standing({}, None, None, None)


def rows_of(account_id: str, state: State, since: int = FIRST_DAY) -> list[MoneyRow]:
    """The steps from a day on. What was said only afterwards of days before changes none of theirs."""
    if state.erased:
        return []
    known = _Known(state)
    days = known.days()
    earlier, later = [day for day in days if day < since], [day for day in days if day >= since]
    if not later:
        return []
    before = known.standing(since - 1) if earlier else _NOTHING
    paid_last = before if before.pays else next(filter(_pays, map(known.standing, reversed(earlier))), _NOTHING)
    steps: list[tuple[int, _Standing, _Standing, bool, Iterable[str]]] = []
    for day in later:
        now, had = known.standing(day), paid_last.pays
        if _is_step(before, now, had):
            steps.append((day, now, before, had, now.amounts.keys() | before.amounts.keys() or paid_last.amounts))
        before, paid_last = now, now if now.pays else paid_last
    untils = [day for day, *_ in steps[1:]] + [FOREVER]
    return [
        MoneyRow(
            account_id,
            day,
            currency,
            until,
            now.amounts.get(currency, 0),
            was.amounts.get(currency, 0),
            now.plan,
            was.plan,
            now.pays,
            was.pays,
            had,
            now.reason,
            now.voluntary,
        )
        for (day, now, was, had, currencies), until in zip(steps, untils, strict=False)
        for currency in sorted(currencies)
    ]


def _pays(standing: _Standing) -> bool:
    return standing.pays


def _is_step(before: _Standing, now: _Standing, had: bool) -> bool:
    if now.amounts != before.amounts:
        return True
    return now.plan != before.plan if now.pays else had and now[2:] != before[2:]


def since_in_months(day: int, today: int) -> int:
    """From which day on rows are made anew when one changed: of what is older whole months are remembered alone."""
    if day >= today - TERMS_DAYS + 1 or day == FIRST_DAY:
        return day
    return month_of(day)[0] if day > today - MONTHLY_DAYS else FIRST_DAY


class _Known:
    """An account's state, where what was said first of a contract holds since it began."""

    def __init__(self, state: State) -> None:
        signed = state.traits.get("signed_at")
        said = None if signed is None else signed.value
        self._signed = None if said is None else micros(datetime.fromisoformat(said))
        self._state = msgspec.structs.replace(state, bought=_begun(state.bought, self._signed))
        began = self._began()
        begun = ((id, _from_start(one, began)) for id, one in state.subscriptions.items())
        self._before = {id: early for id, early in begun if early is not None}

    def _began(self) -> tuple[int, int] | None:
        """When the first of its contracts was heard of, and since when it is a customer, where none says its start."""
        firsts = [one.first for one in self._state.subscriptions.values() if one.first is not None]
        if self._signed is None or not firsts or min(firsts) <= self._signed:
            return None
        # What the traits said that it brought until then is better known.
        if any("mrr_minor" in each.fields and each.at < min(firsts) for each in self._state.bought):
            return None
        return min(firsts), self._signed

    def days(self) -> list[int]:
        """Those on which it may become another."""
        state = self._state
        instants = {one.at for one in (*state.bought, *state.churns)}
        for each in (*state.subscriptions.values(), *self._before.values()):
            instants.update(_instants(each))
        if self._signed is not None:
            instants.add(self._signed)
        return sorted({day_of_us(at) for at in instants})

    def standing(self, day: int) -> _Standing:
        """How it stands when a day ends."""
        state, at = self._state, (day + 1) * DAY_US - 1
        if early := {id: one for id, one in self._before.items() if at < (state.subscriptions[id].first or at)}:
            state = msgspec.structs.replace(state, subscriptions=state.subscriptions | early)
        bought = dict.fromkeys(_TRAITS) | subs.bought_at(state.bought, at)
        rows = subs.beside(subs.rows_of(state, at), bought)
        signed = self._signed if self._signed is not None and self._signed <= at else None
        left = subs.left_of(state.churned(at), rows, signed, at)
        figures = subs.figures_of(rows, bought, at, _NO_RATES)
        if left is not None:
            return _Standing({}, figures.plan, left.reason or None, left.voluntary)
        amounts = _amounts(figures, bool(rows))
        if not any(amounts.values()) and any(row.is_live(at) and row.fields.get("status") == "paused" for row in rows):
            return _Standing({}, figures.plan, "paused", True)
        return _Standing(amounts, figures.plan, None, None)


def _amounts(figures: subs.Figures, has_rows: bool) -> dict[str, int]:
    """By currency; what is less than nothing counts as nothing."""
    apart = figures.apart or {}
    own = sum((figures.amounts or {}).values()) if apart and has_rows else figures.mrr_minor
    found = {figures.currency or "": own or 0}
    for minor, currency in apart.values():
        found[currency] = found.get(currency, 0) + minor
    return {currency: minor for currency, minor in found.items() if minor > 0}


def _instants(one: Subscription) -> Iterator[int]:
    ends = None
    for each in one.said:
        yield each.at
        if each.fields.get("status") == "past_due":
            yield each.at + subs.PAST_DUE_US
        ends = each.fields.get("ends_at", ends)
    if ends is not None:
        yield ends


def _from_start(one: Subscription, began: tuple[int, int] | None) -> Subscription | None:
    """How it was until it was heard of, where it started before: as if the first had been said then."""
    started = None
    for each in one.said:
        started = each.fields.get("started_at", started)
    if started is None and began is not None and one.first == began[0]:
        started = began[1]
    if started is None or one.first is None or started >= one.first:
        return None
    return msgspec.structs.replace(one, said=_begun(one.said, started), first=started)


def _begun(said: list[Said], started: int | None) -> list[Said]:
    if not said or started is None or started >= said[0].at:
        return said
    # What was heard of as it ended was live until then.
    fields = {name: value for name, value in said[0].fields.items() if name != "status" or value not in LEFT}
    return [msgspec.structs.replace(said[0], at=started, fields=fields), *said]
