"""What the HTTP edge reads of revenue. Where the catalogue has rates, it comes in the currency whose rate is 1.

What is in a currency without a rate stays apart, under its own.
"""

from typing import Any, Final

from sqlalchemy import ColumnElement, Double, Text, cast, column, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring import tables as t
from services.scoring.core.catalogue import Catalogue
from services.scoring.queries import IN_FIGURES
from shared.pg import bulk
from shared.words import decimals

_a = t.accounts.c
_RATES: Final = bulk.given(_a.currency, column("unit", Text), column("rate", Double), name="rates")
_MEAN: Final = (
    select(func.avg(cast(_a.mrr_minor, Double) * func.coalesce(_RATES.c.rate, 1)))
    .select_from(t.accounts.outerjoin(_RATES, _RATES.c.currency == _a.currency))
    .where(_a.mrr_minor > 0, _a.churned_at.is_(None), *IN_FIGURES)
)


def rates_of(catalogue: Catalogue) -> dict[str, Any]:
    """The parameters for `_RATES`: of each currency that has a rate, how many minor units of which one is worth."""
    to = catalogue.reference
    rows = [
        (currency, to, float(rate) * 10.0 ** (decimals(to) - decimals(currency)))
        for currency, rate in catalogue.rates.items()
        if to is not None
    ]
    return bulk.arrays(("currency", "unit", "rate"), rows, name="rates")


def _unit(currency: ColumnElement[Any]) -> ColumnElement[Any]:
    return func.coalesce(_RATES.c.unit, currency)


async def mean_minor(c: AsyncConnection, catalogue: Catalogue, unit: str) -> float | None:
    """What an account that pays in a currency, or in one that has a rate, brings in a month."""
    found: float | None = (await c.execute(_MEAN.where(_unit(_a.currency) == unit), rates_of(catalogue))).scalar_one()
    return found
