"""What the API answers about endpoints and their calls."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field

from services.notifier.core import calls
from shared.messages.actions import Severity
from shared.messages.assessments import Band

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
