"""In whose name events may come. What makes two events of an account the same is source and id: so a source is a right.

Nobody sends in the name of a verified webhook, of Keepwell itself, or of somebody else's key: they would take the ids
of what the rightful one sends later, and that would count as a repeat.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Final

import msgspec

from shared.conditions.errors import nearest
from shared.messages.registry import CUSTOMER_EVENTS

RESERVED: Final = frozenset({"keepwell", "stripe"})
"""Keepwell's own, with everything under `keepwell/`, and those of vendors whose webhooks are verified here."""
LARGEST: Final = 64 * 1024
"""Bytes of an event, whoever sends it."""
KEY_NAME: Final = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
NEEDS_OPERATE: Final = frozenset({"account.erased", "account.merged", "contact.erased"})
"""What can't be taken back needs more than the right to send."""


class Sender(msgspec.Struct, frozen=True):
    """Whoever sends. An event without a source gets `source`.

    `sources`: the only others that they may send; none: any that is nobody's. `taken`: what all keys send as. `types`:
    the only types of events that they may send; none: all. `test`: what they send is shown and counts nowhere.
    `events_per_second`: None as the installation has it, 0 without a limit. `largest`: the most bytes of an event.
    """

    source: str
    name: str = ""
    sources: frozenset[str] = frozenset()
    taken: frozenset[str] = frozenset()
    operates: bool = False
    types: frozenset[str] = frozenset()
    test: bool = False
    events_per_second: int | None = None
    largest: int = LARGEST


def refusal(sender: Sender, type: str, source: str) -> tuple[str, str] | None:
    """Why an event of this type and source is not theirs to send: a code and a sentence."""
    if sender.types and type not in sender.types:
        mine = ", ".join(sorted(sender.types))
        return "type_not_allowed", f"This key may not send {type}. It may send {mine}."
    if type in NEEDS_OPERATE and not sender.operates:
        return "scope_missing", f"{type} can't be taken back: it needs a key with the scope 'operate' besides 'ingest'."
    if source == sender.source or source in (sender.sources or {sender.name}):
        return None
    if is_reserved(source):
        return "reserved_source", f"The source {source!r} is Keepwell's, or a verified webhook's. Leave it out."
    if sender.sources:
        mine = ", ".join(sorted({sender.source, *sender.sources}))
        return "source_not_allowed", f"This key may not send as {source!r}. It may as {mine}."
    like_mine = {plain(sender.name), plain(sender.source)}
    if source in sender.taken or plain(source) in _plain(sender.taken) - like_mine:
        return "reserved_source", f"The source {source!r} is another key's. Leave it out, or send with that key."
    return None


def known_type(type: str) -> str:
    """A type that senders send. Raises `ValueError` for one that there isn't."""
    if type in CUSTOMER_EVENTS:
        return type
    near = nearest(type, CUSTOMER_EVENTS)
    raise ValueError(f"there is no type {type!r}; " + (f"did you mean {near!r}?" if near else "/docs lists them all"))


def key_name(name: str) -> str:
    """A name that a key may have. Raises `ValueError` for another."""
    if re.fullmatch(KEY_NAME, name):
        return name
    raise ValueError(
        "a key's name is 64 letters (a to z), digits, '.', '_' or '-' at most, and begins with a letter or a digit"
    )


def is_reserved(source: str) -> bool:
    """Whether no key at all may have it."""
    name = plain(source)
    return name in RESERVED or name.startswith("keepwell/")


def plain(name: str) -> str:
    """What a reader takes it for: without case, blanks, what can't be seen, and other forms of the same letters."""
    shown = "".join(c for c in unicodedata.normalize("NFKC", name) if unicodedata.category(c)[0] not in "ZC")
    return shown.casefold()


@lru_cache(maxsize=8)
def _plain(names: frozenset[str]) -> frozenset[str]:
    return frozenset(map(plain, names))
