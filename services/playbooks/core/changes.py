"""Everything that one transaction decided, kept as plain values until it is written; and the carrying out of what
episodes asked for: who gets it, by what people have on the desk, and what the message says."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from services.playbooks.core.assignment import Assignment, Load, When, assign, back_at, candidates, first_there
from services.playbooks.core.directory import Csm, Directory
from services.playbooks.core.episode import Ask, Episode, Move, action_id
from services.playbooks.core.item import OPEN, Item, item_of, outcome, words
from services.playbooks.core.joining import is_worse, joined
from services.playbooks.core.look import OURS
from services.playbooks.core.matter import named_in, of_score
from services.playbooks.core.message import Errand, Finding, lists_due, render_title, request, with_task
from services.playbooks.core.playbook import Step
from services.playbooks.core.reasons import MOST_REASONS
from services.playbooks.core.restating import as_told
from services.playbooks.core.rules import Rules
from services.playbooks.core.standing import Standing, owner, set_by_us
from services.playbooks.core.step import put_off
from services.playbooks.core.workinghours import Hours, add, bring_at, next_working, works_before
from shared.messages import envelope
from shared.messages.accounts import OpenAccountUpdated
from shared.messages.actions import SEVERITIES, ActionCancelled, ActionRequested, ItemChanged, Recipient, Severity
from shared.messages.envelope import Event
from shared.words import counted, date_words

ACCOUNT_KEY: Final = "account:"
"""An account's one timer is `account:ID`."""
_TOO_OFTEN: Final = 3
_WORK: Final = ("task", "alert")
FOUND_KEY: Final = "digest:"
"""The timer of an import's lists is `digest:IMPORT`, in every partition that found something."""


class Outgoing(NamedTuple):
    """A message to be sent. A list tells of many accounts, and goes where it was made (`here`)."""

    event: Event
    headers: Mapping[str, str] = {}
    here: bool = False


def _event(
    data: msgspec.Struct, id: str, type: str, account: str, at: datetime, accepted: datetime | None = None
) -> Event:
    return envelope.wrap(data, id=id, source=OURS, type=type, subject=account, time=at, accepted=accepted)


class Items(dict[str, Item]):
    """Items by their ids, which are also found by the action that told of them, and by their account."""

    def __init__(self) -> None:
        super().__init__()
        self.told_by: defaultdict[str, list[str]] = defaultdict(list)
        self._at: defaultdict[str, dict[str, None]] = defaultdict(dict)

    def __setitem__(self, id: str, item: Item) -> None:
        super().__setitem__(id, item)
        self.told_by[item.action_id].append(id)
        self._at[item.account_id][id] = None

    def at(self, account: str) -> list[Item]:
        """Those of an account."""
        return [self[id] for id in self._at.get(account, ())]

    def meet(self, items: Iterable[Item]) -> None:
        """Know these, too."""
        for one in items:
            self[one.id] = one


