"""The address book: how customers' people are reached, who they are there, and what they agreed to.

A person is cells, each with the stamp of the event that said it last (`shared.messages.stamps`), so that the same
events in any order leave the same book. Erasing goes one way: a person's digest stays, and of an account its id, so
that no straggler brings back what is to be forgotten.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import msgspec

from shared.messages.accounts import (
    EVERY_KIND,
    AccountErased,
    ContactConsented,
    ContactErased,
    ContactUnsubscribed,
    ContactUpdated,
)
from shared.messages.envelope import Event
from shared.messages.erasing import digest_of
from shared.messages.stamps import Cell, cell_of, instant_of, micros, put
from shared.words import clean

Told = ContactUpdated | ContactConsented | ContactUnsubscribed | ContactErased | AccountErased
"""What the book is made of."""
Cells = dict[str, Cell]
FIELDS: Final = ("name", "email", "phone", "language")
"""The traits that it takes."""
_NAMED: Final = ("name", "email", "phone")
_WHOLE: Final = ""
"""In place of a contact's id: the account itself, which was erased."""
_MOST_TEXT: Final = 320
"""An e-mail address is no longer."""
_FIRST: Final = micros(datetime.min.replace(tzinfo=UTC))
_LAST: Final = micros(datetime.max.replace(tzinfo=UTC))
_CONSENT: Final = "consent."
_ROLES: Final = "roles"
_LEFT: Final = "left"
_MOST_KINDS: Final = 50


class Key(NamedTuple):
    """A row: of a contact by their id, or of who was erased, by their digest."""

    account_id: str
    contact_id: str


class Consent(NamedTuple):
    """What somebody said last of messages of a kind."""

    kind: str
    given: bool
    at: datetime
    text: str | None


@dataclass(slots=True)
class Book:
    """The rows at hand, and which of them folding has changed."""

    contacts: dict[Key, Cells] = field(default_factory=dict)
    erased: set[Key] = field(default_factory=set)
    changed: set[Key] = field(default_factory=set)
    removed: set[Key] = field(default_factory=set)
    newly_erased: set[Key] = field(default_factory=set)

    def fold(self, event: Event, data: Told) -> None:
        """Take in one event; the rows that `keys_of` names must be at hand, where there are any."""
        account = event.subject
        if isinstance(data, AccountErased):
            self._erase(Key(account, _WHOLE))
            for key in [key for key in self.contacts if key.account_id == account]:
                self._remove(key)
        elif isinstance(data, ContactErased):
            self._erase(Key(account, digest_of(data.contact_id)))
            self._remove(Key(account, data.contact_id))
        elif self.erased.isdisjoint((Key(account, _WHOLE), Key(account, digest_of(data.contact_id)))):
            self._note(Key(account, data.contact_id), said(event, data))

    def texts_of(self, account: str, data: ContactErased | AccountErased) -> list[str]:
        """By what somebody who is erased is found in texts: their name and addresses."""
        if isinstance(data, AccountErased):
            return []
        cells = self.contacts.get(Key(account, data.contact_id), {})
        return [one for name in _NAMED if (one := text_of(cells, name))]

    @property
    def erased_accounts(self) -> list[str]:
        """The accounts of which all is to be forgotten from now on."""
        return sorted(key.account_id for key in self.newly_erased if key.contact_id == _WHOLE)

    def _note(self, key: Key, said: Mapping[str, Cell]) -> None:
        if not said:
            return
        cells = self.contacts.setdefault(key, {})
        for name, cell in said.items():
            put(cells, name, cell)
        kinds = sorted(name for name in cells if name.startswith(_CONSENT) and name != _CONSENT + EVERY_KIND)
        for name in kinds[_MOST_KINDS - 1 :]:
            # Which are left depends on no order: what is pushed out would be so again. What was said of all is not.
            del cells[name]
        self.changed.add(key)

    def _erase(self, key: Key) -> None:
        if key not in self.erased:
            self.erased.add(key)
            self.newly_erased.add(key)

    def _remove(self, key: Key) -> None:
        if self.contacts.pop(key, None) is not None:
            self.changed.discard(key)
            self.removed.add(key)


def keys_of(account: str, data: Told) -> Iterable[Key]:
    """The rows that folding this looks at; of an account that is erased all others go, too."""
    if not isinstance(data, AccountErased):
        yield Key(account, data.contact_id)
        yield Key(account, digest_of(data.contact_id))
    yield Key(account, _WHOLE)


