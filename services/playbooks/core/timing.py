"""When: how soon a playbook may fire again, and when an episode is to be looked at next."""

from datetime import datetime, timedelta
from typing import Final

from services.playbooks.core.episode import Episode
from services.playbooks.core.look import View
from services.playbooks.core.playbook import Playbook

MICROSECOND: Final = timedelta(microseconds=1)


def may_fire_at(playbook: Playbook, fired: tuple[datetime, ...]) -> datetime | None:
    """The earliest instant at which `repeat` lets the playbook fire again; None is any."""
    repeat = playbook.repeat
    if repeat is None or not fired:
        return None
    earliest = fired[-1] + repeat.after.exact
    if repeat.at_most is not None and len(fired) >= repeat.at_most:
        earliest = max(earliest, fired[-repeat.at_most] + repeat.per.exact)
    return earliest


def still_counted(playbook: Playbook, fired: tuple[datetime, ...], now: datetime) -> tuple[datetime, ...]:
    """The firings that `repeat` may still count."""
    if playbook.repeat is None:
        return ()
    reach = max(playbook.repeat.after.exact, playbook.repeat.per.exact)
    return tuple(instant for instant in fired if instant + reach > now)


def next_timer(playbook: Playbook, episode: Episode, view: View, now: datetime) -> datetime | None:
    """The earliest instant after now at which a look may find something to do, if nothing else happens.

    Silence counts only if this misses nothing. So it asks, for each state, for all that the stations of a look ask the
    clock about in that state: when conditions flip by time alone, when a run of `held_for` is long enough, when a step
    is due, when `repeat` lets it fire. Who adds a station that reads the clock adds its instant here. Too early costs
    one look that finds nothing; too late is an alarm that never comes.
    """
    wanted: list[datetime | None]
    match episode.state:
        case "idle":
            again = may_fire_at(playbook, episode.fired) if playbook.on_event is None else None
            wanted = [view.next_flip(leaving=False), again]
        case "pending":
            wanted = [_held_enough_at(playbook, episode), view.next_flip(leaving=False)]
        case "active":
            wanted = [*(one.due for one in episode.planned), view.next_flip(leaving=True)]
        case "found":
            wanted = [view.next_flip(leaving=True)]
        case "over":
            wanted = [view.next_flip(leaving=False)]
        case "resting":
            wanted = [episode.rests_until]
    return min((instant for instant in wanted if instant is not None and instant > now), default=None)


def _held_enough_at(playbook: Playbook, episode: Episode) -> datetime | None:
    if episode.running_since is None:
        return None
    return episode.running_since + playbook.held_for.exact - episode.held * MICROSECOND
