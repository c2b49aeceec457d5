"""What time alone does to items: overdue tasks escalate, and snoozed alerts come back."""

from datetime import datetime

import msgspec

from services.playbooks.carrying import later
from services.playbooks.changes import Changes, item_of
from services.playbooks.core.directory import Csm, Directory
from services.playbooks.core.episode import Move, action_id
from services.playbooks.core.message import again, overdue
from services.playbooks.core.standing import Standing, owner
from services.playbooks.store import Item


def remind(changes: Changes, item: Item, stands: Standing, directory: Directory) -> None:
    """Do what is due for an open task or a snoozed alert; one that is not due yet waits on."""
    when = item.due_at if item.kind == "task" else item.snoozed_until
    if when is None or when > stands.at:
        changes.set_timer(item.account_id, when)
    elif item.kind == "task":
        _escalate(changes, item, when, stands, directory)
    else:
        _tell_again(changes, item, when, stands, directory)


def _escalate(changes: Changes, item: Item, late_since: datetime, stands: Standing, directory: Directory) -> None:
    """Tell the assignee's manager, or else the account's owner, or else the assignee."""
    now = stands.at
    assignee = directory.person(item.assignee) if item.assignee else None
    to, because = _who_answers(assignee, owner(stands), directory)
    told = overdue(
        item.request,
        stands,
        action_id(item.id, item.request.step, 0, "overdue"),
        to.recipient if to is not None else None,
        assignee.name if assignee is not None else "nobody",
        late_since,
    )
    told = msgspec.structs.replace(told, not_before=later(to, now))
    alert = item_of(told, item.account_id, item.playbook, to, because, now)
    changes.put(item._replace(escalated_at=now), Move(item.id, now, item.state, item.state, "overdue", "time"))
    changes.put(alert, Move(alert.id, now, None, "open", because, "time"))
    changes.tell(told, now, {})


def _who_answers(assignee: Csm | None, owned_by: str | None, directory: Directory) -> tuple[Csm | None, str]:
    manager = directory.find(assignee.manager) if assignee is not None and assignee.manager else None
    if manager is not None:
        return manager, "manager of the assignee"
    if owned_by is not None:
        return directory.person(owned_by), "owner of the account"
    return assignee, "assignee of the task"


def _tell_again(changes: Changes, item: Item, since: datetime, stands: Standing, directory: Directory) -> None:
    now = stands.at
    to = directory.person(item.assignee) if item.assignee else None
    told = again(item.request, stands, action_id(item.id, item.request.step, 0, since.isoformat()))
    told = msgspec.structs.replace(told, not_before=later(to, now))
    back = item._replace(state="open", snoozed_until=None, action_id=told.action_id, delivery="")
    changes.put(back, Move(item.id, now, item.state, "open", "it was snoozed until now", "time"))
    changes.tell(told, now, {})
