"""The moves that people make with tasks, alerts and flags, by the API or by answering a message."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from services.playbooks.carrying import Rules
from services.playbooks.core import step as steps
from services.playbooks.core.episode import Move, action_id
from services.playbooks.store import Item
from services.playbooks.work import Work
from shared.messages.deliveries import DeliveryResponded

SNOOZE: Final = timedelta(days=1)
LONGEST_SNOOZE: Final = timedelta(days=90)
TASK_ENDS: Final = ("done", "no_result", "false_alarm")
FLAG_ENDS: Final = ("dismissed", "won", "lost")
_FROM: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "task": dict.fromkeys(TASK_ENDS, ("open",)),
    "alert": {
        "acknowledged": ("open", "snoozed"),
        "snoozed": ("open", "acknowledged"),
        "false_alarm": ("open", "acknowledged", "snoozed"),
    },
    "flag": {
        "accepted": ("open",),
        "dismissed": ("open", "accepted"),
        "won": ("open", "accepted"),
        "lost": ("open", "accepted"),
    },
}
"""From which states a move leads where."""


class NotPossible(Exception):
    """The item is not in a state from which the move leads; the text says so."""


def move(
    work: Work,
    item: Item,
    to: str,
    actor: str,
    now: datetime,
    *,
    note: str = "",
    until: datetime | None = None,
    amount_minor: int | None = None,
    currency: str | None = None,
) -> Item:
    """Move an item that is locked. Made twice it is made once; what is said anew counts. Raises `NotPossible`."""
    is_there = item.state == to
    if not is_there and item.state not in _FROM[item.kind].get(to, ()):
        raise NotPossible(f"The {item.kind} is {item.state.replace('_', ' ')}; it can't be {to.replace('_', ' ')} now.")
    said: dict[str, Any] = {"note": note or None, "amount_minor": amount_minor, "currency": currency}
    if to == "snoozed" and not (is_there and until is None):
        said["snoozed_until"] = max(until or now + SNOOZE, now)
    new = {name: value for name, value in said.items() if value not in (None, getattr(item, name))}
    if is_there and not new:
        return item
    if to in (*TASK_ENDS, *FLAG_ENDS) and not is_there:
        closed = work.changes.close(item._replace(**new), to, note, actor, now)
        _tell_episode(work, closed, actor, now)
        return closed
    moved = item._replace(**({} if is_there else {"state": to, "snoozed_until": None}) | new)
    work.changes.put(moved, Move(item.id, now, item.state, to, note or to, actor))
    return moved


def reassign(work: Work, item: Item, to: str, actor: str, now: datetime, rules: Rules) -> Item:
    """Give a task to somebody else, who is told of it. Raises `NotPossible`."""
    if item.kind != "task" or item.state != "open":
        raise NotPossible(f"Only an open task can be reassigned; this {item.kind} is {item.state.replace('_', ' ')}.")
    person = rules.directory.person(to)
    if "@" not in to and rules.directory.find(to) is None:
        raise NotPossible(f"There is nobody called {to!r}; give an id of the directory of CSMs, or an e-mail address.")
    if person.id == item.assignee:
        return item
    work.changes.cancel(item, f"reassigned to {person.name}", now)
    work.changes.loads += [(id, number) for id, number in ((item.assignee, -1), (person.id, 1)) if id is not None]
    because = f"reassigned by {actor}"
    card = msgspec.structs.replace(item.request.task, assigned_because=because) if item.request.task else None
    told = msgspec.structs.replace(
        item.request,
        action_id=action_id(item.id, item.request.step, 0, f"{person.id} {now.isoformat()}"),
        recipient=person.recipient,
        task=card,
        not_before=None,
        caused_at=None,
    )
    moved = item._replace(
        action_id=told.action_id, assignee=person.id, because=because, not_before=None, request=told, delivery=""
    )
    work.changes.put(moved, Move(item.id, now, "open", "open", f"reassigned to {person.name}", actor))
    work.changes.tell(told, now, {})
    return moved


def respond(work: Work, item: Item, response: DeliveryResponded, rules: Rules) -> None:
    """A recipient answered a message. What can't be any more is left: the answer came too late."""
    try:
        match response.response:
            case "acknowledged" if item.kind == "alert":
                move(work, item, "acknowledged", response.actor, response.at)
            case "acknowledged":
                work.changes.note(Move(item.id, response.at, item.state, item.state, "acknowledged", response.actor))
            case "snoozed" if item.kind == "alert":
                move(work, item, "snoozed", response.actor, response.at, until=response.until)
            case "reassigned" if response.to is not None:
                reassign(work, item, response.to, response.actor, response.at, rules)
            case "false_alarm" if item.kind != "flag":
                move(work, item, "false_alarm", response.actor, response.at)
            case "false_alarm":
                move(work, item, "dismissed", response.actor, response.at)
            case _:
                pass
    except NotPossible:
        work.changes.note(
            Move(item.id, response.at, item.state, item.state, f"{response.response}, too late", response.actor)
        )


def _tell_episode(work: Work, item: Item, actor: str, now: datetime) -> None:
    """Closing a task spares the steps that wait for it; a false alarm ends the episode."""
    episode = work.episode(item.episode_id)
    if episode is None:
        return
    if item.kind == "task":
        work.by_hand(
            episode, lambda book, one, look: steps.close_task(book, one, item.id, item.state, look), actor, now
        )
    elif item.state == "false_alarm":
        work.by_hand(episode, lambda book, one, look: steps.end(book, one, look, "false alarm"), actor, now)
