"""Everything that one transaction decided, kept as plain values until it is written; and the carrying out of what
episodes asked for: who gets it, by what people have on the desk, and what the message says."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from services.playbooks.core.assignment import Assignment, Load, assign, candidates
from services.playbooks.core.directory import Csm, Directory
from services.playbooks.core.episode import Ask, Episode, Move, action_id
from services.playbooks.core.item import Item, item_of, words
from services.playbooks.core.message import Errand, Finding, lists_due, render_title, request
from services.playbooks.core.rules import Rules
from services.playbooks.core.standing import Standing, owner
from services.playbooks.core.step import put_off
from services.playbooks.core.workinghours import OFFICE, due, next_working
from shared.messages import envelope
from shared.messages.actions import ActionCancelled, ActionRequested, ItemChanged
from shared.messages.envelope import Event

_SOURCE: Final = "keepwell/playbooks"
ACCOUNT_KEY: Final = "account:"
"""An account's one timer is `account:ID`."""
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
    return envelope.wrap(data, id=id, source=_SOURCE, type=type, subject=account, time=at, accepted=accepted)


class Changes:
    """What is to be written and sent."""

    def __init__(self) -> None:
        self.standings: dict[str, Standing] = {}
        self.episodes: dict[str, Episode] = {}
        self.retired: set[str] = set()
        """Episodes (by id) that made room for a later one of their playbook and account."""
        self.items: dict[str, Item] = {}
        self.loads: list[tuple[str, int]] = []
        """Tasks that came to somebody's desk (1) or left it (-1) by other ways than being assigned."""
        self.moves: list[Move] = []
        self.found: list[Finding] = []
        self.timers: dict[str, datetime] = {}
        self.out: list[Outgoing] = []

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
        data = ItemChanged(item_id=item.id, state=item.state, actor=move.actor, words=move.reason)
        id = f"{item.id}-{item.state}-{move.at.isoformat()}"
        self.out.append(Outgoing(_event(data, id, "item.changed", item.account_id, move.at)))

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

    def find(self, row: Finding) -> None:
        """Put an episode on the list that its owner will get."""
        self.found.append(row)
        self.timers[FOUND_KEY + row.import_id] = lists_due(row.import_id, row.at, row.at)

    def tell(self, message: ActionRequested, now: datetime, headers: Mapping[str, str] = {}) -> None:
        """Send an action."""
        event = _event(message, message.action_id, "action.requested", message.account.id, now, message.caused_at)
        self.out.append(Outgoing(event, headers, message.kind == "digest"))

    def cancel(self, item: Item, reason: str, now: datetime) -> None:
        """Cancel the message of an item, unless it is known to have gone."""
        if not item.delivery:
            data, id = ActionCancelled(action_id=item.action_id, reason=reason), f"{item.action_id}-cancelled"
            self.out.append(Outgoing(_event(data, id, "action.cancelled", item.account_id, now)))

    def outlast(self, item: Item, because: str, now: datetime) -> None:
        """What it is about has passed, but somebody has taken it up: it stays, and says so."""
        over = item._replace(over_since=now, over_because=because)
        move = Move(item.id, now, item.state, item.state, f"over: {because}", "keepwell")
        self.put(over, move)
        self.say(over, move)

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


def later(to: Csm | None, now: datetime) -> datetime | None:
    """When to bring what can wait: the recipient's next working instant, or None when that is now."""
    working = next_working(to.hours if to is not None else OFFICE, now)
    return working if working > now else None


def carry_out(errand: Errand, changes: Changes, loads: dict[str, Load], rules: Rules) -> None:
    """Assign it, which is noted in `loads`, and put the item and its message into the changes."""
    asked, playbook, _, visit = errand
    chosen, now, is_task = playbook.every_step[asked.step], visit.look.now, asked.kind == "task"
    if asked.step >= len(playbook.steps) and (told := changes.episodes[asked.episode].told):
        for id in told:
            _tell_exit(errand, id, changes, rules)
        return
    assigned = assign(chosen.assign, owner(visit.stands), rules.directory, loads, now, needs_room=is_task)
    to = assigned.to
    not_before = later(to, now) if asked.by_time and not playbook.urgent else None
    if not_before is not None and asked.kind == "flag":
        # Never sell to the angry: what happens until then may hold it back.
        changes.put_off(asked, not_before, now)
        return
    if playbook.shadow:
        title = render_title(errand, rules.render)
        who = to.name if to is not None else "nobody"
        would = f"would ask {who} for {'an' if asked.kind == 'alert' else 'a'} {asked.kind}: {title}"
        state = changes.episodes[asked.episode].state
        changes.moves.append(Move(asked.episode, now, state, state, would, "keepwell"))
        return
    if to is not None and to.id in loads:
        loads[to.id] = Load(loads[to.id].open_tasks + is_task, max(load.turn for load in loads.values()) + 1)
    due_at = due(to.hours if to is not None else OFFICE, now, chosen.due) if chosen.due is not None else None
    message = request(errand, assigned, rules.render, due_at, not_before)
    item = item_of(message, playbook.id, to, assigned.because, now, keep=chosen.keep)
    if to is not None:
        changes.note_told(asked.episode, to.id)
    changes.put(item, Move(item.id, now, None, "open", assigned.because, "keepwell"))
    changes.tell(message, now, visit.headers)


def _tell_exit(errand: Errand, person: str, changes: Changes, rules: Rules) -> None:
    """Tell somebody who was told that it is over. There is nothing to do about it: it is closed as it comes."""
    asked, playbook, _, visit = errand
    to, now = rules.directory.person(person), visit.look.now
    own = msgspec.structs.replace(asked, id=action_id(asked.episode, asked.step, asked.occurrence, person))
    because = "was told of it"
    waits = later(to, now) if asked.by_time and not playbook.urgent else None
    message = request(errand._replace(ask=own), Assignment(to, because), rules.render, None, waits)
    item = item_of(message, playbook.id, to, because, now)._replace(
        state="closed", feeders=(), closed_at=now, closed_by="keepwell", note="it tells that something is over"
    )
    changes.put(item, Move(item.id, now, None, item.state, because, "keepwell"))
    changes.tell(message, now, visit.headers)
