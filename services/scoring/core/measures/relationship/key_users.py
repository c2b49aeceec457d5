"""Whoever decides or speaks for us, and no longer comes, while colleagues go on."""

from typing import Final

from services.scoring.core.clock import day_of_us, working_days
from services.scoring.core.measures.base import View
from services.scoring.core.measures.feedback.answers import role_of
from shared.words import counted

_GOES_ON: Final = 5
"""An account that was used within so many working days is in use: whoever is missing is missing alone."""


def _unseen(view: View) -> list[tuple[int, str]]:
    """Working days since each was last seen, and which contact it is. Who left is missed for another reason."""
    users = view.account.users
    last = (
        (contact, max((users[user] for user in user_ids if user in users), default=None))
        for contact, user_ids in view.state.key_users()
        if not view.has_left(contact)
    )
    return [(_open_since(view, day), contact) for contact, day in last if day is not None]


def _open_since(view: View, day: int) -> int:
    return working_days(day, view.today, view.catalogue.week, view.catalogue.closed)


def longest(view: View, role: str | None = None) -> tuple[int, str] | None:
    """Of all of key roles, or of one, who is missing longest, and for how many working days.

    None: nobody is known, or the account is silent.
    """
    used = view.state.last_used
    if not used or _open_since(view, day_of_us(used)) > _GOES_ON:
        return None
    state = view.state
    found = (one for one in view.once(_unseen) if role is None or role in state.roles_of(one[1]))
    return max(found, default=None)


def key_user_in_words(view: View) -> str:
    """Who of all it is."""
    return _in_words(view)


def decision_maker_in_words(view: View) -> str:
    """Who of the decision makers it is."""
    return _in_words(view, "decision_maker")


def champion_in_words(view: View) -> str:
    """Who of the champions it is."""
    return _in_words(view, "champion")


def _in_words(view: View, role: str | None = None) -> str:
    found = longest(view, role)
    if found is None:
        return ""
    days, contact = found
    return f"their {role_of(view, contact)} has not come for {counted(days, 'working day')}, while colleagues go on"