def said(event: Event, data: ContactUpdated | ContactConsented | ContactUnsubscribed) -> Cells:
    """What an event says, by field. At one instant a refusal outweighs a consent; and a consent counts from when it was
    given, or was heard of, whichever is first. So one that is told again, or by a clock ahead, takes back no refusal
    that came after it."""
    match data:
        case ContactUpdated():
            traits = {name: cell_of(event, _plain(data.traits[name])) for name in FIELDS if name in data.traits}
            return traits | _roles(event, data)
        case ContactConsented():
            cell = cell_of(event, [_at(data.at or event.time), data.text])
            known = [one for one in (event.time, event.accepted, data.at) if one is not None]
            return {_CONSENT + data.kind: msgspec.structs.replace(cell, at=min(map(_at, known)))}
        case ContactUnsubscribed():
            return {_CONSENT + data.kind: cell_of(event, None, rank=1)}


def text_of(cells: Mapping[str, Cell], name: str) -> str | None:
    """One of `FIELDS`, where it is known."""
    cell = cells.get(name)
    return None if cell is None else cell.value


def roles_of(cells: Mapping[str, Cell]) -> Sequence[str]:
    """What they are at the customer, such as champion; of who has left, what they were."""
    cell = cells.get(_ROLES)
    return () if cell is None else cell.value


def has_left(cells: Mapping[str, Cell]) -> bool:
    """Whether they have left, and nothing said since gives them a role."""
    left = cells.get(_LEFT)
    return left is not None and left.beats(cells.get(_ROLES))


def stands_of(cells: Mapping[str, Cell], kind: str) -> Consent | None:
    """What they said last of messages of this kind, be it of it alone or of every kind; None: nothing."""
    own, every = _said_of(cells, kind)
    name = kind if own is not None and own.beats(every) else EVERY_KIND
    return next((one for one in consents_of(cells) if one.kind == name), None)


def refusal_beside(cells: Cells, kind: str, others: Iterable[Cells]) -> datetime | None:
    """When one of `others`, who has the same address, refused every kind after this one agreed to it; None: none did.

    Whoever is at several accounts, and wants nothing any more, says so once.
    """
    own, every = _said_of(cells, kind)
    agreed = own if own is not None and own.beats(every) else every
    for other in others:
        again, refused = _said_of(other, kind)
        stands = refused is not None and refused.value is None and not (again is not None and again.beats(refused))
        if refused is not None and stands and refused.beats(agreed):
            return instant_of(refused.at)
    return None


def reach_of(cells: Mapping[str, Cell] | None) -> str:
    """How somebody is reached, in words: `+49 30 1234, kim@northwind.example`; empty where that is not known."""
    known = (text_of(cells or {}, name) for name in ("phone", "email"))
    return ", ".join(clean(one, 120) for one in known if one)


def consents_of(cells: Mapping[str, Cell]) -> list[Consent]:
    """What they agreed to and what not, by kind."""
    found = []
    for name in sorted(name for name in cells if name.startswith(_CONSENT)):
        cell, kind = cells[name], name.removeprefix(_CONSENT)
        at, text = cell.value or (cell.at, None)
        found.append(Consent(kind, cell.value is not None, instant_of(at), text))
    return found


def _said_of(cells: Mapping[str, Cell], kind: str) -> tuple[Cell | None, Cell | None]:
    """What was said last of this kind, and of every kind."""
    return cells.get(_CONSENT + kind), cells.get(_CONSENT + EVERY_KIND)


def _roles(event: Event, data: ContactUpdated) -> Cells:
    """Who has left keeps their roles beside it, as scoring has it: whichever was said later tells."""
    roles = list(dict.fromkeys(role for role in (data.role, *(data.roles or ())) if role is not None))
    if _LEFT in roles or data.traits.get(_LEFT) is True:
        return {_LEFT: cell_of(event, True)}
    return {_ROLES: cell_of(event, roles)} if roles else {}


def _at(instant: datetime) -> int:
    """In microseconds; what its zone takes beyond the calendar's ends is there."""
    return min(max(micros(instant), _FIRST), _LAST)


def _plain(value: Any) -> str | None:
    """A trait as it is kept; null and blank say that there is none any more."""
    text = "" if value is None or isinstance(value, bool | dict | list) else str(value)
    return " ".join(text.split())[:_MOST_TEXT] or None
