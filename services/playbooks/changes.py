"""Everything that one transaction decided, kept together and written at its end."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from services.playbooks import digests, store
from services.playbooks.core.directory import Csm
from services.playbooks.core.episode import Ask, Episode, Move
from services.playbooks.core.standing import Standing
from services.playbooks.core.step import put_off
from services.playbooks.digests import FoundRow
from services.playbooks.store import Item
from shared.log.protocol import Outgoing
from shared.messages import envelope, registry
from shared.messages.actions import ActionCancelled, ActionRequested
from shared.worker import outbox, timers

SOURCE: Final = "keepwell/playbooks"
ACCOUNT_KEY: Final = "account:"
"""An account's one timer is `account:ID`."""


class Changes:
    """What is to be written and sent."""

    def __init__(self) -> None:
        self.standings: dict[str, Standing] = {}
        self.episodes: dict[str, Episode] = {}
        self.retired: set[str] = set()
        self.items: dict[str, Item] = {}
        self.loads: list[tuple[str, int]] = []
        """Tasks that came to somebody's desk (1) or left it (-1) by other ways than being assigned."""
        self.caused_at: list[datetime] = []
        """When ingest accepted the events that caused what is told."""
        self._moves: list[Move] = []
        self._found: list[FoundRow] = []
        self._timers: dict[str, datetime] = {}
        self._out: list[Outgoing] = []

    def note(self, *moves: Move) -> None:
        """Remember moves, in order."""
        self._moves += moves

    def put(self, item: Item, move: Move) -> None:
        """Write an item that was made or moved, and set the timers that it needs."""
        self.items[item.id] = item
        self._moves.append(move)
        if item.state == "snoozed":
            self.set_timer(item.account_id, item.snoozed_until)
        elif item.state == "open" and item.escalated_at is None:
            self.set_timer(item.account_id, item.due_at)

    def set_timer(self, account: str, at: datetime | None) -> None:
        """Look at the account again at that instant, or earlier."""
        if at is not None:
            key = ACCOUNT_KEY + account
            self._timers[key] = min(at, self._timers.get(key, at))

    def put_off(self, asked: Ask, until: datetime, now: datetime) -> None:
        """Ask again at that instant, if the episode still goes on."""
        stepped = put_off(self.episodes[asked.episode], asked, until, now)
        if stepped.episode is not None and stepped.timer is not None:
            self.episodes[asked.episode], stands = stepped.episode, self.standings[stepped.episode.account]
            look_at = min(stands.look_at or until, until)
            self.standings[stands.account] = msgspec.structs.replace(stands, look_at=look_at)
            self.set_timer(stands.account, until)
            self.note(*stepped.moves)

    def found(self, row: FoundRow) -> None:
        """Put an episode on the list that its owner will get."""
        self._found.append(row)
        self.set_digest(row.import_id, digests.due(row.import_id, row.at, row.at))

    def set_digest(self, import_id: str, at: datetime) -> None:
        """Send the lists of an import at that instant."""
        self._timers[digests.KEY + import_id] = at

    def tell(
        self, message: ActionRequested, now: datetime, headers: Mapping[str, str], partition: int | None = None
    ) -> None:
        """Send an action. `partition`: it belongs to no one account."""
        if message.caused_at is not None:
            self.caused_at.append(message.caused_at)
        self._send(message.action_id, "action.requested", message, message.account.id, now, headers, partition)

    def cancel(self, item: Item, reason: str, now: datetime) -> None:
        """Cancel the message of an item, unless it is known to have gone."""
        if not item.delivery:
            data = ActionCancelled(action_id=item.action_id, reason=reason)
            self._send(f"{item.action_id}-cancelled", "action.cancelled", data, item.account_id, now, {}, None)

    def close(self, item: Item, state: str, note: str, actor: str, now: datetime) -> Item:
        """Close an item: its message is cancelled, and a task leaves its assignee's desk."""
        self.cancel(item, note or state, now)
        if item.kind == "task" and item.assignee is not None:
            self.loads.append((item.assignee, -1))
        closed = item._replace(state=state, closed_at=now, closed_by=actor, note=note, snoozed_until=None)
        self.put(closed, Move(item.id, now, item.state, state, note or state.replace("_", " "), actor))
        return closed

    async def save(self, c: AsyncConnection, partition: int) -> None:
        """Write everything."""
        await store.save_episodes(c, list(self.episodes.values()), sorted(self.retired))
        await store.save_moves(c, self._moves)
        await store.save_items(c, [self.items[id] for id in sorted(self.items)])
        await digests.add(c, self._found)
        await store.save_accounts(c, partition, [self.standings[id] for id in sorted(self.standings)])
        await timers.set_earlier(c, partition, self._timers)
        await outbox.stage(c, partition, self._out)

    def _send(
        self,
        id: str,
        type: str,
        data: msgspec.Struct,
        account: str,
        now: datetime,
        headers: Mapping[str, str],
        partition: int | None,
    ) -> None:
        accepted = data.caused_at if isinstance(data, ActionRequested) else None
        event = envelope.wrap(data, id=id, source=SOURCE, type=type, subject=account, time=now, accepted=accepted)
        self._out.append(
            Outgoing(registry.ACTIONS, account, envelope.encode(event), {"ce_type": type, **headers}, partition)
        )


def item_of(
    message: ActionRequested,
    account: str,
    playbook: str,
    to: Csm | None,
    because: str,
    now: datetime,
    due_at: datetime | None = None,
) -> Item:
    """The item that a message tells of."""
    return Item(
        id=message.action_id,
        action_id=message.action_id,
        kind=message.kind,
        account_id=account,
        episode_id=message.episode_id,
        playbook=playbook,
        state="open",
        assignee=to.id if to is not None else None,
        because=because,
        opened_at=now,
        due_at=due_at,
        not_before=message.not_before,
        request=message,
    )
