"""Which account an event belongs to: when it names an alias, and when its account goes on as another.

It also says which aliases an `account.updated` may set, and which accounts may be merged.

An alias is set once. Where a subject has an alias's form and nobody has set it, the event waits; an `account.updated`
with such a subject makes it an account's own id, so that ids with a colon in them work as well.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from services.ingest.core.checking import Checked, Refusal
from services.ingest.core.contents import is_alias
from services.ingest.core.merging import Merged, goes_on_as, homes_of, why_not_merged

FRESH = timedelta(days=34)
"""What waited until its time was further back is released as history: its first claim may be forgotten."""

_attributes = msgspec.json.Decoder(dict[str, msgspec.Raw])


@dataclass(slots=True)
class Resolved:
    """What becomes of events whose aliases were looked up."""

    ready: list[Checked] = field(default_factory=list)
    """Their subject is an account's id now; one that is meant for two accounts is there twice."""
    waiting: list[Checked] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    newly_set: dict[str, str] = field(default_factory=dict)
    """Aliases and the accounts that they were given just now: what waits for them can go."""
    newly_merged: dict[str, str] = field(default_factory=dict)
    """Accounts that go on as others from now on."""


def names_of(event: Checked) -> tuple[str, ...]:
    """The aliases that must be known before this event can be judged."""
    names = (event.subject, *event.aliases) if is_alias(event.subject) else event.aliases
    return (*names, event.into) if event.into is not None and is_alias(event.into) else names


def accounts_of(events: Sequence[Checked], known: Mapping[str, str | None]) -> set[str]:
    """The accounts that others are to be merged into; of which scoring says whether they were heard of."""
    named = {event.into for event in events if event.into is not None}
    return {account for name in named if (account := _account(name, known)) is not None}


def resolve(
    events: Sequence[Checked],
    known: Mapping[str, str | None],
    merged: Merged | None = None,
    heard_of: Collection[str] = (),
) -> Resolved:
    """Judge events in their order. `known` has every name of theirs, with its account or None.

    `merged` has the accounts that go on as others, and `heard_of` those that some may be merged into.
    """
    accounts, goes_on, told = dict(known), dict(merged or {}), set(heard_of)
    out = Resolved()
    for event in events:
        if event.into is None and not event.aliases and not is_alias(event.subject) and event.subject not in goes_on:
            # Nothing to look up: as good as all of history.
            told.add(event.subject)
            out.ready.append(event)
            continue
        account = _account(event.subject, accounts)
        if account is None and event.type == "account.updated":
            account = event.subject
        if event.into is not None:
            _merge(event, account, _account(event.into, accounts), goes_on, told, out)
            continue
        if account is None:
            out.waiting.append(event)
            continue
        homes = homes_of(event.type, account, goes_on)
        owners = {name: owner and goes_on_as(goes_on, owner) for name in event.aliases if (owner := accounts.get(name))}
        taken = next((name for name, owner in owners.items() if owner != homes[-1]), None)
        if taken is not None:
            words = (
                f"The alias {taken!r} belongs to the account {accounts[taken]!r} and can't be given to {account!r}. "
                "Leave it out, or correct the system that sends it."
            )
            out.refused.append(Refusal(event.index, event.id, "alias_taken", words))
            continue
        for name in names_of(event):
            if accounts.get(name) is None:
                accounts[name] = out.newly_set[name] = homes[-1]
        told.add(homes[-1])
        out.ready += [with_subject(event, home) for home in homes]
    # One request may hold an event before the account.updated that names its alias.
    late = [(event, account) for event in out.waiting if (account := accounts.get(event.subject)) is not None]
    out.waiting = [event for event in out.waiting if accounts.get(event.subject) is None]
    out.ready += [with_subject(one, home) for one, account in late for home in homes_of(one.type, account, goes_on)]
    return out


def _account(name: str, accounts: Mapping[str, str | None]) -> str | None:
    return accounts.get(name) if is_alias(name) else name


def _merge(
    event: Checked, account: str | None, into: str | None, goes_on: dict[str, str], told: set[str], out: Resolved
) -> None:
    """Let an account go on as another, or say why it can't. Told again, it is told of where it goes on now."""
    if account is None or into is None:
        unknown = event.subject if account is None else event.into
        words = f"Nobody has set the alias {unknown!r}. Name the account by its own id."
        out.refused.append(Refusal(event.index, event.id, "unknown_account", words))
        return
    if (why := why_not_merged(account, into, goes_on, told)) is not None:
        out.refused.append(Refusal(event.index, event.id, *why))
        return
    target = goes_on_as(goes_on, into)
    if account not in goes_on:
        goes_on[account] = out.newly_merged[account] = target
    data = msgspec.json.encode({**_attributes.decode(event.attributes["data"]), "into": target})
    event = msgspec.structs.replace(event, attributes={**event.attributes, "data": msgspec.Raw(data)})
    out.ready.append(with_subject(event, account))


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
