"""The accounts behind a revenue figure, those with the most money first."""

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, get_args

from sqlalchemy import BigInteger, ColumnElement, Subquery, cast, func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring import tables as t
from services.scoring.core.revenue import Kind, Signs, signs_of
from services.scoring.queries import IN_FIGURES
from services.scoring.queries.revenue import PERIODS, Asked, Standing, changes, signs, today
from shared.web.paging import Paging

Figure = Literal["start", "end", "expanded", "contracted", "churned", "involuntary", "new", "reactivated"] | Standing
_STANDING: Final = ("start", "end", *get_args(Standing))
_a, _m = t.accounts.c, t.money.c


class Behind(NamedTuple):
    """An account behind a figure."""

    account_id: str
    name: str | None
    currency: str
    start_minor: int
    end_minor: int
    reason: str | None
    voluntary: bool | None
    owner: str | None
    segment: str | None
    plan: str | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which accounts are asked for."""

    figure: Figure
    group: str | None = None
    currency: str | None = None


async def accounts(c: AsyncConnection, asked: Asked, wanted: Wanted, paging: Paging) -> tuple[list[Behind], str | None]:
    """The accounts behind a figure of one period, those with the most money first."""
    of = (_standing(asked, wanted.figure) if wanted.figure in _STANDING else changes(asked)).c  # type: ignore[arg-type]
    size = func.abs(of.end_minor - of.start_minor) if wanted.figure not in ("start", "end") else of.end_minor
    holds = list[ColumnElement[bool]]()
    if wanted.figure not in _STANDING:
        holds.append(tuple_(*signs(of)).in_(_signs_behind(wanted.figure)))
    if wanted.figure == "involuntary":
        holds.append(of.voluntary.is_(False))
    if wanted.group is not None:
        holds.append(of.group == wanted.group)
    if wanted.currency is not None:
        holds.append(of.unit == wanted.currency)
    if (key := paging.after(int, str, str)) is not None:
        holds.append(tuple_(-size, of.account_id, of.unit) > tuple_(*map(literal, key)))
    columns = (of.account_id, _a.name, of.unit, of.start_minor, of.end_minor, of.reason, of.voluntary)
    query = select(*columns, _a.owner, _a.segment, _a.plan, (-size).label("size"))
    query = query.join(t.accounts, _a.id == of.account_id).where(*holds)
    query = query.order_by("size", of.account_id, of.unit).limit(paging.limit + 1)
    rows = [(Behind(*row[:-1]), int(row.size)) for row in await c.execute(query, asked.given)]
    shown, cursor = paging.page(rows, lambda row: (row[1], row[0].account_id, row[0].currency))
    return [one for one, _ in shown], cursor


def _signs_behind(figure: Figure) -> list[Signs]:
    kind: Kind = "churned" if figure == "involuntary" else figure  # type: ignore[assignment]
    return signs_of(kind)


def _standing(asked: Asked, which: Literal["start", "end"] | Standing) -> Subquery:
    """The accounts behind what there is at one instant."""
    if which in ("start", "end"):
        at = PERIODS.c.start if which == "start" else PERIODS.c.stop
        holds = [_m.day < at, _m.until >= at, _m.minor > 0]
    else:
        holds = today(asked, which)  # type: ignore[arg-type]
    start = asked.minor(_m.before_minor if which == "committed" else _m.minor)
    end = asked.minor(_m.minor) if which in ("start", "end", "committed") else literal(0)
    columns = (
        asked.unit.label("unit"),
        _m.account_id,
        func.max(asked.group(_m.plan)).label("group"),
        cast(func.sum(start), BigInteger).label("start_minor"),
        cast(func.sum(end), BigInteger).label("end_minor"),
        func.max(_m.reason).label("reason"),
        func.bool_and(_m.voluntary).label("voluntary"),
    )
    query = select(*columns).select_from(asked.rows.join(PERIODS, literal(True))).where(*holds, *IN_FIGURES)
    return query.group_by("unit", _m.account_id).subquery()
