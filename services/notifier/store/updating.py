"""What messages told of moves: each delivery knows how its items stand by now, and each message that was sent has one
delivery that brings it up to date.

Why nobody reads on what is past:

- How an item stands is kept with each delivery that tells of it, in the rows that senders lease. A batch writes those
  rows; so what is leased after it is composed with what it wrote, and of what was leased before, it sees that it is
  being sent, and has it updated.
- An update reads the rows of its message once it is leased, in that transaction. A batch changes those first, and then
  the update: one that it finds leased has perhaps read them before, so it is marked, and goes once more.
- An update is leased only when nothing of its message is being sent.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Row, and_, case, exists, false, literal_column, null, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifier import tables as t
from services.notifier.core.amending import UPDATE, UPDATES, WORD, update_id, word_id
from services.notifier.core.grouping import ALONE
from services.notifier.core.routing import WEBHOOK
from services.notifier.core.standing import Standing
from services.notifier.store.contacts import CELLS
from services.notifier.store.detours import DETOUR
from services.notifier.store.moves import can, moved
from shared.messages.actions import AccountCard, ActionRequested, ItemChanged
from shared.pg import bulk
from shared.worker.handler import Incoming

_d, _a = t.deliveries, t.attempts
SHOWN: Final = (
    *("account_id", "partition", "playbook", "contact_id", "recipient", "transport", "target", "shared", "traceparent"),
    "action",
)
"""What an update has from a delivery of the message."""
_FOUND: Final = (*(_d.c[name] for name in ("message_id", "state", "action_id")), *(_d.c[name] for name in SHOWN))
_STANDS_ITEM: Final = bulk.Update(_d, ("item_id",), ("item_stands",), returning=_FOUND)
_STANDS_TASK: Final = bulk.Update(_d, ("task_id",), ("task_stands",), returning=_FOUND)

_ENDED: Final = bulk.one_of(_d.c.state, ("delivered", "failed", "cancelled"))
"""Of an update: it begins anew."""
OUTDATE: Final = bulk.Insert(
    _d,
    ("id", "action_id", "group_key", "amends", *SHOWN),
    same=("kind", "because", "state", "due_at", "created_at"),
    set=lambda new: {
        "state": moved("outdated"),
        "outdated": case((_ENDED, false()), else_=_d.c.state == bulk.word("sending")),
        "due_at": case((_ENDED, new.due_at), else_=_d.c.due_at),
        "tries": case((_ENDED, 0), else_=_d.c.tries),
        "uncertain": case((_ENDED, 0), else_=_d.c.uncertain),
        "message_id": case((_ENDED, null()), else_=_d.c.message_id),
        "reason": case((_ENDED, literal_column("''")), else_=_d.c.reason),
        "settled_at": null(),
    },
    where=lambda _: can("outdated"),
)
"""Has a message be brought up to date: for the first time, or anew."""
_WORD: Final = bulk.Insert(
    _d,
    ("id", "action_id", "account_id", "group_key", "target", "response_url", "action"),
    same=(
        "partition",
        "kind",
        "playbook",
        "recipient",
        "transport",
        "shared",
        "because",
        "state",
        "due_at",
        "created_at",
    ),
    nothing=True,
)
_message = _d.alias("message")
UNDER_WAY: Final = and_(
    _d.c.amends.is_not(None),
    exists().where(_message.c.message_id == _d.c.amends, _message.c.state == bulk.word("sending")),
)
"""Of an update: its message is being sent."""
_TOLD: Final = (
    select(
        *(_d.c[name] for name in ("message_id", "action", "shared", "item_stands", "task_stands")),
        *(CELLS.label("contact"), DETOUR),
        select(_a.c.receipt)
        .where(_a.c.delivery_id == _d.c.id, _a.c.message_id == _d.c.message_id, _a.c.outcome == bulk.word("sent"))
        .order_by(_a.c.attempt.desc())
        .limit(1)
        .scalar_subquery()
        .label("receipt"),
    )
    .where(bulk.among(_d.c.message_id, "ids"), _d.c.state == bulk.word("delivered"))
    .order_by(_d.c.message_id, _d.c.id)
)
_SHOWS: Final = select(t.messages.c.id, t.messages.c.message["shows"]).where(bulk.among(t.messages.c.id, "ids"))
"""What messages about many tell one by one: what became of the rest would not be seen."""
_encode: Final = msgspec.json.Encoder().encode


class _Told(msgspec.Struct):
    """Of an action: what can be moved where it is read."""

    item_id: str = ""


_item_of: Final = msgspec.json.Decoder(_Told).decode


class Refused(NamedTuple):
    """What somebody who clicked can't have, and where they hear why."""

    event_id: str
    actor: str
    account_id: str
    item_id: str
    words: str
    response_url: str | None
    user: str
    """Their Slack id, if they have one; else nothing."""

    @classmethod
    def of(cls, one: Incoming) -> "Refused":
        """As it is told."""
        data, event = one.data, one.event
        known_as = data.actor.partition(" ")[0]
        user = known_as.removeprefix("slack:") if known_as.startswith("slack:") else ""
        return cls(event.id, data.actor, event.subject, data.item_id, data.refused or "", data.response_url, user)

    @property
    def can_be_told(self) -> bool:
        """Whether there is anywhere to tell it."""
        return bool(self.response_url or self.user)


