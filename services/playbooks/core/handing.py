"""A whole book that changes hands because a person says so: what somebody has open, at some accounts or at all."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from services.playbooks.core.assignment import Assignment
from services.playbooks.core.directory import Csm
from services.playbooks.core.handover import hand_over, held_by, merge
from services.playbooks.core.item import OPEN, Item
from services.playbooks.core.moved import MovedItem, list_by_hand
from services.playbooks.core.work import Work


class HandOver(NamedTuple):
    """Who gives what to whom, and why; when it was asked for, however long it takes."""

    whose: Csm
    to: Csm
    reason: str
    actor: str
    at: datetime


def hand_book(work: Work, asked: HandOver) -> int:
    """Give somebody's open work at the accounts at hand to somebody else, who is told in one message; whoever answers
    for them hears once, unless it is they who say so. Returns how much it was."""
    directory, moved = work.rules.directory, 0
    manager = next(directory.managers(asked.whose), None)
    is_told = manager is None or directory.find(asked.actor) != manager
    for item in list(_theirs(work, asked.whose)):
        said = f"handed over by {asked.actor}" + (f": {asked.reason}" if asked.reason else "")
        if is_told:
            row = MovedItem(list_by_hand(asked.whose, asked.at), item.id, asked.whose.id, asked.to.id, said, asked.at)
            work.changes.list_moved(row)
        now = max(asked.at, work.standings[item.account_id].at)
        if (held := held_by(work, asked.to.id, item)) is not None:
            merge(work, item, held, asked.actor, now)
        else:
            given = Assignment(asked.to, said)
            hand_over(work, item, given, f"{said}, to {asked.to.name}", asked.actor, now, together=True)
        moved += 1
    return moved


def _theirs(work: Work, whose: Csm) -> Iterator[Item]:
    for account in work.standings:
        yield from (one for one in work.changes.at(account) if one.state in OPEN and one.assignee == whose.id)