class Changes:
    """What is to be written and sent."""

    def __init__(self) -> None:
        self.standings: dict[str, Standing] = {}
        self.episodes: dict[str, Episode] = {}
        self.retired: set[str] = set()
        """Episodes (by id) that made room for a later one of their playbook and account."""
        self.items = Items()
        self.beside = Items()
        """What else is known to be open, as it was."""
        self.loads: list[tuple[str, int]] = []
        """Tasks that came to somebody's desk (1) or left it (-1) by other ways than being assigned."""
        self.moves: list[Move] = []
        self.found: list[Finding] = []
        self.timers: dict[str, datetime] = {}
        self.out: list[Outgoing] = []
        self.told: set[str] = set()
        """The ids of the actions that were said here."""
        self.circling: list[Move] = []
        """What playbooks were kept from setting at accounts, for they had set it too often."""
        self._anew: dict[str, tuple[datetime, Mapping[str, str]]] = {}
        """By the ids of actions: what is to be said anew, as of when, and the headers of what caused it."""

    def put(self, item: Item, move: Move) -> None:
        """Write an item that was made or moved, and set the timers that it needs."""
        self.items[item.id] = item
        self.moves.append(move)
        if move.before is not None and move.before != move.after:
            self.say(item, move)
        if item.state == "snoozed":
            self.set_timer(item.account_id, item.snoozed_until)
        elif item.state in ("open", "taken") and item.escalated_at is None:
            self.set_timer(item.account_id, item.due_at)

    def say(self, item: Item, move: Move) -> None:
        """Tell where the item was told of how it stands now."""
        data = ItemChanged(
            item_id=item.id,
            state=item.state,
            actor=move.actor,
            words=move.reason,
            action_id=item.action_id,
            over_since=item.over_since,
        )
        id = f"{item.id}-{item.state}-{move.at.isoformat()}"
        self.out.append(Outgoing(_event(data, id, "item.changed", item.account_id, move.at)))

    def refuse(self, item: Item, event: str, why: str, actor: str, now: datetime) -> None:
        """Note what somebody asked for and can't have, and tell them why."""
        self.moves.append(Move(item.id, now, item.state, item.state, f"{outcome(item.kind, event)}, too late", actor))
        data = ItemChanged(item_id=item.id, state=item.state, actor=actor, words=words(item.state), refused=why)
        id = f"{item.id}-refused-{event}-{now.isoformat()}"
        self.out.append(Outgoing(_event(data, id, "item.changed", item.account_id, now)))

    def refuse_unknown(self, account: str, id: str, event: str, actor: str, now: datetime) -> None:
        """Tell somebody who asked for it that there is nothing with this id at the account."""
        why = "There is no such task, alert or flag at this account."
        data = ItemChanged(item_id=id, state="unknown", actor=actor, words="", refused=why)
        self.out.append(Outgoing(_event(data, f"{id}-refused-{event}-{now.isoformat()}", "item.changed", account, now)))

    def set_timer(self, account: str, at: datetime | None) -> None:
        """Look at the account again at that instant, or earlier."""
        if at is not None:
            key = ACCOUNT_KEY + account
            self.timers[key] = min(at, self.timers.get(key, at))

    def put_off(self, asked: Ask, until: datetime, now: datetime) -> None:
        """Ask again at that instant, if the episode still goes on."""
        stepped = put_off(self.episodes[asked.episode], asked, until, now)
        if stepped.episode is not None and stepped.timer is not None:
            self.episodes[asked.episode], stands = stepped.episode, self.standings[stepped.episode.account]
            look_at = min(stands.look_at or until, until)
            self.standings[stands.account] = msgspec.structs.replace(stands, look_at=look_at)
            self.set_timer(stands.account, until)
            self.moves += stepped.moves

    def note_told(self, episode: str, person: str) -> None:
        """Note that an episode gave somebody something: they may want to hear of its end."""
        known = self.episodes[episode]
        if person not in known.told:
            self.episodes[episode] = msgspec.structs.replace(known, told=(*known.told, person))

    def note_sent(self, episode: str, action: str) -> None:
        """Note that an episode asked for something to be sent."""
        known = self.episodes[episode]
        self.episodes[episode] = msgspec.structs.replace(known, sent=(*known.sent, action))

    def call_back(self, account: str, actions: Iterable[str], reason: str, now: datetime) -> None:
        """Cancel what was asked to be sent, where it still waits."""
        for action in actions:
            data, id = ActionCancelled(action_id=action, reason=reason), f"{action}-cancelled"
            self.out.append(Outgoing(_event(data, id, "action.cancelled", account, now)))

    def at(self, account: str) -> list[Item]:
        """The items of an account that are known, as they are by now."""
        return list({one.id: one for one in (*self.beside.at(account), *self.items.at(account))}.values())

    def has_heard(self, episode: str, person: str) -> bool:
        """Did what an episode gave somebody reach them? Not when all of it was called back before it was known to."""
        account = self.episodes[episode].account
        given = [
            one
            for one in self.at(account)
            if one.assignee == person and (one.episode_id == episode or episode in self._fed(one))
        ]
        return not given or any(one.delivery == "delivered" or one.touched for one in given)

    def _fed(self, item: Item) -> tuple[str, ...]:
        return (self.beside.get(item.id) or item).feeders + item.feeders

    def name_task(self, episode: str, asked: str, item: str) -> None:
        """Note that what an episode asked for is a task that there was already."""
        known = self.episodes[episode]
        tasks = tuple(msgspec.structs.replace(one, id=item) if one.id == asked else one for one in known.tasks)
        self.episodes[episode] = msgspec.structs.replace(known, tasks=tasks)

    def find(self, row: Finding) -> None:
        """Put an episode on the list that its owner will get."""
        self.found.append(row)
        self.timers[FOUND_KEY + row.import_id] = lists_due(row.import_id, row.at, row.at)

    def tell(self, message: ActionRequested, now: datetime, headers: Mapping[str, str] = {}) -> None:
        """Send an action."""
        id = f"{message.action_id}-{message.revision}" if message.revision else message.action_id
        self.told.add(message.action_id)
        event = _event(message, id, "action.requested", message.account.id, now, message.caused_at)
        self.out.append(Outgoing(event, headers, message.kind == "digest"))

    def told_with(self, item: Item) -> list[Item]:
        """What else is open that the same message tells of: the task of an alert, the alert of a task."""
        return [one for one in self._told_by(item.action_id) if one.id != item.id and one.state in OPEN]

    def _told_by(self, action: str) -> list[Item]:
        ids = dict.fromkeys((*self.beside.told_by[action], *self.items.told_by[action]))
        known = [self.items.get(id) or self.beside[id] for id in ids]
        return [one for one in known if one.action_id == action]

    def say_anew(self, item: Item, now: datetime, headers: Mapping[str, str] = {}) -> None:
        """What waits of an item is to be said as it is when all is decided, with what else is in its message then."""
        self._anew[item.action_id] = now, headers

    def restate(self) -> None:
        """Say what is to be said anew: once a message, however much of it has changed."""
        for action, (now, headers) in self._anew.items():
            items = [one for one in self._told_by(action) if one.state in OPEN]
            if items:
                self._restate(items, now, headers)
        self._anew.clear()

    def _restate(self, items: Sequence[Item], now: datetime, headers: Mapping[str, str]) -> None:
        revision = max(one.request.revision for one in items) + 1
        requests = {one.kind: as_told(one) for one in items}
        said = with_task(requests["alert"], requests["task"]) if len(requests) > 1 else as_told(items[0])
        self.tell(msgspec.structs.replace(said, action_id=items[0].action_id, revision=revision), now, headers)
        for one in items:
            request = msgspec.structs.replace(one.request, revision=revision)
            self.items[one.id] = one._replace(request=request, said_at=now)

    def update_account(
        self, account: str, traits: Mapping[str, Any], id: str, now: datetime, headers: Mapping[str, str]
    ) -> None:
        """Publish what changes at the account, for scoring to fold as it does everybody's."""
        self.standings[account] = set_by_us(self.standings[account], traits, now)
        event = _event(OpenAccountUpdated(traits=dict(traits)), id, "account.updated", account, now)
        self.out.append(Outgoing(event, headers))

    def cancel(self, item: Item, reason: str, now: datetime) -> None:
        """Cancel the message of an item, unless it is known to have gone. What else it tells of is still told."""
        others = self.told_with(item)
        if item.delivery:
            return
        if not others:
            data, id = ActionCancelled(action_id=item.action_id, reason=reason), f"{item.action_id}-cancelled"
            self.out.append(Outgoing(_event(data, id, "action.cancelled", item.account_id, now)))
        elif item.kind == "task":
            self.say_anew(item, now)

    def outlast(self, item: Item, because: str, now: datetime) -> None:
        """What it is about has passed, but somebody has taken it up: it stays, and says so; so does what waits."""
        item = item._replace(over_since=now, over_because=because)
        if not item.delivery:
            self.say_anew(item, now)
        move = Move(item.id, now, item.state, item.state, f"over: {because}", "keepwell")
        self.put(item, move)
        self.say(item, msgspec.structs.replace(move, reason=because))

    def close(self, item: Item, event: str, note: str, actor: str, now: datetime) -> Item:
        """Close an item: its message is cancelled, and a task leaves its assignee's desk. Raises `NotPossible`."""
        closed = item.moved(event, closed_at=now, closed_by=actor, note=note, snoozed_until=None)
        reason = note or words(closed.state)
        self.cancel(item, reason, now)
        if item.kind == "task" and item.assignee is not None:
            self.loads.append((item.assignee, -1))
        self.put(closed, Move(item.id, now, item.state, closed.state, reason, actor))
        return closed


