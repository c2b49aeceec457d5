"""Everything that one transaction decided, kept as plain values until it is written."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import msgspec

from services.playbooks.core.directory import Directory
from services.playbooks.core.episode import Ask, Episode, Move
from services.playbooks.core.findings import Finding, lists_due
from services.playbooks.core.item import OPEN, Item, Items, outcome, words
from services.playbooks.core.look import OURS
from services.playbooks.core.message import with_task
from services.playbooks.core.moved import MovedItem, list_due
from services.playbooks.core.outcomes import Firing, Outcome, Sending
from services.playbooks.core.outward import Left, Outward
from services.playbooks.core.recording import DayEnded, turned
from services.playbooks.core.restating import as_told
from services.playbooks.core.standing import Standing, set_by_us
from services.playbooks.core.step import put_off
from services.playbooks.core.subscribed import NOTHING, Subscribed
from services.playbooks.core.telling import addressed, stands_now
from shared.messages import envelope
from shared.messages.accounts import OpenAccountUpdated
from shared.messages.actions import ActionCancelled, ActionRequested, ItemChanged
from shared.messages.envelope import Event
from shared.messages.erasing import Forgetting
from shared.messages.fields import CustomerEvent

ACCOUNT_KEY: Final = "account:"
"""An account's one timer is `account:ID`."""
MOVED_KEY: Final = "moved:"
"""The timer of a list of what moved is `moved:LIST`, in every partition in which something did."""
FOUND_KEY: Final = "digest:"
"""The timer of an import's lists is `digest:IMPORT`, in every partition that found something."""


class Outgoing(NamedTuple):
    """A message to be sent. A list tells of many accounts, and goes where it was made (`here`)."""

    event: Event
    headers: Mapping[str, str] = {}
    here: bool = False


class Forgotten(NamedTuple):
    """Whom to forget, and when they were erased; the message that tells others has this id."""

    forgetting: Forgetting
    id: str
    at: datetime

    def message(self, forgetting: Forgetting) -> Event:
        """It, by what they are found in texts."""
        type = "account.erased" if forgetting.whole else "contact.erased"
        return _event(forgetting.data, self.id, type, forgetting.account, self.at)


def _event(
    data: msgspec.Struct, id: str, type: str, account: str, at: datetime, accepted: datetime | None = None
) -> Event:
    return envelope.wrap(data, id=id, source=OURS, type=type, subject=account, time=at, accepted=accepted)


