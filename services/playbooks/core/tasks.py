"""What people say of tasks alone: by when, how pressing, point by point."""

from datetime import datetime

import msgspec

from services.playbooks.core.checklist import ticked
from services.playbooks.core.commands import Command
from services.playbooks.core.directory import Csm
from services.playbooks.core.ending import end_overdue
from services.playbooks.core.episode import Move
from services.playbooks.core.item import Item, NotPossible
from services.playbooks.core.work import Work
from services.playbooks.core.workinghours import later
from shared.words import clock_time


def named(work: Work, name: str, now: datetime) -> Csm:
    """Somebody of the directory, or whoever has this e-mail; nobody who has left. Raises `NotPossible`."""
    directory = work.rules.directory
    person = directory.person(name)
    if person.email is None and directory.find(name) is None:
        raise NotPossible(
            f"There is nobody called {name!r}; give an id of the directory of CSMs, or an e-mail address."
        )
    if person.has_left(now):
        raise NotPossible(f"{person.name} has left. Name somebody who is there.")
    return person


def set_due(work: Work, item: Item, command: Command, actor: str, now: datetime) -> Item:
    """Say by when a task is to be done; when that has passed, it is told again to whoever answers for it."""
    after, task = item.after("due"), item.request.task
    if command.due_at is None or command.due_at == item.due_at:
        return item
    request = msgspec.structs.replace(item.request, task=task and msgspec.structs.replace(task, due_at=command.due_at))
    moved = item._replace(due_at=command.due_at, escalated_at=None, request=request, touched=True)
    zone = request.recipient.time_zone if request.recipient is not None else "UTC"
    reason = f"to be done by {clock_time(command.due_at, zone)}" + (f": {command.note}" if command.note else "")
    move = Move(item.id, now, item.state, after, reason, actor)
    work.changes.put(moved, move)
    work.changes.say(moved, move)
    end_overdue(work, item, f"its task is {reason}", actor, now)
    return moved


def set_priority(work: Work, item: Item, command: Command, actor: str, now: datetime) -> Item:
    """Say how pressing a task is. What waits of it says so, and waits no longer than that lets it."""
    after, wanted = item.after("priority"), command.priority
    if wanted is None or wanted == item.request.severity:
        return item
    request = msgspec.structs.replace(item.request, severity=wanted)
    if not item.delivery and item.not_before is not None:
        person = work.rules.directory.person(item.assignee) if item.assignee is not None else None
        hours = person.hours if person is not None else work.rules.directory.office
        waits = later(hours, wanted, now, item.due_at)
        request = msgspec.structs.replace(request, not_before=min(waits, item.not_before) if waits else None)
    moved = item._replace(request=request, not_before=request.not_before, touched=True)
    said = f"priority {wanted}, was {item.request.severity}" + (f": {command.note}" if command.note else "")
    work.changes.put(moved, Move(item.id, now, item.state, after, said, actor))
    if not item.delivery:
        work.changes.say_anew(moved, now)
    # What is pressing waits for nobody who is away, even for a short while.
    work.changes.set_timer(item.account_id, now)
    return moved


def tick(work: Work, item: Item, command: Command, actor: str, now: datetime) -> Item:
    """Tick points of a task's checklist, take that back, add some or take some off. Raises `NotPossible`."""
    after = item.after("checklist")
    try:
        points, said = ticked(item.checklist, command.ticking, actor)
    except ValueError as error:
        raise NotPossible(str(error)) from None
    if not said:
        return item
    moved = item._replace(checklist=points, touched=True)
    work.changes.put(moved, Move(item.id, now, item.state, after, said, actor))
    return moved