def people(errand: Errand, directory: Directory) -> set[str]:
    """The ids of those whose load decides who gets it."""
    return candidates(errand.playbook.every_step[errand.ask.step].assign, owner(errand.visit.stands), directory)


def when_asked(step: Step, now: datetime, *, at_once: bool = False) -> When:
    """When somebody has to be there to be given what a step asks for."""

    def brought(csm: Csm) -> datetime:
        due_at = add(csm.hours, now, step.due) if step.due is not None else None
        return now if at_once else bring_at(csm.hours, step.severity, now, due_at)

    return When(now, brought, now + step.due.exact if step.due is not None and not step.due.is_business else None)


def later(hours: Hours, severity: Severity, now: datetime, due_at: datetime | None = None) -> datetime | None:
    """When to bring it to somebody with these hours, or None when that is now."""
    at = bring_at(hours, severity, now, due_at)
    return at if at > now else None


class Desk(NamedTuple):
    """What belongs together there: one open item of a kind, an account, a matter (and its subject) and an assignee."""

    account: str
    kind: str
    matter: str
    subject: str


def desk_of(item: Item) -> Desk:
    """Where an item lies."""
    return Desk(item.account_id, item.kind, item.matter, item.subject)


def carry_out(
    firing: Sequence[Errand],
    changes: Changes,
    loads: dict[str, Load],
    rules: Rules,
    desks: Mapping[Desk, dict[str, Item]],
) -> None:
    """Give somebody what one firing asks for. An alert and a task that go the same way are one message."""
    given = [_give(errand, changes, loads, rules, desks) for errand in firing]
    told = [item for item in given if item is not None]
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


