"""What the HTTP edge reads of revenue: what there was, what became of it, and the accounts behind.

Where the catalogue has rates, all comes in the currency whose rate is 1; what is in a currency without one stays apart,
under its own. What moved is added up from the steps that lie in a period: each says what went before it, so what an
account brought at the start and at the end follows from its own steps, and who has none is not looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Double,
    Integer,
    Subquery,
    Text,
    and_,
    case,
    cast,
    column,
    func,
    null,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring import tables as t
from services.scoring.core.catalogue import Catalogue
from services.scoring.core.clock import DAY_US
from services.scoring.core.periods import Period
from services.scoring.core.revenue import Moved, Signs
from services.scoring.queries import IN_FIGURES, renewals
from shared.messages.stamps import instant_of
from shared.pg import bulk
from shared.words import decimals

By = Literal["month", "quarter", "plan", "segment", "owner", "region", "stage"]
Standing = Literal["silent", "at_risk", "committed"]
"""What there is today, or lies ahead."""
_a, _m = t.accounts.c, t.money.c
RATES: Final = bulk.given(_a.currency, column("into", Text), column("rate", Double), name="rates")
PERIODS: Final = bulk.given(column("name", Text), column("start", Integer), column("stop", Integer), name="periods")
_p = PERIODS.c
_SILENT_DAYS: Final = 30


class Key(NamedTuple):
    """Of what a figure is."""

    period: str
    currency: str
    group: str | None


class Sum(NamedTuple):
    """Money, and of how many accounts."""

    minor: int
    accounts: int


@dataclass(frozen=True, slots=True)
class Asked:
    """Which figures are asked for."""

    periods: Sequence[Period]
    by: By | None
    catalogue: Catalogue
    today: int

    @property
    def given(self) -> dict[str, Any]:
        """The parameters of every statement here."""
        to = self.catalogue.reference
        rates = [
            (currency, to, float(rate) * 10.0 ** (decimals(to) - decimals(currency)))
            for currency, rate in self.catalogue.rates.items()
            if to is not None
        ]
        arrays = bulk.arrays(("currency", "into", "rate"), rates, name="rates")
        return arrays | bulk.arrays(Period._fields, self.periods, name="periods")

    @property
    def rated(self) -> bool:
        """Whether there is anything to convert."""
        return bool(self.catalogue.rates)

    def minor(self, of: ColumnElement[Any]) -> ColumnElement[Any]:
        """An amount in the currency in which it is told."""
        return cast(func.round(of * func.coalesce(RATES.c.rate, 1.0)), BigInteger) if self.rated else of

    def group(self, plan: ColumnElement[Any]) -> ColumnElement[Any]:
        """The group of an account: its plan then, all else as it is now."""
        if self.by == "plan":
            return plan
        return cast(null(), Text) if self.by in (None, "month", "quarter") else _a[self.by]

    @property
    def unit(self) -> ColumnElement[Any]:
        """The currency in which an amount is told."""
        return func.coalesce(RATES.c.into, _m.currency) if self.rated else _m.currency

    @property
    def rows(self) -> Any:
        """The steps with their accounts, and with rates."""
        found = t.money.join(t.accounts, _a.id == _m.account_id)
        return found.outerjoin(RATES, RATES.c.currency == _m.currency) if self.rated else found


def _number(asked: Asked, which: ColumnElement[bool]) -> ColumnElement[Any]:
    # Who pays in two currencies is one customer where both are told in one.
    of = func.count(_m.account_id.distinct()) if asked.rated else func.count()
    return of.filter(which)


async def started(c: AsyncConnection, asked: Asked) -> dict[Key, Sum]:
    """What there was when the first period began: any other begins as the one before it ends."""
    group, minor = asked.group(_m.plan).label("group"), asked.minor(_m.minor)
    period, start, _ = asked.periods[0]
    holds = [_m.day < start, _m.until >= start, _m.minor > 0]
    query = select(asked.unit.label("unit"), group, func.sum(minor), _number(asked, _m.minor > 0))
    query = query.select_from(asked.rows).where(*holds, *IN_FIGURES).group_by("unit", "group")
    found = await c.execute(query, asked.given)
    return {Key(period, unit, name): Sum(int(minor), number) for unit, name, minor, number in found}


def _first(of: ColumnElement[Any], order: Any) -> ColumnElement[Any]:
    return func.array_agg(aggregate_order_by(of, order), type_=ARRAY(Text))[1]


def changes(asked: Asked) -> Subquery:
    """Of each account that has a step in a period: what it brought at the start and at the end, and why it left."""
    last = _m.until >= _p.stop
    after, change = asked.minor(_m.minor), asked.minor(_m.minor) - asked.minor(_m.before_minor)
    end = func.coalesce(func.sum(after).filter(last), 0)
    start = end - func.sum(change)
    group: ColumnElement[Any] = func.max(asked.group(null()))
    if asked.by == "plan":
        group = case((start > 0, _first(_m.before_plan, _m.day)), else_=_first(_m.plan, _m.day.desc()))
    columns = (
        _p.name.label("period"),
        asked.unit.label("unit"),
        _m.account_id,
        group.label("group"),
        cast(start, BigInteger).label("start_minor"),
        cast(end, BigInteger).label("end_minor"),
        # Of the first step, and of the last: a day's steps all say the same.
        (func.min(2 * _m.day + cast(_m.paid, Integer)).op("&")(1) == 1).label("paid"),
        (func.max(2 * _m.day + cast(_m.pays, Integer)).op("&")(1) == 1).label("pays"),
        func.bool_and(_m.had).label("had"),
        func.max(_m.reason).filter(last).label("reason"),
        func.bool_and(_m.voluntary).filter(last).label("voluntary"),
    )
    inside = and_(_m.day >= _p.start, _m.day < _p.stop)
    query = select(*columns).select_from(asked.rows.join(PERIODS, inside)).where(*IN_FIGURES)
    return query.group_by("period", "unit", _m.account_id).subquery()


def signs(of: Any) -> tuple[ColumnElement[Any], ...]:
    """What `Signs` has, of a change."""
    change = cast(func.sign(of.end_minor - of.start_minor), Integer)
    return of.start_minor > 0, of.end_minor > 0, change, of.paid, of.pays, of.had


async def moved(c: AsyncConnection, asked: Asked) -> dict[Key, list[Moved]]:
    """What moved in each period, those together that moved alike."""
    of = changes(asked).c
    alike = (of.period, of.unit, of.group, *signs(of), of.reason, of.voluntary)
    query = select(*alike, func.count(), func.sum(of.start_minor), func.sum(of.end_minor)).group_by(*alike)
    found: dict[Key, list[Moved]] = {}
    for period, unit, group, *rest in await c.execute(query, asked.given):
        reason, voluntary, accounts, start, end = rest[6:]
        one = Moved(Signs(*rest[:6]), reason, voluntary, accounts, int(start), int(end))
        found.setdefault(Key(period, unit, group), []).append(one)
    return found


def today(asked: Asked, which: Standing) -> list[ColumnElement[bool]]:
    """Of steps: those of which this holds today."""
    if which == "committed":
        return [_m.day > asked.today, _m.minor < _m.before_minor, _m.voluntary.is_not(False)]
    holds: list[ColumnElement[bool]] = [_m.day <= asked.today, _m.until > asked.today, _m.minor > 0]
    if which == "silent":
        # Whose use was never heard of is silent only where it would have been.
        used = func.coalesce(_a.used_day, asked.catalogue.sources.get("usage"))
        return [*holds, used <= asked.today - _SILENT_DAYS]
    risky = renewals.at_risk(instant_of(asked.today * DAY_US))
    return [*holds, or_(_a.band == bulk.word("red"), _a.leaves_at.is_not(None), risky)]


async def standing(c: AsyncConnection, asked: Asked, which: Standing) -> dict[tuple[str, str | None], int]:
    """Money that is silent, at risk or committed to go now, by currency and group."""
    minor = asked.minor(_m.before_minor) - asked.minor(_m.minor) if which == "committed" else asked.minor(_m.minor)
    query = select(asked.unit.label("unit"), asked.group(_m.plan).label("group"), func.sum(minor))
    query = query.select_from(asked.rows).where(*today(asked, which), *IN_FIGURES).group_by("unit", "group")
    return {(unit, group): int(minor) for unit, group, minor in await c.execute(query, asked.given)}


class Renewed(NamedTuple):
    """Of the renewals that were due, and of what they brought in a month, what was renewed."""

    due: int
    renewed: int
    due_minor: int
    renewed_minor: int


async def renewed(c: AsyncConnection, asked: Asked) -> dict[Key, Renewed]:
    """What was due in each period, and has come to something."""
    midnight, r = instant_of(asked.today * DAY_US), t.renewals.c
    result = renewals.outcome(midnight)
    day = cast(func.floor(func.extract("epoch", r.ends_at) / 86_400), Integer)
    before, after = (
        asked.minor(func.coalesce(of, 0)) for of in (r.mrr_minor, func.coalesce(r.renewed_minor, r.mrr_minor))
    )
    again = bulk.one_of(result, renewals.RENEWED)
    rows = t.renewals.join(t.accounts, _a.id == r.account_id).join(PERIODS, and_(day >= _p.start, day < _p.stop))
    unit: ColumnElement[Any] = r.currency
    if asked.rated:
        rows, unit = rows.outerjoin(RATES, RATES.c.currency == r.currency), func.coalesce(RATES.c.into, r.currency)
    group = asked.group(_a.plan).label("group")
    numbers = (
        func.count(),
        func.count().filter(again),
        func.sum(before),
        func.sum(func.least(before, after)).filter(again),
    )
    query = select(_p.name, func.coalesce(unit, "").label("unit"), group, *numbers).select_from(rows)
    first, last = (instant_of(day * DAY_US) for day in (asked.periods[0].start, asked.periods[-1].stop))
    query = query.where(r.ends_at >= first, r.ends_at < last, renewals.comes_up(midnight), result.is_not(None))
    query = query.where(*IN_FIGURES)
    query = query.group_by(_p.name, "unit", "group")
    found = await c.execute(query, asked.given)
    return {Key(*row[:3]): Renewed(row[3], row[4], int(row[5]), int(row[6] or 0)) for row in found}


async def mean_minor(c: AsyncConnection, asked: Asked, unit: str) -> float | None:
    """What an account that pays in a currency, or in one that is told in it, brings in a month."""
    minor, here = asked.minor(_m.minor), [_m.day <= asked.today, _m.until > asked.today, _m.minor > 0]
    query = select(func.sum(minor), _number(asked, _m.minor > 0)).select_from(asked.rows)
    total, number = (await c.execute(query.where(*here, asked.unit == unit, *IN_FIGURES), asked.given)).one()
    return float(total) / number if number else None


async def currency(c: AsyncConnection, asked: Asked) -> str | None:
    """The currency in which most accounts pay now."""
    here = [_m.day <= asked.today, _m.until > asked.today, _m.minor > 0, *IN_FIGURES]
    query = select(_m.currency).select_from(t.money.join(t.accounts, _a.id == _m.account_id)).where(*here)
    query = query.group_by(_m.currency).order_by(func.count().desc(), _m.currency).limit(1)
    return (await c.execute(query)).scalar_one_or_none()
