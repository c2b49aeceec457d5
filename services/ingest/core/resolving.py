"""Which account an event belongs to, when it names an alias, and which aliases an `account.updated` may set.

An alias is set once. Where a subject has an alias's form and nobody has set it, the event waits; an `account.updated`
with such a subject makes it an account's own id, so that ids with a colon in them work as well.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from services.ingest.core.checking import Checked, Refusal
from services.ingest.core.contents import is_alias

FRESH = timedelta(days=34)
"""What waited until its time was further back is released as history: its first claim may be forgotten."""

_attributes = msgspec.json.Decoder(dict[str, msgspec.Raw])


@dataclass(slots=True)
class Resolved:
    """What becomes of events whose aliases were looked up."""

    ready: list[Checked] = field(default_factory=list)
    """Their subject is an account's id now."""
    waiting: list[Checked] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    newly_set: dict[str, str] = field(default_factory=dict)
    """Aliases and the accounts that they were given just now: what waits for them can go."""


def names_of(event: Checked) -> tuple[str, ...]:
    """The aliases that must be known before this event can be judged."""
    return (event.subject, *event.aliases) if is_alias(event.subject) else event.aliases


def resolve(events: Sequence[Checked], known: Mapping[str, str | None]) -> Resolved:
    """Judge events in their order. `known` has every name of theirs, with its account or None."""
    accounts = dict(known)
    out = Resolved()
    for event in events:
        account = accounts.get(event.subject) if is_alias(event.subject) else event.subject
        if account is None and event.type == "account.updated":
            account = event.subject
        if account is None:
            out.waiting.append(event)
            continue
        wanted = [name for name in names_of(event) if accounts.get(name) != account]
        taken = next((name for name in wanted if accounts.get(name) is not None), None)
        if taken is not None:
            words = (
                f"The alias {taken!r} belongs to the account {accounts[taken]!r} and can't be given to {account!r}. "
                "Leave it out, or correct the system that sends it."
            )
            out.refused.append(Refusal(event.index, event.id, "alias_taken", words))
            continue
        for name in wanted:
            accounts[name] = out.newly_set[name] = account
        out.ready.append(with_subject(event, account))
    # One request may hold an event before the account.updated that names its alias.
    late = [event for event in out.waiting if accounts.get(event.subject) is not None]
    out.waiting = [event for event in out.waiting if accounts.get(event.subject) is None]
    out.ready += [with_subject(event, accounts[event.subject] or "") for event in late]
    return out


def with_subject(event: Checked, account: str) -> Checked:
    """The event with its account's id as its subject."""
    if event.subject == account:
        return event
    attributes = {**event.attributes, "subject": account}
    return msgspec.structs.replace(event, subject=account, attributes=attributes)


def value_of(event: Checked) -> bytes:
    """The event as it is published."""
    return msgspec.json.encode(event.attributes)


class Waiting(msgspec.Struct, frozen=True):
    """An event that was taken and waits until somebody sets its alias; `value` and `headers` as they will go out."""

    source: str
    id: str
    alias: str
    type: str
    time: datetime
    received_at: datetime
    value: bytes
    headers: dict[str, str]

    def is_old(self, now: datetime) -> bool:
        """Whether it goes as history: its first claim may be forgotten."""
        return self.time < now - FRESH


class Release(NamedTuple):
    """What waited for an alias is on its way to its account; what is old of it as the import `history`."""

    alias: str
    account: str
    history: str


def released(value: bytes, account: str, now: datetime, history: str | None) -> bytes:
    """A waiting event as it is published when its account is known: accepted now, and as history where it is old."""
    attributes: dict[str, object] = {**_attributes.decode(value), "subject": account, "accepted": now}
    if history is not None:
        attributes["history"] = history
    return msgspec.json.encode(attributes)
