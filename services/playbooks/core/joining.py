"""What two items become that are one: which of them leads, and what it says of the other."""

from datetime import datetime

import msgspec

from services.playbooks.core.changes import Changes
from services.playbooks.core.episode import Move
from services.playbooks.core.item import Item
from services.playbooks.core.matter import named_in
from services.playbooks.core.message import Errand, also, headline, with_also
from services.playbooks.core.reasons import distinct
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
    why = distinct([*first.why, *second.why])
    said = msgspec.structs.replace(
        first,
        action_id=held.action_id,
        severity=max(before.severity, more.severity, key=SEVERITIES.index),
        why=why,
        do=with_also(with_also(first.do, also(second.do)), "" if _asks_the_same(first, second) else headline(second)),
        task=first.task and msgspec.structs.replace(first.task, task_id=held.id, due_at=due),
        flag=first.flag and msgspec.structs.replace(first.flag, flag_id=held.id, reasons=why),
    )
    return held._replace(request=said, due_at=due)


def _asks_the_same(one: ActionRequested, other: ActionRequested) -> bool:
    """Is it the same step of the same playbook, about the same person; or does it say the same?"""
    asked = [(it.playbook.partition("@")[0], it.step, it.contact_id) for it in (one, other)]
    return asked[0] == asked[1] or headline(one) == headline(other)


def join(
    held: Item, message: ActionRequested, errand: Errand, changes: Changes, *, of_score: bool
) -> tuple[Item, bool]:
    """Add what fires again to what is open on its matter, and is it to be told again? Only when it is worse, names
    somebody or something new, is a later word of an episode that feeds it, or was said to be over; a snooze doesn't
    hold that back. `of_score`: what is open says that the score moved, and no more."""
    asked, playbook, episode, visit = errand
    now, before, names = visit.look.now, held.request, named_in(episode.event)
    is_news = bool(set(names) - set(held.names))
    goes_on = asked.episode in held.feeders and playbook.on_event is None
    is_told = is_worse(message, before) or is_news or goes_on or held.over_since is not None
    changes.name_task(asked.episode, asked.id, held.id)
    # What was asked for one thing says better what to do than what is of the whole score; else the more severe does. Of
    # two offers the first stands, and of what a person wrote their words do.
    says_better = playbook.matter is not None and of_score
    leads = says_better or ((playbook.matter is not None or goes_on) and not is_worse(before, message))
    leads = leads and (held.kind != "flag" or goes_on) and not held.is_by_hand
    item = joined(held, message, message.task.due_at if message.task is not None else None, leads=leads)
    said = msgspec.structs.replace(
        item.request,
        **{name: getattr(message, name) for name in ("revision", "account", "drivers", "not_before", "caused_at")},
    )
    item = item._replace(
        request=said,
        names=(*held.names, *(one for one in names if one not in held.names)),
        feeders=tuple(dict.fromkeys((*held.feeders, asked.episode))),
        keep=held.keep or playbook.every_step[asked.step].keep,
        over_since=None,
        over_because="",
    )
    reason = f"{playbook.title} joined it"
    if is_told:
        said = msgspec.structs.replace(said, action_id=asked.id)
        if held.opened_at < now or held.action_id in changes.told:
            changes.cancel(held, "told anew", now)
        item = item._replace(action_id=asked.id, request=said, delivery="", not_before=said.not_before, said_at=now)
        if item.state == "snoozed":
            item = item.moved("wake", snoozed_until=None)
    elif not held.delivery:
        said = msgspec.structs.replace(said, revision=before.revision, not_before=before.not_before)
        item = item._replace(request=said)
        changes.say_anew(item, now, visit.headers)
    changes.put(item, Move(item.id, now, held.state, item.state, reason, "keepwell"))
    return item, is_told
