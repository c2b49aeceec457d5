"""Work that changes hands: what becomes of it, who is told, and what two become that are one."""

from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from services.playbooks.core.answering import answer_by
from services.playbooks.core.assignment import Assignment, When, assign, why_absent
from services.playbooks.core.checklist import joint
from services.playbooks.core.directory import Csm
from services.playbooks.core.ending import end_about
from services.playbooks.core.episode import Move, action_id
from services.playbooks.core.item import BY_ITSELF, OPEN, Item, desk_of
from services.playbooks.core.joining import is_worse, joined
from services.playbooks.core.message import channel_for
from services.playbooks.core.playbook import Step
from services.playbooks.core.restating import as_told
from services.playbooks.core.standing import owner
from services.playbooks.core.strategy import Rule
from services.playbooks.core.work import Work
from services.playbooks.core.workinghours import Hours, bring_at, later

_OWNER: Final = (Rule(),)
_SOON: Final = timedelta(minutes=2)
"""From the minute in which it begins: what moves together is decided within that, in all partitions."""


def when_brought(now: datetime) -> When:
    """When somebody has to be there to be told now, within their hours: what changes hands waits for no digest."""
    return When(now, lambda csm: bring_at(csm.hours, "high", now))


def hand_over(
    work: Work,
    item: Item,
    found: Assignment,
    reason: str,
    actor: str,
    now: datetime,
    *,
    stands_for: str | None = None,
    together: bool = False,
) -> Item:
    """Give an item that is open to somebody else, who is told of it; of what moves `together` with more, in one
    message. What is snoozed then stays so: they are told when it was to come back.

    They stand in for whom it comes back to, if anybody.
    """
    changes, person = work.changes, found.to
    changes.cancel(item, reason, now)
    if item.kind == "task":
        hands = ((item.assignee, -1), (person.id if person is not None else None, 1))
        changes.loads += [(id, number) for id, number in hands if id is not None]
    hours = person.hours if person is not None else work.rules.directory.office
    not_before, task, step = later(hours, "high", now), item.request.task, step_of(work, item)
    if together:
        not_before = max(not_before or now, now.replace(second=0, microsecond=0) + _SOON)
    to = person.id if person is not None else found.channel or "last resort"
    told = msgspec.structs.replace(
        item.request,
        action_id=action_id(item.id, item.request.step, 0, f"{to} {now.isoformat()}"),
        recipient=person.recipient if person is not None else None,
        channel=channel_for(step.channel if step is not None else item.request.channel, found),
        task=msgspec.structs.replace(task, assigned_because=found.because) if task is not None else None,
        not_before=not_before,
        caused_at=None,
    )
    given: dict[str, Any] = {
        "action_id": told.action_id,
        "assignee": person.id if person is not None else None,
        "because": found.because,
        "request": told,
        "last_resort": found.last_resort,
        "passed_over": found.passed_over,
        "stands_for": stands_for,
        "taken_by": None,
        "though_away": actor not in BY_ITSELF and person is not None and bool(why_absent(person, When(now))),
    }
    if together and item.state == "snoozed":
        quiet = item._replace(**given, delivery=item.delivery or "cancelled")
        changes.put(quiet, Move(item.id, now, item.state, item.state, reason, actor))
        return quiet
    due_at = item.due_at
    if item.kind == "alert":
        due_at = answer_by(step, item.request.severity, hours, not_before or now) if person is not None else None
    told_now: dict[str, Any] = {"not_before": not_before, "delivery": "", "said_at": now, "snoozed_until": None}
    moved = item.moved("reassign", **given, due_at=due_at, **told_now)
    changes.put(moved, Move(item.id, now, item.state, moved.state, reason, actor))
    changes.tell(as_told(moved), now)
    return moved


def held_by(work: Work, person: str, item: Item) -> Item | None:
    """What somebody has open of the same kind and matter, if anything."""
    mates = (one for one in work.changes.at(item.account_id) if one.state in OPEN and one.id != item.id)
    theirs = (one for one in mates if one.assignee == person and desk_of(one) == desk_of(item))
    return next((one for one in theirs if item.matter), None)


