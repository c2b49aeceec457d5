"""What happens to accounts and the people at them."""

from typing import Annotated, Any, Final, Literal

import msgspec

from shared.messages.feedback import SurveyKind
from shared.messages.fields import MOST_WHOLE, Count, Currency, CustomerEvent, Id, Minor, Name, Note, Text, Time

OURS: Final = "keepwell_"
"""How names of traits begin that are ours, in whatever case: what examples write into a CRM, such as `keepwell_score`.
What comes back of them is taken and read nowhere."""


def is_ours(trait: str) -> bool:
    """Whether a trait of this name is what we wrote elsewhere."""
    return trait[: len(OURS)].lower() == OURS


class AccountTraits(msgspec.Struct, frozen=True, kw_only=True):
    """The known traits; any other name lands in `account.traits.*`. A trait left out is unchanged; null clears it. What
    begins with `keepwell_` is ours, as it stands in a CRM: it is taken and read nowhere."""

    name: Name | None | msgspec.UnsetType = msgspec.UNSET
    domain: Name | None | msgspec.UnsetType = msgspec.UNSET
    segment: Id | None | msgspec.UnsetType = msgspec.UNSET
    plan: Id | None | msgspec.UnsetType = msgspec.UNSET
    stage: Id | None | msgspec.UnsetType = msgspec.UNSET
    owner: Name | None | msgspec.UnsetType = msgspec.UNSET
    """The owner's e-mail."""
    mrr_minor: Minor | None | msgspec.UnsetType = msgspec.UNSET
    currency: Currency | None | msgspec.UnsetType = msgspec.UNSET
    seats: Count | None | msgspec.UnsetType = msgspec.UNSET
    signed_at: Time | None | msgspec.UnsetType = msgspec.UNSET
    renews_at: Time | None | msgspec.UnsetType = msgspec.UNSET
    parent_id: Id | None | msgspec.UnsetType = msgspec.UNSET
    excluded: Literal["internal", "test", "partner"] | None | msgspec.UnsetType = msgspec.UNSET
    """Why it is no customer: it is listed, never scored, and in no figure."""
    aliases: list[Id] | None | msgspec.UnsetType = msgspec.UNSET
    """Other systems' names for the account, such as `stripe:cus_1`."""


class AccountUpdated(CustomerEvent, frozen=True, kw_only=True):
    """Traits of the account that changed."""

    types = ("account.updated",)

    traits: AccountTraits
    move_open: bool = False
    """With a new owner: what the former one has open at the account is to go to the new one."""


class OpenAccountUpdated(msgspec.Struct, frozen=True, kw_only=True):
    """`account.updated` read as plain values, with the traits that only the customer knows."""

    traits: dict[str, Any]


ADDRESSES: Final = ("email", "phone")
"""Traits of a contact that only the address book of the notifier takes and keeps."""


class ContactUpdated(CustomerEvent, frozen=True, kw_only=True):
    """A person at the account. `role` such as champion, admin, decision_maker, user; `left` when they left.

    Who has several names them as `roles`: what is said later replaces all of them. Of the traits `name`, `email`,
    `phone` and `language` say how they are reached.
    """

    types = ("contact.updated",)

    contact_id: Id
    traits: dict[str, Any] = msgspec.field(default_factory=dict)
    role: Id | None = None
    roles: Annotated[list[Id], msgspec.Meta(max_length=20)] | None = None
    user_ids: Annotated[list[Id], msgspec.Meta(max_length=20)] | None = None
    """By which `user_id` they use the product."""


class ContactConsented(CustomerEvent, frozen=True, kw_only=True):
    """They agreed to be sent messages of a kind, such as `survey`. The address book keeps it, with its proof."""

    types = ("contact.consented",)

    contact_id: Id
    kind: Id
    at: Time | None = None
    """When they agreed; when it was told, unless it is given."""
    text: Text | None = None
    """To what: the words that they were shown."""


EVERY_KIND: Final = "all"
"""In place of a kind of messages: every kind."""


class ContactUnsubscribed(CustomerEvent, frozen=True, kw_only=True):
    """They want no more messages of a kind; `all` is every kind. A consent of later takes it back, for its kind."""

    types = ("contact.unsubscribed",)

    contact_id: Id
    kind: Id


class MilestoneReached(CustomerEvent, frozen=True, kw_only=True):
    """A step of onboarding was done."""

    types = ("milestone.reached",)

    milestone: Id


class AccountChurned(CustomerEvent, frozen=True, kw_only=True):
    """The customer left."""

    types = ("account.churned",)

    reason: Text | None = None
    voluntary: bool = True


class InteractionLogged(CustomerEvent, frozen=True, kw_only=True):
    """We talked: a call, a meeting, an e-mail."""

    types = ("interaction.logged",)

    kind: Id
    contact_id: Id | None = None
    note: Text | None = None
    """What came of it, or was talked about."""
    author: Name | None = None
    """Which of us talked."""


class PulseSet(CustomerEvent, frozen=True, kw_only=True):
    """A CSM's own 1–10 judgement, and why."""

    types = ("pulse.set",)

    score: Annotated[int, msgspec.Meta(ge=1, le=10)]
    note: Note
    author: Name


