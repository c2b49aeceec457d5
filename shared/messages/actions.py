"""What playbooks ask for."""

import re
from datetime import datetime
from typing import Any, Final, Literal, get_args

import msgspec

from shared.messages.assessments import Driver, FactValue
from shared.messages.digests import DayCard

Severity = Literal["info", "low", "medium", "high", "critical"]
Kind = Literal["alert", "task", "flag"]
"""What people work through."""
Sending = Literal["survey", "message", "webhook"]
"""What goes to a customer, or to another system."""
SEVERITIES: Final[tuple[Severity, ...]] = get_args(Severity)
"""The mildest first."""
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
SENDINGS: Final[tuple[Sending, ...]] = get_args(Sending)
_SHARED: Final = r"slack:(#\S+|[CG][A-Z0-9]{7,})|teams|chat"
SHARED: Final = re.compile(_SHARED)
"""A channel that others read too: of Slack's, by its name or by its id such as `slack:C012AB3CD`; and the one where the
webhook of Teams or of another chat posts."""
CHANNEL: Final = re.compile(rf"slack:@owner|{_SHARED}|email|inbox")
PLACES: Final = "slack:#name, slack:ID, teams, chat"
"""Those that others read too, in words."""
CHANNELS: Final = f"slack:@owner, {PLACES}, email or inbox"
"""How a channel is named, by playbooks and by settings, and the same in words."""


class Recipient(msgspec.Struct, frozen=True, kw_only=True):
    """Who shall hear of it, with what a channel needs to reach them."""

    id: str
    name: str
    email: str | None = None
    slack: str | None = None
    """A Slack user id such as `U012AB3CD`."""
    inbox: bool = False
    """They read their inbox."""
    time_zone: str = "UTC"


