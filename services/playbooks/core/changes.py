"""Everything that one transaction decided, kept together as plain values until it is written."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from services.playbooks.core.episode import Ask, Episode, Move
from services.playbooks.core.item import Item, words
from services.playbooks.core.message import Finding, lists_due
from services.playbooks.core.standing import Standing
from services.playbooks.core.step import put_off
from shared.messages.actions import ActionCancelled, ActionRequested

ACCOUNT_KEY: Final = "account:"
"""An account's one timer is `account:ID`."""
FOUND_KEY: Final = "digest:"
"""The timer of an import's lists is `digest:IMPORT`, in every partition that found something."""


class Outgoing(NamedTuple):
    """A message about an account, to be sent."""

    id: str
    type: str
    data: ActionRequested | ActionCancelled
    account: str
    at: datetime
    headers: Mapping[str, str] = {}


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
        self.caused_at: list[datetime] = []
        """When ingest accepted the events that caused what is told."""
        self.moves: list[Move] = []
        self.found: list[Finding] = []
        self.timers: dict[str, datetime] = {}
        self.out: list[Outgoing] = []

    def put(self, item: Item, move: Move) -> None:
        """Write an item that was made or moved, and set the timers that it needs."""
        self.items[item.id] = item
        self.moves.append(move)
        if item.state == "snoozed":
            self.set_timer(item.account_id, item.snoozed_until)
        elif item.state == "open" and item.escalated_at is None:
            self.set_timer(item.account_id, item.due_at)

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

    def find(self, row: Finding) -> None:
        """Put an episode on the list that its owner will get."""
        self.found.append(row)
        self.timers[FOUND_KEY + row.import_id] = lists_due(row.import_id, row.at, row.at)

    def tell(self, message: ActionRequested, now: datetime, headers: Mapping[str, str] = {}) -> None:
        """Send an action."""
        if message.caused_at is not None:
            self.caused_at.append(message.caused_at)
        self.out.append(Outgoing(message.action_id, "action.requested", message, message.account.id, now, headers))

    def cancel(self, item: Item, reason: str, now: datetime) -> None:
        """Cancel the message of an item, unless it is known to have gone."""
        if not item.delivery:
            data = ActionCancelled(action_id=item.action_id, reason=reason)
            self.out.append(Outgoing(f"{item.action_id}-cancelled", "action.cancelled", data, item.account_id, now))

    def close(self, item: Item, event: str, note: str, actor: str, now: datetime) -> Item:
        """Close an item: its message is cancelled, and a task leaves its assignee's desk. Raises `NotPossible`."""
        closed = item.moved(event, closed_at=now, closed_by=actor, note=note, snoozed_until=None)
        reason = note or words(closed.state)
        self.cancel(item, reason, now)
        if item.kind == "task" and item.assignee is not None:
            self.loads.append((item.assignee, -1))
        self.put(closed, Move(item.id, now, item.state, closed.state, reason, actor))
        return closed
