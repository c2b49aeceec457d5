"""What the HTTP edge reads of renewals: those that are due, the ladder that they make, and how many were renewed.

What time alone makes of one, once its end is past, stands on its row, and is asked when it is read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Literal, NamedTuple

from fastapi import Query
from sqlalchemy import BigInteger, ColumnElement, Text, case, cast, func, literal, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring import tables as t
from services.scoring.core.clock import DAY_US, day_of
from services.scoring.queries import IN_FIGURES
from shared.messages.accounts import Forecast
from shared.messages.assessments import Band
from shared.messages.stamps import instant_of
from shared.pg import bulk
from shared.web.paging import Paging

Outcome = Literal["renewed", "renewed_by_itself", "lost", "lapsed"]
Rung = Literal["month", "band", "owner"]
_a, _r = t.accounts.c, t.renewals.c
Span = tuple[datetime | None, datetime | None]
"""Since and until when they end."""
AT_RISK: Final = ("at_risk", "lost")
"""What is forecast so is at risk."""
RENEWED: Final = ("renewed", "renewed_by_itself")
_OWNER: Final = func.coalesce(_r.owner, _a.owner)
_AMOUNT: Final = _r.mrr_minor * _r.term_months


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which renewals are asked for."""

    account: str | None = None
    owner: Annotated[str | None, Query(description="Whose it is: by itself, else as the account is.")] = None
    segment: str | None = None
    plan: str | None = None
    band: Band | None = None
    forecast: Forecast | Literal["none"] | None = None
    outcome: Outcome | None = None
    open: Annotated[bool | None, Query(description="true: of which nothing came yet.")] = None


def outcome(today: datetime) -> ColumnElement[Any]:
    """What came of a renewal by the beginning of a day."""
    return func.coalesce(_r.outcome, case((_r.ends_at < today, _r.then)))


def comes_up(today: datetime) -> ColumnElement[bool]:
    """Whether a renewal comes up, or did: those after it lie behind the next."""
    return or_(_r.after_at.is_(None), _r.after_at < today)


def is_open(today: datetime) -> ColumnElement[bool]:
    """Whether nothing came of it yet: a contract that has lapsed can be renewed still."""
    return func.coalesce(outcome(today), bulk.word("lapsed")) == bulk.word("lapsed")


def midnight(now: datetime) -> datetime:
    """The beginning of the day."""
    return instant_of(day_of(now) * DAY_US)


def _where(wanted: Wanted, span: Span, today: datetime) -> list[ColumnElement[bool]]:
    holds: list[ColumnElement[bool]] = [comes_up(today), *IN_FIGURES]
    names = {"account": _r.account_id, "owner": _OWNER, "segment": _a.segment, "plan": _a.plan, "band": _a.band}
    holds += [column == value for name, column in names.items() if (value := getattr(wanted, name)) is not None]
    if wanted.forecast is not None:
        holds.append(_r.forecast.is_(None) if wanted.forecast == "none" else _r.forecast == wanted.forecast)
    if wanted.outcome is not None:
        holds.append(outcome(today) == wanted.outcome)
    if wanted.open is not None:
        holds.append(is_open(today) if wanted.open else ~is_open(today))
    since, until = span
    holds += [_r.ends_at >= since] if since is not None else []
    holds += [_r.ends_at < until] if until is not None else []
    return holds


_JOINED: Final = t.renewals.join(t.accounts, _a.id == _r.account_id)


async def listed(
    c: AsyncConnection,
    wanted: Wanted,
    span: Span,
    now: datetime,
    paging: Paging,
) -> tuple[list[dict[str, Any]], str | None]:
    """Renewals, those due first in front."""
    today = midnight(now)
    columns = [column for column in t.renewals.c if column.name not in ("then", "outcome", "owner", "after_at")]
    more = (_a.name.label("account_name"), _a.band, _OWNER.label("owner"), outcome(today).label("outcome"))
    query = select(*columns, *more, _AMOUNT.label("amount_minor")).select_from(_JOINED)
    holds = _where(wanted, span, today)
    if (key := paging.after(datetime, str)) is not None:
        holds.append(tuple_(_r.ends_at, _r.id) > tuple_(*map(literal, key)))
    query = query.where(*holds).order_by(_r.ends_at, _r.id).limit(paging.limit + 1)
    rows = [row._asdict() for row in await c.execute(query)]
    return paging.page(rows, lambda row: (row["ends_at"], row["id"]))


class Step(NamedTuple):
    """What of a ladder's rung has one forecast and one outcome."""

    group: str | None
    forecast: str | None
    outcome: str | None
    currency: str | None
    renewals: int
    amount_minor: int
    mrr_minor: int


async def ladder(
    c: AsyncConnection,
    wanted: Wanted,
    span: Span,
    now: datetime,
    by: Rung,
) -> Sequence[Step]:
    """The renewals that are meant, summed by month, band or owner, and by forecast and outcome."""
    today = midnight(now)
    month = func.to_char(func.timezone("UTC", _r.ends_at), "YYYY-MM")
    group = {"month": month, "band": cast(_a.band, Text), "owner": _OWNER}[by].label("group")
    alike = (group, _r.forecast, outcome(today).label("result"), _r.currency)
    sums = (cast(func.coalesce(func.sum(of), 0), BigInteger) for of in (_AMOUNT, _r.mrr_minor))
    query = select(*alike, func.count(), *sums).select_from(_JOINED).where(*_where(wanted, span, today))
    query = query.group_by("group", _r.forecast, "result", _r.currency)
    return [Step(*row) for row in await c.execute(query.order_by("group", _r.forecast, "result", _r.currency))]


async def account_of(c: AsyncConnection, id: str) -> str | None:
    """Whose renewal it is."""
    return (await c.execute(select(_r.account_id).where(_r.id == id))).scalar_one_or_none()


def at_risk(now: datetime) -> ColumnElement[bool]:
    """Of an account: whether a renewal that comes up is forecast at risk or lost."""
    today = midnight(now)
    some = select(_r.account_id).where(bulk.one_of(_r.forecast, AT_RISK), comes_up(today), is_open(today))
    return _a.id.in_(some)
