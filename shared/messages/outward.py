"""What other systems hear: the events that endpoints subscribe to, and what they carry.

Playbooks see every assessment and make every task, alert and flag, so they tell; the notifier knows the endpoints, so
it says what is wanted, and brings it. What nobody subscribes to is not told at all.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal, get_args

import msgspec

from shared.messages.actions import AccountCard, Kind, Recipient, Severity
from shared.messages.assessments import Band, Driver
from shared.messages.feedback import Measured, SurveyKind

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
MOST_DRIVERS: Final = 10


class AccountTold(msgspec.Struct, frozen=True, kw_only=True):
    """An account at a glance, in the names and units of `GET /v1/accounts/{id}`."""

    id: str
    name: str
    plan: str | None = None
    segment: str | None = None
    stage: str | None = None
    owner: str | None = None
    mrr_minor: int | None = None
    """A month's revenue, in the currency's smallest unit."""
    currency: str | None = None
    renews_at: datetime | None = None
    score: Points | None = None
    band: Band = "unknown"
    contact_id: str | None = None
    contact: str | None = None
    """Whom to call there when nobody is named, by id and as people speak of one: `Kim (champion)`."""

    @classmethod
    def of(cls, card: AccountCard) -> "AccountTold":
        """The same of an action's card, whose score is in hundredths."""
        kept = {name: getattr(card, name) for name in cls.__struct_fields__ if name != "score"}
        return cls(score=points(card.score), **kept)


def points(hundredths: int | None) -> Points | None:
    """Points, of hundredths of them."""
    return None if hundredths is None else hundredths / 100


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """`task.*`, `alert.*` and `flag.*`: an item was opened, moved or closed, and how it stands now."""

    id: str
    kind: Kind
    state: str
    previous_state: str | None = None
    """None when it was just opened; the same as `state` when it changed hands, or was commented on."""
    title: str
    severity: Severity
    matter: str = ""
    """What it is about: usage, money, people, …"""
    account: AccountTold
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
    """Who moved it: a person's id, or a key's name; `time`, `keepwell`, or the event that did it, by source and id."""
    note: str = ""
    """Why it moved, in words: `paid`, `in use again`, or what a person noted."""


class DriverTold(msgspec.Struct, frozen=True, kw_only=True):
    """How far one thing moved the score."""

    kind: Literal["measure", "cap", "scorecard", "interruption"]
    name: str
    points: float
    """To the hundredth; negative where it cost some."""
    reason: str

    @classmethod
    def most(cls, drivers: Iterable[Driver]) -> "list[DriverTold]":
        """Those of an assessment that moved most, the most first."""
        found = sorted(drivers, key=lambda one: -abs(one.points))[:MOST_DRIVERS]
        return [cls(kind=one.kind, name=one.name, points=one.points / 100, reason=one.reason) for one in found]


class CauseTold(msgspec.Struct, frozen=True, kw_only=True):
    """Why an account was assessed; an event is named, and not repeated."""

    kind: Literal["event", "usage", "time", "history", "scorecard"]
    """`event`: one ticket, invoice, answer or change. `usage`: a batch of usage. `history`: an import ended."""
    source: str | None = None
    id: str | None = None
    type: str | None = None
    time: datetime | None = None


class HealthChanged(msgspec.Struct, frozen=True, kw_only=True):
    """`health.changed`: an account's band is another, or its score moved by as much as the endpoint asks for."""

    account: AccountTold
    rev: int
    """One higher for each of an account's assessments: what comes late is older."""
    at: datetime
    score: Points | None
    """None: it is not known, and `reason` says why."""
    previous_score: Points | None
    """What this endpoint was told last; the first time, what it was before this assessment."""
    band: Band
    previous_band: Band
    drivers: list[DriverTold] = []
    """What moved the score at this assessment, the most first; at most ten."""
    cause: CauseTold
    reason: str = ""
    """Why there is no score."""


class AnswerReceived(msgspec.Struct, frozen=True, kw_only=True):
    """`answer.received`: somebody answered a survey."""

    account: AccountTold
    kind: Measured
    score: int
    """NPS 0–10, CSAT 1–5, CES 1–7."""
    comment: str | None = None
    contact_id: str
    contact: str | None = None
    """As people speak of one: `Kim (admin)`."""
    role: str | None = None
    touchpoint: str | None = None
    survey_id: str | None = None
    survey_kind: SurveyKind
    invitation_id: str | None = None
    product: str | None = None
    further: dict[str, Any] = {}
    """Further questions of the survey, with what was answered."""
    source: str
    id: str
    """Source and id of the answer's event, which with the account make it: the same answer again has the same."""
    at: datetime
    """When they answered; the envelope's time is when Keepwell took it in."""


class TraitsSet(msgspec.Struct, frozen=True, kw_only=True):
    """`traits.set`: a playbook set traits of an account, or its `owner`, which a CRM or customer-data platform may want
    to have. What stood already is not set."""

    account: AccountTold
    traits: dict[str, Any]
    playbook: str
    """`id@version`"""
    episode_id: str


class PlaybookCalled(msgspec.Struct, frozen=True, kw_only=True):
    """`playbook.called`: a playbook's step `webhook` calls the endpoint that it names."""

    action_id: str
    account: AccountTold
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
