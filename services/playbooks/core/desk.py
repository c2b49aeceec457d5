"""What happens to tasks, alerts and flags: by people, over HTTP or by answering a message, and by time."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Final, NamedTuple

import msgspec

from services.playbooks.core import step as steps
from services.playbooks.core.changes import later
from services.playbooks.core.episode import Move, action_id
from services.playbooks.core.item import OPEN, Item, NotPossible, item_of, words
from services.playbooks.core.message import again, over, overdue
from services.playbooks.core.reasons import MOST_REASONS
from services.playbooks.core.restating import as_now
from services.playbooks.core.standing import owner
from services.playbooks.core.work import Work
from shared.messages.deliveries import DeliveryResponded

SNOOZE: Final = timedelta(days=1)
LONGEST_SNOOZE: Final = timedelta(days=90)
_EARLIER: Final = {"acknowledged": "acknowledge", "snoozed": "snooze", "reassigned": "reassign"}
"""Moves, as answers to messages named them earlier."""


class Command(NamedTuple):
    """What somebody wants done with an item: the event of its machine, and what they say with it."""

    event: str
    note: str = ""
    until: datetime | None = None
    to: str = ""
    amount_minor: int | None = None
    currency: str | None = None


def move(work: Work, item: Item, command: Command, actor: str, now: datetime) -> Item:
    """Move an item that is locked. Made twice it is made once; what is said anew counts. Raises `NotPossible`."""
    if command.event == "reassign":
        return _reassign(work, item, command.to, actor, now)
    after = item.after(command.event)
    is_there = item.state == after
    new = {name: getattr(command, name) for name in ("note", "amount_minor", "currency")}
    if after == "snoozed" and (not is_there or command.until is not None):
        new["snoozed_until"] = max(command.until or now + SNOOZE, now)
    new = {name: value for name, value in new.items() if value not in ("", None, getattr(item, name))}
    if is_there and not new:
        return item
    new["touched"] = True
    if after not in OPEN and not is_there:
        closed = work.changes.close(item._replace(**new), command.event, command.note, actor, now)
        _tell_episode(work, closed, actor, now)
        return closed
    moved = item.moved(command.event, **({} if is_there else {"snoozed_until": None}) | new)
    if moved == item:
        return item
    work.changes.put(moved, Move(item.id, now, item.state, after, command.note or words(after), actor))
    return moved


def respond(work: Work, known: Iterable[Item], response: DeliveryResponded) -> None:
    """A recipient answered a message; one of the `known` is meant. What can't be is refused, and they hear why."""
    event = _EARLIER.get(response.response, response.response)
    item = _meant(known, event, response) if event != "survey_answered" else None
    if item is None:
        return
    item = work.changes.items.get(item.id, item)
    if item.kind == "flag" and event == "false_alarm":
        event = "dismiss"
    if item.kind != "alert" and event == "acknowledge":
        work.changes.moves.append(Move(item.id, response.at, item.state, item.state, "acknowledged", response.actor))
        return
    command = Command(event, note=response.note, until=response.until, to=response.to or "")
    try:
        move(work, item, command, response.actor, response.at)
    except NotPossible as refused:
        work.changes.refuse(item, event, str(refused), response.actor, response.at)


def _meant(known: Iterable[Item], event: str, response: DeliveryResponded) -> Item | None:
    """The item that it names; else what the message tells of, which may be an alert with its task: then it is the task
    that people move, and the alert that they acknowledge."""
    if response.item_id:
        return next((one for one in known if one.id == response.item_id), None)
    told = [one for one in known if response.action_id in (one.id, one.action_id)]
    return min(told, key=lambda one: (one.kind == "task") is (event == "acknowledge"), default=None)


def remind(work: Work, item: Item) -> None:
    """Do what is due for an open task or a snoozed alert, unless time has settled it: then nobody wants to hear of it.

    A snoozed alert about a state of affairs that has passed is closed; what was told of an event stays true.
    """
    stands, episode = work.standings[item.account_id], work.episode(item.episode_id)
    feeders = [work.episode(id) for id in item.feeders]
    is_active = item.keep or any(one is not None and one.state == "active" for one in feeders)
    snoozed = item.state == "snoozed"
    when = item.snoozed_until if snoozed else item.due_at
    if not snoozed and not is_active:
        return
    if when is None or when > stands.at:
        work.changes.set_timer(item.account_id, when)
    elif not snoozed:
        _escalate(work, item, when)
    else:
        playbook = work.rules.library.of(item.playbook, episode)
        if not is_active and playbook is not None and playbook.on_event is None:
            work.changes.close(item, "close", episode.outcome if episode is not None else "", "time", stands.at)
        else:
            _tell_again(work, item, when)