class Changes:
    """What is to be written and sent."""

    def __init__(self, directory: Directory, subscribed: Subscribed = NOTHING) -> None:
        self._directory = directory
        self.outward = Outward(subscribed)
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
        self.firings: list[Firing] = []
        self.touches: dict[str, tuple[datetime, str]] = {}
        """By episode: when somebody did something about what it asked for, and who; the first is kept."""
        self.outcomes: list[Outcome] = []
        self.sendings: list[Sending] = []
        self.moved: list[MovedItem] = []
        """What moved, for the lists that managers get."""
        self.timers: dict[str, datetime] = {}
        self.days: list[DayEnded] = []
        self.out: list[Outgoing] = []
        self.forgotten: list[Forgotten] = []
        self.told: set[str] = set()
        """The ids of the actions that were said here."""
        self.circling: list[Move] = []
        """What playbooks were kept from setting at accounts, for they had set it too often."""
        self._anew: dict[str, tuple[datetime, Mapping[str, str]]] = {}
        """By the ids of actions: what is to be said anew, as of when, and the headers of what caused it."""

    @property
    def begun(self) -> dict[tuple[str, str], datetime]:
        """By which playbooks, by id and version, something was begun, and when: who goes on with it needs the text."""
        opened = (move for move in self.moves if move.before == "idle" and move.subject in self.episodes)
        return {(one.playbook, one.version): move.at for move in opened for one in [self.episodes[move.subject]]}

    def turn(self, stands: Standing, at: datetime, *, anew: bool = False) -> Standing:
        """How an account stands, on the day of that instant: what changed on the last is recorded when it is over."""
        stands, ended = turned(stands, at, anew=anew)
        if ended is not None:
            self.days.append(ended)
        return stands

    def put(self, item: Item, move: Move) -> None:
        """Write an item that was made or moved, and set the timers that it needs."""
        known = self.items.get(item.id) or self.beside.get(item.id)
        self.items[item.id] = item
        self.moves.append(move)
        self.outward.move(move)
        holds_again = known is not None and known.over_since is not None and item.over_since is None
        is_same = move.before == move.after and item.assignee == (known.assignee if known is not None else None)
        if move.before is not None and (holds_again or not is_same):
            self.say(item, move)
        if item.state == "snoozed":
            self.set_timer(item.account_id, item.snoozed_until)
        elif item.state in ("open", "taken") and (item.kind == "alert" or item.escalated_at is None):
            self.set_timer(item.account_id, item.due_at)

    def say(self, item: Item, move: Move) -> None:
        """Tell where the item was told of how it stands now."""
        data = stands_now(item, self._directory, move.actor, move.reason)
        id = f"{item.id}-{item.state}-{item.assignee or ''}-{move.at.isoformat()}"
        self.out.append(Outgoing(_event(data, id, "item.changed", item.account_id, move.at)))

    def refuse(
        self, item: Item, event: str, why: str, actor: str, now: datetime, response_url: str | None = None
    ) -> None:
        """Note what somebody asked for and can't have, and tell them why."""
        self.moves.append(Move(item.id, now, item.state, item.state, f"{outcome(item.kind, event)}, too late", actor))
        self.turn_away(item, event, why, actor, now, response_url)

    def turn_away(
        self, item: Item, event: str, why: str, actor: str, now: datetime, response_url: str | None = None
    ) -> None:
        """Tell somebody why they can't have what they asked for."""
        data = stands_now(item, self._directory, actor, words(item.state))
        data = msgspec.structs.replace(data, refused=why, response_url=response_url)
        id = f"{item.id}-refused-{event}-{now.isoformat()}"
        self.out.append(Outgoing(_event(data, id, "item.changed", item.account_id, now)))

    def refuse_unknown(
        self, account: str, id: str, event: str, actor: str, now: datetime, response_url: str | None = None
    ) -> None:
        """Tell somebody who asked for it that there is nothing with this id at the account."""
        why = "There is no such task, alert or flag at this account."
        data = ItemChanged(item_id=id, state="unknown", actor=actor, words="", refused=why, response_url=response_url)
        self.out.append(Outgoing(_event(data, f"{id}-refused-{event}-{now.isoformat()}", "item.changed", account, now)))

    def tell_others(self, left: Left = lambda item, move: (item, move)) -> None:
        """Tell other systems what they want to hear of all this, when all is decided."""
        told = self.outward.events(self.items, self._directory, left)
        self.out += [Outgoing(event) for event in told]

    def forget(self, forgetting: Forgetting, rev: int, now: datetime) -> None:
        """Have whoever was erased be forgotten in all that is kept, when all else is written, and tell it on."""
        self.forgotten.append(Forgotten(forgetting, f"{forgetting.account}@{rev}-erased", now))

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

    def note_told(self, episode: str, whom: str) -> None:
        """Note that an episode gave somebody, or told a channel, something: they may want to hear of its end."""
        known = self.episodes[episode]
        if whom not in known.told:
            self.episodes[episode] = msgspec.structs.replace(known, told=(*known.told, whom))

    def note_sent(self, episode: str, action: str, now: datetime) -> None:
        """Note that an episode asked for something to be sent."""
        known = self.episodes[episode]
        self.episodes[episode] = msgspec.structs.replace(known, sent=(*known.sent, action))
        self.sendings.append(Sending(action, episode, known.playbook, known.account, now))

    def touch(self, item: Item, actor: str, now: datetime) -> Item:
        """Note that somebody did something about an item, or answered its message: for all that feed it."""
        for episode in dict.fromkeys(filter(None, (item.episode_id, *item.feeders))):
            self.touches.setdefault(episode, (now, actor))
        if item.touched_at is None:
            item = self.items[item.id] = item._replace(touched_at=now, touched_by=actor)
        if item.stands_for is not None:
            # What somebody began is theirs, whomever they stood in for.
            item = self.items[item.id] = item._replace(stands_for=None)
        return item

    def call_back(self, account: str, actions: Iterable[str], reason: str, now: datetime) -> None:
        """Cancel what was asked to be sent, where it still waits."""
        for action in actions:
            data, id = ActionCancelled(action_id=action, reason=reason), f"{action}-cancelled"
            self.out.append(Outgoing(_event(data, id, "action.cancelled", account, now)))

    def at(self, account: str) -> list[Item]:
        """The items of an account that are known, as they are by now."""
        return list({one.id: one for one in (*self.beside.at(account), *self.items.at(account))}.values())

    def has_heard(self, episode: str, whom: str) -> bool:
        """Did what an episode gave somebody, or told a channel, reach them? Not when all was called back before."""
        account = self.episodes[episode].account
        given = [
            one
            for one in self.at(account)
            if (one.assignee or one.request.channel or "") == whom
            and (one.episode_id == episode or episode in self._fed(one))
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

    def list_moved(self, row: MovedItem) -> None:
        """Put something that moved on the list of whoever answers for the person whose it was."""
        self.moved.append(row)
        self.timers[MOVED_KEY + row.list_id] = list_due(row.at)

    def tell(self, message: ActionRequested, now: datetime, headers: Mapping[str, str] = {}) -> None:
        """Send an action; what it tells of, if that is open, can be moved where it is read. It says who hears of it
        where no road reaches its recipient."""
        told_of = next((one for one in self._told_by(message.action_id) if one.kind == message.kind), None)
        message = addressed(message, told_of, self._directory, now)
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

    def log(self, data: CustomerEvent, id: str, account: str, now: datetime) -> None:
        """Publish what people did at the account: scoring keeps it on the timeline."""
        self.out.append(Outgoing(_event(data, id, data.types[0], account, now)))

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
