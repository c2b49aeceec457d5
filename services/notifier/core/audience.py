"""Whom at a customer a message is written to, and why somebody is not: they left, or don't want it, or had enough.

The same is asked twice: when a playbook's message is planned, and again in the transaction in which its letter is
leased. What was withdrawn in between stops it, and what is withdrawn later is too late by the time that a mail server
takes.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Final, NamedTuple

from services.notifier.core.contacts import Cells, has_left, refusal_beside, roles_of, stands_of, text_of
from shared.messages.accounts import EVERY_KIND
from shared.messages.actions import ActionRequested, ContactCard
from shared.words import clean, counted, date_words, listed

WEEK: Final = timedelta(days=7)
MOST_PERSONS: Final = 500
"""To more at once nobody writes in the name of a person."""
ALREADY: Final = "somebody else with the same address gets it"
GONE: Final = "they were erased"
UNKNOWN: Final = "nobody told of them, or they were erased"


class Meant(NamedTuple):
    """The persons that a message is meant for, by id, and what else is to be said of that."""

    persons: Sequence[str]
    why_nobody: str = ""
    """Why there is none."""
    left_out: str = ""
    """How many more there were."""


def audience(action: ActionRequested, card: ContactCard, people: Mapping[str, Cells]) -> Meant:
    """Whom an action is for: the one that it names, or all who have one of its roles. `people` are the account's."""
    if card.contact_id is not None:
        return Meant([card.contact_id])
    wanted = set(card.roles)
    found = sorted(id for id, cells in people.items() if not wanted.isdisjoint(roles_of(cells)))
    if not found:
        roles = listed([clean(role, 40).replace("_", " ") for role in card.roles], "or")
        name = clean(action.account.name, 80) or clean(action.account.id)
        return Meant([], why_nobody=f"nobody at {name} is {_article(roles)}" if roles else "it names no role")
    beyond = len(found) - MOST_PERSONS
    more = f"{counted(beyond, 'more person')} fit: a message goes to {MOST_PERSONS} at most" if beyond > 0 else ""
    return Meant(found[:MOST_PERSONS], left_out=more)


def why_not(cells: Cells | None, kind: str) -> str | None:
    """Why somebody may not be sent a message of this kind; None where they may, as far as the address book knows."""
    if cells is None:
        return UNKNOWN
    if has_left(cells):
        return "they have left"
    said = stands_of(cells, kind)
    if said is None:
        return f"they have not agreed to messages of the kind {clean(kind, 80)}"
    if not said.given:
        which = "messages" if said.kind == EVERY_KIND else f"messages of the kind {clean(kind, 80)}"
        return f"they want no more {which}, since {date_words(said.at)}"
    return None if text_of(cells, "email") else "no e-mail address is known of them"


def refused_beside(cells: Cells, kind: str, others: Iterable[Cells]) -> str | None:
    """Why somebody may not be sent it for what they said as somebody else: they are known by one address."""
    at = refusal_beside(cells, kind, others)
    return None if at is None else f"at this address no more messages are wanted, since {date_words(at)}"


def had_enough(most: int) -> str:
    """Why somebody who was written to as often as may be is not written to now."""
    return f"they were written to {'once' if most == 1 else f'{most} times'} within a week, which is the most"


def told_of_all(states: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """What became of an action all of whose letters have ended, by their states and reasons: the state and, in words,
    why some were not written to."""
    state = next((one for one in ("delivered", "failed") if any(one == each for each, _ in states)), "cancelled")
    reasons = list(dict.fromkeys(reason for each, reason in states if each != "delivered" and reason))
    if len(states) == 1 or not reasons:
        return state, "; ".join(reasons)
    arrived = sum(each == "delivered" for each, _ in states)
    return state, clean(f"{arrived} of {len(states)} written to; {'; '.join(reasons)}", 600)


def _article(roles: str) -> str:
    return f"an {roles}" if roles[:1] in "aeiou" else f"a {roles}"
