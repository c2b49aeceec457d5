"""What time does to tasks, alerts and flags: it reminds of what is overdue, and brings back what was snoozed."""

from datetime import datetime

import msgspec

from services.playbooks.core.answering import answer_by
from services.playbooks.core.assignment import why_absent
from services.playbooks.core.ending import overdue_id
from services.playbooks.core.episode import Move, action_id
from services.playbooks.core.flow import will_tell
from services.playbooks.core.handover import above, hand_over, held_by, merge, step_of, when_brought
from services.playbooks.core.item import OPEN, Item, item_of
from services.playbooks.core.message import again, gone_up, how_late_weighs, overdue
from services.playbooks.core.reasons import MOST_REASONS
from services.playbooks.core.restating import as_now, as_told
from services.playbooks.core.standing import mute_of, owner
from services.playbooks.core.work import Work
from services.playbooks.core.workinghours import later
from shared.words import clock_time


def remind(work: Work, item: Item) -> None:
    """Do what is due for what is open or snoozed, unless time has settled it: then nobody wants to hear of it.

    A snoozed alert about a state of affairs that has passed is closed; what was told of an event stays true.
    """
    stands = work.standings[item.account_id]
    if (mute := mute_of(stands)) is not None:
        work.changes.set_timer(item.account_id, mute.until)
        return
    # What was due before it may have closed it, or have become one with it.
    item = work.changes.items.get(item.id, item)
    if item.state not in OPEN:
        return
    when = item.snoozed_until if item.state == "snoozed" else item.due_at
    if item.state != "snoozed" and not _may_go_up(work, item):
        return
    if when is None or when > stands.at:
        work.changes.set_timer(item.account_id, when)
    elif item.state == "snoozed":
        _bring_back(work, item, when)
    elif item.kind == "alert":
        _go_up(work, item, when)
    elif _is_told_later(work, item):
        late = item.moved("escalate", escalated_at=stands.at)
        said = "overdue; its playbook will tell of it"
        work.changes.put(late, Move(item.id, stands.at, item.state, late.state, said, "time"))
    else:
        _escalate(work, item, when)


def _may_go_up(work: Work, item: Item) -> bool:
    """May whoever answers for its assignee have to hear of it: of a task once, of an alert as long as it has a time? Of
    an alert with a task in the same message, the task says when."""
    if item.kind == "alert":
        told_with = (one for one in work.changes.told_with(item) if one.kind == "task")
        ends = bool(item.feeders) and work.ended.keys() >= set(item.feeders)
        return item.assignee is not None and item.over_since is None and not (ends or any(told_with))
    return item.kind == "task" and item.escalated_at is None and _is_active(work, item)


def _is_active(work: Work, item: Item) -> bool:
    feeders = (work.episodes.find(id) for id in item.feeders)
    return item.keep or any(one is not None and one.state == "active" for one in feeders)


def _is_told_later(work: Work, task: Item) -> bool:
    """Does a playbook that asked for it say itself whom to alert when it is not done, and when? Then nobody hears it
    twice."""
    feeders = (work.episodes.find(id) for id in task.feeders)
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
    told = overdue(said, stands, overdue_id(task), recipient, who, late_since, waits, fed)
    if found.channel is not None:
        told = msgspec.structs.replace(told, channel=found.channel)
    alert = item_of(told, task.playbook, to, found.because, now)
    alert = alert._replace(last_resort=found.last_resort, passed_over=found.passed_over, names=(task.id,))
    late = task.moved("escalate", escalated_at=now, **({"request": said} if task.delivery else {}))
    work.changes.put(late, Move(task.id, now, task.state, late.state, "overdue", "time"))
    work.changes.put(alert, Move(alert.id, now, None, alert.state, found.because, "time"))
    work.changes.tell(told, now)


def _go_up(work: Work, alert: Item, by: datetime) -> None:
    """Nobody has acknowledged an alert: it goes to whoever answers for its assignee, who has as long as they had, and
    they hear of that. So it goes up from manager to manager, to the lead; it never comes back to who had it."""
    now, directory = work.standings[alert.account_id].at, work.rules.directory
    first = directory.person(alert.assignee or "")
    found = above(work, first, owner(work.standings[alert.account_id]), now, alert.went_by)
    said = f"not acknowledged by {clock_time(by, first.hours.time_zone)}"
    if found.to == first or (found.to is None and found.channel is None):
        late = alert.moved("escalate", escalated_at=now, due_at=None)
        reason = f"{said}; nobody answers for {first.name}"
        work.changes.put(late, Move(alert.id, now, alert.state, late.state, reason, "time"))
        return
    to = found.to.name if found.to is not None else found.channel or ""
    why = [f"{first.name} was told, and has not acknowledged it", *alert.request.why][:MOST_REASONS]
    request, went_by = msgspec.structs.replace(alert.request, why=why), (*alert.went_by, first.id)
    late = alert._replace(escalated_at=now, went_by=went_by, request=request)
    if found.to is not None and (held := held_by(work, found.to.id, alert)) is not None:
        merge(work, late, held, "time", now)
    else:
        hand_over(work, late, found, f"{said}: goes to {to}, {found.because}", "time", now)
    if alert.delivery == "delivered":
        work.changes.tell(gone_up(alert.request, alert.id, first, to, said, now), now)


def _bring_back(work: Work, item: Item, when: datetime) -> None:
    """What was snoozed until now: told again, or closed where what it is about has passed."""
    episode = work.episodes.find(item.episode_id)
    playbook = work.rules.library.of(item.playbook, episode)
    if _is_active(work, item) or playbook is None or playbook.on_event is not None:
        _tell_again(work, item, when)
    else:
        reason = episode.outcome if episode is not None else ""
        work.changes.close(item, "close", reason, "time", work.standings[item.account_id].at)


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
    if item.kind == "alert" and assignee is not None:
        by = answer_by(step_of(work, item), told.severity, hours, told.not_before or now)
        item = item._replace(due_at=by)
    back = item.moved("wake", snoozed_until=None, action_id=action, request=told, delivery="", said_at=now)
    work.changes.put(back, Move(item.id, now, item.state, back.state, "it was snoozed until now", "time"))
    work.changes.tell(as_told(back), now)