def _reassign(work: Work, item: Item, to: str, actor: str, now: datetime) -> Item:
    """Give a task or an alert to somebody else, who is told of it. Raises `NotPossible`."""
    item.after("reassign")
    directory, changes = work.rules.directory, work.changes
    person = directory.person(to)
    if "@" not in to and directory.find(to) is None:
        raise NotPossible(f"There is nobody called {to!r}; give an id of the directory of CSMs, or an e-mail address.")
    if person.id == item.assignee:
        return item
    if (held := work.held_by(person.id, item)) is not None:
        return _merge(work, item, held, actor, now)
    changes.cancel(item, f"reassigned to {person.name}", now)
    desks = ((item.assignee, -1), (person.id, 1)) if item.kind == "task" else ()
    changes.loads += [(id, number) for id, number in desks if id is not None]
    because, task = f"reassigned by {actor}", item.request.task
    # Somebody hands it over now: it waits for no digest.
    not_before = later(person.hours, "high", now)
    told = msgspec.structs.replace(
        item.request,
        action_id=action_id(item.id, item.request.step, 0, f"{person.id} {now.isoformat()}"),
        recipient=person.recipient,
        task=msgspec.structs.replace(task, assigned_because=because) if task is not None else None,
        not_before=not_before,
        caused_at=None,
    )
    moved = item.moved(
        "reassign",
        action_id=told.action_id,
        assignee=person.id,
        because=because,
        not_before=not_before,
        request=told,
        delivery="",
        said_at=now,
    )
    changes.put(moved, Move(item.id, now, item.state, moved.state, f"reassigned to {person.name}", actor))
    changes.tell(over(told, moved.over_since, moved.over_because) if moved.over_since is not None else told, now)
    return moved


def _merge(work: Work, item: Item, held: Item, actor: str, now: datetime) -> Item:
    """Two that meet by changing hands become one: the one that is held there already."""
    why = list(dict.fromkeys([*held.request.why, *item.request.why]))[:MOST_REASONS]
    both = held._replace(
        request=msgspec.structs.replace(held.request, why=why),
        due_at=min((one for one in (held.due_at, item.due_at) if one is not None), default=None),
        feeders=tuple(dict.fromkeys((*held.feeders, *item.feeders))),
        names=tuple(dict.fromkeys((*held.names, *item.names))),
        keep=held.keep or item.keep,
    )
    for episode in item.feeders:
        work.rename_task(episode, item.id, held.id)
    work.changes.put(both, Move(held.id, now, held.state, held.state, f"joined by {item.request.title!r}", actor))
    return work.changes.close(item._replace(feeders=()), "close", f"joined with {held.request.title!r}", actor, now)


def _tell_episode(work: Work, item: Item, actor: str, now: datetime) -> None:
    """Closing a task spares the steps that wait for it; a false alarm ends the episodes that feed it."""
    for id in dict.fromkeys((item.episode_id, *item.feeders)):
        if (episode := work.episode(id)) is None:
            continue
        if item.kind == "task":
            work.by_hand(episode, partial(steps.close_task, task=item.id, outcome=item.state), actor, now)
        elif item.state == "false_alarm":
            work.by_hand(episode, partial(steps.end, reason="false alarm"), actor, now)


def _escalate(work: Work, task: Item, late_since: datetime) -> None:
    """Tell the assignee's manager, or else the account's owner, or else the assignee."""
    stands, directory = work.standings[task.account_id], work.rules.directory
    assignee = directory.person(task.assignee) if task.assignee else None
    to, because = assignee, "assignee of the task"
    if assignee is not None and (manager := directory.find(assignee.manager or "")) is not None:
        to, because = manager, "manager of the assignee"
    elif (owned_by := owner(stands)) is not None:
        to, because = directory.person(owned_by), "owner of the account"
    recipient, who = to.recipient if to is not None else None, assignee.name if assignee is not None else "nobody"
    action, now = action_id(task.id, task.request.step, 0, "overdue"), stands.at
    hours = to.hours if to is not None else directory.office
    waits = later(hours, "high", now)
    told = overdue(task.request, stands, action, recipient, who, late_since, waits, work.fed_by(task))
    alert = item_of(told, task.playbook, to, because, now)
    late = task.moved("escalate", escalated_at=now)
    work.changes.put(late, Move(task.id, now, task.state, late.state, "overdue", "time"))
    work.changes.put(alert, Move(alert.id, now, None, alert.state, because, "time"))
    work.changes.tell(told, now)


def _tell_again(work: Work, item: Item, since: datetime) -> None:
    stands, directory = work.standings[item.account_id], work.rules.directory
    hours, now = directory.person(item.assignee).hours if item.assignee else directory.office, stands.at
    action = action_id(item.id, item.request.step, 0, since.isoformat())
    said = as_now(item.request, work.fed_by(item), stands, work.rules.render)
    # Somebody chose this instant: it waits for no digest.
    told = again(said, action, later(hours, "high", now))
    back = item.moved("wake", snoozed_until=None, action_id=action, request=told, delivery="", said_at=now)
    work.changes.put(back, Move(item.id, now, item.state, back.state, "it was snoozed until now", "time"))
    work.changes.tell(told, now)
