"""What people work through, as it is shown, and what they say with a move."""

from datetime import datetime
from typing import Any, Literal, Self

import msgspec
from pydantic import BaseModel

from services.playbooks.core.episode import Episode, State
from services.playbooks.core.item import Item
from services.playbooks.core.reasons import what_held
from services.playbooks.core.rules import Library
from services.playbooks.core.standing import card
from shared.messages.actions import Severity

TaskState = Literal["open", "taken", "snoozed", "done", "no_result", "false_alarm", "closed"]
AlertState = Literal["open", "acknowledged", "snoozed", "false_alarm", "closed"]
FlagState = Literal["open", "accepted", "dismissed", "won", "lost", "closed"]


class HistoryRow(BaseModel, from_attributes=True):
    """One move, with who or what made it, and what was said with it."""

    at: datetime
    before: str | None
    after: str
    actor: str
    note: str


class History(BaseModel):
    """What a list's details have besides its rows."""

    history: list[HistoryRow]
    """The oldest first."""


class Reason(BaseModel):
    """A leaf of a condition with the value that the last firing saw."""

    text: str
    value: str
    truth: str
    words: str


class EpisodeView(BaseModel):
    """One firing of a playbook for an account."""

    id: str
    account: str
    account_name: str
    playbook: str
    playbook_title: str
    state: State
    opened_at: datetime
    since: datetime
    fired_at: datetime | None
    rests_until: datetime | None
    ended_at: datetime | None
    outcome: str
    found_in: str | None
    occurrence: int
    held_out: bool
    """Its account is of the share for which the playbook only decides: nothing is asked for."""
    why: list[str]
    """What the conditions saw that made it fire, in words."""
    readings: list[Reason]

    @classmethod
    def of(cls, row: Any, library: Library) -> Self:
        """An episode, read with its account, as it is shown."""
        episode: Episode = row.body
        playbook = library.every.get(episode.playbook)
        changed = {
            "why": what_held(library.of(episode.playbook, episode), episode),
            "account_name": card(row.standing).name,
            "playbook": f"{episode.playbook}@{episode.version}",
            "playbook_title": playbook.title if playbook is not None else episode.playbook,
            "rests_until": episode.rests_until if episode.state == "resting" else None,
        }
        return cls.model_validate(msgspec.to_builtins(episode) | changed)


class ItemView(BaseModel):
    """What tasks, alerts and flags have in common."""

    id: str
    account: str
    account_name: str
    playbook: str
    playbook_title: str
    episode_id: str
    state: str
    title: str
    do: str | None
    why: list[str]
    matter: str
    severity: Severity
    """How pressing it is: a task's priority."""
    contact_id: str | None
    """Whom at the account it is about."""
    assignee: str | None
    assignee_name: str | None
    assigned_because: str
    passed_over: list[str]
    """Who was not given it, and why not, in words."""
    last_resort: bool
    """Nobody was found for it: it waits with the last resort, until somebody is."""
    opened_at: datetime
    due_at: datetime | None
    """By when a task is to be done, an alert to be acknowledged."""
    snoozed_until: datetime | None
    escalated_at: datetime | None
    """When that had passed, and whoever answers for the assignee heard of it."""
    closed_at: datetime | None
    closed_by: str | None
    note: str
    """What was said last; all that was said is in its history."""
    over_since: datetime | None
    over_because: str
    """Why what it is about has passed, where somebody has taken it up and it stays open."""
    muted_until: datetime | None = None
    """Until when nothing is told of its account."""
    delivery: str
    """What became of its message: delivered, failed, cancelled; empty while it is on its way."""

    @classmethod
    def of(cls, row: Any, library: Library) -> Self:
        """An item as it is shown."""
        del library
        item = Item._make(row)
        told = item.request
        changed = {
            "account": item.account_id,
            "account_name": told.account.name,
            "playbook": told.playbook,
            "assignee_name": told.recipient.name if told.recipient is not None else None,
            "assigned_because": item.because,
        }
        return cls.model_validate(msgspec.structs.asdict(told) | item._asdict() | changed)


class PointView(BaseModel, from_attributes=True):
    """One point of a checklist; by its number it is ticked."""

    number: int
    text: str
    done: bool
    by: str | None
    """Who ticked it."""


class TaskView(ItemView):
    """Something to be done."""

    state: TaskState
    taken_by: str | None
    """Who took it last."""
    checklist: list[PointView]


class AlertView(ItemView):
    """Something to know."""

    state: AlertState


class FlagView(ItemView):
    """A chance to grow."""

    state: FlagState
    amount_minor: int | None
    currency: str | None
