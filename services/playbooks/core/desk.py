"""What happens to tasks, alerts and flags by people: over HTTP, or by answering a message."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import Final

import msgspec

from services.playbooks.core import step as steps
from services.playbooks.core import tasks, timeline
from services.playbooks.core.assignment import Assignment, When, why_absent
from services.playbooks.core.commands import SNOOZE, Command, fault
from services.playbooks.core.directory import SLACK, Csm, Directory
from services.playbooks.core.ending import end_alerts
from services.playbooks.core.episode import FALSE_ALARM, Move
from services.playbooks.core.handover import hand_over, held_by, merge
from services.playbooks.core.item import OPEN, Item, NotPossible, words
from services.playbooks.core.reasons import MOST_REASONS
from services.playbooks.core.work import Work
from shared.messages.deliveries import DeliveryResponded

_EARLIER: Final = {"acknowledged": "acknowledge", "snoozed": "snooze", "reassigned": "reassign"}
"""Moves, as answers to messages named them earlier."""
_STRANGER: Final = (
    "You are not in Keepwell's directory of people, so nothing was changed. "
    "Ask whoever runs it to add your Slack id or your e-mail address there."
)


def move(work: Work, item: Item, command: Command, actor: str, now: datetime) -> Item:
    """Move an item that is locked. Made twice it is made once; what is said anew counts. Raises `NotPossible`.

    It is noted as touched, unless it only went to somebody else.
    """
    moved = _move(work, item, command, actor, now)
    if moved is item or command.event == "reassign":
        return moved
    touched, me = work.changes.touch(moved, actor, now), work.rules.directory.find(actor)
    if touched.though_away and me is not None and me.id == touched.assignee and not why_absent(me, When(now)):
        # That absence is over: by the next it moves as all of theirs does.
        touched = work.changes.items[touched.id] = touched._replace(though_away=False)
    return touched


def _move(work: Work, item: Item, command: Command, actor: str, now: datetime) -> Item:
    if (own := _OWN.get(command.event)) is not None:
        return own(work, item, command, actor, now)
    after = item.after(command.event)
    is_there = item.state == after
    if is_there and command.interaction is not None:
        raise NotPossible("The task is done already; what was talked about then stands on the account's timeline.")
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
            end_alerts(work, closed, actor, now)
        timeline.note_closed(work, closed, command, actor, now)
        return closed
    moved = item.moved(command.event, **({} if is_there else {"snoozed_until": None}) | new)
    if moved == item:
        return item
    work.changes.put(moved, Move(item.id, now, item.state, after, command.note or words(after), actor))
    return moved


def _take(work: Work, item: Item, command: Command, actor: str, now: datetime) -> Item:
    """Take a task on. Whoever takes it has it, if they are in the directory; of two, the second hears who was first."""
    after, person = item.after("take"), work.rules.directory.find(actor)
    me = person.id if person is not None else actor
    if item.state == "taken" and item.taken_by not in (None, me):
        first = work.rules.directory.find(item.taken_by or "")
        who = first.name if first is not None else item.taken_by
        raise NotPossible(f"{who} has taken it already. If they agree, have it reassigned.")
    if person is not None and person.id != item.assignee:
        if (held := held_by(work, person.id, item)) is not None:
            closed = merge(work, item, held, actor, now)
            if (both := work.changes.items[held.id]).state == "open":
                # What they take is now in the one that they have.
                work.changes.touch(_take(work, both, command, actor, now), actor, now)
            return closed
        item = _at(work, item, person, now)
    is_new = bool(command.note) and command.note != item.note
    if item.state == after and item.taken_by == me and not is_new:
        return item
    note = {"note": command.note} if command.note else {}
    moved = item.moved("take", snoozed_until=None, touched=True, taken_by=me, **note)
    work.changes.put(moved, Move(item.id, now, item.state, after, command.note or words(after), actor))
    return moved


def _at(work: Work, item: Item, person: Csm, now: datetime) -> Item:
    """The task on the desk of whoever took it, who need not be told; whom it was meant for needn't hear of it now."""
    work.changes.cancel(item, f"{person.name} took it", now)
    work.changes.loads += [(id, number) for id, number in ((item.assignee, -1), (person.id, 1)) if id is not None]
    because = f"{person.name} took it"
    task = item.request.task and msgspec.structs.replace(item.request.task, assigned_because=because)
    request = msgspec.structs.replace(item.request, recipient=person.recipient, task=task)
    item = item._replace(last_resort=False, passed_over=(), though_away=False)
    return item._replace(request=request, assignee=person.id, because=because)


