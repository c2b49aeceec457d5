"""How accounts meet what is new though nothing happens to them, one by one and at a steady pace: playbooks that are new
or changed, and that a source was interrupted or came back."""

from datetime import datetime, timedelta
from typing import Final

from services.playbooks.core.interruptions import changes
from services.playbooks.core.work import Work

MEET_KEY: Final = "meet:"
"""The timer at which an account meets what it hasn't is `meet:ID`."""
_PACE: Final = timedelta(milliseconds=50)
_WITHIN: Final = timedelta(minutes=45)
"""What happens meanwhile goes first, and all is to be over within the hour."""


def pace(accounts: int) -> timedelta:
    """The time from one account of a partition to the next, in a sweep over so many."""
    return min(_PACE, _WITHIN / max(1, accounts))


def introduce(work: Work, account: str, at: datetime) -> None:
    """Let an account meet, at `at`, what it hasn't met."""
    stands, known = work.standings.get(account), list(work.rules.library.checksums.values())
    if stands is not None and (stands.met != known or changes(work.interruptions, stands.at)):
        work.time(account, at)


def heed(work: Work, account: str) -> None:
    """Look, before a person moves anything, as of when a source was interrupted or came back since the last look: all
    that was accepted by then has been told."""
    stands = work.standings.get(account)
    for at in sorted(changes(work.interruptions, stands.at)) if stands is not None else ():
        work.time(account, at)
