"""The giving of what episodes ask for: who gets it, by what people have on the desk, and what the message says."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec

from services.playbooks.core.answering import answer_by
from services.playbooks.core.assignment import Assignment, Load, When, assign, back_at, candidates, first_there
from services.playbooks.core.changes import Changes
from services.playbooks.core.directory import Csm, Directory
from services.playbooks.core.episode import Move, action_id
from services.playbooks.core.item import OPEN, Desk, Item, desk_of, item_of
from services.playbooks.core.joining import join
from services.playbooks.core.matter import named_in, of_score
from services.playbooks.core.message import Errand, render_title, request, with_task
from services.playbooks.core.playbook import Step
from services.playbooks.core.reasons import MOST_REASONS
from services.playbooks.core.rules import Rules
from services.playbooks.core.standing import owner
from services.playbooks.core.workinghours import (
    Hours,
    add,
    bring_at,
    free_at,
    later,
    next_working,
    soonest,
    works_before,
)
from shared.messages.actions import CHANNEL, SEVERITIES, Recipient
from shared.words import counted, date_words

_TOO_OFTEN: Final = 3
_WORK: Final = ("task", "alert")


def candidates_for(errand: Errand, directory: Directory) -> set[str]:
    """The ids of those whose load decides who gets it."""
    return candidates(errand.playbook.every_step[errand.ask.step].assign, owner(errand.visit.stands), directory)


def when_asked(step: Step, now: datetime, *, at_once: bool = False) -> When:
    """When somebody has to be there to be given what a step asks for."""

    def brought(csm: Csm) -> datetime:
        due_at = add(csm.hours, now, step.due) if step.due is not None else None
        if at_once:
            return free_at(csm.hours, step.severity, now)
        return bring_at(csm.hours, step.severity, now, due_at)

    return When(now, brought, now + step.due.exact if step.due is not None and not step.due.is_business else None)


def give(
    firing: Sequence[Errand],
    changes: Changes,
    loads: dict[str, Load],
    rules: Rules,
    desks: Mapping[Desk, dict[str, Item]],
) -> None:
    """Give somebody what one firing asks for. An alert and a task that go the same way are one message."""
    given = [_give(errand, changes, loads, rules, desks) for errand in firing]
    # Of two tasks that are one, what it says by now.
    told = list({item.id: item for item in given if item is not None}.values())
    now, headers = firing[0].visit.look.now, firing[0].visit.headers
    for item in told:
        way, said = _way(item), item.request
        if item.kind == "task" and any(one.kind == "alert" and _way(one) == way for one in told):
            continue
        task = next((one for one in told if one.kind == "task" and _way(one) == way), None)
        if item.kind == "alert" and task is not None:
            said = with_task(said, task.request)
            task = task._replace(action_id=item.action_id, not_before=said.not_before)
            alert = item._replace(request=msgspec.structs.replace(item.request, not_before=said.not_before))
            for one in (task, alert._replace(not_before=said.not_before)):
                desks[desk_of(one)][one.id] = changes.items[one.id] = one
        changes.tell(said, now, headers)


def _way(item: Item) -> tuple[Recipient | None, str | None]:
    return item.request.recipient, item.request.channel


def open_work(known: Iterable[Item], matter: str, rules: Rules) -> list[str]:
    """What is open at the account about other matters; a task and the alert that tells of it are said once."""
    others = [
        one
        for one in known
        if one.state in OPEN and one.kind in _WORK and one.request.severity != "info" and _is_other(one, matter)
    ]
    tasks = {one.action_id for one in others if one.kind == "task"}
    told = [one for one in others if one.kind == "task" or one.action_id not in tasks]
    told.sort(key=lambda one: (-SEVERITIES.index(one.request.severity), one.opened_at, one.id))
    return [_work_words(one, rules) for one in told]


def _is_other(item: Item, matter: str) -> bool:
    """Is it about another matter? What a person wrote without one is about its own."""
    return item.matter != matter if item.matter else item.is_by_hand and item.kind == "task"


def _work_words(item: Item, rules: Rules) -> str:
    whose = f" for {rules.directory.person(item.assignee).name}" if item.assignee is not None else ""
    due = f", due {date_words(item.due_at)}" if item.due_at is not None and item.kind == "task" else ""
    return f"{item.kind}{whose}{due}: {item.request.title}"


def _is_pressing(step: Step, hours: Hours, now: datetime) -> bool:
    """Is it due by the clock, before whoever stands in for those who don't work in time is at work?"""
    if step.due is None or step.due.is_business:
        return False
    return hours.any_time or not works_before(hours, now, now + step.due.exact)