def _comment(work: Work, item: Item, command: Command, actor: str, now: datetime) -> Item:
    """Say something about it: each time that is one more line of its history."""
    after = item.after("comment")
    if not command.note:
        raise NotPossible("There is nothing in the comment; say something in `note`.")
    moved = item._replace(note=command.note, touched=True)
    work.changes.put(moved, Move(item.id, now, item.state, after, command.note, actor))
    return moved


def _reopen(work: Work, item: Item, command: Command, actor: str, now: datetime) -> Item:
    """Open a task that was closed: it is theirs to close, whatever its episodes have come to."""
    if item.state in OPEN:
        return item
    opened = item.moved("reopen", closed_at=None, closed_by=None, touched=True)
    if (gone := work.standings[item.account_id].gone) is not None:
        raise NotPossible(f"There is nothing to do at {item.account_id} any more: {gone}.")
    if item.assignee is not None:
        if held_by(work, item.assignee, item) is not None:
            raise NotPossible("There is an open task about the same already; what is new belongs there.")
        work.changes.loads.append((item.assignee, 1))
    for episode in work.episodes.behind(item):
        work.by_hand(episode, partial(steps.reopen_task, task=item.id), actor, now)
    work.changes.put(opened, Move(item.id, now, item.state, opened.state, command.note or "opened again", actor))
    return opened


def _reassign(work: Work, item: Item, command: Command, actor: str, now: datetime) -> Item:
    """Give it to somebody else, who is told of it, with what is said. Raises `NotPossible`."""
    item.after("reassign")
    person = tasks.named(work, command.to, now)
    if person.id == item.assignee:
        return item
    if command.note:
        why = [f"{actor}: {command.note}", *item.request.why][:MOST_REASONS]
        item = item._replace(note=command.note, request=msgspec.structs.replace(item.request, why=why))
    if (held := held_by(work, person.id, item)) is not None:
        return merge(work, item, held, actor, now)
    absent = why_absent(person, When(now))
    given = Assignment(person, f"reassigned by {actor}" + (f", though {person.name} is {absent}" if absent else ""))
    said = f"reassigned to {person.name}" + (f": {command.note}" if command.note else "")
    return hand_over(work, item, given, said, actor, now)


_OWN: Final[Mapping[str, Callable[[Work, Item, Command, str, datetime], Item]]] = {
    "take": _take,
    "comment": _comment,
    "reassign": _reassign,
    "reopen": _reopen,
    "due": tasks.set_due,
    "priority": tasks.set_priority,
    "checklist": tasks.tick,
}
"""Moves that are more than a change of state."""


def respond(work: Work, account: str, known: Iterable[Item], response: DeliveryResponded) -> None:
    """A recipient answered a message about an account; one of the `known` is meant. What can't be is refused, and they
    hear why."""
    event = _EARLIER.get(response.response, response.response)
    if event == "survey_answered":
        return
    person = _who(work.rules.directory, response.actor)
    if person is not None:
        response = msgspec.structs.replace(response, actor=person.id)
    item = _meant([one for one in known if one.account_id == account], event, response)
    if item is None:
        if response.item_id:
            to = (response.actor, response.at, response.response_url)
            work.changes.refuse_unknown(account, response.item_id, event, *to)
        return
    if person is None and response.actor.startswith(SLACK):
        to = (response.actor, response.at, response.response_url)
        work.changes.turn_away(item, event, _STRANGER, *to)
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
        work.changes.refuse(item, event, str(refused), response.actor, response.at, response.response_url)


def _who(directory: Directory, actor: str) -> Csm | None:
    """Who answered; in an empty directory, whoever has the e-mail."""
    named = directory.find(actor)
    if named is None and not directory.csms:
        named = directory.person(actor)
    return named if named is not None and (named.email is not None or directory.csms) else None


def _meant(known: Iterable[Item], event: str, response: DeliveryResponded) -> Item | None:
    """The item that it names; else what the message tells of, which may be an alert with its task: then it is the task
    that people move, and the alert that they acknowledge."""
    if response.item_id:
        return next((one for one in known if one.id == response.item_id), None)
    told = [one for one in known if response.action_id in (one.id, one.action_id)]
    return min(told, key=lambda one: (one.kind == "task") is (event == "acknowledge"), default=None)


def _tell_episode(work: Work, item: Item, actor: str, now: datetime) -> None:
    """Closing a task spares the steps that wait for it; a false alarm ends the episodes that feed it."""
    for episode in work.episodes.behind(item):
        if item.kind == "task":
            work.by_hand(episode, partial(steps.close_task, task=item.id, outcome=item.state), actor, now)
        elif item.state == "false_alarm":
            work.by_hand(episode, partial(steps.end, reason=FALSE_ALARM), actor, now)
