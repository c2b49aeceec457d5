"""What the API answers."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BaseModel, Field

from services.notifier.core import calls
from services.notifier.core.contacts import FIELDS, consents_of, has_left, roles_of, text_of
from services.notifier.core.delivery import State
from services.notifier.files import Written
from services.notifier.store.written import Bounce
from shared.documents.speech import Checked, Fault
from shared.messages.actions import Severity
from shared.messages.assessments import Band
from shared.messages.stamps import Cell


class Delivery(BaseModel):
    """One action's way to one recipient on one channel."""

    id: str
    action_id: str
    account: str
    kind: str
    playbook: str
    recipient: str | None
    channel: str
    because: str
    state: State
    due_at: datetime | None
    """When it is due, while it waits."""
    message_id: str | None
    """The id that recipients see; the same for all that went as one message."""
    attempts: int
    uncertain: int
    """Attempts that were cut off after sending began, so that it may have arrived twice."""
    reason: str
    created_at: datetime
    caused_at: datetime | None
    settled_at: datetime | None
    seconds: float | None
    """From the event that caused it, as ingest accepted it, to its delivery."""
    item_id: str | None
    """The alert, task or flag that it tells of."""
    task_id: str | None
    """The task in it."""
    contact_id: str | None
    """The customer's person that it is about, or, on the channel `contact`, goes to."""
    instead_of: str | None
    """The first delivery of it, where another road was tried before."""
    road: int
    """How many roads were tried before."""


class Attempt(BaseModel):
    """One attempt: sent, later, never, fatal or uncertain."""

    attempt: int
    message_id: str
    began_at: datetime
    ended_at: datetime
    outcome: str
    reason: str
    receipt: str


class Road(BaseModel):
    """One road that was taken for a message: the first, or one that it took when that had led nowhere."""

    id: str
    channel: str
    because: str
    """Why this road."""
    state: State
    reason: str
    attempts: int
    created_at: datetime
    settled_at: datetime | None


class DeliveryDetail(Delivery):
    """A delivery with its message, how the channel shows it, its attempts, and all the roads that it took."""

    recipient_name: str | None
    waited: str
    """Why it has waited, or waits, in words; empty when it went at once."""
    together: int
    """How many deliveries went as one message with it, itself included; 0 while it was not sent."""
    roads: list[Road]
    """From the first to the last, this delivery among them."""

    message: dict[str, Any]
    rendered: dict[str, Any]
    as_sent: bool
    """False while it was not sent yet: the message is as it would read now."""
    traceparent: str | None
    attempt_history: list[Attempt]


class Consent(BaseModel):
    """What somebody said last of messages of a kind."""

    kind: str
    """Such as `survey`; `all` is every kind."""
    consented: bool
    at: datetime
    text: str | None
    """To what they agreed: the words that they were shown."""


class Bounced(BaseModel):
    """That there is no such address, as a mail server said."""

    at: datetime
    reason: str


class Contact(BaseModel):
    """How a customer's person is reached, and what they agreed to. What else is known of them scoring has."""

    account_id: str
    id: str
    name: str | None
    email: str | None
    phone: str | None
    language: str | None
    roles: list[str]
    """What they are there, such as champion; of who has left, what they were."""
    has_left: bool
    bounced: Bounced | None
    """That there is no such address: nothing is sent there until another is told."""
    consents: list[Consent]

    @classmethod
    def of(cls, account_id: str, id: str, cells: Mapping[str, Cell], bounce: Bounce | None = None) -> Self:
        """As the address book has them."""
        bounced = Bounced(at=bounce.at, reason=bounce.reason) if bounce is not None else None
        consents = [Consent(kind=one.kind, consented=one.given, at=one.at, text=one.text) for one in consents_of(cells)]
        known: dict[str, Any] = {name: text_of(cells, name) for name in FIELDS}
        known |= {"roles": list(roles_of(cells)), "has_left": has_left(cells), "bounced": bounced}
        return cls(account_id=account_id, id=id, consents=consents, **known)


class BookFingerprint(BaseModel):
    """One hash of the whole address book: equal for the same events, in whatever order and however often."""

    fingerprint: str
    contacts: int


class InboxItem(BaseModel):
    """One message in an inbox."""

    id: str
    recipient: str
    at: datetime
    subject: str
    text: str
    message: dict[str, Any]


