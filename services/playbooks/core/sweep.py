"""How accounts meet playbooks that are new or changed though nothing happens to them: one by one, at a steady pace."""

from datetime import timedelta
from typing import Final

MEET_KEY: Final = "meet:"
"""The timer at which an account meets what it hasn't is `meet:ID`."""
_PACE: Final = timedelta(milliseconds=50)
_WITHIN: Final = timedelta(minutes=45)
"""What happens meanwhile goes first, and all is to be over within the hour."""


def pace(accounts: int) -> timedelta:
    """The time from one account of a partition to the next, in a sweep over so many."""
    return min(_PACE, _WITHIN / max(1, accounts))
