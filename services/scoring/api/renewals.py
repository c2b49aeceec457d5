"""Renewals: which come up, what is expected of each, and what came of it."""

from typing import Annotated

from fastapi import Depends

from services.scoring import views
from services.scoring.api import parts
from services.scoring.api.own_write import READ
from services.scoring.api.saying import Operator, Saying, author_of
from services.scoring.core.scorecard import RulesInForce
from services.scoring.queries import renewals
from services.scoring.views.renewals import LadderStep, Renewal, Renewals, RenewalTerms
from shared.clock import Clock
from shared.messages.accounts import RenewalUpdated
from shared.pg.uow import UnitOfWork
from shared.web.paging import WantedPage
from shared.web.problems import Problem
from shared.web.routes import Router


def routes(uow: UnitOfWork, clock: Clock, _rules: RulesInForce) -> Router:
    """`GET /v1/renewals`."""
    router = Router(prefix="/v1", tags=["revenue"], dependencies=READ)

    @router.get("/renewals", summary="Renewals of contracts, with the ladder that they make")
    async def listed(
        paging: WantedPage,
        wanted: Annotated[renewals.Wanted, Depends()],
        since: parts.From = None,
        until: parts.Until = None,
        by: renewals.Rung = "month",
    ) -> Renewals:
        """`from` and `to` are about when they end, past or to come; without them all are meant."""
        now = clock.now()
        span = since and parts.aware(since), until and parts.aware(until)
        async with uow.begin() as c:
            shown, cursor = await renewals.listed(c, wanted, span, now, paging)
            steps = await renewals.ladder(c, wanted, span, now, by)
        return Renewals(
            items=[Renewal(**row) for row in shown],
            next_cursor=cursor,
            by=by,
            ladder=[LadderStep(**step._asdict()) for step in steps],
        )

    return router


def saying(say: Saying, uow: UnitOfWork) -> Router:
    """`PUT /v1/renewals/{id}`."""
    router = Router(prefix="/v1", tags=["revenue"])

    @router.put("/renewals/{id}", status_code=202, summary="Say what is expected of a renewal, or what came of it")
    async def update(id: str, body: RenewalTerms, caller: Operator) -> views.Said:
        async with uow.begin() as c:
            account = await renewals.account_of(c, id)
        if account is None:
            raise Problem(404, "not_found", f"There is no renewal {id!r}. GET /v1/renewals lists them.")
        given = {name: getattr(body, name) for name in body.model_fields_set}
        return await say(account, RenewalUpdated(renewal_id=id, author=author_of(caller), **given))

    return router
