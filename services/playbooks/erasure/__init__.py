"""Whoever was erased: their traces in all that is kept here go, and the notifier hears of it when that is done."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.playbooks import days
from services.playbooks import tables as t
from services.playbooks.core.changes import Forgotten
from services.playbooks.core.episode import Move
from services.playbooks.core.erasing import (
    episode_left,
    found_by,
    is_about,
    is_theirs,
    item_left,
    listed_left,
    move_left,
)
from services.playbooks.core.item import Item
from services.playbooks.core.moved import MovedItem
from shared.jobs import store as jobs
from shared.log.protocol import Outgoing
from shared.messages import envelope, registry
from shared.messages.erasing import Forgetting
from shared.pg import bulk
from shared.worker import dead_letters, outbox

_e, _i, _m = t.episodes.c, t.items.c, t.moves.c
_EPISODES: Final = select(_e.body)
_ITEMS: Final = select(*(_i[name] for name in Item._fields))
_MOVES: Final = select(_m.id, *(_m[name] for name in Move.__struct_fields__)).where(bulk.among(_m.subject, "subjects"))
_SAVE_EPISODES: Final = bulk.Update(t.episodes, ("id",), ("subject", "body"))
_OF_ITEM: Final = ("request", "note", "over_because", "subject", "names", "checklist")
_SAVE_ITEMS: Final = bulk.Update(t.items, ("id",), _OF_ITEM)
_SAVE_MOVES: Final = bulk.Update(t.moves, ("id",), ("reason", "readings"))
_LISTED: Final = select(*(t.moved.c[name] for name in MovedItem._fields)).where(bulk.among(t.moved.c.item_id, "items"))
_SAVE_LISTED: Final = bulk.Update(t.moved, ("list_id", "item_id"), ("why",))


async def forget(c: AsyncConnection, partition: int, forgotten: Sequence[Forgotten]) -> None:
    """Clean what is kept of each account, whose row is locked, and stage the message that tells the notifier."""
    for one in forgotten:
        forgetting = await _clean(c, one.forgetting)
        await days.clean(c, forgetting)
        await dead_letters.forget(c, forgetting)
        event = one.message(forgetting)
        told = Outgoing(registry.ACTIONS, event.subject, envelope.encode(event), {"ce_type": event.type})
        await outbox.stage(c, partition, [told])
    if forgotten:
        await jobs.forget_all(c)


async def _clean(c: AsyncConnection, forgetting: Forgetting) -> Forgetting:
    """Returns whom to forget, with what more they are found by that was known here."""
    account = forgetting.account
    episodes = list((await c.execute(_EPISODES.where(_e.account_id == account))).scalars())
    items = [Item(*row) for row in await c.execute(_ITEMS.where(_i.account_id == account))]
    about = {one.id for one in episodes if is_about(one, forgetting)}
    forgetting = forgetting.with_texts(found_by(one for one in episodes if one.id in about))
    theirs = about | {one.id for one in items if is_theirs(one, forgetting, about)}
    cleaned = [(one, episode_left(one, forgetting)) for one in episodes]
    await _SAVE_EPISODES(c, [(left.id, left.subject, left) for one, left in cleaned if left != one])
    kept = [(one, item_left(one, forgetting, about)) for one in items]
    await _SAVE_ITEMS(c, [(left.id, *(getattr(left, name) for name in _OF_ITEM)) for one, left in kept if left != one])
    subjects = [one.id for one in (*episodes, *items)]
    found = (await c.execute(_MOVES, {"subjects": subjects})).all()
    moves = [(id, one := Move(*move), move_left(one, forgetting, one.subject in theirs)) for id, *move in found]
    await _SAVE_MOVES(c, [(id, left.reason, left.readings) for id, one, left in moves if left != one])
    listed = [MovedItem(*row) for row in await c.execute(_LISTED, {"items": [one.id for one in items]})]
    rows = [(one, listed_left(one, forgetting)) for one in listed]
    await _SAVE_LISTED(c, [(left.list_id, left.item_id, left.why) for one, left in rows if left != one])
    return forgetting
