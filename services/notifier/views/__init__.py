"""What the API answers."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel

from services.notifier.core.contacts import FIELDS, consents_of, has_left, roles_of, text_of
from services.notifier.core.delivery import State
from services.notifier.files import Written
from services.notifier.store.written import Bounce
from shared.documents.speech import Checked, Fault
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
