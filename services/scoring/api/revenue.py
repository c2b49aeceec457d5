"""What customers bring, what became of it, and the worth of one over the years."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Final

from fastapi import Depends, Query

from services.scoring.api import parts
from services.scoring.api.own_write import READ
from services.scoring.core.clock import DAY_US, date_of, day_of
from services.scoring.core.periods import first_day, known, periods_of, year_until
from services.scoring.core.revenue import Moved, Revenue, revenue_of
from services.scoring.core.scorecard import RulesInForce
from services.scoring.core.worth import PURCHASES_A_YEAR, Worth, years_of
from services.scoring.queries import behind, revenue
from services.scoring.queries.revenue import Asked, Key, Sum
from services.scoring.views.revenue import Clv, RevenueAccount, RevenueAccounts, RevenueGroup, RevenueReport
from shared.clock import Clock
from shared.messages.fields import MOST_WHOLE
from shared.messages.stamps import micros
from shared.pg.uow import UnitOfWork
from shared.web.paging import WantedPage
from shared.web.problems import invalid
from shared.web.routes import Router
from shared.words import date_words

_Minor = Annotated[float | None, Query(ge=0, le=MOST_WHOLE, description="What one brings, in minor units.")]
_Number = Annotated[float | None, Query(ge=0, le=100_000)]
_INPUTS: Final = ("mean_purchase_minor", "purchases_per_year", "years")


def routes(uow: UnitOfWork, clock: Clock, rules: RulesInForce) -> Router:
    """`/v1/revenue`, `/v1/revenue/accounts` and `/v1/clv`."""
    router = Router(prefix="/v1", tags=["revenue"], dependencies=READ)

    def asked_of(since: datetime | None, until: datetime | None, by: revenue.By | None = None) -> Asked:
        today = day_of(clock.now())
        start, stop = span(since, until, clock.now())
        return Asked(periods_of(start, stop, by if by in ("month", "quarter") else None), by, rules().catalogue, today)

    @router.get("/revenue", summary="What became of revenue: retention, churn, expansion")
    async def report(
        by: revenue.By | None = None, since: parts.From = None, until: parts.Until = None
    ) -> RevenueReport:
        """Without `from` it is the twelve months that `to` is the last of. Over 100 days ago months begin and end."""
        asked = asked_of(since, until, by)
        last = asked.periods[-1]
        now: dict[revenue.Standing, dict[Any, int]] = {"silent": {}, "at_risk": {}, "committed": {}}
        async with uow.begin() as c:
            started, moved = await revenue.started(c, asked), await revenue.moved(c, asked)
            renewed = await revenue.renewed(c, asked)
            for which in now if last.stop > asked.today else ():
                now[which] = await revenue.standing(c, asked, which)
        items = list(_groups(asked, started, moved, renewed, now))
        return RevenueReport(items=items, since=date_of(asked.periods[0].start), until=date_of(last.stop), by=by)

    @router.get("/revenue/accounts", summary="The accounts behind a revenue figure")
    async def accounts(
        paging: WantedPage,
        wanted: Annotated[behind.Wanted, Depends()],
        by: revenue.By | None = None,
        since: parts.From = None,
        until: parts.Until = None,
    ) -> RevenueAccounts:
        """`group` is one of what `by` tells apart; a month's are those of its `from` and `to`."""
        start, stop = span(since, until, clock.now())
        asked = Asked(periods_of(start, stop, None), by, rules().catalogue, day_of(clock.now()))
        async with uow.begin() as c:
            found, cursor = await behind.accounts(c, asked, wanted, paging)
        items = [RevenueAccount.of(one) for one in found]
        dates = {"since": date_of(start), "until": date_of(stop)}
        return RevenueAccounts(items=items, next_cursor=cursor, figure=wanted.figure, **dates)

    @router.get("/clv", summary="What a customer is worth over the years")
    async def clv(mean_purchase_minor: _Minor = None, purchases_per_year: _Number = None, years: _Number = None) -> Clv:
        given = (mean_purchase_minor, purchases_per_year, years)
        measured = [name for name, value in zip(_INPUTS, given, strict=True) if value is None]
        asked = asked_of(None, None)
        async with uow.begin() as c:
            currency = asked.catalogue.reference or await revenue.currency(c, asked)
            if mean_purchase_minor is None and currency is not None:
                mean_purchase_minor = await revenue.mean_minor(c, asked, currency)
            if years is None and currency is not None:
                key = Key(asked.periods[0].name, currency, None)
                here = (await revenue.started(c, asked)).get(key, Sum(0, 0))
                found = revenue_of(*here, (await revenue.moved(c, asked)).get(key, ()))
                days = asked.periods[0].stop - asked.periods[0].start
                years = years_of(found.customers_churned, found.customers, days)
        often = PURCHASES_A_YEAR if purchases_per_year is None else purchases_per_year
        return Clv.of(Worth(mean_purchase_minor, often, years), currency, measured)

    return router


def _groups(
    asked: Asked,
    started: Mapping[Key, Sum],
    moved: Mapping[Key, Sequence[Moved]],
    renewed: Mapping[Key, revenue.Renewed],
    now: Mapping[revenue.Standing, Mapping[tuple[str, str | None], int]],
) -> Iterator[RevenueGroup]:
    """The figures of each period, currency and group of which there are any: a period begins as the last one ended."""
    kinds = sorted(
        {key[1:] for key in (*started, *moved, *renewed)}, key=lambda of: (of[0], of[1] is None, of[1] or "")
    )
    stands = {of: started.get(Key(asked.periods[0].name, *of), Sum(0, 0)) for of in kinds}
    for period in asked.periods:
        is_todays = period.stop > asked.today
        for of in kinds:
            key = Key(period.name, *of)
            found = revenue_of(*stands[of], moved.get(key, ()))
            stands[of] = Sum(found.end_minor, found.customers_end)
            silent, at_risk, committed = (one.get(of, 0) if is_todays else None for one in now.values())
            if found != Revenue() or key in renewed:
                yield RevenueGroup.of(key, found, renewed.get(key), (silent, at_risk, committed))


def span(since: datetime | None, until: datetime | None, now: datetime) -> tuple[int, int]:
    """The first day of figures, and the first that is no more in them: today at the most is in them."""
    today = day_of(now)
    end = min(parts.aware(until), now) if until else now
    # A day that has begun is in it, and one at whose first instant it ends is not.
    stop = known(-(-micros(end) // DAY_US), today) if end < now else today + 1
    start = known(day_of(parts.aware(since)), today) if since else year_until(stop)
    if start < first_day(today):
        raise invalid("query.from", f"what was is known since {date_words(date_of(first_day(today)))}")
    if start >= stop:
        raise invalid("query.from", "no day lies between it and `to`; what is over 100 days ago is known by month")
    return start, stop
