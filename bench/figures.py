"""Figures over 1,000,000 answers and revenue of 100,000 accounts, and deep pages; PostgreSQL keeps to one core."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from statistics import median
from typing import Any, Final

from sqlalchemy import text

from bench import revenue
from bench.report import Row
from services.scoring.queries import answers, feedback
from services.scoring.queries.feedback import Asked, Money
from services.scoring.queries.over import Over
from shared.web.paging import Paging, cursor_of
from tests.support.logins import as_owner
from tests.support.scoring import DAY, NOW, scoring_engine

_TIMES: Final = 5
_ACCOUNTS: Final = """
INSERT INTO accounts (id, partition, state, name, plan, segment, stage, owner, currency, mrr_minor, band)
SELECT 'account-' || n, n % 8, '\\x80', 'Account ' || n, (ARRAY['basic', 'pro', 'enterprise'])[1 + n % 3],
  (ARRAY['smb', 'mid'])[1 + n % 2], 'mature', 'csm-' || n % 40 || '@example.com', 'EUR', 1000 * (n % 500), 'green'
FROM generate_series(1, :accounts) AS n
"""
# Each account is answered for by a few people, who were all asked by invitation, every quarter or so.
_INVITED: Final = """
INSERT INTO invitations (account_id, invitation_id, source, id, at, contact_id, role, survey_id, touchpoint, nps)
SELECT 'account-' || 1 + n % :accounts, 'i' || n, 'app', 'asked' || n,
  CAST(:now AS TIMESTAMPTZ) - (1 + (hashtext('at' || n) & 1048575) * 14) * INTERVAL '1 second',
  'c' || n / :accounts % 4, 'user', 's' || n % 20, 'quarterly', 'relational'
FROM generate_series(0, CAST(:answers AS BIGINT) - 1) AS n
"""
_ANSWERED: Final = """
INSERT INTO answers (account_id, key, source, id, kind, survey_kind, contact_id, score, at, comment, role, touchpoint,
  survey_id, product, invitation_id, next_at, previous_score)
SELECT account_id, 'nps ' || invitation_id, source, invitation_id, 'nps', 'relational', contact_id, score, at,
  'A sentence of usual length, or two of them.', role, touchpoint, survey_id, 'core', invitation_id,
  lead(at) OVER turn, lag(score) OVER turn
FROM (SELECT *, (hashtext(invitation_id) & 65535) % 11 AS score FROM invitations) AS invited
WINDOW turn AS (PARTITION BY account_id, contact_id ORDER BY at, source, id)
"""


def measure(url: str, accounts: int = 100_000, number: int = 1_000_000) -> list[Row]:
    """Fill a database and ask, each question five times; the median counts."""
    return asyncio.run(_measured(url, accounts, number))


async def _measured(url: str, accounts: int, number: int) -> list[Row]:
    where = f"{number:,} answers, {accounts:,} accounts"
    async with scoring_engine(url) as engine:
        given = {"accounts": accounts, "answers": number, "now": NOW}
        filled = [
            text(one).bindparams(**{name: given[name] for name in given if f":{name}" in one})
            for one in (_ACCOUNTS, _INVITED, _ANSWERED, *revenue.FILLED)
        ]
        await as_owner(url, *filled, schema="scoring")
        # As autovacuum does, which has the right to.
        await as_owner(url, "ANALYZE", schema="scoring")
        async with engine.connect() as c:
            await c.execution_options(isolation_level="AUTOCOMMIT")
            await c.execute(text("SET max_parallel_workers_per_gather = 0"))
            whole = Asked("nps", "relational", NOW - 180 * DAY, NOW)
            figures = {
                "NPS": whole,
                "NPS by plan": replace(whole, by="plan"),
                "NPS by month": replace(whole, by="month"),
                "NPS by owner, per account": replace(whole, by="owner", per="account"),
                "NPS by segment, per revenue": replace(whole, by="segment", per="mrr"),
            }
            asked = {said: _asking(feedback.counted, c, one, Money("EUR", {})) for said, one in figures.items()}
            asked["who was asked, and answered, by plan"] = _asking(feedback.invited, c, replace(whole, by="plan"))
            asked["who moved between groups"] = _asking(feedback.moved, c, whole)
            rows = [Row(where, what, f"{await _took(ask):.0f} ms", "< 2,000 ms") for what, ask in asked.items()]
            for what, ask in revenue.asking(c).items():
                rows.append(Row(f"{accounts:,} accounts", what, f"{await _took(ask):.0f} ms", "< 2,000 ms"))
            deep = Paging(50, cursor_of(NOW - 90 * DAY, "account-5", ""))
            for said, wanted, *over in (
                ("answers, a page in the middle", answers.Wanted()),
                ("… of detractors with a comment", answers.Wanted(group="detractor", comment=True)),
                ("… of an owner", answers.Wanted(), Over(owner="csm-7@example.com")),
                ("… of an account", answers.Wanted(account="account-7")),
                ("… into a worse group", answers.Wanted(moved="down")),
            ):
                took = await _took(_asking(answers.listed, c, wanted, *(over or [Over()]), deep))
                rows.append(Row(where, said, f"{took:.1f} ms", "< 50 ms"))
            return rows


def _asking(ask: Callable[..., Awaitable[Any]], *given: Any) -> Callable[[], Awaitable[Any]]:
    return lambda: ask(*given)


async def _took(ask: Callable[[], Awaitable[Any]]) -> float:
    """The median of some times, in milliseconds, after one that fills caches."""
    times = []
    await ask()
    for _ in range(_TIMES):
        began = time.perf_counter()
        await ask()
        times.append(1000 * (time.perf_counter() - began))
    return median(times)
