"""What two items become that are one: which of them leads, and what it says of the other."""

from datetime import datetime

import msgspec

from services.playbooks.core.item import Item
from services.playbooks.core.message import also, headline, with_also
from services.playbooks.core.reasons import MOST_REASONS
from shared.messages.actions import SEVERITIES, ActionRequested


def is_worse(one: ActionRequested, other: ActionRequested) -> bool:
    """Is the one more severe?"""
    return SEVERITIES.index(one.severity) > SEVERITIES.index(other.severity)


def joined(held: Item, more: ActionRequested, due_at: datetime | None, *, leads: bool) -> Item:
    """An item with what else is asked for by `due_at`. The one that `leads` gives title, words and due time; of two
    that are as severe it is the earlier. What the other asks for is added to what is to be done."""
    before = held.request
    first, second = (more, before) if leads else (before, more)
    dues = [one for one in ((due_at, held.due_at) if leads else (held.due_at, due_at)) if one is not None]
    due = (dues[0] if is_worse(first, second) else min(dues)) if dues else None
    said = msgspec.structs.replace(
        first,
        action_id=held.action_id,
        severity=max(before.severity, more.severity, key=SEVERITIES.index),
        why=list(dict.fromkeys([*first.why, *second.why]))[:MOST_REASONS],
        do=with_also(with_also(first.do, also(second.do)), "" if _asks_the_same(first, second) else headline(second)),
        task=first.task and msgspec.structs.replace(first.task, task_id=held.id, due_at=due),
        flag=first.flag and msgspec.structs.replace(first.flag, flag_id=held.id),
    )
    return held._replace(request=said, due_at=due)


def _asks_the_same(one: ActionRequested, other: ActionRequested) -> bool:
    """Is it the same step of the same playbook, about the same person; or does it say the same?"""
    asked = [(it.playbook.partition("@")[0], it.step, it.contact_id) for it in (one, other)]
    return asked[0] == asked[1] or headline(one) == headline(other)
