"""What other systems hear: the events that endpoints subscribe to, and what they carry.

Playbooks see every assessment and make every task, alert and flag, so they tell; the notifier knows the endpoints, so
it says what is wanted, and brings it. What nobody subscribes to is not told at all.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal, get_args

import msgspec

from shared.messages.actions import AccountCard, Kind, Recipient, Severity
from shared.messages.assessments import Band, Cause

WebhookType = Literal[
    "task.opened",
    "task.moved",
    "task.closed",
    "alert.opened",
    "alert.moved",
    "alert.closed",
    "flag.opened",
    "flag.moved",
    "flag.closed",
    "health.changed",
    "answer.received",
    "traits.set",
    "playbook.called",
    "test",
]
WEBHOOK_TYPES: Final[tuple[WebhookType, ...]] = get_args(WebhookType)
"""What an endpoint can subscribe to. `playbook.called` and `test` go to the one endpoint that they name."""

Points = Annotated[float, msgspec.Meta(description="0–100, to the hundredth.")]


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """`task.*`, `alert.*` and `flag.*`: an item was opened, moved or closed, and how it stands now."""

    id: str
    kind: Kind
    state: str
    previous_state: str | None = None
    """None when it was just opened; the same as `state` when it changed hands, or was commented."""
    title: str
    severity: Severity
    matter: str = ""
    """What it is about: usage, money, people, …"""
    account: AccountCard
    reasons: list[str] = []
    """Why, in words, most important first."""
    do: str | None = None
    """What to do now, in imperative sentences."""
    assignee: Recipient | None = None
    due_at: datetime | None = None
    """A task's; of an alert, when somebody should have acknowledged it."""
    snoozed_until: datetime | None = None
    contact_id: str | None = None
    """Whom at the account it is about."""
    contact: str | None = None
    """The same as people speak of one: `Kim (admin)`."""
    playbook: str | None = None
    """`id@version`; None when a person made it."""
    episode_id: str | None = None
    actor: str
    """Who moved it: a person as they are known, `time` or `keepwell`."""
    note: str = ""
    """Why it moved, in words: `paid`, `in use again`, or what a person noted."""


class DriverTold(msgspec.Struct, frozen=True, kw_only=True):
    """How far one thing moved the score."""

    name: str
    points: float
    reason: str


class HealthChanged(msgspec.Struct, frozen=True, kw_only=True):
    """`health.changed`: an account's band is another, or its score moved by as much as the endpoint asks for."""

    account: AccountCard
    rev: int
    """One higher for each of an account's assessments: what comes late is older."""
    score: Points | None
    """None: it is not known, and why is the reason of the band `unknown`."""
    previous_score: Points | None
    """What this endpoint was told last; the first time, what it was before this assessment."""
    band: Band
    previous_band: Band
    drivers: list[DriverTold] = []
    """What moved the score at this assessment, the most first; at most ten."""
    cause: Cause


class AnswerReceived(msgspec.Struct, frozen=True, kw_only=True):
    """`answer.received`: somebody answered a survey."""

    account: AccountCard
    kind: Literal["nps", "csat", "ces"]
    score: float
    comment: str | None = None
    contact_id: str
    contact: str | None = None
    """As people speak of one: `Kim (admin)`."""
    role: str | None = None
    touchpoint: str | None = None
    survey_id: str | None = None
    survey_kind: str | None = None
    product: str | None = None
    answered_at: datetime


class TraitsSet(msgspec.Struct, frozen=True, kw_only=True):
    """`traits.set`: a playbook set traits of an account, which a CRM or customer-data platform may want to have."""

    account: AccountCard
    traits: dict[str, Any]
    playbook: str
    """`id@version`"""
    episode_id: str


class PlaybookCalled(msgspec.Struct, frozen=True, kw_only=True):
    """`playbook.called`: a playbook's step `webhook` calls the endpoint that it names."""

    action_id: str
    account: AccountCard
    playbook: str
    """`id@version`"""
    playbook_title: str
    episode_id: str
    reasons: list[str] = []
    """Why, in words, most important first."""
    since: datetime | None = None
    """Since when the condition holds."""
    contact_id: str | None = None
    contact: str | None = None
    drivers: list[DriverTold] = []


class Test(msgspec.Struct, frozen=True, kw_only=True):
    """`test`: somebody tries an endpoint."""

    endpoint: str
    message: str = "This is a test from Keepwell. If you can verify its signature, all is well."


PAYLOADS: Final[Mapping[str, type[msgspec.Struct]]] = {
    **{name: Moved for name in WEBHOOK_TYPES if name.partition(".")[0] in get_args(Kind)},
    "health.changed": HealthChanged,
    "answer.received": AnswerReceived,
    "traits.set": TraitsSet,
    "playbook.called": PlaybookCalled,
    "test": Test,
}
"""What the `data` of each type is."""


class WebhooksWanted(msgspec.Struct, frozen=True, kw_only=True):
    """What the endpoints that there are want to be told: the notifier tells playbooks. Told about `$company`, in the
    order in which it was set; the latest counts."""

    types: list[str]
    """Those that some endpoint subscribes to; none: there is no endpoint."""
    score_by: float | None = None
    """The smallest change of score, in points, that some endpoint wants to hear of; None: of bands alone."""
    at: datetime


class WebhookTold(msgspec.Struct, frozen=True, kw_only=True):
    """Something that endpoints may subscribe to: playbooks tell the notifier, keyed by the account. The envelope's time
    is when it happened."""

    type: WebhookType
    data: dict[str, Any]
    """One of `PAYLOADS`."""
    contact_id: str | None = None
    """Of whom it tells: it is taken away when they are erased."""
