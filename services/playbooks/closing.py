"""Which items end with what they were about: what playbooks close, and what still waits for the morning."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from services.playbooks.changes import Changes
from services.playbooks.core.standing import Standing
from services.playbooks.store import Item


class Closing(NamedTuple):
    """Everything open of these playbooks is to be closed, but flags and what belongs to an episode that goes on."""

    account: str
    playbooks: tuple[str, ...] | None
    """None: everything of the account."""
    spared: frozenset[str]
    at: datetime
    reason: str
    actor: str

    def closes(self, item: Item) -> bool:
        """Is it one of those?"""
        is_asked = self.playbooks is None or (item.playbook in self.playbooks and item.kind != "flag")
        return (
            is_asked
            and item.account_id == self.account
            and item.episode_id not in self.spared
            and item.opened_at <= self.at
        )


def close_items(
    changes: Changes,
    items: Sequence[Item],
    closings: Sequence[Closing],
    ended: Mapping[str, str],
    standings: Mapping[str, Standing],
) -> None:
    """Close what the closings ask for, and what still waits for the morning though its episode has `ended`, by id."""
    for item in items:
        if item.closed_at is not None:
            continue
        closing = next((one for one in closings if one.closes(item)), None)
        if closing is not None:
            changes.close(item, "closed", closing.reason, closing.actor, closing.at)
        elif item.not_before is not None and item.episode_id in ended:
            now = standings[item.account_id].at
            if item.not_before > now:
                changes.close(item, "closed", ended[item.episode_id], "keepwell", now)
