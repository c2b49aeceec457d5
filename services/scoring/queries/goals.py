"""What the HTTP edge reads to say how goals stand now: the facts of their accounts."""

from collections.abc import Collection
from datetime import datetime
from typing import Final

from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring import tables as t
from services.scoring.company import store as company
from services.scoring.core.assess import health_facts
from services.scoring.core.health import Health, health_of
from services.scoring.core.scorecard import Rules
from services.scoring.queries import whole_accounts
from shared.conditions import Facts
from shared.messages.assessments import Band
from shared.pg import bulk

_a = t.accounts.c
ANY: Final = and_(_a.goals_set > 0, ~_a.gone)
"""Of an account: it has goals, and has not gone on as another, which strives for nothing any more."""
_STATES = select(_a.id, _a.state, _a.score, _a.band).where(bulk.among(_a.id, "accounts"))


def facts_of(health: Health, score: int | None, band: Band) -> Facts:
    """All that goals can be measured by, where the account was last assessed with this score and band."""
    known = health.facts
    if health.readings:
        known = {**known, **health_facts(health, band, score, band)}
    return Facts.of(known, health.unknown, stopped=health.view.interrupted)


async def facts_now(c: AsyncConnection, ids: Collection[str], now: datetime, rules: Rules) -> dict[str, Facts]:
    """The same of several accounts, by their ids."""
    if not ids:
        return {}
    interrupted = await company.known(c)
    rows = {id: (state, score, band) for id, state, score, band in await c.execute(_STATES, {"accounts": list(ids)})}
    rules, found = interrupted.rules(rules), {}
    for account in await whole_accounts(c, [(id, state) for id, (state, _, _) in rows.items()], now):
        _, score, band = rows[account.id]
        found[account.id] = facts_of(health_of(account, now, rules, interrupted=interrupted.since), score, band)
    return found
