"""Whoever decides or speaks for us, and no longer comes, while colleagues go on."""

from collections.abc import Iterator
from typing import Final

from services.scoring.core.clock import day_of_us, working_days
from services.scoring.core.measures.base import View
from services.scoring.core.measures.feedback.answers import role_of
from shared.words import counted

_GOES_ON: Final = 5
"""An account that was used within so many working days is in use: whoever is missing is missing alone."""


def _unseen(view: View) -> Iterator[tuple[int, str]]:
    """Working days since each was last seen, and which contact it is. Who left is missed for another reason."""
    gone, roles, users = view.of_contacts("left"), view.of_contacts("roles"), view.account.users
    for contact, user_ids in view.state.key_users():
        left = gone.get(contact)
        days = [users[user] for user in user_ids if user in users]
        if days and (left is None or not left.beats(roles[contact])):
            yield _open_since(view, max(days)), contact


def _open_since(view: View, day: int) -> int:
    return working_days(day, view.today, view.catalogue.week, view.catalogue.closed)


def _longest(view: View) -> tuple[int, str] | None:
    used = view.state.last_used
    return max(_unseen(view), default=None) if used and _open_since(view, day_of_us(used)) <= _GOES_ON else None


def key_user_silence(view: View) -> int | None:
    """Working days since the one was seen who is missing longest; None: nobody is known, or the account is silent."""
    found = _longest(view)
    return found[0] if found else None


def key_user_in_words(view: View) -> str:
    """Who it is."""
    found = _longest(view)
    if found is None:
        return ""
    days, contact = found
    return f"their {role_of(view, contact)} has not come for {counted(days, 'working day')}, while colleagues go on"
