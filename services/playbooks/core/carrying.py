"""Carries out what episodes asked for: chooses who gets it, by what people have on the desk, and writes the message."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from services.playbooks.core.assignment import Load, assign, candidates
from services.playbooks.core.changes import Changes
from services.playbooks.core.directory import Csm, Directory
from services.playbooks.core.episode import Ask, Episode, Move
from services.playbooks.core.item import item_of
from services.playbooks.core.library import Library
from services.playbooks.core.look import Look
from services.playbooks.core.message import Render, request
from services.playbooks.core.playbook import FlagStep, Playbook, TaskStep
from services.playbooks.core.standing import Standing, owner
from services.playbooks.core.workinghours import OFFICE, due, next_working


@dataclass(frozen=True, slots=True)
class Rules:
    """What decides: the playbooks, the people, and how texts are filled in."""

    library: Library
    directory: Directory
    render: Render


class Visit(NamedTuple):
    """One look at an account, how the account stands at it, and where it comes from."""

    stands: Standing
    look: Look
    fresh: bool = False
    """The assessment of `stands` caused it."""
    headers: Mapping[str, str] = {}
    found_at: datetime | None = None
    """When it is found so, if that is not the instant that is looked at."""


class Errand(NamedTuple):
    """One ask, with everything that carrying it out needs."""

    ask: Ask
    playbook: Playbook
    episode: Episode
    visit: Visit

    def people(self, directory: Directory) -> set[str]:
        """The ids of those whose load decides who gets it."""
        return candidates(self.playbook.steps[self.ask.step].assign, owner(self.visit.stands), directory)


def later(to: Csm | None, now: datetime) -> datetime | None:
    """When to bring what can wait: the recipient's next working instant, or None when that is now."""
    working = next_working(to.hours if to is not None else OFFICE, now)
    return working if working > now else None


def carry_out(errand: Errand, changes: Changes, loads: dict[str, Load], rules: Rules) -> None:
    """Assign it, which is noted in `loads`, and put the item and its message into the changes."""
    asked, playbook, episode, visit = errand
    stands, chosen, now = visit.stands, playbook.steps[asked.step], visit.look.now
    is_task = isinstance(chosen, TaskStep)
    assigned = assign(chosen.assign, owner(stands), rules.directory, loads, now, needs_room=is_task)
    to = assigned.to
    not_before = later(to, now) if asked.by_time and not playbook.urgent else None
    if not_before is not None and isinstance(chosen, FlagStep):
        # Never sell to the angry: what happens until then may hold it back.
        changes.put_off(asked, not_before, now)
        return
    if to is not None and to.id in loads:
        loads[to.id] = Load(loads[to.id].open_tasks + is_task, max(load.turn for load in loads.values()) + 1)
    cause = visit.look.cause
    message = request(
        playbook,
        episode,
        asked,
        stands,
        assigned,
        rules.render,
        now=now,
        fresh=visit.fresh and not asked.by_time,
        due_at=due(to.hours if to is not None else OFFICE, now, chosen.due)
        if isinstance(chosen, TaskStep) and chosen.due is not None
        else None,
        not_before=not_before,
        caused_at=cause.accepted if cause is not None and not asked.by_time else None,
    )
    item = item_of(message, playbook.id, to, assigned.because, now)
    changes.put(item, Move(item.id, now, None, "open", assigned.because, "keepwell"))
    changes.tell(message, now, visit.headers)
