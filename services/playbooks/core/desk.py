"""What happens to tasks, alerts and flags: by people, over HTTP or by answering a message, and by time."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Final, NamedTuple

import msgspec

from services.playbooks.core import step as steps
from services.playbooks.core.assignment import Assignment, why_absent
from services.playbooks.core.episode import FALSE_ALARM, Episode, Move, action_id
from services.playbooks.core.flow import will_tell
from services.playbooks.core.handover import above, hand_over, held_by, merge, when_brought
from services.playbooks.core.item import OPEN, Item, NotPossible, item_of, words
from services.playbooks.core.message import again, how_late_weighs, overdue
from services.playbooks.core.restating import as_now, as_told
from services.playbooks.core.standing import owner
from services.playbooks.core.work import Work
from services.playbooks.core.workinghours import later
from shared.messages.deliveries import DeliveryResponded
from shared.words import clock_time

SNOOZE: Final = timedelta(days=1)
_LONGEST_SNOOZE: Final = timedelta(days=90)
_LATEST_DUE: Final = timedelta(days=366)
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
    due_at: datetime | None = None


def fault(command: Command, now: datetime) -> str | None:
    """What is wrong with the instants that a command names, in words; None is nothing."""
    bounds = (("until", command.until, _LONGEST_SNOOZE), ("due_at", command.due_at, _LATEST_DUE))
    for name, at, longest in bounds:
        if at is not None and not now < at <= now + longest:
            return f"`{name}` must lie ahead, by {longest.days} days at most."
    return None


def move(work: Work, item: Item, command: Command, actor: str, now: datetime) -> Item:
    """Move an item that is locked. Made twice it is made once; what is said anew counts. Raises `NotPossible`.

    It is noted as touched, unless it only went to somebody else.
    """
    moved = _move(work, item, command, actor, now)
    return moved if moved is item or command.event == "reassign" else work.changes.touch(moved, actor, now)


def _move(work: Work, item: Item, command: Command, actor: str, now: datetime) -> Item:
    if command.event == "reassign":
        return _reassign(work, item, command.to, actor, now)
    if command.event == "reopen":
        return _reopen(work, item, command.note, actor, now)
    if command.event == "due":
        return _set_due(work, item, command, actor, now)
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
        if closed.kind == "task":
            _end_alerts(work, closed, actor, now)
        return closed
    moved = item.moved(command.event, **({} if is_there else {"snoozed_until": None}) | new)
    if moved == item:
        return item
    work.changes.put(moved, Move(item.id, now, item.state, after, command.note or words(after), actor))
    return moved


def _reopen(work: Work, item: Item, note: str, actor: str, now: datetime) -> Item:
    """Open a task that was closed: it is theirs to close, whatever its episodes have come to."""
    if item.state in OPEN:
        return item
    opened = item.moved("reopen", closed_at=None, closed_by=None, touched=True)
    if item.assignee is not None:
        if held_by(work, item.assignee, item) is not None:
            raise NotPossible("There is an open task about the same already; what is new belongs there.")
        work.changes.loads.append((item.assignee, 1))
    for episode in work.episodes.behind(item):
        work.by_hand(episode, partial(steps.reopen_task, task=item.id), actor, now)
    work.changes.put(opened, Move(item.id, now, item.state, opened.state, note or "opened again", actor))
    return opened


def _set_due(work: Work, item: Item, command: Command, actor: str, now: datetime) -> Item:
    """Say by when a task is to be done; when that has passed, it is told again to whoever answers for it."""
    after, task = item.after("due"), item.request.task
    if command.due_at is None or command.due_at == item.due_at:
        return item
    request = msgspec.structs.replace(item.request, task=task and msgspec.structs.replace(task, due_at=command.due_at))
    moved = item._replace(due_at=command.due_at, escalated_at=None, request=request, touched=True)
    zone = request.recipient.time_zone if request.recipient is not None else "UTC"
    reason = f"to be done by {clock_time(command.due_at, zone)}" + (f": {command.note}" if command.note else "")
    work.changes.put(moved, Move(item.id, now, item.state, after, reason, actor))
    for alert in work.changes.at(item.account_id):
        if alert.id == _overdue(item):
            _end_alert(work, alert, item, f"its task is {reason}", actor, now)
    return moved


def respond(work: Work, account: str, known: Iterable[Item], response: DeliveryResponded) -> None:
    """A recipient answered a message about an account; one of the `known` is meant. What can't be is refused, and they
    hear why."""
    event = _EARLIER.get(response.response, response.response)
    if event == "survey_answered":
        return
    item = _meant([one for one in known if one.account_id == account], event, response)
    if item is None:
        if response.item_id:
            work.changes.refuse_unknown(account, response.item_id, event, response.actor, response.at)
        return
    item = work.changes.items.get(item.id, item)
    if item.kind == "flag" and event == "false_alarm":
        event = "dismiss"
    if item.kind != "alert" and event == "acknowledge":
        work.changes.moves.append(Move(item.id, response.at, item.state, item.state, "acknowledged", response.actor))
        work.changes.touch(item, response.actor, response.at)
        return
    command = Command(event, note=response.note, until=response.until, to=response.to or "")
    try:
        if (wrong := fault(command, response.at)) is not None:
            raise NotPossible(wrong)
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
    stands, episode = work.standings[item.account_id], work.episodes.find(item.episode_id)
    feeders = [work.episodes.find(id) for id in item.feeders]
    is_active = item.keep or any(one is not None and one.state == "active" for one in feeders)
    snoozed = item.state == "snoozed"
    when = item.snoozed_until if snoozed else item.due_at
    if not snoozed and (not is_active or item.kind != "task" or item.escalated_at is not None):
        return
    if when is None or when > stands.at:
        work.changes.set_timer(item.account_id, when)
    elif not snoozed and _is_told_later(work, item, feeders):
        late = item.moved("escalate", escalated_at=stands.at)
        said = "overdue; its playbook will tell of it"
        work.changes.put(late, Move(item.id, stands.at, item.state, late.state, said, "time"))
    elif not snoozed:
        _escalate(work, item, when)
    else:
        playbook = work.rules.library.of(item.playbook, episode)
        if not is_active and playbook is not None and playbook.on_event is None:
            work.changes.close(item, "close", episode.outcome if episode is not None else "", "time", stands.at)
        else:
            _tell_again(work, item, when)


def _reassign(work: Work, item: Item, to: str, actor: str, now: datetime) -> Item:
    """Give it to somebody else, who is told of it. Raises `NotPossible`."""
    item.after("reassign")
    directory = work.rules.directory
    person = directory.person(to)
    if person.email is None and directory.find(to) is None:
        raise NotPossible(f"There is nobody called {to!r}; give an id of the directory of CSMs, or an e-mail address.")
    if person.id == item.assignee:
        return item
    if (held := held_by(work, person.id, item)) is not None:
        return merge(work, item, held, actor, now)
    given = Assignment(person, f"reassigned by {actor}")
    return hand_over(work, item, given, f"reassigned to {person.name}", actor, now)


def _tell_episode(work: Work, item: Item, actor: str, now: datetime) -> None:
    """Closing a task spares the steps that wait for it; a false alarm ends the episodes that feed it."""
    for episode in work.episodes.behind(item):
        if item.kind == "task":
            work.by_hand(episode, partial(steps.close_task, task=item.id, outcome=item.state), actor, now)
        elif item.state == "false_alarm":
            work.by_hand(episode, partial(steps.end, reason=FALSE_ALARM), actor, now)


def _end_alerts(work: Work, task: Item, actor: str, now: datetime) -> None:
    """With a task the alerts end that were about it, and of an event those that told the same of it with the last that
    was to be done. Who snoozed one wants to see it again, and sees that it is over."""
    done = (one for one in work.episodes.behind(task) if not any(asked.open for asked in one.tasks))
    events = {one.id for one in done if work.episodes.is_of_event(one)}
    reason = "its task is done" if task.state == "done" else f"its task is closed: {words(task.state)}"
    for alert in work.changes.at(task.account_id):
        if task.id in alert.names or (alert.feeders and events.issuperset(alert.feeders)):
            _end_alert(work, alert, task, reason, actor, now)


def _end_alert(work: Work, alert: Item, task: Item, reason: str, actor: str, now: datetime) -> None:
    if alert.kind != "alert" or alert.state not in OPEN:
        return
    if alert.state == "snoozed":
        work.changes.outlast(alert, reason, now)
        return
    if alert.assignee != task.assignee:
        # Who moved the task knows; others see it where they read of it.
        alert = alert._replace(over_since=now, over_because=reason)
    work.changes.close(alert, "close", reason, actor, now)


def _overdue(task: Item) -> str:
    """The id of the alert that tells that a task was not done by when it is due."""
    return action_id(task.id, task.request.step, 0, f"overdue {task.due_at}")


def _is_told_later(work: Work, task: Item, feeders: Iterable[Episode | None]) -> bool:
    """Does a playbook that asked for it say itself whom to alert when it is not done, and when? Then nobody hears it
    twice."""
    known = ((work.rules.library.of(one.playbook, one), one) for one in feeders if one is not None)
    return any(playbook is not None and will_tell(playbook, one, task.id) for playbook, one in known)


def _escalate(work: Work, task: Item, late_since: datetime) -> None:
    """Tell whoever answers for the assignee and is there."""
    stands, directory = work.standings[task.account_id], work.rules.directory
    assignee, now = directory.person(task.assignee) if task.assignee else None, stands.at
    found = above(work, assignee, owner(stands), now)
    to, who = found.to, assignee.name if assignee is not None else "nobody"
    waits = later(to.hours if to is not None else directory.office, how_late_weighs(task.request), now)
    recipient = to.recipient if to is not None else None
    fed = work.episodes.fed_by(task)
    said = as_now(task.request, fed, stands, work.rules.render)
    told = overdue(said, stands, _overdue(task), recipient, who, late_since, waits, fed)
    if found.channel is not None:
        told = msgspec.structs.replace(told, channel=found.channel)
    alert = item_of(told, task.playbook, to, found.because, now)
    alert = alert._replace(last_resort=found.last_resort, passed_over=found.passed_over, names=(task.id,))
    late = task.moved("escalate", escalated_at=now, **({"request": said} if task.delivery else {}))
    work.changes.put(late, Move(task.id, now, task.state, late.state, "overdue", "time"))
    work.changes.put(alert, Move(alert.id, now, None, alert.state, found.because, "time"))
    work.changes.tell(told, now)


def _tell_again(work: Work, item: Item, since: datetime) -> None:
    stands, directory = work.standings[item.account_id], work.rules.directory
    assignee, now = directory.person(item.assignee) if item.assignee else None, stands.at
    if assignee is not None and (absent := why_absent(assignee, when_brought(now))):
        # Somebody who is there hears of it in their place.
        woken = item.moved("wake", snoozed_until=None)
        work.changes.put(woken, Move(item.id, now, item.state, woken.state, f"{assignee.name} is {absent}", "time"))
        work.to_seat.add(item.id)
        return
    hours = assignee.hours if assignee is not None else directory.office
    action = action_id(item.id, item.request.step, 0, since.isoformat())
    said = as_now(item.request, work.episodes.fed_by(item), stands, work.rules.render)
    # Somebody chose this instant: it waits for no digest.
    told = again(said, action, later(hours, "high", now))
    back = item.moved("wake", snoozed_until=None, action_id=action, request=told, delivery="", said_at=now)
    work.changes.put(back, Move(item.id, now, item.state, back.state, "it was snoozed until now", "time"))
    work.changes.tell(as_told(back), now)