class Sample(BaseModel):
    """What a template would say to somebody who doesn't exist."""

    language: str
    subject: str
    body: str
    problem: str
    """Why it can't be written, in words; then there is nothing else."""


class Preview(BaseModel):
    """What somebody would read in one language."""

    language: str
    subject: str
    text: str
    html: str
    problem: str
    """Why it can't be written, in words; then there is nothing else."""


class Previewed(BaseModel):
    """A template as somebody would read it."""

    id: str
    language: str | None
    """In which of them the contact that was asked for would get it."""
    previews: list[Preview]


class Tested(BaseModel):
    """A test that is on its way."""

    id: str
    """The delivery's."""
    state: State


class CheckedTemplate(Checked):
    """A template that can be used, with what it would say."""

    samples: list[Sample]

    @classmethod
    def of(cls, id: str, warnings: Sequence[Fault], samples: Mapping[str, Written | str]) -> Self:
        """As it is told."""
        told = [
            Sample(language=language, subject="", body="", problem=one)
            if isinstance(one, str)
            else Sample(language=language, subject=one.subject, body=one.body, problem="")
            for language, one in samples.items()
        ]
        return cls(id=id, warnings=list(warnings), samples=told)


_Several = Annotated[list[str], Field(max_length=1_000)]


class EndpointFilter(BaseModel, extra="forbid"):
    """What events must be about: of each list that is not empty, one. An event that has no word of it, as an answer has
    no severity, does not fit."""

    accounts: _Several = []
    segments: _Several = []
    plans: _Several = []
    owners: _Several = []
    """E-mails of accounts' owners."""
    bands: list[Band] = []
    """The account's, as it is now."""
    matters: _Several = []
    """Of tasks, alerts and flags: usage, money, people, …"""
    severity: list[Severity] = []
    """Of tasks, alerts and flags."""


class Endpoint(BaseModel):
    """Where another system hears of what happens."""

    id: str
    name: str | None
    """By which a playbook's step `webhook` calls it."""
    description: str
    url: str
    types: list[str] | None
    """What it hears of; null is all."""
    filter: EndpointFilter
    score_by: float | None
    """Of health: points by which the score must move to be told; null: only another band is."""
    enabled: bool
    disabled_because: str
    failing_since: datetime | None
    """When the first of the attempts failed since the last that did not."""
    failures: int
    """How many have failed since."""
    last_failure: str
    held_until: datetime | None
    """Nothing is sent to it until then: it asked for that, or only one attempt at a time is made."""
    rotating_until: datetime | None
    """Until when the secret that it had before signs, too."""
    waiting: int
    """Calls that wait for it, or are being made."""
    created_at: datetime
    created_by: str


class MadeEndpoint(Endpoint):
    """With the secret by which what comes from here is known. It is shown this once."""

    secret: str


class Secret(BaseModel):
    """The new secret, shown this once."""

    secret: str
    former_until: datetime
    """Until then both sign."""


class Queued(BaseModel):
    """The call that is on its way."""

    id: str


class Replayed(BaseModel):
    """How many are sent again."""

    count: int


class Call(BaseModel):
    """An event on its way to an endpoint, or there."""

    id: str
    """The webhook-id."""
    endpoint_id: str
    type: str
    account: str
    state: calls.State
    """`missed`: it was told while the endpoint was disabled. Replay sends it."""
    due_at: datetime | None
    """When it is tried next, while it waits."""
    attempts: int
    uncertain: int
    """Attempts whose end is not known, so that it may have arrived twice."""
    reason: str
    erased: bool
    """Its body is gone, because whom it tells of was erased."""
    action_id: str | None
    """The action of a playbook's step that it is made for."""
    created_at: datetime
    settled_at: datetime | None


class CallAttempt(BaseModel):
    """One attempt, with what went to and fro: of an answer the first 4,000 characters."""

    attempt: int
    began_at: datetime
    seconds: float
    outcome: str
    """delivered, failed, or uncertain: nobody knows whether it arrived."""
    reason: str
    status: int | None
    headers: dict[str, str]
    answer_headers: dict[str, str]
    answer: str


class CallDetail(Call):
    """A call with its body and its attempts."""

    url: str
    """Where it goes now."""
    body: Any
    """As it is sent; null when it was erased."""
    traceparent: str | None
    attempt_history: list[CallAttempt]
