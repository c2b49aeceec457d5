"""What the HTTP edge reads of surveys as figures: answers counted by group, who moved between groups, response rates.

Figures are added up where the rows lie, by group and score. Which of a contact's relational answers was the latest in
a window is known by its own row, as that says when the next one came: so a million are read once and never sorted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Double,
    Select,
    Text,
    and_,
    case,
    cast,
    column,
    func,
    literal,
    null,
    or_,
    select,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring import tables as t
from services.scoring.core.feedback import GROUPS, Counted
from services.scoring.core.profile import BOOKS
from services.scoring.queries import IN_FIGURES
from shared.messages.feedback import USUAL_KIND, Measured, SurveyKind
from shared.pg import bulk

By = Literal["segment", "plan", "stage", "owner", "role", "touchpoint", "product", "month", "quarter"]
Per = Literal["answer", "account", "mrr"]
_a, _n, _i = t.accounts.c, t.answers.c, t.invitations.c
_TEXT_OF: Final = {"month": "YYYY-MM", "quarter": 'YYYY-"Q"Q'}
_rates = bulk.given(_a.currency, column("rate", Double), name="rates")


@dataclass(frozen=True, slots=True)
class Asked:
    """Which figure is asked for."""

    measure: Measured
    kind: SurveyKind
    since: datetime
    until: datetime
    by: By | None = None
    per: Per = "answer"


class Money(NamedTuple):
    """How revenue in several currencies weighs: by rates; without any, what is in this currency alone."""

    currency: str
    rates: Mapping[str, Fraction]


def _group(by: By | None, of: Any) -> ColumnElement[Any]:
    """The group of a row of answers or invitations."""
    if by in _TEXT_OF:
        return func.to_char(func.timezone("UTC", of.c.at), _TEXT_OF[by])
    if by in BOOKS:
        return _a[by]
    return cast(null(), Text) if by is None or by not in of.c else of.c[by]


def _window(asked: Asked) -> list[ColumnElement[bool]]:
    """Which answers count: of relational ones each contact's latest in the window, or in each month or quarter."""
    holds = [
        _n.kind == bulk.word(asked.measure),
        _n.survey_kind == bulk.word(asked.kind),
        _n.at >= asked.since,
        _n.at < asked.until,
        *IN_FIGURES,
    ]
    if asked.kind == "relational":
        until: ColumnElement[Any] = literal(asked.until, _n.at.type)
        if asked.by in _TEXT_OF:
            begin = func.date_trunc(bulk.word(asked.by), func.timezone("UTC", _n.at))
            length = func.make_interval(0, 3 if asked.by == "quarter" else 1)
            until = func.least(until, func.timezone("UTC", begin + length))
        holds.append(or_(_n.next_at.is_(None), _n.next_at >= until))
    return holds


async def counted(c: AsyncConnection, asked: Asked, money: Money) -> dict[str | None, dict[int, Counted]]:
    """The answers by group and score, with their weights."""
    group = _group(asked.by, t.answers).label("group")
    rows = t.answers.join(t.accounts, _a.id == _n.account_id)
    if asked.per == "answer":
        query: Select[Any] = select(group, _n.score, func.count(), func.count(), func.count()).select_from(rows)
        query = query.where(*_window(asked)).group_by(group, _n.score)
    else:
        query = _by_account(asked, money, group, rows)
    found: dict[str | None, dict[int, Counted]] = {}
    for name, score, *sums in await c.execute(query):
        found.setdefault(name, {})[score] = Counted(*sums)
    return found


def _by_account(asked: Asked, money: Money, group: Any, rows: Any) -> Select[Any]:
    """Each account weighs the same, or as much as it pays, whatever the number of its answers."""
    worth: ColumnElement[Any] = literal(1.0, Double)
    holds, rates = _window(asked), dict[str, float]()
    if asked.per == "mrr":
        rates = {currency: float(rate) for currency, rate in money.rates.items()} or {money.currency: 1.0}
        rows = rows.join(_rates, _rates.c.currency == _a.currency)
        worth, holds = cast(_a.mrr_minor, Double) * _rates.c.rate, [*holds, _a.mrr_minor > 0]
    query = select(group, _n.account_id, _n.score, worth.label("worth"), func.count().label("answers"))
    cells = query.select_from(rows).where(*holds).group_by(group, _n.account_id, _n.score, worth).subquery()
    of_account = func.sum(cells.c.answers).over(partition_by=(cells.c.group, cells.c.account_id))
    each = select(cells, (cells.c.worth / cast(of_account, Double)).label("weight")).subquery()
    answers, weight = each.c.answers, each.c.weight
    sums = cast(func.sum(answers), BigInteger), func.sum(answers * weight), func.sum(answers * weight * weight)
    found = select(each.c.group, each.c.score, *sums).group_by(each.c.group, each.c.score)
    return found.params(**bulk.arrays(("currency", "rate"), rates.items(), name="rates")) if rates else found


async def currency(c: AsyncConnection) -> str | None:
    """The currency in which most accounts pay."""
    most = select(_a.currency).where(_a.currency.is_not(None), *IN_FIGURES).group_by(_a.currency)
    return (await c.execute(most.order_by(func.count().desc(), _a.currency).limit(1))).scalar_one_or_none()


async def moved(c: AsyncConnection, asked: Asked) -> list[tuple[str, str, int]]:
    """Of relational answers: from which group to which so many contacts went since what they had answered before."""
    measure = asked.measure
    before, after = (_named(measure, column) for column in (_n.previous_score, _n.score))
    query = select(before, after, func.count()).select_from(t.answers.join(t.accounts, _a.id == _n.account_id))
    query = query.where(*_window(asked), _n.previous_score.is_not(None)).group_by(before, after)
    return [(old, new, number) for old, new, number in await c.execute(query.order_by(before, after)) if old != new]


def _named(measure: Measured, score: ColumnElement[Any]) -> ColumnElement[Any]:
    """The group that a score is in."""
    return case(*((score >= group.least, bulk.word(group.name)) for group in GROUPS[measure]))


async def invited(c: AsyncConnection, asked: Asked) -> dict[str | None, tuple[int, int]]:
    """How many were asked in the window, and how many of these have answered, by group.

    What an invitation asks for is what it says, else what others to the same survey were answered with.
    """
    measure, kind = bulk.word(asked.measure), bulk.word(asked.kind)
    usual = bulk.word(USUAL_KIND[asked.measure])
    answered = _i[asked.measure]
    said = and_(_i.measure == measure, func.coalesce(_i.survey_kind, usual) == kind)
    so_far = select(_i.survey_id).where(answered == kind, _i.survey_id.is_not(None)).distinct()
    asks = or_(said, answered == kind, and_(_i.measure.is_(None), _i.survey_id.in_(so_far)))
    group = _group(asked.by, t.invitations).label("group")
    query = select(group, func.count(), func.count().filter(answered == kind))
    query = query.select_from(t.invitations.join(t.accounts, _a.id == _i.account_id)).group_by(group)
    query = query.where(_i.at >= asked.since, _i.at < asked.until, asks, *IN_FIGURES)
    return {name: (asked_, answered_) for name, asked_, answered_ in await c.execute(query)}
