"""What customers bring: the worth of one over the years."""

from typing import Annotated, Final

from fastapi import Depends, Query

from services.scoring.core.scorecard import RulesInForce
from services.scoring.core.worth import PURCHASES_A_YEAR, Worth
from services.scoring.queries import feedback, revenue
from services.scoring.views.revenue import Clv
from shared.auth.keys import require
from shared.clock import Clock
from shared.messages.fields import MOST_WHOLE
from shared.pg.uow import UnitOfWork
from shared.web.routes import Router

_Minor = Annotated[float | None, Query(ge=0, le=MOST_WHOLE, description="What one brings, in minor units.")]
_Number = Annotated[float | None, Query(ge=0, le=100_000)]
_INPUTS: Final = ("mean_purchase_minor", "purchases_per_year", "years")


def routes(uow: UnitOfWork, _clock: Clock, rules: RulesInForce) -> Router:
    """`/v1/clv`."""
    router = Router(prefix="/v1", tags=["revenue"], dependencies=[Depends(require("read"))])

    @router.get("/clv", summary="What a customer is worth over the years")
    async def clv(mean_purchase_minor: _Minor = None, purchases_per_year: _Number = None, years: _Number = None) -> Clv:
        given = (mean_purchase_minor, purchases_per_year, years)
        measured = [name for name, value in zip(_INPUTS, given, strict=True) if value is None]
        async with uow.begin() as c:
            currency = rules().catalogue.reference or await feedback.currency(c)
            if mean_purchase_minor is None and currency is not None:
                mean_purchase_minor = await revenue.mean_minor(c, rules().catalogue, currency)
        often = PURCHASES_A_YEAR if purchases_per_year is None else purchases_per_year
        return Clv.of(Worth(mean_purchase_minor, often, years), currency, measured)

    return router