def _open_work(errand: Errand, desks: Mapping[Desk, dict[str, Item]], changes: Changes, rules: Rules) -> list[str]:
    """What is open at the account about other matters; a task and the alert that tells of it are said once."""
    matter = errand.playbook.matter or of_score(errand.visit.stands)
    known = [changes.items.get(one.id, one) for desk in desks.values() for one in desk.values()]
    others = [
        one
        for one in known
        if one.state in OPEN and one.kind in _WORK and one.matter not in ("", matter) and one.request.severity != "info"
    ]
    tasks = {one.action_id for one in others if one.kind == "task"}
    told = [one for one in others if one.kind == "task" or one.action_id not in tasks]
    told.sort(key=lambda one: (-SEVERITIES.index(one.request.severity), one.opened_at, one.id))
    return [_work_words(one, rules) for one in told]


def _work_words(item: Item, rules: Rules) -> str:
    whose = f" for {rules.directory.person(item.assignee).name}" if item.assignee is not None else ""
    due = f", due {date_words(item.due_at)}" if item.due_at is not None else ""
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
    if asked.step >= len(playbook.steps) and (told := changes.episodes[asked.episode].told):
        for id in told:
            if changes.has_heard(asked.episode, id):
                _tell_exit(errand, id, changes, rules)
        return None
    desk = desks[
        Desk(visit.stands.account, asked.kind, playbook.matter or of_score(visit.stands), errand.episode.subject)
    ]
    known = [changes.items.get(one.id, one) for one in desk.values()]
    # Good news joins no trouble.
    joined = [one for one in known if one.state in OPEN and "info" not in (chosen.severity, one.request.severity)]
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
    not_before = None if at_once else later(hours, chosen.severity, now, due_at)
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
        open_work=_open_work(errand, desks, changes, rules),
    )
    if to is not None:
        changes.note_told(asked.episode, to.id)
    if held is not None:
        desk[held.id], is_told = _join(held, message, errand, changes)
        return desk[held.id] if is_told else None
    item = item_of(message, playbook.id, to, assigned.because, now, keep=chosen.keep)
    item = desk[item.id] = item._replace(
        matter=message.matter,
        subject=errand.episode.subject,
        names=named_in(errand.episode.event),
        last_resort=assigned.last_resort,
        passed_over=assigned.passed_over,
    )
    changes.put(item, Move(item.id, now, None, "open", assigned.because, "keepwell"))
    if assigned.last_resort:
        changes.set_timer(item.account_id, back_at(chosen.assign, owner(visit.stands), rules.directory, When(now)))
    if is_task and to is not None and loads.get(to.id, Load()).open_tasks - 1 == to.capacity:
        _tell_manager(item, errand, to, changes, rules, full=True)
    if is_task and playbook.on_event is None and asked.occurrence >= _TOO_OFTEN and to is not None:
        _tell_manager(item, errand, to, changes, rules)
    return item


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