async def update(c: AsyncConnection, changed: Mapping[str, tuple[ItemChanged, datetime]], now: datetime) -> set[str]:
    """Note how these items stand with all that tells of them, and have each message that shows one of them, and was
    sent or is being sent, brought up to date. Returns the transports that have to do so."""
    stands = [(id, Standing.of(data, at)) for id, (data, at) in sorted(changed.items())]
    found = {row.message_id: row for row in await _STANDS_ITEM(c, stands) if _is_shown(row)}
    found |= {row.message_id: row for row in await _STANDS_TASK(c, stands) if _is_shown(row)}
    for id, shows in (await c.execute(_SHOWS, {"ids": list(found)})).all() if found else ():
        if shows and not changed.keys() & set(shows):
            del found[id]
    rows = [_updating(id, row) for id, row in found.items()]
    await OUTDATE(c, rows, kind=UPDATE, because="", state="waiting", due_at=now, created_at=now)
    return {row.transport for row in found.values()}


async def refuse(c: AsyncConnection, partition: int, refused: Sequence[Refused], now: datetime) -> None:
    """Have whoever clicked be told why it can't be done."""
    rows: list[tuple[Any, ...]] = []
    for one in refused:
        id, account = word_id(one.event_id), AccountCard(id=one.account_id, name=one.account_id)
        said = ActionRequested(
            action_id=f"{one.item_id}-refused",
            kind="alert",
            playbook="",
            playbook_title="",
            episode_id="",
            step=0,
            title=one.words,
            account=account,
        )
        rows.append((id, said.action_id, one.account_id, f"{ALONE}{id}", one.user, one.response_url, _encode(said)))
    same = {"partition": partition, "kind": WORD, "playbook": "", "recipient": "", "transport": "slack"}
    await _WORD(c, rows, **same, shared=False, because="", state="waiting", due_at=now, created_at=now)


async def told(c: AsyncConnection, message_ids: Sequence[str]) -> dict[str, list[Any]]:
    """By their ids: what these messages tell, as they were delivered, and how it stands by now."""
    found: dict[str, list[Any]] = {}
    for row in await c.execute(_TOLD, {"ids": message_ids}) if message_ids else ():
        found.setdefault(row.message_id, []).append(row)
    return found


def _is_shown(row: Row[Any]) -> bool:
    """Whether it is read where it can be changed, and tells of what can be moved: no letter can be changed, and no post
    of an incoming webhook."""
    is_there = row.state in ("sending", "delivered") and row.message_id is not None
    can_be = row.transport in ("slack", "inbox") and row.target != WEBHOOK
    return is_there and can_be and bool(_item_of(row.action).item_id)


def _updating(message_id: str, row: Row[Any]) -> tuple[Any, ...]:
    own = (update_id(message_id), f"{row.action_id}-now", f"{ALONE}{UPDATES}{message_id}", message_id)
    # Slack bounds how much is changed by itself: what must wait for that holds up nothing new.
    shown = {name: getattr(row, name) for name in SHOWN} | {"target": f"{UPDATES}{row.target}"}
    return *own, *shown.values()