class Colleague(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who is there, and to whom work could be given."""

    id: str
    name: str


class AccountCard(msgspec.Struct, frozen=True, kw_only=True):
    """What a reader needs to know of the account at a glance."""

    id: str
    name: str
    plan: str | None = None
    segment: str | None = None
    stage: str | None = None
    owner: str | None = None
    mrr_minor: int | None = None
    currency: str | None = None
    renews_at: datetime | None = None
    score: int | None = None
    previous_score: int | None = None
    band: str = "unknown"
    previous_band: str = "unknown"
    last_contact_at: datetime | None = None
    """When we last talked."""
    contact_id: str | None = None
    contact: str | None = None
    """Whom to call when nobody is named, by id and as people speak of one: `Kim (champion)`."""


class TaskCard(msgspec.Struct, frozen=True, kw_only=True):
    """A task as its assignee reads it."""

    task_id: str
    title: str
    due_at: datetime | None = None
    assigned_because: str = ""


class FlagCard(msgspec.Struct, frozen=True, kw_only=True):
    """An expansion flag: why this account is ready to grow."""

    flag_id: str
    title: str
    reasons: list[str] = []
    kind: str | None = None
    """What could be sold: seats, plan or cross_sell."""
    hand_over: str | None = None
    """Who takes it from there: a person, or a channel such as `slack:#sales`."""


class SurveyCard(msgspec.Struct, frozen=True, kw_only=True):
    """A survey to be asked of an account's contacts of these roles; which persons, whoever sends it decides."""

    survey: str
    roles: list[str]


class ContactCard(msgspec.Struct, frozen=True, kw_only=True):
    """A message to an account's contacts, where they consented to this kind; which persons that is, whoever sends it
    decides."""

    template: str
    roles: list[str]
    """Of which roles; none, where it goes to the one that it is about."""
    consent: str
    contact_id: str | None = None
    """Whom alone it goes to: who answered, or wrote."""
    facts: dict[str, FactValue] = {}
    """What is known of the account, and of what happened, that a customer may read: what templates fill in."""
    sender: Recipient | None = None
    """The account's owner, in whose name it goes and who gets the answer."""


class WebhookCard(msgspec.Struct, frozen=True, kw_only=True):
    """A call of one endpoint, by its name."""

    endpoint: str


class ActionRequested(msgspec.Struct, frozen=True, kw_only=True):
    """One thing an episode asks for. The envelope's id is the action's id: from (episode, step, occurrence)."""

    action_id: str
    item_id: str = ""
    """The alert, task or flag of this `kind` that it tells of, if that is open; an alert told again is the same."""
    about: str = ""
    """The item that it tells of where that can't be moved from it: it has closed, or is somebody else's."""
    revision: int = 0
    """Said anew while it waits: the higher replaces the lower."""
    kind: Kind | Sending | Literal["digest"]
    """`digest`: one list of what an import found, for one owner; or of what moved from somebody, for their manager; or
    somebody's day."""
    playbook: str
    """`id@version`."""
    playbook_title: str
    episode_id: str
    step: int
    recipient: Recipient | None = None
    """None when nobody could be found; the channel's default then hears of it."""
    channel: str | None = None
    """`slack:@owner`, `slack:#name`, `slack:C012AB3CD`, `teams`, `chat`, `email`, `inbox`; None is the installation's
    default."""
    then: list[Recipient] = []
    """Who hears of it instead when no road reaches its recipient: who answers for them, and the last resort."""
    then_channel: str | None = None
    """The last resort, where that is a channel: `slack:#name`, `teams`, `chat`."""
    matter: str = ""
    """What it is about: usage, money, people, …"""
    severity: Severity = "medium"
    title: str
    """One line: what to do or know."""
    why: list[str] = []
    """The reasons, in words, most important first."""
    since: datetime | None = None
    """Since when the condition holds."""
    do: str | None = None
    """What to do now, in imperative sentences."""
    contact_id: str | None = None
    contact: str | None = None
    """Whom at the account it is about: `Kim (admin)`."""
    trouble: list[str] = []
    """What else is open in trouble at the account, in words, the worst first."""
    open_work: list[str] = []
    """The tasks and alerts that are open there about other matters, and whose they are."""
    colleagues: list[Colleague] = []
    """Who is there besides its recipient, and could be given it: those in a team with them first."""
    account: AccountCard
    drivers: list[Driver] = []
    task: TaskCard | None = None
    flag: FlagCard | None = None
    survey: SurveyCard | None = None
    message: ContactCard | None = None
    webhook: WebhookCard | None = None
    found: list[dict[str, Any]] = []
    """A digest's lines: {account_id, account_name, playbook_title, why, mrr_minor, currency}, with the episode_id of
    what was found, or the item_id of what moved."""
    day: DayCard | None = None
    """A digest's, of somebody's day or week."""
    not_before: datetime | None = None
    """To be delivered from then on, with what else waits for the recipient: the digest, or when they work again."""
    caused_at: datetime | None = None
    """When ingest accepted the event that caused it: the start of the event-to-effect latency."""

    @property
    def tells_of(self) -> tuple[str | None, str | None]:
        """The ids of the item that it tells of, and of the task in it."""
        return self.item_id or self.about or None, self.task.task_id if self.task is not None else None

    @property
    def to_call(self) -> tuple[str | None, str | None]:
        """Whom to call, by id and in words: whom it is about, else whom one calls at the account."""
        if self.contact_id is not None or self.contact is not None:
            return self.contact_id, self.contact
        return self.account.contact_id, self.account.contact


class ItemChanged(msgspec.Struct, frozen=True, kw_only=True):
    """What was told of has moved, or changed hands: whoever was told can be told how it stands now."""

    item_id: str
    state: str
    actor: str
    """Who moved it, as they were known; `time` and `keepwell` are nobody in particular."""
    by: str = ""
    """The same as people say it; empty where it was nobody in particular."""
    words: str
    """Why, in words: `paid`, `in use again`, or what a person noted."""
    refused: str | None = None
    """Why what somebody asked for could not be done."""
    response_url: str | None = None
    """Where Slack takes a word back for whoever asked for it."""
    assignee_id: str | None = None
    assignee: str = ""
    """Whose it is now, by name; empty where it is nobody's."""
    until: datetime | None = None
    """Of what is snoozed: until when."""
    due_at: datetime | None = None
    action_id: str = ""
    """The action that told of it last."""
    over_since: datetime | None = None
    """Since when what it was about has passed, and nobody who was told has heard so."""


class ActionCancelled(msgspec.Struct, frozen=True, kw_only=True):
    """Don't send it any more, if sending has not begun."""

    action_id: str
    reason: str
