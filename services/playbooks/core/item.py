"""Tasks, alerts and flags: what episodes asked for and people work through, and the machine that each kind is."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from services.playbooks.core.checklist import Point
from services.playbooks.core.directory import Csm
from shared.messages.actions import ActionRequested
from shared.words import clock_time

Moves = Mapping[tuple[str, str], str]
"""Where each event takes an item; what is not there can't happen."""


def _table(**events: tuple[str, tuple[str, ...]]) -> Moves:
    """From event=(state after, states before). What is said once more of what is there already, may say more."""
    return {(before, event): after for event, (after, befores) in events.items() for before in befores}


def _stay(event: str, *states: str) -> Moves:
    """An event that leaves it where it stands."""
    return {(state, event): state for state in states}


_TO_DO: Final = ("open", "taken", "snoozed")
TASK: Final = {
    **_table(
        take=("taken", _TO_DO),
        snooze=("snoozed", _TO_DO),
        wake=("open", ("snoozed",)),
        done=("done", (*_TO_DO, "done")),
        no_result=("no_result", (*_TO_DO, "no_result")),
        false_alarm=("false_alarm", (*_TO_DO, "false_alarm")),
        reassign=("open", _TO_DO),
        close=("closed", _TO_DO),
        reopen=("open", ("done", "no_result", "false_alarm", "closed")),
    ),
    **_stay("comment", *_TO_DO),
    **_stay("due", *_TO_DO),
    **_stay("priority", *_TO_DO),
    **_stay("checklist", *_TO_DO),
    **_stay("escalate", "open", "taken"),
}
_TO_KNOW: Final = ("open", "acknowledged", "snoozed")
ALERT: Final = {
    **_table(
        acknowledge=("acknowledged", ("open", "snoozed", "acknowledged")),
        snooze=("snoozed", ("open", "acknowledged", "snoozed")),
        wake=("open", ("snoozed",)),
        false_alarm=("false_alarm", ("open", "acknowledged", "snoozed", "false_alarm")),
        reassign=("open", ("open", "acknowledged", "snoozed")),
        close=("closed", ("open", "acknowledged", "snoozed")),
    ),
    **_stay("comment", *_TO_KNOW),
    **_stay("escalate", "open"),
}
FLAG: Final = {
    **_table(
        accept=("accepted", ("open", "accepted")),
        dismiss=("dismissed", ("open", "accepted", "dismissed")),
        won=("won", ("open", "accepted", "won")),
        lost=("lost", ("open", "accepted", "lost")),
        reassign=("open", ("open", "accepted")),
        close=("closed", ("open", "accepted")),
    ),
    **_stay("comment", "open", "accepted"),
}
MOVES: Final[Mapping[str, Moves]] = {"task": TASK, "alert": ALERT, "flag": FLAG}
_SAID: Final = {
    "reassign": "reassigned",
    "comment": "commented on",
    "take": "taken",
    "due": "put off",
    "priority": "given a priority",
    "checklist": "ticked off",
    "escalate": "escalated",
}
"""What an event makes of an item, where its state does not say it."""
BY_ITSELF: Final = ("keepwell", "time")
"""Who moves it where no person does."""
OPEN: Final = frozenset({"open", "taken", "acknowledged", "snoozed", "accepted"})
"""The states in which something is still to be done."""


class NotPossible(Exception):
    """The item is not in a state in which this can happen to it; the text says so."""


class Item(NamedTuple):
    """A task, an alert or a flag. The table's columns are made of these fields."""

    id: str
    action_id: str
    """The action that told of it last: a task that changed hands was told again."""
    kind: str
    account_id: str
    episode_id: str
    playbook: str
    state: str
    assignee: str | None
    because: str
    opened_at: datetime
    due_at: datetime | None
    """By when a task is to be done, an alert to be acknowledged; None is whenever."""
    not_before: datetime | None
    request: ActionRequested
    snoozed_until: datetime | None = None
    escalated_at: datetime | None = None
    closed_at: datetime | None = None
    closed_by: str | None = None
    note: str = ""
    amount_minor: int | None = None
    currency: str | None = None
    delivery: str = ""
    """What became of its message: delivered, failed or cancelled; empty while nothing is known."""
    feeders: tuple[str, ...] = ()
    """The episodes that go on and want it: it closes with the last of them."""
    matter: str = ""
    subject: str = ""
    names: tuple[str, ...] = ()
    """The persons, tickets and invoices that it was told of; of an alert about a task (overdue, too many), that."""
    touched: bool = False
    """Somebody took it, commented on it or snoozed it: then it is theirs to close."""
    keep: bool = False
    """What a person is owed: it stays open whatever its episodes come to."""
    over_since: datetime | None = None
    """When what it is about had passed, though it stays open."""
    over_because: str = ""
    said_at: datetime | None = None
    """When its message was said last."""
    last_resort: bool = False
    """Nobody was found for it: it waits with the last resort, until somebody is."""
    passed_over: tuple[str, ...] = ()
    """Who was not given it, and why not, in words."""
    touched_at: datetime | None = None
    """When somebody first did something about it, or answered its message; handing it on is no touch."""
    touched_by: str | None = None
    taken_by: str | None = None
    """Who took it last, by their id."""
    checklist: tuple[Point, ...] = ()
    stands_for: str | None = None
    """The id of whom its assignee stands in for, and who has it back unless somebody touches it."""
    though_away: bool = False
    """A person gave it to them though they were away: it is theirs all the same."""
    went_by: tuple[str, ...] = ()
    """The ids of those who had an alert and did not acknowledge it in time, the first in front."""

    @property
    def is_by_hand(self) -> bool:
        """Did a person write it, and no playbook ask for it?"""
        return not self.playbook

    def after(self, event: str) -> str:
        """The state to which an event takes it. Raises `NotPossible`."""
        after = MOVES[self.kind].get((self.state, event))
        if after is None:
            by = f", by {self.closed_by} at {clock_time(self.closed_at)}" if self.closed_by and self.closed_at else ""
            is_so = f"The {self.kind} is {words(self.state)}{by}"
            raise NotPossible(f"{is_so}; it can't be {outcome(self.kind, event)} now.")
        return after

    def moved(self, event: str, **changed: Any) -> "Item":
        """The item after an event, with what else `changed`. Raises `NotPossible`."""
        return self._replace(state=self.after(event), **changed)


def item_of(
    message: ActionRequested, playbook: str, to: Csm | None, because: str, now: datetime, *, keep: bool = False
) -> Item:
    """The item that a message tells of."""
    return Item(
        id=message.action_id,
        action_id=message.action_id,
        kind=message.kind,
        account_id=message.account.id,
        episode_id=message.episode_id,
        playbook=playbook,
        state="open",
        assignee=to.id if to is not None else None,
        because=because,
        opened_at=now,
        due_at=message.task.due_at if message.task is not None else None,
        not_before=message.not_before,
        request=message,
        feeders=(message.episode_id,) if message.episode_id else (),
        keep=keep,
        said_at=now,
    )


def outcome(kind: str, event: str) -> str:
    """What an event makes of an item, as people say it."""
    return words(_SAID.get(event) or next((to for (_, one), to in MOVES[kind].items() if one == event), event))


def words(name: str) -> str:
    """A state as people say it."""
    return name.replace("_", " ")


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


class Desk(NamedTuple):
    """What belongs together there: one open item of a kind, an account, a matter (and its subject) and an assignee."""

    account: str
    kind: str
    matter: str
    subject: str


def desk_of(item: Item) -> Desk:
    """Where an item lies."""
    return Desk(item.account_id, item.kind, item.matter, item.subject)
