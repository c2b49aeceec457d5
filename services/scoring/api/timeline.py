"""What happened: the timeline of an account, and of all of them with the company's."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends
from sqlalchemy import ColumnElement

from services.scoring.api import parts
from services.scoring.api.own_write import READ
from services.scoring.core.scorecard import RulesInForce
from services.scoring.queries import contacts, timeline
from services.scoring.queries.over import Over
from services.scoring.views.timeline import Entry
from shared.clock import Clock
from shared.conditions import did_you_mean
from shared.messages.registry import COMPANY
from shared.pg.uow import UnitOfWork
from shared.web.paging import Page, Paging, WantedPage
from shared.web.problems import invalid
from shared.web.routes import Router


def routes(uow: UnitOfWork, _clock: Clock, _rules: RulesInForce) -> Router:
    """`/v1/accounts/{id}/timeline` and `/v1/timeline`."""
    router = Router(prefix="/v1", tags=["accounts"], dependencies=READ)

    async def listed(
        of: str | Over, wanted: timeline.Wanted, since: datetime | None, until: datetime | None, paging: Paging
    ) -> Page[Entry]:
        where = [*_checked(wanted).where(), *_between(since, until)]
        async with uow.begin() as c:
            await parts.there(c, of if of != COMPANY else None)
            shown, cursor = await timeline.listed(c, of, where, paging)
            people = await contacts.named(c, [_pair(row) for row in shown if row["contact_id"]])
        return Page(items=[Entry.of(row, *people.get(_pair(row), ())) for row in shown], next_cursor=cursor)

    @router.get("/accounts/{id}/timeline", summary="What happened to an account, newest first, usage apart")
    async def of_account(
        id: str,
        paging: WantedPage,
        wanted: Annotated[timeline.WantedOfOne, Depends()],
        since: parts.From = None,
        until: parts.Until = None,
    ) -> Page[Entry]:
        """Tickets, invoices, answers, talks, changes, notes, and when the band moved. `$company` is ourselves."""
        return await listed(id, wanted, since, until, paging)

    @router.get("/timeline", summary="What happened to all accounts and to ourselves, newest first, usage apart")
    async def of_all(
        paging: WantedPage,
        over: Annotated[Over, Depends()],
        wanted: Annotated[timeline.Wanted, Depends()],
        since: parts.From = None,
        until: parts.Until = None,
    ) -> Page[Entry]:
        return await listed(over, wanted, since, until, paging)

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
