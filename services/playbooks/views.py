"""The shapes of the HTTP face."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from services.playbooks.core.directory import Csm
from services.playbooks.library import Library
from services.playbooks.listing import ListedEpisode
from services.playbooks.store import Item

TaskEnd = Literal["done", "no_result", "false_alarm"]
AlertMove = Literal["acknowledge", "snooze", "false_alarm"]
FlagMove = Literal["accept", "dismiss", "won", "lost"]
EpisodeState = Literal["pending", "active", "found", "over", "resting", "idle"]
TaskState = Literal["open", "done", "no_result", "false_alarm", "closed"]
AlertState = Literal["open", "acknowledged", "snoozed", "false_alarm", "closed"]
FlagState = Literal["open", "accepted", "dismissed", "won", "lost", "closed"]
Note = Annotated[str, Field(max_length=2000)]


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
    state: EpisodeState
    opened_at: datetime
    since: datetime
    fired_at: datetime | None
    rests_until: datetime | None
    ended_at: datetime | None
    outcome: str
    found_in: str | None
    occurrence: int
    readings: list[Reason]


class MoveView(BaseModel):
    """One move, with its reason and who or what made it."""

    at: datetime
    before: str | None
    after: str
    reason: str
    actor: str


class EpisodeDetail(EpisodeView):
    """An episode with all its moves."""

    moves: list[MoveView]


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
    severity: str
    assignee: str | None
    assignee_name: str | None
    assigned_because: str
    opened_at: datetime
    closed_at: datetime | None
    closed_by: str | None
    note: str
    delivery: str
    """What became of its message: delivered, failed, cancelled; empty while it is on its way."""


class TaskView(ItemView):
    """Something to be done."""

    state: TaskState
    due_at: datetime | None
    escalated_at: datetime | None


class AlertView(ItemView):
    """Something to know."""

    state: AlertState
    snoozed_until: datetime | None


class FlagView(ItemView):
    """A chance to grow."""

    state: FlagState
    amount_minor: int | None
    currency: str | None


class PlaybookView(BaseModel):
    """A playbook in force, and what it achieved."""

    id: str
    version: str
    title: str
    source: str
    achieved: dict[str, Any]


class CsmView(BaseModel):
    """Somebody in the directory."""

    id: str
    name: str
    email: str | None
    time_zone: str
    tier: str | None
    skills: list[str]
    capacity: int | None
    manager: str | None
    open_tasks: int
    away_until: str | None


class Noted(BaseModel, extra="forbid"):
    """What a person says with a move."""

    note: Note = ""


class Reassign(BaseModel, extra="forbid"):
    """To whom: an id of the directory, or an e-mail."""

    to: Annotated[str, Field(min_length=1, max_length=256)]


class Snooze(Noted):
    """Until when an alert is snoozed, at most 90 days from now; a day, unless said."""

    until: datetime | None = None


class FlagOutcome(Noted):
    """What a flag came to; `amount_minor` a month, in minor units."""

    amount_minor: int | None = None
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")] | None = None


def episode_view(listed: ListedEpisode, library: Library) -> EpisodeView:
    """An episode as it is shown."""
    episode = listed.episode
    playbook = library.current.get(episode.playbook)
    return EpisodeView(
        id=episode.id,
        account=episode.account,
        account_name=listed.account_name,
        playbook=f"{episode.playbook}@{episode.version}",
        playbook_title=playbook.title if playbook is not None else episode.playbook,
        state=episode.state,
        opened_at=episode.opened_at,
        since=episode.since,
        fired_at=episode.fired_at,
        rests_until=episode.rests_until if episode.state == "resting" else None,
        ended_at=episode.ended_at,
        outcome=episode.outcome,
        found_in=episode.found_in,
        occurrence=episode.occurrence,
        readings=[
            Reason(text=leaf.text, value=leaf.value, truth=leaf.truth.value, words=leaf.words)
            for leaf in episode.readings
        ],
    )


def item_fields(item: Item) -> dict[str, Any]:
    """The fields that all items show."""
    told = item.request
    return {
        "id": item.id,
        "account": item.account_id,
        "account_name": told.account.name,
        "playbook": told.playbook,
        "playbook_title": told.playbook_title,
        "episode_id": item.episode_id,
        "state": item.state,
        "title": told.title,
        "do": told.do,
        "why": told.why,
        "severity": told.severity,
        "assignee": item.assignee,
        "assignee_name": told.recipient.name if told.recipient is not None else None,
        "assigned_because": item.because,
        "opened_at": item.opened_at,
        "closed_at": item.closed_at,
        "closed_by": item.closed_by,
        "note": item.note,
        "delivery": item.delivery,
    }


def task_view(item: Item) -> TaskView:
    """A task as it is shown."""
    return TaskView(**item_fields(item), due_at=item.due_at, escalated_at=item.escalated_at)


def alert_view(item: Item) -> AlertView:
    """An alert as it is shown."""
    return AlertView(**item_fields(item), snoozed_until=item.snoozed_until)


def flag_view(item: Item) -> FlagView:
    """A flag as it is shown."""
    return FlagView(**item_fields(item), amount_minor=item.amount_minor, currency=item.currency)


def csm_view(csm: Csm, open_tasks: int, now: datetime) -> CsmView:
    """Somebody as they are shown."""
    away = csm.away_until(now)
    return CsmView(
        id=csm.id,
        name=csm.name,
        email=csm.email,
        time_zone=csm.hours.time_zone,
        tier=csm.tier,
        skills=list(csm.skills),
        capacity=csm.capacity,
        manager=csm.manager,
        open_tasks=open_tasks,
        away_until=away.isoformat() if away is not None else None,
    )
