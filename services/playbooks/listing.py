"""SQL of the lists that people read, and of what is forgotten."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.playbooks.core.episode import Episode
from services.playbooks.core.standing import Standing, card
from services.playbooks.store import ITEM_COLUMNS, Item, item_of

_KEPT: Final = timedelta(days=90)
_episodes = msgspec.json.Decoder(Episode)
_standings = msgspec.msgpack.Decoder(Standing)


class ListedEpisode(NamedTuple):
    """An episode and its account's name."""

    episode: Episode
    account_name: str


_EPISODES = """
    SELECT e.body::text AS body, a.standing FROM episodes e JOIN accounts a ON a.account_id = e.account_id
"""
_LIST_EPISODES = text(
    f"""
    {_EPISODES}
    WHERE (CAST(:account AS text) IS NULL OR e.account_id = :account)
        AND (CAST(:state AS text) IS NULL OR e.state = :state)
        AND (CAST(:playbook AS text) IS NULL OR e.playbook = :playbook)
        AND (CAST(:before_at AS timestamptz) IS NULL OR (e.opened_at, e.id) < (:before_at, CAST(:before_id AS text)))
    ORDER BY e.opened_at DESC, e.id DESC LIMIT :most
    """
)
_ONE_EPISODE = text(f"{_EPISODES} WHERE e.id = :id")
_LIST_ITEMS = text(
    f"""
    SELECT {ITEM_COLUMNS} FROM items i
    WHERE i.kind = :kind
        AND (CAST(:account AS text) IS NULL OR i.account_id = :account)
        AND (CAST(:state AS text) IS NULL OR i.state = :state)
        AND (CAST(:assignee AS text) IS NULL OR i.assignee = :assignee)
        AND (CAST(:before_at AS timestamptz) IS NULL OR (i.opened_at, i.id) < (:before_at, CAST(:before_id AS text)))
    ORDER BY i.opened_at DESC, i.id DESC LIMIT :most
    """  # noqa: S608 - constants only
)
_MOVES = text("SELECT at, before, after, reason, actor FROM moves WHERE subject = :subject ORDER BY id")
_PLACE = text(
    """
    SELECT a.account_id, a.partition FROM accounts a
    WHERE a.account_id = (SELECT account_id FROM items WHERE id = :id
                          UNION ALL SELECT account_id FROM episodes WHERE id = :id LIMIT 1)
    """
)
_EPISODE_COUNTS = text(
    """
    SELECT playbook, count(*) FILTER (WHERE fired_at IS NOT NULL) AS fired,
        count(*) FILTER (WHERE state = 'active') AS active, count(*) FILTER (WHERE state = 'found') AS found
    FROM episodes GROUP BY playbook
    """
)
_ITEM_COUNTS = text("SELECT playbook, kind, state, count(*) AS number FROM items GROUP BY playbook, kind, state")
_WON = text(
    """
    SELECT playbook, currency, sum(amount_minor)::bigint AS amount_minor FROM items
    WHERE kind = 'flag' AND state = 'won' AND amount_minor IS NOT NULL GROUP BY playbook, currency
    """
)
_LOADS = text("SELECT csm_id, open_tasks FROM csm_load")
_FORGET_FOUND = text("DELETE FROM found WHERE sent_in IS NOT NULL AND at < :before")
_FORGET_UNFIRED = text(
    """
    WITH gone AS (
        DELETE FROM episodes WHERE state = 'idle' AND fired_at IS NULL AND NOT latest AND ended_at < :before
        RETURNING id
    )
    DELETE FROM moves USING gone WHERE moves.subject = gone.id
    """
)


async def episodes(
    c: AsyncConnection,
    *,
    account: str | None,
    state: str | None,
    playbook: str | None,
    before: tuple[Any, ...] | None,
    most: int,
) -> list[ListedEpisode]:
    """Episodes, newest first."""
    at, id = before or (None, None)
    asked = {"account": account, "state": state, "playbook": playbook, "before_at": at, "before_id": id, "most": most}
    return [_listed(row) for row in await c.execute(_LIST_EPISODES, asked)]


async def episode(c: AsyncConnection, id: str) -> ListedEpisode | None:
    """One episode."""
    row = (await c.execute(_ONE_EPISODE, {"id": id})).one_or_none()
    return None if row is None else _listed(row)


async def items(
    c: AsyncConnection,
    kind: str,
    *,
    account: str | None,
    state: str | None,
    assignee: str | None,
    before: tuple[Any, ...] | None,
    most: int,
) -> list[Item]:
    """Tasks, alerts or flags, newest first."""
    at, id = before or (None, None)
    asked = {"account": account, "state": state, "assignee": assignee, "before_at": at, "before_id": id, "most": most}
    return [item_of(row) for row in await c.execute(_LIST_ITEMS, {"kind": kind, **asked})]


async def moves(c: AsyncConnection, subject: str) -> Sequence[Any]:
    """Every move of an episode or item, oldest first."""
    return (await c.execute(_MOVES, {"subject": subject})).all()


async def place(c: AsyncConnection, id: str) -> tuple[str, int] | None:
    """The account and partition of an item or episode."""
    row = (await c.execute(_PLACE, {"id": id})).one_or_none()
    return None if row is None else (row.account_id, row.partition)


async def achieved(c: AsyncConnection) -> dict[str, dict[str, Any]]:
    """What each playbook came to: firings, outcomes of its tasks, alerts and flags, and what was won."""
    found: dict[str, dict[str, Any]] = {}
    for row in await c.execute(_EPISODE_COUNTS):
        found[row.playbook] = {"fired": row.fired, "active": row.active, "found": row.found}
    for row in await c.execute(_ITEM_COUNTS):
        found.setdefault(row.playbook, {}).setdefault(f"{row.kind}s", {})[row.state] = row.number
    for row in await c.execute(_WON):
        found[row.playbook].setdefault("won", []).append({"currency": row.currency, "amount_minor": row.amount_minor})
    return found


async def loads(c: AsyncConnection) -> dict[str, int]:
    """Open tasks of the people in the directory."""
    return {row.csm_id: row.open_tasks for row in await c.execute(_LOADS)}


async def forget(c: AsyncConnection, now: datetime) -> None:
    """Forget lists that were sent, and episodes that never fired, after 90 days."""
    for statement in (_FORGET_FOUND, _FORGET_UNFIRED):
        await c.execute(statement, {"before": now - _KEPT})


def _listed(row: Any) -> ListedEpisode:
    return ListedEpisode(_episodes.decode(row.body), card(_standings.decode(row.standing)).name)
