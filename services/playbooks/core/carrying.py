"""Carries out what episodes asked for: chooses who gets it, by what people have on the desk, and writes the message."""

from dataclasses import dataclass
from datetime import datetime

from services.playbooks.core.assignment import Load, assign, candidates
from services.playbooks.core.changes import Changes
from services.playbooks.core.directory import Csm, Directory
from services.playbooks.core.episode import Move
from services.playbooks.core.item import item_of
from services.playbooks.core.library import Library
from services.playbooks.core.message import Errand, Render, request
from services.playbooks.core.standing import owner
from services.playbooks.core.workinghours import OFFICE, due, next_working


@dataclass(frozen=True, slots=True)
class Rules:
    """What decides: the playbooks, the people, and how texts are filled in."""

    library: Library
    directory: Directory
    render: Render


def people(errand: Errand, directory: Directory) -> set[str]:
    """The ids of those whose load decides who gets it."""
    return candidates(errand.playbook.steps[errand.ask.step].assign, owner(errand.visit.stands), directory)


def later(to: Csm | None, now: datetime) -> datetime | None:
    """When to bring what can wait: the recipient's next working instant, or None when that is now."""
    working = next_working(to.hours if to is not None else OFFICE, now)
    return working if working > now else None


def carry_out(errand: Errand, changes: Changes, loads: dict[str, Load], rules: Rules) -> None:
    """Assign it, which is noted in `loads`, and put the item and its message into the changes."""
    asked, playbook, _, visit = errand
    chosen, now, is_task = playbook.steps[asked.step], visit.look.now, asked.kind == "task"
    assigned = assign(chosen.assign, owner(visit.stands), rules.directory, loads, now, needs_room=is_task)
    to = assigned.to
    not_before = later(to, now) if asked.by_time and not playbook.urgent else None
    if not_before is not None and asked.kind == "flag":
        # Never sell to the angry: what happens until then may hold it back.
        changes.put_off(asked, not_before, now)
        return
    if to is not None and to.id in loads:
        loads[to.id] = Load(loads[to.id].open_tasks + is_task, max(load.turn for load in loads.values()) + 1)
    due_at = due(to.hours if to is not None else OFFICE, now, chosen.due) if chosen.due is not None else None
    message = request(errand, assigned, rules.render, due_at, not_before)
    item = item_of(message, playbook.id, to, assigned.because, now)
    changes.put(item, Move(item.id, now, None, "open", assigned.because, "keepwell"))
    changes.tell(message, now, visit.headers)
