"""What a letter's template can say of whom it goes to and who writes: what is known, as far as it is safe to say."""

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from services.notifier.core.contacts import Cells, roles_of, text_of
from services.notifier.core.message import Letter, Message
from shared.messages.actions import ActionRequested, ContactCard
from shared.messages.assessments import FactValue
from shared.words import clean

_LONGEST_NAME: Final = 80
_NO_NAME: Final = re.compile(r"://|\bwww[.。．｡]|@|/|\w[.。．｡][^\W\d_]{2}", re.IGNORECASE)
"""Who can write a name into somebody's product could else have us write to anybody about their own page: mail programs
make a link of `evil.example`, too."""
_NO_COMPANY: Final = re.compile(r"://|\bwww\.|@|\w\.[^\W\d_]{2,}/", re.IGNORECASE)
"""The same of a company, which may well be called by its domain."""
LANGUAGE: Final = "contact.language"


def facts_of(card: ContactCard, cells: Cells | None) -> dict[str, FactValue]:
    """What is known: of the account and what happened, of whom it goes to, and of who writes."""
    known = {name: value for name, value in card.facts.items() if _can_be_said(name, value)}
    if cells is not None:
        known = {name: value for name, value in known.items() if not name.startswith("contact.")}
        known |= _of_contact(cells)
    if card.sender is not None:
        said = {"sender.name": sender_of(card), "sender.email": card.sender.email}
        known |= {name: value for name, value in said.items() if value}
    return known


def _can_be_said(name: str, value: FactValue) -> bool:
    if name.endswith("url"):
        return is_safe(value)
    sign = _NO_NAME if name.endswith("contact_name") else _NO_COMPANY if name == "account.name" else None
    return sign is None or not isinstance(value, str) or sign.search(value) is None


def language_of(card: ContactCard, cells: Cells | None) -> str | None:
    """The language that somebody reads, as it was told."""
    found = text_of(cells, "language") if cells is not None else card.facts.get(LANGUAGE)
    return found if isinstance(found, str) else None


def is_safe(url: Any) -> bool:
    """Whether a link can stand in a letter: `https://` and a host, and nothing that reads otherwise than it leads."""
    try:
        parts = urlsplit(url if isinstance(url, str) else "")
        _ = parts.port
    except ValueError:
        return False
    plain = isinstance(url, str) and url.isascii() and url.isprintable() and not set(' "<>\\^`{|}') & set(url)
    return plain and parts.scheme == "https" and bool(parts.hostname) and parts.username is None


def message_of(action: ActionRequested, subject: str, letter: Letter) -> Message:
    """A letter as a message that is sent, kept and shown as any other."""
    return Message(
        kind="message",
        label="Letter",
        severity=action.severity,
        band="unknown",
        subject=subject,
        title=subject,
        accounts=[action.account.id],
        letter=letter,
    )


def sender_of(card: ContactCard) -> str:
    """In whose name it is; empty where all that is known of them is an address, which no mail filter takes for one."""
    name = clean(card.sender.name, _LONGEST_NAME) if card.sender is not None else ""
    return "" if "@" in name else name


def name_of(cells: Mapping[str, Any]) -> str | None:
    """What somebody is called, where that is a name."""
    name = clean(text_of(cells, "name") or "", _LONGEST_NAME)
    return None if not name or _NO_NAME.search(name) else name


def _of_contact(cells: Cells) -> dict[str, FactValue]:
    found: dict[str, FactValue] = {}
    if (name := name_of(cells)) is not None:
        # Whoever is called `Dr. Kim Fox` is not addressed as `Dr.`.
        first = next((one for one in name.split() if not one.endswith(".")), name)
        found |= {"contact.name": name, "contact.first_name": first}
    if roles := roles_of(cells):
        found["contact.role"] = roles[0].replace("_", " ")
    return found