def _join(held: Item, message: ActionRequested, errand: Errand, changes: Changes) -> tuple[Item, bool]:
    """Add what fires again to what is open on its matter, and is it to be told again? Only when it is worse, names
    somebody or something new, is a later word of an episode that feeds it, or was said to be over; a snooze doesn't
    hold that back."""
    asked, playbook, episode, visit = errand
    now, before, names = visit.look.now, held.request, named_in(episode.event)
    is_news = bool(set(names) - set(held.names))
    goes_on = asked.episode in held.feeders and playbook.on_event is None
    is_told = is_worse(message, before) or is_news or goes_on or held.over_since is not None
    changes.name_task(asked.episode, asked.id, held.id)
    # What is of the score joins what was asked for one thing in it, which says better what to do; so does what is less.
    leads = (playbook.matter is not None or goes_on) and not is_worse(before, message)
    item = joined(held, message, message.task.due_at if message.task is not None else None, leads=leads)
    said = msgspec.structs.replace(
        item.request,
        **{name: getattr(message, name) for name in ("revision", "account", "drivers", "not_before", "caused_at")},
    )
    item = item._replace(
        request=said,
        names=(*held.names, *(one for one in names if one not in held.names)),
        feeders=tuple(dict.fromkeys((*held.feeders, asked.episode))),
        keep=held.keep or playbook.every_step[asked.step].keep,
        over_since=None,
        over_because="",
    )
    reason = f"{playbook.title} joined it"
    if is_told:
        said = msgspec.structs.replace(said, action_id=asked.id)
        changes.cancel(held, "told anew", now)
        item = item._replace(action_id=asked.id, request=said, delivery="", not_before=said.not_before, said_at=now)
        if item.state == "snoozed":
            item = item.moved("wake", snoozed_until=None)
    elif not held.delivery:
        said = msgspec.structs.replace(said, revision=before.revision, not_before=before.not_before)
        item = item._replace(request=said)
        changes.say_anew(item, now, visit.headers)
    changes.put(item, Move(item.id, now, held.state, item.state, reason, "keepwell"))
    return item, is_told


def _tell_exit(errand: Errand, person: str, changes: Changes, rules: Rules) -> None:
    """Tell somebody who was told that it is over. There is nothing to do about it: it is closed as it comes."""
    asked, playbook, _, visit = errand
    to, now = rules.directory.person(person), visit.look.now
    own = msgspec.structs.replace(asked, id=action_id(asked.episode, asked.step, asked.occurrence, person))
    because = "was told of it"
    severity = playbook.every_step[asked.step].severity
    waits = None if playbook.urgent else later(to.hours, severity, now)
    message = request(errand._replace(ask=own), Assignment(to, because), rules.render, None, waits)
    item = item_of(message, playbook.id, to, because, now)._replace(
        state="closed", feeders=(), closed_at=now, closed_by="keepwell", note="it tells that something is over"
    )
    changes.put(item, Move(item.id, now, None, item.state, because, "keepwell"))
    changes.tell(message, now, visit.headers)
