"""What somebody changes at an account or a contact, as the event that says so."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

import msgspec

from services.ingest.core.attributes import Refused
from shared.conditions.errors import nearest
from shared.messages.accounts import ADDRESSES, AccountTraits

_OF_ACCOUNT: Final = frozenset(AccountTraits.__struct_fields__)
_OF_CONTACT: Final = frozenset({"name", "language", *ADDRESSES})
_ACCOUNT_FIELDS: Final = frozenset({"move_open"})
_CONTACT_FIELDS: Final = frozenset({"role", "roles", "user_ids"})


def account_patch(body: Mapping[str, Any]) -> dict[str, Any]:
    """The data of an `account.updated`. Raises `Refused`."""
    return _data(body, _ACCOUNT_FIELDS)


def contact_patch(contact: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """The data of a `contact.updated`. Raises `Refused`."""
    return {"contact_id": contact, **_data(body, _CONTACT_FIELDS)}


def misspelt(data: Mapping[str, Any]) -> dict[str, str]:
    """Traits that are none of ours but look like one, with which: unless a catalogue declares them, they are meant."""
    of_contact = "contact_id" in data
    known = _OF_CONTACT | _CONTACT_FIELDS if of_contact else _OF_ACCOUNT | _ACCOUNT_FIELDS
    strange = (name for name in data.get("traits", {}) if name not in (_OF_CONTACT if of_contact else _OF_ACCOUNT))
    return {name: near for name in strange if (near := nearest(name, known)) is not None}


def check_spelling(found: Mapping[str, str], declared: Collection[str]) -> None:
    """Raises `Refused` for the first of what looks misspelt and nobody has declared."""
    for name, near in found.items():
        if name not in declared:
            words = f"There is no trait {name!r}. Did you mean {near!r}? One of your own is declared in the catalogue."
            raise Refused("unknown_trait", words)


def as_event(id: str, type: str, account: str, data: Mapping[str, Any]) -> msgspec.Raw:
    """As a sender would send it."""
    return msgspec.Raw(msgspec.json.encode({"id": id, "type": type, "account": account, "data": data}))


def _data(body: Mapping[str, Any], fields: Iterable[str]) -> dict[str, Any]:
    inside = body.get("traits", {})
    if not isinstance(inside, dict):
        raise Refused("invalid_data", 'traits must be an object, such as {"owner": "ana@example.com"}.')
    own = {name: body[name] for name in fields if name in body}
    traits = {name: value for name, value in body.items() if name not in (*own, "traits")} | inside
    if not traits and not own.keys() - _ACCOUNT_FIELDS:
        raise Refused("nothing_to_change", "The body changes nothing: name at least one trait, and null to clear it.")
    return {"traits": traits, **own}
