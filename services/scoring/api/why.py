"""Why a score is what it is, and another than it was: of one account, and of whole books of accounts."""

from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Annotated, Final

from fastapi import Query

from services.scoring import queries, views
from services.scoring.api import parts
from services.scoring.api.own_write import READ
from services.scoring.core import book, explain
from services.scoring.core.decision import unpack
from services.scoring.core.score import as_decided
from services.scoring.core.scorecard import RulesInForce
from services.scoring.queries import ledger
from shared.clock import Clock
from shared.conditions import described
from shared.pg.uow import UnitOfWork
from shared.web.paging import Page, Paging, WantedPage
from shared.web.routes import Router

_CHANGES: Final = 20


def routes(uow: UnitOfWork, clock: Clock, rules: RulesInForce) -> Router:
    """`/v1/accounts/{id}/health/…` and `/v1/explain`."""
    router = Router(prefix="/v1", tags=["why"], dependencies=READ)

    @router.get("/accounts/{id}/health/history", summary="What the score did, newest first; with `from`, by day")
    async def history(
        id: str, paging: WantedPage, since: parts.From = None, until: parts.Until = None
    ) -> Page[views.Change] | Page[views.Day]:
        if since is not None or until is not None:
            return await daily(id, paging, *parts.interval(since, until, clock.now(), ledger.HEALTH_DAYS))
        before = paging.after(int)
        async with uow.begin() as c:
            parts.found(await queries.one(c, id), id)
            found = await ledger.rows(c, id, before[0] if before else ledger.NEWEST, paging.limit + 1)
        shown, cursor = paging.page(found, lambda row: (row["rev"],))
        return Page(items=[views.Change(**row) for row in shown], next_cursor=cursor)

    @router.get("/accounts/{id}/health/explain", summary="Why the score is what it is, or another than it was")
    async def why(id: str, since: parts.From = None, until: parts.Until = None) -> views.Explanation | views.Way:
        if since is not None or until is not None:
            return await moved(id, *parts.interval(since, until, clock.now(), ledger.LEDGER_DAYS))
        async with uow.begin() as c:
            row = parts.found(await queries.one(c, id), id)
            moves = await ledger.rows(c, id, ledger.NEWEST, _CHANGES, moves=True)
            left = await queries.left_behind(c, [row])
        decision = None if row["decision"] is None else unpack(row["decision"])
        return views.Explanation(
            **row,
            left=parts.left(row, left),
            measures=[] if decision is None else as_decided(decision.readings, rules().card(decision.scorecard)),
            caps=[] if decision is None or decision.hold is None else [decision.hold],
            changes=[views.Change(**move) for move in moves],
        )

    async def daily(id: str, paging: Paging, since: datetime, until: datetime) -> Page[views.Day]:
        before = paging.after(date)
        last = min(until.date(), before[0] - timedelta(days=1)) if before else until.date()
        async with uow.begin() as c:
            parts.found(await queries.one(c, id), id)
            found = await ledger.days(c, id, since.date(), last, paging.limit + 1)
        shown, cursor = paging.page(found, lambda row: (row["day"],))
        return Page(items=[views.Day(**row) for row in shown], next_cursor=cursor)

    async def moved(id: str, since: datetime, until: datetime) -> views.Way:
        async with uow.begin() as c:
            row = parts.found(await queries.one(c, id), id)
            before, steps, why_unknown = await ledger.steps(c, id, since, until)
        found = explain.way(before, steps, why_unknown)
        return views.Way(
            id=id,
            name=row["name"],
            since=since,
            until=until,
            from_=found.before,
            to=found.after,
            change=found.change,
            drivers=[views.Part(**asdict(part)) for part in found.parts],
            paragraph=explain.paragraph(found, since, until, clock.now()),
        )

    @router.get("/explain", summary="Why the mean score of whole books is another than it was")
    async def books(
        since: Annotated[datetime, Query(alias="from", description="Since when; at most 400 days ago.")],
        until: parts.Until = None,
        by: ledger.Book | None = None,
        accounts: Annotated[int, Query(ge=0, le=500, description="How many accounts of each group to name.")] = 20,
    ) -> views.BookReport:
        now = clock.now()
        start, end = parts.interval(since, until, now, ledger.LEDGER_DAYS)
        async with uow.begin() as c:
            found = await ledger.books(c, by, start, end)
        span, named = explain.span_of(start, end, now), max(accounts, book.TOLD)
        caps = {cap.name: described(cap.condition) for card in rules().cards for cap in card.caps}
        told = [one.told(by or "", caps, named) for _, one in sorted(found.of.items())]
        groups = [views.Book.of(one, accounts, book.paragraph(one, span)) for one in told]
        return views.BookReport(by=by, since=start, until=end, groups=groups)

    return router
