"""What messages carry of people: who did it, whose it is now, to whom it can be given, and who hears of it instead."""

from datetime import datetime

import msgspec

from services.playbooks.core.directory import Directory
from services.playbooks.core.item import BY_ITSELF, OPEN, Item
from shared.messages.actions import SHARED, ActionRequested, Colleague, ItemChanged


def stands_now(item: Item, directory: Directory, actor: str, words: str) -> ItemChanged:
    """How an item stands since somebody moved it."""
    person = directory.find(actor)
    assignee = directory.person(item.assignee) if item.assignee is not None else None
    return ItemChanged(
        item_id=item.id,
        state=item.state,
        actor=actor,
        by=person.name if person is not None else "" if actor in BY_ITSELF else actor,
        words=words,
        assignee_id=item.assignee,
        assignee=assignee.name if assignee is not None else "",
        until=item.snoozed_until if item.state == "snoozed" else None,
        due_at=item.due_at if item.kind == "task" else None,
        action_id=item.action_id,
        over_since=item.over_since,
    )


def addressed(message: ActionRequested, told_of: Item | None, directory: Directory, now: datetime) -> ActionRequested:
    """The message with the item that it tells of, which can be moved where it is read if that is open; and with who
    hears of it where no road reaches its recipient. Somebody's day is nobody else's."""
    if message.day is None:
        last = directory.role("last_resort")
        message = msgspec.structs.replace(
            message,
            then=directory.stand_ins(message.recipient.id if message.recipient is not None else "", now),
            then_channel=last if isinstance(last, str) and SHARED.fullmatch(last) else None,
        )
    if told_of is None:
        return message
    if told_of.state not in OPEN:
        return msgspec.structs.replace(message, about=told_of.id)
    there = directory.colleagues(told_of.assignee or "", now)
    colleagues = [Colleague(id=one.id, name=one.name) for one in there]
    return msgspec.structs.replace(message, item_id=told_of.id, colleagues=colleagues)