def _give(
    errand: Errand,
    changes: Changes,
    loads: dict[str, Load],
    rules: Rules,
    desks: Mapping[Desk, dict[str, Item]],
) -> Item | None:
    """Assign it, which is noted in `loads`, and put the item into the changes; what is open on the same matter is
    joined. `desks` are what is open of the account. Returns what is to be told."""
    asked, playbook, _, visit = errand
    chosen, now, is_task = playbook.every_step[asked.step], visit.look.now, asked.kind == "task"
    if asked.step >= len(playbook.steps) and not playbook.shadow:
        for whom in changes.episodes[asked.episode].told:
            if changes.has_heard(asked.episode, whom):
                _tell_exit(errand, whom, changes, rules)
        return None
    desk = desks[
        Desk(visit.stands.account, asked.kind, playbook.matter or of_score(visit.stands), errand.episode.subject)
    ]
    known = [changes.items.get(one.id, one) for one in desk.values()]
    joined = [one for one in known if one.state in OPEN and _goes_with(one, chosen)]
    at_once = playbook.urgent or asked.waited
    assigned = assign(
        *(chosen.assign, owner(visit.stands), rules.directory, loads, when_asked(chosen, now, at_once=at_once)),
        needs_room=is_task,
        holders={one.assignee for one in joined if one.assignee is not None},
    )
    to = assigned.to
    held = next((one for one in joined if one.assignee == (to.id if to is not None else None)), None)
    hours = to.hours if to is not None else rules.directory.office
    due_at = add(hours, now, chosen.due) if chosen.due is not None else None
    at_once = at_once or (assigned.last_resort and _is_pressing(chosen, hours, now))
    not_before = soonest(hours, chosen.severity, now) if at_once else later(hours, chosen.severity, now, due_at)
    if not_before is not None and asked.kind == "flag" and asked.by_time and next_working(hours, now) > now:
        # Never sell to the angry: what happens in the night may hold it back.
        changes.put_off(asked, not_before, now)
        return None
    if playbook.shadow:
        title = render_title(errand, rules.render)
        who = to.name if to is not None else assigned.channel or "nobody"
        would = f"would ask {who} for {'an' if asked.kind == 'alert' else 'a'} {asked.kind}: {title}"
        state = changes.episodes[asked.episode].state
        changes.moves.append(Move(asked.episode, now, state, state, would, "keepwell"))
        return None
    if held is None and to is not None and to.id in loads:
        loads[to.id] = Load(loads[to.id].open_tasks + is_task, max(load.turn for load in loads.values()) + 1)
    message = msgspec.structs.replace(
        request(errand, assigned, rules.render, due_at, not_before),
        open_work=open_work(
            [changes.items.get(one.id, one) for each in desks.values() for one in each.values()],
            playbook.matter or of_score(visit.stands),
            rules,
        ),
    )
    changes.note_told(asked.episode, to.id if to is not None else message.channel or "")
    answered = answer_by(chosen, message.severity, hours, not_before or now) if asked.kind == "alert" else None
    if held is not None:
        joint, is_told = join(held, message, errand, changes, of_score=_is_of_score(held, rules))
        if is_told and answered is not None:
            # It is told anew: there is as much time to say that one has seen it.
            joint = changes.items[joint.id] = joint._replace(due_at=answered)
            changes.set_timer(joint.account_id, answered)
        desk[held.id] = joint
        return joint if is_told else None
    item = item_of(message, playbook.id, to, assigned.because, now, keep=chosen.keep)
    item = desk[item.id] = item._replace(
        matter=message.matter,
        subject=errand.episode.subject,
        names=named_in(errand.episode.event),
        last_resort=assigned.last_resort,
        passed_over=assigned.passed_over,
        due_at=answered if asked.kind == "alert" else item.due_at,
        stands_for=assigned.stands_for,
    )
    changes.put(item, Move(item.id, now, None, "open", assigned.because, "keepwell"))
    if assigned.last_resort:
        changes.set_timer(item.account_id, back_at(chosen.assign, owner(visit.stands), rules.directory, When(now)))
    if is_task and to is not None and loads.get(to.id, Load()).open_tasks - 1 == to.capacity:
        _tell_manager(item, errand, to, changes, rules, full=True)
    if is_task and playbook.on_event is None and asked.occurrence >= _TOO_OFTEN and to is not None:
        _tell_manager(item, errand, to, changes, rules)
    return item