def merge(work: Work, item: Item, held: Item, actor: str, now: datetime) -> Item:
    """Two that meet by changing hands become one, the one that is held there already; who holds it is told."""
    changes, before = work.changes, held.request
    both = joined(held, item.request, item.due_at, leads=is_worse(item.request, before))
    both = both._replace(
        feeders=tuple(dict.fromkeys((*held.feeders, *item.feeders))),
        names=tuple(dict.fromkeys((*held.names, *item.names))),
        keep=held.keep or item.keep,
        over_since=held.over_since and item.over_since,
        went_by=tuple(dict.fromkeys((*held.went_by, *item.went_by))),
        checklist=joint(held.checklist, item.checklist),
    )
    changes.cancel(held, "told anew", now)
    told = msgspec.structs.replace(
        both.request,
        action_id=action_id(held.id, before.step, 0, f"{item.id} {now.isoformat()}"),
        recipient=before.recipient,
        channel=before.channel,
        not_before=later(_hours(work, held), "high", now),
        caused_at=None,
    )
    both = both._replace(action_id=told.action_id, request=told, not_before=told.not_before, delivery="", said_at=now)
    if both.kind == "alert":
        # It is told anew: there is as much time to say that one has seen it.
        by = answer_by(step_of(work, held), told.severity, _hours(work, held), told.not_before or now)
        both = both._replace(due_at=by)
    if both.state == "snoozed":
        both = both.moved("wake", snoozed_until=None)
    changes.tell(as_told(both), now)
    for episode in item.feeders:
        work.episodes.rename_task(episode, item.id, held.id)
    changes.put(both, Move(held.id, now, held.state, both.state, f"joined by {item.request.title!r}", actor))
    reason = f"joined with {held.request.title!r}"
    if item.kind == "task":
        end_about(work, item, f"its task {reason}", actor, now)
    return changes.close(item._replace(feeders=()), "close", reason, actor, now)


def above(
    work: Work, assignee: Csm | None, owned_by: str | None, now: datetime, had: Collection[str] = ()
) -> Assignment:
    """Who answers for an assignee and is there: their managers, the lead, the account's owner, the last resort. Where
    others `had` it before, none of them, and nobody but managers and the lead: it goes up alone."""
    directory, when = work.rules.directory, when_brought(now)

    def asked() -> Iterator[tuple[Rule, str]]:
        for manager in directory.managers(assignee) if assignee is not None else ():
            if manager.id not in had:
                yield Rule("person", manager.id), "manager of the assignee"
        lead = directory.role("lead")
        if lead is not None and not (isinstance(lead, Csm) and lead.id in had):
            yield Rule("role", "lead"), "stands for lead"
        if had:
            return
        owning = directory.owner(owned_by)
        if owning is not None and (assignee is None or owning.id != assignee.id):
            yield Rule("person", owning.id), "owner of the account"
        if assignee is not None and directory.role("last_resort") is None:
            yield Rule("person", assignee.id), "assignee of the task"

    passed_over = tuple[str, ...]()
    for rule, because in asked():
        found = assign([rule], owned_by, directory, {}, when, needs_room=False)
        if not found.last_resort:
            return Assignment(found.to, "; ".join([because, *passed_over]), passed_over, found.channel)
        passed_over += found.passed_over
    if had:
        return Assignment(None, "; ".join(passed_over), passed_over)
    last = assign([], owned_by, directory, {}, when)
    return msgspec.structs.replace(last, because="; ".join([last.because, *passed_over]), passed_over=passed_over)


def _hours(work: Work, item: Item) -> Hours:
    directory = work.rules.directory
    return directory.person(item.assignee).hours if item.assignee is not None else directory.office


def rules_of(work: Work, item: Item) -> tuple[Rule, ...]:
    """The list of the step that asked for it."""
    step = step_of(work, item)
    return step.assign if step is not None else _OWNER


def step_of(work: Work, item: Item) -> Step | None:
    """The step that asked for it, as far as that is known."""
    for playbook, episode in work.episodes.fed_by(item):
        if episode.id == item.request.episode_id and item.request.step < len(playbook.every_step):
            return playbook.every_step[item.request.step]
    return None


def owner_of(work: Work, item: Item) -> str | None:
    """Its account's."""
    return owner(work.standings[item.account_id])
