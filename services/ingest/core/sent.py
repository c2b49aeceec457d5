"""What a client sent, record by record, and what each record comes to before its account is known.

Every dialect (`core/dialects/`) reads its clients' bodies as these; what becomes of them is the same for all.
"""

from datetime import datetime
from typing import Any

import msgspec


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """One event that a record comes to, of one of our types; checked later, as anybody's is."""

    id: str
    type: str
    data: dict[str, Any]
    time: datetime | None = None
    """When it happened, in UTC, by a clock that was set right; none: when it was received."""
    account: str | None = None
    """The account's id or alias as the record names it; none: where `user` was last known to be."""
    user: str | None = None
    """The sender's name for whoever did it."""
    source: str | None = None
    """None: the key's."""


class Knows(msgspec.Struct, frozen=True, gc=False):
    """That a user is at an account, from then on."""

    user: str
    account: str
    at: datetime


class Same(msgspec.Struct, frozen=True, gc=False):
    """That a user is known by another name as well, from then on: they are where the other one is."""

    user: str
    other: str
    at: datetime


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One record of a request. One that says nothing to us has neither events nor a refusal, and `why` tells why."""

    sent: bytes
    """As it was sent: its JSON, or what its dialect made of other forms."""
    id: str | None = None
    """What the sender calls it."""
    said: tuple[Said, ...] = ()
    knows: tuple[Knows, ...] = ()
    same: tuple[Same, ...] = ()
    why: str = ""
    """Such as `dropped by web@3: drop 'Heartbeat*'`; or what of it was left out."""
    refused: tuple[str, str] | None = None
    """A code and a sentence, where it can't be read."""
