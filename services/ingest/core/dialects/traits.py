"""Traits of accounts and people as other tools' clients send them, by our names, flat and bounded.

What can't be taken is left out by itself, and named: who sends forty traits doesn't lose all for one.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, get_type_hints

import msgspec

from services.ingest.core import mapping as mappings
from services.ingest.core.attributes import CONTROL, Refused
from services.ingest.core.contents import aliases_of, check_owner
from shared.messages.accounts import AccountTraits, AccountUpdated
from shared.messages.dates import says_no_date, settled
from shared.messages.traits import MOST, MOST_OF_CONTACT, why_not_kept

_MOST_BYTES: Final = 40_000
"""Of all of them as they are published: an event has 64 KiB at most."""
_FITS: Final = {
    name: kind
    for name, kind in get_type_hints(AccountTraits, include_extras=True).items()
    if name in AccountTraits.__struct_fields__
}
_NAMES: Final = {
    **{name: name for name in _FITS},
    **{re.sub(r"_(.)", lambda found: found[1].upper(), name): name for name in _FITS},
    "website": "domain",
}
"""Ours, by the names that clients may use."""
_TEXTS: Final = {name for name in _FITS if name not in {"mrr_minor", "seats", "aliases"} and not name.endswith("_at")}
_HOST: Final = re.compile(r"(?:[a-z][a-z0-9+.-]*://)?(?:www\.)?([^/?#\s]+)", re.IGNORECASE)
_OF_CONTACTS: Final = {"name": "name", "email": "email", "phone": "phone", "language": "language"}
_FIRST: Final = ("firstName", "first_name", "firstname")
_LAST: Final = ("lastName", "last_name", "lastname")
_ACCOUNTS: Final = frozenset({"account_id", "company_id", "accountId", "companyId"})
"""What says where somebody is, and nothing about them."""
_READ: Final = _ACCOUNTS.union(_OF_CONTACTS, _FIRST, _LAST)

MOST_OWN: Final = MOST - len(_FITS)
_MOST_OF_CONTACT: Final = MOST_OF_CONTACT - 2
"""Traits of their own that are taken of one account, and of a person beside name and language: the first by the
alphabet."""

Found = tuple[dict[str, Any], list[str]]
"""The traits that can be taken, and the names of those that can't."""


def of_account(given: Any, mapping: mappings.Mapping) -> Found:
    """An account's traits. Known ones have our names; one with a value that doesn't fit is left out."""
    known: dict[str, Any] = {}
    own: dict[str, Any] = {}
    left: list[str] = []
    if not isinstance(given, dict):
        return known, left
    for name, value in mapping.traits_of(given).items():
        if (ours := _NAMES.get(name)) is None:
            own[name] = value
        elif (fits := _fitting(ours, value)) is None:
            left.append(name)
        elif ours not in known or name == ours:
            known[ours] = fits[0]
    flat, unfit = _flat(own, MOST_OWN)
    return {**flat, **known}, left + unfit


def of_contact(given: Any) -> Found:
    """A person's traits: how they are reached, and what is their own."""
    if not isinstance(given, dict):
        return {}, []
    known = {ours: given[name] for name, ours in _OF_CONTACTS.items() if _is_text(given.get(name))}
    if "name" not in known:
        parts = [next((given[n].strip() for n in names if _is_text(given.get(n))), "") for names in (_FIRST, _LAST)]
        if any(parts):
            known["name"] = " ".join(filter(None, parts))
    rest = {name: value for name, value in given.items() if name not in _READ}
    left = [name for name in _OF_CONTACTS if given.get(name) is not None and name not in known]
    flat, unfit = _flat(rest, _MOST_OF_CONTACT)
    return {**flat, **known}, left + unfit


def told(left: list[str]) -> str:
    """What is said of traits that were left out."""
    return f"left out, as they can't be taken as traits: {', '.join(sorted(left)[:20])}" if left else ""


def _fitting(name: str, value: Any) -> tuple[Any] | None:
    """The value as the trait has it; None where it doesn't fit. Null fits: it clears the trait."""
    if value is None or value == "":
        return None if value == "" else (None,)
    if name in _TEXTS and isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if name == "domain" and isinstance(value, str):
        value = found[1].lower() if (found := _HOST.match(value.strip())) else value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if name.endswith("_at") and isinstance(value, str):
        if says_no_date(value):
            return (None,)
        value = _with_zone(settled(value))
    try:
        read = msgspec.convert(value, _FITS[name])
        if name == "owner":
            check_owner(read)
        elif name == "aliases":
            aliases_of(AccountUpdated(traits=AccountTraits(aliases=read)))
    except (msgspec.ValidationError, Refused):
        return None
    return None if isinstance(value, str) and "\0" in value else (value,)


def _with_zone(text: str) -> str:
    """A time with a zone, and a day as its midnight: in UTC where nothing else is said."""
    try:
        time = msgspec.convert(text if "T" in text or " " in text else f"{text}T00:00:00Z", datetime)
    except msgspec.ValidationError:
        return text
    return text if time.tzinfo is not None and "T" in text else time.replace(tzinfo=time.tzinfo or UTC).isoformat()


def _flat(own: Mapping[str, Any], most: int) -> Found:
    left: list[str] = []
    flat: dict[str, Any] = {}
    room = _MOST_BYTES
    # By their names alone: values may be of kinds that have no order.
    for name, value in sorted(_walked(own, "", 0), key=lambda one: one[0]):
        kept = len(flat) < most and name and not CONTROL.search(name) and _is_plain(value)
        if kept and why_not_kept({name: value}, 1) is None and (size := len(msgspec.json.encode(value))) <= room:
            flat[name] = value
            room -= size + len(name)
        else:
            left.append(name)
    return flat, left


def _walked(given: Mapping[str, Any], before: str, depth: int) -> Iterator[tuple[str, Any]]:
    for name, value in given.items():
        if isinstance(value, dict) and depth < 2:
            yield from _walked(value, f"{before}{name}_", depth + 1)
        else:
            yield f"{before}{name}", value


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(not isinstance(one, list | dict) and _is_plain(one) for one in value)
    return not isinstance(value, dict) and not (isinstance(value, str) and "\0" in value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value.strip()) <= 256 and "\0" not in value
