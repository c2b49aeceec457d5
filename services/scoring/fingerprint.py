"""One hash of all folded state: equal wherever the same events were folded, in whatever order and however often."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring import rows
from services.scoring.core import state as s
from services.scoring.core.assess import look
from services.scoring.core.clock import DAY_US, day_of, instant_of
from services.scoring.core.scorecard import Rules
from services.scoring.core.state import Account, canonical, day_cutoff, drop_tombstones

_CHUNK = 200
_NEXT = text("SELECT id, state FROM accounts WHERE id > :after ORDER BY id LIMIT :most")
_USERS = text(
    "SELECT account_id, user_id, last_day FROM users WHERE account_id = ANY(CAST(:accounts AS text[])) "
    "AND last_day >= :first"
)


async def fingerprint(c: AsyncConnection, at: datetime, rules: Rules) -> tuple[str, int]:
    """The hash at an instant and how many accounts it covers, read in the order of their ids.

    Covers what is remembered at `at`, the rows beside it, every measure's points, and the score before hysteresis.
    """
    hashed, count, after = sha256(), 0, ""
    while True:
        chunk = (await c.execute(_NEXT, {"after": after, "most": _CHUNK})).all()
        if not chunk:
            return hashed.hexdigest(), count
        for account in await load_whole(c, [(row.id, row.state) for row in chunk], at):
            seen = look(account, at, rules)
            points = {name: one.points for name, one in seen.reads.items()}
            hashed.update(canonical(account, day_of(at)))
            scored = seen.scored
            hashed.update(
                msgspec.msgpack.encode((sorted(account.users.items()), points, scored.coverage, scored.score))
            )
            count += 1
        after = chunk[-1].id


async def load_whole(c: AsyncConnection, states: Sequence[tuple[str, bytes]], at: datetime) -> list[Account]:
    """Accounts with all that is remembered beside their states at an instant, users too."""
    ids, today = [id for id, _ in states], day_of(at)
    users: dict[str, dict[str, int]] = defaultdict(dict)
    for row in await c.execute(_USERS, {"accounts": ids, "first": day_cutoff(today)}):
        users[row.account_id][row.user_id] = row.last_day
    papers: dict[rows.Papers, dict[str, dict[str, Any]]] = {"tickets": defaultdict(dict), "invoices": defaultdict(dict)}
    since = instant_of((today - s.PAPER_DAYS) * DAY_US)
    for name, found in papers.items():
        for id, key, paper in await rows.load_live(c, name, ids, since):
            found[id][key] = paper
    accounts = [
        Account(id, s.decode(state), papers["tickets"][id], papers["invoices"][id], users[id]) for id, state in states
    ]
    for account in accounts:
        s.prune(account.state, today)
        drop_tombstones(account, today)
    return accounts
