"""What was told and has passed since is brought up to date where it was told."""

from hashlib import sha256

import msgspec

from services.notifier.core.composing import title_of, zone_of
from shared.messages.actions import ActionRequested, ItemChanged
from shared.words import clock_time


class Amends(msgspec.Struct, frozen=True):
    """The message that one brings up to date: the id that it was sent under, and what its channel gave as receipt."""

    message_id: str
    receipt: str


def amended(told: ActionRequested, changed: ItemChanged) -> ActionRequested:
    """What was told, as it reads now that it is over."""
    since = clock_time(changed.over_since, zone_of(told.recipient)) if changed.over_since is not None else ""
    title = f"Over: {title_of(told)}"
    return msgspec.structs.replace(
        told,
        title=title,
        why=[f"was so, and is over since {since}: {changed.words}", *told.why],
        since=None,
        do=None,
        drivers=[],
        trouble=[],
        open_work=[],
        task=told.task and msgspec.structs.replace(told.task, title=title, due_at=None)
        if told.kind == "task"
        else None,
        flag=told.flag and msgspec.structs.replace(told.flag, title=title),
        not_before=None,
        caused_at=None,
    )


def amending_id(delivery: str) -> str:
    """The same for the same delivery: what is over is told once."""
    return "dlv_o" + sha256(f"over\x1f{delivery}".encode()).hexdigest()[:27]
