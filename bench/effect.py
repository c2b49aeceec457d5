"""What one playbook achieved by 100,000 firings at 10,000 accounts in a year; PostgreSQL keeps to one core."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from statistics import median
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from bench.report import Row
from services.playbooks.core.comparing import compare, others
from services.playbooks.core.results import results
from services.playbooks.core.workinghours import OFFICE
from services.playbooks.outcomes import compared, figures, people
from services.playbooks.outcomes.figures import Span
from shared.pg.pool import make_engine
from tests.support.logins import as_owner, as_service
from tests.support.playbooks import DAY, MONDAY

_TIMES: Final = 5
_NOW: Final = MONDAY + 120 * DAY
_YEAR: Final = Span(_NOW - timedelta(days=365), _NOW)
_DRAWN: Final = "(hashtext('{}' || n) & 1048575)"


def _drawn(what: str, of: int) -> str:
    """A number under `of`, by chance, the same each time."""
    return f"({_DRAWN.format(what)} % {of})"


_BANDS: Final = "(ARRAY['red', 'amber', 'green'])[1 + score / 3334]"
FILLED: Final = (
    """
INSERT INTO accounts (account_id, partition, looked_at, standing, day, score, band, stage)
SELECT 'account-' || n, n % 8, CAST(:now AS TIMESTAMPTZ), '\\x80', CAST(:now AS DATE), 5000, 'amber', 'mature'
FROM generate_series(0, CAST(:accounts AS INTEGER) - 1) AS n
""",
    f"""
INSERT INTO days (account_id, day, record, score, band, stage)
SELECT 'account-' || n % :accounts, CAST(:now AS DATE) - 395 + 4 * (n / :accounts) + n % 4, '\\x92', score, {_BANDS},
  'mature'
FROM (SELECT n, {_drawn("score", 10_000)} AS score FROM generate_series(0, CAST(:days AS INTEGER) - 1) AS n) AS scored
""",
    f"""
INSERT INTO firings (episode_id, account_id, playbook, fired_at, shadow, held_out, holdout, score, band, stage, leaving,
  touched_at, touched_by, ended_at, ended_as)
SELECT 'ep-' || n, 'account-' || n % :accounts, 'call', fired_at, false, n % 20 = 0, 5, score, {_BANDS}, 'mature',
  false, CASE WHEN n % 3 > 0 THEN fired_at + {_drawn("touch", 100_000)} * INTERVAL '1 second' END, 'csm-' || n % 40,
  fired_at + INTERVAL '3 days', (ARRAY['itself', 'done', 'outside'])[1 + n % 3]
FROM (
  SELECT n, {_drawn("score", 10_000)} AS score,
    CAST(:now AS TIMESTAMPTZ) - {_drawn("at", 1_000_000)} * INTERVAL '31 seconds' AS fired_at
  FROM generate_series(0, CAST(:firings AS INTEGER) - 1) AS n
) AS fired
""",
    """
INSERT INTO items (id, action_id, kind, account_id, episode_id, playbook, state, assignee, because, opened_at,
  closed_at, note, delivery, feeders, matter, subject, names, touched, keep, over_because, last_resort, passed_over,
  touched_at, checklist, though_away, request)
SELECT 'act-' || episode_id, 'act-' || episode_id, 'task', account_id, episode_id, playbook,
  (ARRAY['done', 'no_result', 'closed'])[1 + length(episode_id) % 3], touched_by, 'owner', fired_at, ended_at, '',
  'delivered', '[]', 'usage', '', '[]', touched_at IS NOT NULL, false, '', false, '[]', touched_at, '[]',
  false, '{"severity": "high"}'
FROM firings
""",
    f"""
INSERT INTO outcomes (account_id, kind, due_at, at, before_minor, after_minor, currency, stands)
SELECT 'account-' || n, 'renewed', at, at, 10000 + n, 9000 + n, 'EUR', true
FROM (
  SELECT n, CAST(:now AS TIMESTAMPTZ) - {_drawn("renewed", 365)} * INTERVAL '1 day' AS at
  FROM generate_series(0, CAST(:accounts AS INTEGER) - 1) AS n
) AS renewed
""",
)


def measure(url: str, accounts: int = 10_000, number: int = 100_000) -> list[Row]:
    """Fill a database and ask, each question five times; the median counts."""
    return asyncio.run(_measured(url, accounts, number))


async def _measured(url: str, accounts: int, number: int) -> list[Row]:
    given = {"accounts": accounts, "firings": number, "days": 90 * accounts, "now": _NOW}
    filled = [text(one).bindparams(**{name: given[name] for name in given if f":{name}" in one}) for one in FILLED]
    await as_owner(url, *filled, schema="playbooks")
    # As autovacuum does, which has the right to.
    await as_owner(url, "ANALYZE", schema="playbooks")
    engine = make_engine(as_service(url, "playbooks"), "playbooks")
    try:
        async with engine.connect() as c:
            await c.execution_options(isolation_level="AUTOCOMMIT")
            await c.execute(text("SET max_parallel_workers_per_gather = 0"))
            where = f"{number:,} firings, {accounts:,} accounts"
            return [Row(where, what, f"{await _took(ask):.0f} ms", "< 2,000 ms") for what, ask in asking(c).items()]
    finally:
        await engine.dispose()


def asking(c: AsyncConnection) -> Mapping[str, Callable[[], Awaitable[Any]]]:
    """What is asked, in words; all that an answer needs counts together."""
    today = _NOW.date()

    async def effect() -> None:
        await figures.fired(c, _YEAR, "call")
        await figures.worked(c, _YEAR, "call")
        await figures.shares(c, _YEAR, "call")
        await figures.closed(c, _YEAR, "call")
        await compared.groups(c, "call", _YEAR, today, _NOW)
        await scores()

    async def scores() -> None:
        followed, lives = await compared.followed(c, "call", _YEAR, today), await compared.untouched(c, "call")
        for days, courses in followed.courses.items():
            compare(courses, others(lives, {one.state for one in courses}, days))

    async def person() -> None:
        asked = await people.asked_of(c, ["csm-1"], _YEAR)
        await figures.shares(c, _YEAR, by=["csm-1"])
        results(asked, *_YEAR, _NOW, lambda _: OFFICE)

    return {
        "what a playbook achieved, whole": effect,
        "… scores after, beside those of others": scores,
        "… who was held out": lambda: compared.groups(c, "call", _YEAR, today, _NOW),
        "… revenue kept": lambda: figures.shares(c, _YEAR, "call"),
        "what all came to, in short": lambda: figures.fired(c, _YEAR, None),
        "what somebody's work came to": person,
    }


async def _took(ask: Callable[[], Awaitable[Any]]) -> float:
    """In milliseconds."""
    found = list[float]()
    for _ in range(_TIMES):
        began = time.perf_counter()
        await ask()
        found.append(1000 * (time.perf_counter() - began))
    return median(found)