def _is_of_score(item: Item, rules: Rules) -> bool:
    """Does it say what a playbook says that is about the score?"""
    playbook = rules.library.current.get(item.request.playbook.partition("@")[0])
    return playbook is not None and playbook.matter is None


def _goes_with(held: Item, chosen: Step) -> bool:
    """Does what is asked for belong to what is open? Of offers those of one kind; good news joins no trouble."""
    if held.request.flag is not None:
        return held.request.flag.kind == chosen.flag_kind
    return "info" not in (chosen.severity, held.request.severity)


def _tell_manager(task: Item, errand: Errand, to: Csm, changes: Changes, rules: Rules, *, full: bool = False) -> None:
    """It was closed twice and still holds, or it is more than somebody can take: the manager hears, too."""
    now, severity = errand.visit.look.now, task.request.severity
    when = When(now, lambda csm: bring_at(csm.hours, severity, now))
    manager = first_there(rules.directory.managers(to), when)
    if manager is None:
        return
    times = errand.ask.occurrence
    title, why, do = (
        f"Asked {times} times: {task.request.title.removeprefix('Still: ')}",
        f"{to.name} was asked before, and it still holds",
        "Look at it together: what was done so far has not helped.",
    )
    if full:
        title = f"{to.name} is full: {task.request.title}"
        why = f"{to.name} has more than {counted(to.capacity or 0, 'open task')}"
        do = "Help them, or give some of it to somebody else."
    told = msgspec.structs.replace(
        task.request,
        action_id=action_id(task.id, errand.ask.step, times, "full" if full else "manager"),
        kind="alert",
        recipient=manager.recipient,
        title=title,
        why=[why, *task.request.why][:MOST_REASONS],
        do=do,
        task=None,
        not_before=later(manager.hours, task.request.severity, now),
        caused_at=None,
    )
    because = "manager of the assignee"
    alert = item_of(told, task.playbook, manager, because, now)._replace(names=(task.id,))
    changes.put(alert, Move(alert.id, now, None, alert.state, because, "keepwell"))
    changes.tell(told, now)


def _tell_exit(errand: Errand, whom: str, changes: Changes, rules: Rules) -> None:
    """Tell somebody, or a channel, that was told that it is over. There is nothing to do about it: it is closed as it
    comes."""
    asked, playbook, _, visit = errand
    now, because, severity = visit.look.now, "was told of it", playbook.every_step[asked.step].severity
    to = rules.directory.person(whom) if whom and CHANNEL.fullmatch(whom) is None else None
    own = msgspec.structs.replace(asked, id=action_id(asked.episode, asked.step, asked.occurrence, whom))
    hours = to.hours if to is not None else rules.directory.office
    waits = soonest(hours, severity, now) if playbook.urgent else later(hours, severity, now)
    given = Assignment(to, because, channel=whom or None if to is None else None)
    message = request(errand._replace(ask=own), given, rules.render, None, waits)
    item = item_of(message, playbook.id, to, because, now)._replace(
        state="closed", feeders=(), closed_at=now, closed_by="keepwell", note="it tells that something is over"
    )
    changes.put(item, Move(item.id, now, None, item.state, because, "keepwell"))
    changes.tell(message, now, visit.headers)
