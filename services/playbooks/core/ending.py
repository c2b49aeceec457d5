"""What ends with a task that is closed, or put off: the alerts that were about it."""

from datetime import datetime

from services.playbooks.core.episode import action_id
from services.playbooks.core.item import OPEN, Item, words
from services.playbooks.core.work import Work


def overdue_id(task: Item) -> str:
    """The id of the alert that tells that a task was not done by when it is due."""
    return action_id(task.id, task.request.step, 0, f"overdue {task.due_at}")


def end_alerts(work: Work, task: Item, actor: str, now: datetime) -> None:
    """With a task the alerts end that were about it, and of an event those that told the same of it with the last that
    was to be done. Who snoozed one wants to see it again, and sees that it is over."""
    done = (one for one in work.episodes.behind(task) if not any(asked.open for asked in one.tasks))
    events = {one.id for one in done if work.episodes.is_of_event(one)}
    reason = "its task is done" if task.state == "done" else f"its task is closed: {words(task.state)}"
    for alert in work.changes.at(task.account_id):
        if task.id in alert.names or (alert.feeders and events.issuperset(alert.feeders)):
            _end_alert(work, alert, task, reason, actor, now)


def end_overdue(work: Work, task: Item, reason: str, actor: str, now: datetime) -> None:
    """End the alert that told that a task was not done in time, as it has more time now."""
    for alert in work.changes.at(task.account_id):
        if alert.id == overdue_id(task):
            _end_alert(work, alert, task, reason, actor, now)


def end_about(work: Work, task: Item, reason: str, actor: str, now: datetime) -> None:
    """End the alerts about a task that goes on as another one, which tells for itself when it is late."""
    for alert in work.changes.at(task.account_id):
        if task.id in alert.names:
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
