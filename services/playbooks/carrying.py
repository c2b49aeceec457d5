"""Carries out what episodes asked for: chooses who gets it, under lock and in order, and writes the message."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from services.playbooks import store
from services.playbooks.changes import Changes, item_of
from services.playbooks.core.assignment import Load, assign, candidates
from services.playbooks.core.directory import Csm, Directory
from services.playbooks.core.episode import Ask, Episode, Move
from services.playbooks.core.message import Render, request
from services.playbooks.core.playbook import FlagStep, Playbook, TaskStep
from services.playbooks.core.standing import Standing, owner
from services.playbooks.core.workinghours import OFFICE, due, next_working
from services.playbooks.library import Library


@dataclass(frozen=True, slots=True)
class Rules:
    """What decides: the playbooks, the people, and how texts are filled in."""

    library: Library
    directory: Directory
    render: Render


@dataclass(frozen=True, slots=True)
class Wanted:
    """An ask with everything that carrying it out needs."""

    ask: Ask
    playbook: Playbook
    episode: Episode
    standing: Standing
    now: datetime
    fresh: bool
    """The assessment of `standing` caused it."""
    caused_at: datetime | None
    headers: Mapping[str, str]


async def carry_out(c: AsyncConnection, changes: Changes, wanted: Sequence[Wanted], rules: Rules) -> dict[str, Load]:
    """Assign everything that is wanted and put it into the changes.

    Locks people, so lock nothing after it. Returns their loads, which `settle` writes.
    """
    people = {id for one in wanted for id in _candidates(one, rules.directory)} | {id for id, _ in changes.loads}
    loads = await store.lock_loads(c, [id for id in people if rules.directory.find(id) is not None])
    _apply(changes, loads)
    for one in wanted:
        _carry(changes, one, loads, rules)
    return loads


async def settle(c: AsyncConnection, changes: Changes, loads: dict[str, Load]) -> None:
    """Write what people have on the desk."""
    _apply(changes, loads)
    await store.save_loads(c, loads)


def _apply(changes: Changes, loads: dict[str, Load]) -> None:
    for id, number in changes.loads:
        if id in loads:
            loads[id] = loads[id]._replace(open_tasks=max(0, loads[id].open_tasks + number))
    changes.loads.clear()


def later(to: Csm | None, now: datetime) -> datetime | None:
    """When to bring what can wait: the recipient's next working instant, or None when that is now."""
    working = next_working(to.hours if to is not None else OFFICE, now)
    return working if working > now else None


def _candidates(one: Wanted, directory: Directory) -> set[str]:
    return candidates(one.playbook.steps[one.ask.step].assign, owner(one.standing), directory)


def _carry(changes: Changes, one: Wanted, loads: dict[str, Load], rules: Rules) -> None:
    chosen, now = one.playbook.steps[one.ask.step], one.now
    is_task = isinstance(chosen, TaskStep)
    assigned = assign(chosen.assign, owner(one.standing), rules.directory, loads, now, needs_room=is_task)
    to = assigned.to
    not_before = later(to, now) if one.ask.by_time and not one.playbook.urgent else None
    if not_before is not None and isinstance(chosen, FlagStep):
        # Never sell to the angry: what happens until then may hold it back.
        changes.put_off(one.ask, not_before, now)
        return
    if to is not None and to.id in loads:
        loads[to.id] = Load(loads[to.id].open_tasks + is_task, max(load.turn for load in loads.values()) + 1)
    due_at = None
    if isinstance(chosen, TaskStep) and chosen.due is not None:
        due_at = due(to.hours if to is not None else OFFICE, now, chosen.due)
    message = request(
        one.playbook,
        one.episode,
        one.ask,
        one.standing,
        assigned,
        rules.render,
        now=now,
        fresh=one.fresh and not one.ask.by_time,
        due_at=due_at,
        not_before=not_before,
        caused_at=None if one.ask.by_time else one.caused_at,
    )
    item = item_of(message, one.standing.account, one.playbook.id, to, assigned.because, now, due_at)
    changes.put(item, Move(item.id, now, None, "open", assigned.because, "keepwell"))
    changes.tell(message, now, one.headers)
