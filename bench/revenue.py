"""Revenue of 100,000 accounts that each moved five times in two years, and their renewals."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring.core.catalogue import Catalogue
from services.scoring.core.clock import day_of
from services.scoring.core.periods import periods_of, year_until
from services.scoring.queries import behind, renewals, revenue
from services.scoring.queries.revenue import Asked
from shared.web.paging import Paging
from tests.support.scoring import DAY, NOW

_TODAY: Final = day_of(NOW)
FILLED: Final = (
    # Begun, grown, shrunk, in part gone, in part back.
    f"""
INSERT INTO money (account_id, day, currency, until, minor, before_minor, plan, before_plan, pays, paid, had, reason,
  voluntary)
SELECT id, day, 'EUR', coalesce(lead(day) OVER turn, 2147483647), minor, coalesce(lag(minor) OVER turn, 0),
  (ARRAY['basic', 'pro'])[1 + minor % 2], (ARRAY['basic', 'pro'])[1 + coalesce(lag(minor) OVER turn, 0) % 2],
  minor > 0, coalesce(lag(minor) OVER turn, 0) > 0, step > 0, CASE WHEN minor = 0 THEN 'price' END,
  CASE WHEN minor = 0 THEN true END
FROM (
  SELECT 'account-' || n AS id, step, {_TODAY} - 730 + step * 140 + n % 139 AS day,
    CASE WHEN step = 3 AND n % 7 = 0 THEN 0 ELSE 1000 + (n * (step + 3)) % 900 END AS minor
  FROM generate_series(1, CAST(:accounts AS INTEGER)) AS n, generate_series(0, 4) AS step
) AS steps
WINDOW turn AS (PARTITION BY id ORDER BY day)
""",
    """
INSERT INTO renewals (id, account_id, subscription_id, ends_at, notice_at, after_at, term_months, mrr_minor, currency,
  "then", forecast)
SELECT 'rn_' || n || '-' || term, 'account-' || n, 's1', ends_at, ends_at - INTERVAL '30 days',
  CASE WHEN term > 0 THEN ends_at - INTERVAL '1 year' END, 12, 1000 + n % 900, 'EUR', 'renewed_by_itself',
  (ARRAY['commit', 'likely', 'at_risk', NULL])[1 + n % 4]
FROM (
  SELECT n, term, CAST(:now AS TIMESTAMPTZ) + (n % 365 - 180) * INTERVAL '1 day' + term * INTERVAL '1 year' AS ends_at
  FROM generate_series(1, CAST(:accounts AS INTEGER)) AS n, generate_series(0, 2) AS term
) AS terms
""",
)


def asking(c: AsyncConnection) -> Mapping[str, Callable[[], Awaitable[Any]]]:
    """What is asked, in words; all that a report needs counts together."""
    year = year_until(_TODAY + 1)
    whole = Asked(periods_of(year, _TODAY + 1, None), None, Catalogue(), _TODAY)
    months = replace(whole, periods=periods_of(year, _TODAY + 1, "month"), by="month")
    rates = Catalogue(rates={"EUR": Fraction(1), "USD": Fraction(9, 10)})

    async def report(asked: Asked) -> None:
        await revenue.started(c, asked)
        await revenue.moved(c, asked)
        await revenue.renewed(c, asked)
        for which in ("silent", "at_risk", "committed"):
            await revenue.standing(c, asked, which)

    churned, open_ = behind.Wanted("churned"), renewals.Wanted(open=True)
    every = (None, None)
    return {
        "revenue of twelve months": lambda: report(whole),
        "… by month": lambda: report(months),
        "… by month, in one currency by rates": lambda: report(replace(months, catalogue=rates)),
        "… by plan": lambda: report(replace(whole, by="plan")),
        "… by owner": lambda: report(replace(whole, by="owner")),
        "the accounts that churned": lambda: behind.accounts(c, whole, churned, Paging(50)),
        "renewals by month and forecast": lambda: renewals.ladder(c, open_, every, NOW, "month"),
        "open renewals of a month": lambda: renewals.listed(c, open_, (NOW, NOW + 30 * DAY), NOW, Paging(50)),
    }
