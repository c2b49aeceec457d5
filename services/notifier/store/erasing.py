"""Whoever was erased: what was asked for, sent and put into inboxes about them loses its words.

A delivery that has lost any is marked, so that a sender who composed its message before, and records it after, has it
composed anew (`recompose`). The two lock the same rows: whichever comes second sees the first.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from sqlalchemy import Text, and_, bindparam, or_, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier import tables as t
from services.notifier.core.audience import GONE
from services.notifier.core.routing import CONTACT
from services.notifier.core.standing import Standing
from services.notifier.store import calls, deliveries, updating, written
from services.notifier.store.contacts import CELLS
from services.notifier.store.detours import DETOUR
from services.notifier.store.told import compose_rows, decode
from shared.messages.erasing import Forgetting
from shared.pg import bulk
from shared.worker import dead_letters

_d, _m = t.deliveries, t.messages
_AT_ONCE: Final = 500
_TEXTS: Final = ("reason", "cancelled_because")
# A list tells of many accounts.
_STANDS: Final = ("item_stands", "task_stands")
_OF_ACCOUNT: Final = select(
    *(_d.c[name] for name in ("id", "account_id", "contact_id", "action", "transport", "target", "state")),
    *(_d.c[name] for name in (*_TEXTS, *_STANDS)),
).where(
    or_(
        _d.c.account_id == bindparam("account", type_=Text),
        and_(t.IS_LIST, _d.c.accounts.contains(bindparam("accounts", type_=JSONB))),
        and_(t.IS_LIST, _d.c.accounts.is_(None)),
    )
)
_FORGET: Final = bulk.Update(
    _d, ("id",), ("action", "contact_id", "target", *_TEXTS, *_STANDS), same=("erased",), returning=updating.FOUND
)
_SENT: Final = (
    select(
        *(_d.c[name] for name in ("message_id", "action", "shared", "amends", *_STANDS)),
        *(_m.c.at, CELLS.label("contact"), DETOUR),
    )
    .join(_m, _m.c.id == _d.c.message_id)
    .where(bulk.among(_d.c.message_id, "ids"))
    # What brings a message up to date comes after it.
    .order_by(_d.c.amends.is_not(None), _d.c.message_id, _d.c.id)
)
_ERASED: Final = select(_d.c.message_id).where(bulk.among(_d.c.message_id, "ids"), _d.c.erased).distinct()
_SAY: Final = bulk.Update(_m, ("id",), ("message",))
_LAY: Final = bulk.Update(t.inbox, ("id",), ("message",))
_encode: Final = msgspec.json.Encoder().encode


async def forget(c: AsyncConnection, forgetting: Forgetting, now: datetime) -> set[str]:
    """Take the words of a contact, or of a whole account, out of all that is kept here, and of what a bot posted to
    Slack; letters to them that wait are called back. Returns the transports that have something to do for it."""
    await written.forget(c, forgetting)
    cleaned: list[tuple[Any, ...]] = []
    called_back: dict[str, str] = {}
    as_they_were = set[str]()
    asked = {"account": forgetting.account, "accounts": [forgetting.account]}
    rows = await c.stream(_OF_ACCOUNT.execution_options(yield_per=_AT_ONCE), asked)
    async for row in rows:
        said = decode(row.action)
        to_contact = row.transport == CONTACT
        is_theirs = to_contact and (forgetting.whole or row.contact_id == forgetting.contact_id)
        left = forgetting.action(said, about=True if is_theirs else None)
        whom = (None if is_theirs else row.contact_id) if to_contact else left.to_call[0]
        target = forgetting.id(row.target) if is_theirs and row.contact_id else row.target
        if is_theirs and row.state == "waiting":
            called_back[row.id] = GONE
        if to_contact and not is_theirs and left.message == said.message:
            # What it said to somebody else was made of nothing that is forgotten.
            as_they_were.add(row.id)
        texts = tuple(text and forgetting.clean(text) for text in (row.reason, row.cancelled_because))
        stands = tuple(_standing(forgetting, one) for one in (row.item_stands, row.task_stands))
        if (left, target, *texts, *stands) != (said, row.target, *(getattr(row, one) for one in (*_TEXTS, *_STANDS))):
            cleaned.append((row.id, _encode(left), whom, target, *texts, *stands))
    # Some may have been sent since they were read.
    sent = await _FORGET(c, cleaned, erased=True)
    await recompose(c, (row.message_id for row in sent if row.message_id and row.message_id not in as_they_were))
    await calls.forget(c, forgetting, now)
    await deliveries.bar(c, called_back, now)
    await dead_letters.forget(c, forgetting)
    return await updating.tell_anew(c, sent, now)


async def erased(c: AsyncConnection, message_ids: Sequence[str]) -> list[str]:
    """Which of these messages have lost words."""
    return list((await c.execute(_ERASED, {"ids": message_ids})).scalars()) if message_ids else []


async def recompose(c: AsyncConnection, message_ids: Iterable[str]) -> None:
    """Let what is kept of these messages, and lies in inboxes, say what their actions say by now."""
    ids = sorted(set(message_ids))
    if not ids:
        return
    parts: dict[str, list[Any]] = {}
    for row in await c.execute(_SENT, {"ids": ids}):
        parts.setdefault(row.message_id, []).append(row)
    for id, rows in parts.items():
        message = compose_rows(rows, rows[0].at)
        await _SAY(c, [(id, message)])
        await _LAY(c, [(rows[0].amends or id, message)])


def _standing(forgetting: Forgetting, stands: Standing | None) -> Standing | None:
    """How an item stands, without a note that names them."""
    return stands and msgspec.structs.replace(stands, words=forgetting.clean(stands.words))
