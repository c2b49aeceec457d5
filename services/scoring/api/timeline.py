"""What happened: the timeline of an account, and of all of them with the company's."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends
from sqlalchemy import ColumnElement

from services.scoring.api import parts
from services.scoring.core.scorecard import Rules
from services.scoring.queries import timeline
from services.scoring.queries.over import Over
from services.scoring.views.timeline import Entry
from shared.auth.keys import require
from shared.clock import Clock
from shared.conditions import did_you_mean
from shared.messages.registry import COMPANY
from shared.pg.uow import UnitOfWork
from shared.web.paging import Page, WantedPage
from shared.web.problems import invalid
from shared.web.routes import Router


def routes(uow: UnitOfWork, _clock: Clock, _rules: Rules) -> Router:
    """`/v1/accounts/{id}/timeline` and `/v1/timeline`."""
    router = Router(prefix="/v1", tags=["accounts"], dependencies=[Depends(require("read"))])

    @router.get("/accounts/{id}/timeline", summary="What happened to an account, newest first, usage apart")
    async def of_account(
        id: str,
        paging: WantedPage,
        wanted: Annotated[timeline.WantedOfOne, Depends()],
        since: parts.From = None,
        until: parts.Until = None,
    ) -> Page[Entry]:
        """Tickets, invoices, answers, talks, changes, notes, and when the band moved. `$company` is ourselves."""
        after = paging.after(datetime, str, str)
        where = [*_checked(wanted).where(), *_between(since, until)]
        async with uow.begin() as c:
            await parts.there(c, id if id != COMPANY else None)
            rows = await timeline.listed(c, id, where, after, paging.limit + 1)
            shown, cursor = paging.page(rows, lambda row: (row["at"], row["source"], row["id"]))
            people = await timeline.people(c, _pairs(shown))
        return Page(items=[Entry.of(row, *people.get(_pair(row), ())) for row in shown], next_cursor=cursor)

    @router.get("/timeline", summary="What happened to all accounts and to ourselves, newest first, usage apart")
    async def of_all(
        paging: WantedPage,
        over: Annotated[Over, Depends()],
        wanted: Annotated[timeline.Wanted, Depends()],
        since: parts.From = None,
        until: parts.Until = None,
    ) -> Page[Entry]:
        after = paging.after(datetime, str, str, str)
        where = [*_checked(wanted).where(), *_between(since, until)]
        async with uow.begin() as c:
            rows = await timeline.listed(c, over, where, after, paging.limit + 1)
            shown, cursor = paging.page(rows, lambda row: (row["at"], row["account_id"], row["source"], row["id"]))
            people = await timeline.people(c, _pairs(shown))
        return Page(items=[Entry.of(row, *people.get(_pair(row), ())) for row in shown], next_cursor=cursor)

    return router


def _checked(wanted: timeline.Wanted) -> timeline.Wanted:
    """Refuse types that there are not."""
    for name in wanted.type or ():
        if name not in timeline.TYPES and name not in timeline.FAMILIES:
            hint = (
                did_you_mean(name, [*timeline.FAMILIES, *timeline.TYPES]) or f"There are {', '.join(timeline.TYPES)}."
            )
            raise invalid("query.type", f"there is no type {name!r}. {hint}")
    return wanted


def _between(since: datetime | None, until: datetime | None) -> list[ColumnElement[bool]]:
    return timeline.between(*(None if one is None else parts.aware(one) for one in (since, until)))


def _pair(row: Mapping[str, Any]) -> tuple[str, str]:
    return row["account_id"], row["contact_id"] or ""


def _pairs(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    return [_pair(row) for row in rows if row["contact_id"]]