class NoteAdded(CustomerEvent, frozen=True, kw_only=True):
    """What somebody writes on the timeline of an account, or of the company: a price change, an outage."""

    types = ("note.added",)

    text: Note
    author: Name
    at: Time | None = None
    """When what it tells of was; when it was written, unless it is given."""


Forecast = Literal["commit", "likely", "at_risk", "lost"]
RenewalOutcome = Literal["renewed", "lost"]


class RenewalUpdated(CustomerEvent, frozen=True, kw_only=True):
    """What is expected of a contract's renewal, or came of it. One that is left out is unchanged; null takes it back.

    At least one of these is given. What the subscription itself says comes before what is said of its renewal.
    """

    types = ("renewal.updated",)

    renewal_id: Id
    """As `GET /v1/renewals` has it."""
    forecast: Forecast | None | msgspec.UnsetType = msgspec.UNSET
    outcome: RenewalOutcome | None | msgspec.UnsetType = msgspec.UNSET
    reason: Note | None | msgspec.UnsetType = msgspec.UNSET
    owner: Name | None | msgspec.UnsetType = msgspec.UNSET
    """Whose it is; the account's owner's, unless it is said."""
    author: Name

    def __post_init__(self) -> None:
        if all(value is msgspec.UNSET for value in (self.forecast, self.outcome, self.reason, self.owner)):
            raise ValueError("it says nothing; give at least one of forecast, outcome, reason, owner")


class ReadingMuted(CustomerEvent, frozen=True, kw_only=True):
    """The reading of a measure is wrong: until then, at most 30 days, it is no data. One that has ended unmutes."""

    types = ("reading.muted",)

    measure: Id
    until: Time
    reason: Note
    author: Name


GoalOp = Literal["<", "<=", ">", ">=", "==", "!=", "contains"]
_Whole = Annotated[int, msgspec.Meta(ge=-MOST_WHOLE, le=MOST_WHOLE)]


class GoalSet(CustomerEvent, frozen=True, kw_only=True):
    """What the customer wants to reach, and by when; where it can be measured, as a fact against a target.

    What is said of it later replaces all of it, and opens it again where it had ended.
    """

    types = ("goal.set",)

    goal_id: Id
    title: Name
    due_at: Time
    fact: Id | None = None
    """One that conditions can name, such as usage.breadth. With it go `op` and `target`."""
    op: GoalOp | None = None
    target: bool | _Whole | float | Name | None = None
    """In the fact's unit; a date, or a span such as `2 weeks`, as text."""
    author: Name | None = None


class GoalReached(CustomerEvent, frozen=True, kw_only=True):
    """A goal was reached."""

    types = ("goal.reached",)

    goal_id: Id
    author: Name | None = None


class GoalDropped(CustomerEvent, frozen=True, kw_only=True):
    """Nobody strives for a goal any more."""

    types = ("goal.dropped",)

    goal_id: Id
    author: Name | None = None


class AccountMerged(CustomerEvent, frozen=True, kw_only=True):
    """This account goes on as another: it is scored no more, and its open work is closed.

    What is sent of it later goes to that one. Nothing is carried over: send the history that shall count again.
    """

    types = ("account.merged",)

    into: Id


class ContactErased(CustomerEvent, frozen=True, kw_only=True):
    """Forget this person, wherever anything is kept of them. What they scored stays, of nobody.

    Scoring forgets them and tells playbooks, playbooks tell the notifier by the same message on `keepwell.actions`.
    """

    types = ("contact.erased",)

    contact_id: Id
    texts: Annotated[list[Text], msgspec.Meta(max_length=300)] = msgspec.field(default_factory=list)
    """What else they are found by in what was written about them: another spelling, an old address, a first name (which
    is looked for as it is written)."""


class AccountErased(CustomerEvent, frozen=True, kw_only=True):
    """Forget this account: its state, people and answers, and the words of all that was asked for and sent about it.

    Its open work is closed. Figures of playbooks still count it. It travels as `contact.erased` does.
    """

    types = ("account.erased",)


class SourceInterrupted(msgspec.Struct, frozen=True, kw_only=True):
    """A source of evidence has sent next to nothing since then; told again with `until` when it is back.

    Keepwell itself tells it, about the reserved account `$company`.
    """

    source: Id
    since: Time
    until: Time | None = None


class NpsDropped(msgspec.Struct, frozen=True, kw_only=True):
    """NPS over all accounts, or of one product, is lower than three months ago by more than chance.

    Keepwell itself tells it, about the reserved account `$company`, once in 90 days.
    """

    kind: SurveyKind
    product: Id | None = None
    before: float
    """NPS of the 90 days before these."""
    now: float
    """NPS of the last 90 days."""
    n_before: int
    n_now: int


class HistoryEnded(msgspec.Struct, frozen=True, kw_only=True):
    """Every publish of an import is confirmed; sent to every partition of every event topic."""

    import_id: Id
    topic: Id
    act_on_found: bool = False
