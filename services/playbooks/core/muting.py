"""Accounts that are left in peace for a while: no playbook fires or tells anything about them, whatever its urgency.

What people do by hand goes on, open tasks stay, reminders wait. When the mute is over, what holds then is found so, and
steps that have waited are asked for: nothing that a person wanted not to hear comes at once.
"""

from datetime import datetime, timedelta
from typing import Final

import msgspec

from services.playbooks.core.item import NotPossible
from services.playbooks.core.standing import Mute, mute_of
from services.playbooks.core.timeline import note
from services.playbooks.core.work import Work
from shared.words import clock_time

LONGEST: Final = timedelta(days=90)


def mute(work: Work, account: str, until: datetime, reason: str, actor: str, now: datetime) -> Mute:
    """Leave an account that is locked in peace until then. Said twice, it is said once. Raises `NotPossible`."""
    stands = work.standings[account]
    if stands.gone is not None:
        raise NotPossible(f"Nobody hears of {account} any more: {stands.gone}.")
    known, wanted = mute_of(stands), Mute(until, reason, actor, now)
    if known is not None and (known.until, known.reason) == (until, reason):
        return known
    _put(work, account, wanted, now)
    note(work, account, f"Muted until {clock_time(until)}: {reason}", f"muted-{now.isoformat()}", actor, now)
    return wanted


def unmute(work: Work, account: str, actor: str, now: datetime) -> bool:
    """End that at once. Returns whether there was anything to end."""
    known = mute_of(work.standings[account])
    if known is None:
        return False
    _put(work, account, msgspec.structs.replace(known, until=now), now)
    # What is overdue is told of by a timer.
    work.changes.set_timer(account, now)
    note(work, account, "No longer muted", f"unmuted-{now.isoformat()}", actor, now)
    return True


def _put(work: Work, account: str, wanted: Mute, now: datetime) -> None:
    stands = msgspec.structs.replace(work.standings[account], muted=wanted)
    work.standings[account] = work.changes.standings[account] = stands
    # What waits to fire ends now, or what holds is found so now.
    work.time(account, max(now, stands.at))
