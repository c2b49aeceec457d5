"""Tasks that people write by hand: nobody's playbook asked for them, and no playbook ends them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from services.playbooks.core.assignment import Assignment, When, assign, back_at, why_absent
from services.playbooks.core.checklist import with_points
from services.playbooks.core.commands import LATEST_DUE
from services.playbooks.core.directory import Csm
from services.playbooks.core.episode import Move, action_id
from services.playbooks.core.giving import open_work
from services.playbooks.core.handover import held_by
from services.playbooks.core.item import Item, NotPossible, item_of
from services.playbooks.core.reasons import other_trouble
from services.playbooks.core.standing import Standing, card, owner
from services.playbooks.core.strategy import Rule
from services.playbooks.core.tasks import named
from services.playbooks.core.work import Work
from services.playbooks.core.workinghours import Duration, add, bring_at, later
from shared.messages.actions import ActionRequested, Severity, TaskCard

_OWNER: Final = (Rule(),)


class Written(NamedTuple):
    """What somebody asks for."""

    title: str
    do: str | None = None
    assignee: str | None = None
    """The account's owner, unless it is said."""
    due_at: datetime | None = None
    due: Duration | None = None
    """Counted in the assignee's working time."""
    priority: Severity = "medium"
    matter: str = ""
    contact_id: str | None = None
    checklist: Sequence[str] = ()
    note: str = ""


def written_id(actor: str, key: str) -> str:
    """The id of what somebody wrote under a key: the same key is the same task."""
    return action_id(f"by hand {actor}", 0, 0, key)


def write(work: Work, account: str, wanted: Written, id: str, actor: str, now: datetime) -> Item:
    """Write a task of an account that is locked, with what is open there known. Raises `NotPossible`."""
    stands = work.standings[account]
    if stands.gone is not None:
        raise NotPossible(f"There is nothing to do at {account} any more: {stands.gone}.")
    assigned = _assigned(work, stands, wanted, actor, now)
    to = assigned.to
    hours = to.hours if to is not None else work.rules.directory.office
    due_at = add(hours, now, wanted.due) if wanted.due is not None else wanted.due_at
    if due_at is not None and due_at > now + LATEST_DUE:
        raise NotPossible(f"It is due too far ahead; {LATEST_DUE.days} days are the most.")
    told = _told(work, stands, wanted, assigned, id, actor)
    card_of_task = TaskCard(task_id=id, title=wanted.title, due_at=due_at, assigned_because=assigned.because)
    told = msgspec.structs.replace(told, task=card_of_task, not_before=later(hours, wanted.priority, now, due_at))
    item = item_of(told, "", to, assigned.because, now, keep=True)._replace(
        feeders=(),
        matter=wanted.matter,
        last_resort=assigned.last_resort,
        passed_over=assigned.passed_over,
        stands_for=assigned.stands_for,
        though_away=wanted.assignee is not None and to is not None and bool(why_absent(to, When(now))),
        checklist=with_points((), wanted.checklist),
        note=wanted.note,
    )
    if to is not None:
        _refuse_second(work, item, to)
        work.changes.loads.append((to.id, 1))
    said = ". ".join(filter(None, (assigned.because, wanted.note)))
    work.changes.put(item, Move(id, now, None, item.state, said, actor))
    if assigned.last_resort:
        work.changes.set_timer(account, back_at(_OWNER, owner(stands), work.rules.directory, When(now)))
    work.changes.tell(told, now)
    return item


def _assigned(work: Work, stands: Standing, wanted: Written, actor: str, now: datetime) -> Assignment:
    """Whom it is for. A person who is named was chosen by a person: they get it wherever they are."""
    directory = work.rules.directory
    if wanted.assignee is not None:
        person, me = named(work, wanted.assignee, now), directory.find(actor)
        absent = why_absent(person, When(now))
        though = f", though {person.name} is {absent}" if absent else ""
        return Assignment(person, "their own" if person == me else f"given by {_called(me, actor)}{though}")

    def brought(csm: Csm) -> datetime:
        due_at = add(csm.hours, now, wanted.due) if wanted.due is not None else wanted.due_at
        return bring_at(csm.hours, wanted.priority, now, due_at)

    return assign(_OWNER, owner(stands), directory, {}, When(now, brought))


def _told(work: Work, stands: Standing, wanted: Written, assigned: Assignment, id: str, actor: str) -> ActionRequested:
    me, contact_id = work.rules.directory.find(actor), wanted.contact_id
    why = [f"{_called(me, actor)}: {wanted.note}"] if wanted.note else []
    at_hand = card(stands)
    return ActionRequested(
        action_id=id,
        kind="task",
        playbook="",
        playbook_title=f"Written by {_called(me, actor)}",
        episode_id="",
        step=0,
        recipient=assigned.to.recipient if assigned.to is not None else None,
        channel=assigned.channel,
        matter=wanted.matter,
        severity=wanted.priority,
        title=wanted.title,
        why=why,
        do=wanted.do,
        contact_id=contact_id,
        contact=at_hand.contact if contact_id == at_hand.contact_id else contact_id,
        trouble=other_trouble(stands, stands.at, (), (), why),
        open_work=open_work(work.changes.at(stands.account), wanted.matter, work.rules),
        account=at_hand,
    )


def _refuse_second(work: Work, item: Item, to: Csm) -> None:
    """What is open on a matter is one task: what is new about it belongs there."""
    if (held := held_by(work, to.id, item)) is not None:
        has = f"{to.name} has an open task about {item.matter} at {item.account_id} already"
        raise NotPossible(f"{has}: {held.request.title!r} ({held.id}). Comment there, or leave out `matter`.")


def _called(person: Csm | None, actor: str) -> str:
    return person.name if person is not None else actor
