"""What people want of their messages: the channel where an action names none, and nothing in quiet hours."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from services.notifier.core.composing import zone_of
from services.notifier.core.routing import Route
from shared.messages.actions import ActionRequested, Recipient
from shared.messages.preferences import Preferences


class Kept(NamedTuple):
    """What somebody has set, and when."""

    preferences: Preferences
    at: datetime


UNSET: Final = Preferences()


def called(name: str) -> str:
    """By what somebody is known who is called so: an id, or an e-mail address."""
    return name.strip().casefold()


def wanted(known: Mapping[str, Kept], who: Recipient | None) -> Preferences:
    """What a recipient has set, by their id or their address: the last counts."""
    names = (who.id, who.email or who.id) if who is not None and known else ()
    found = [known[name] for name in map(called, names) if name in known]
    return max(found, key=lambda one: one.at).preferences if found else UNSET


def channelled(action: ActionRequested, wants: Preferences) -> ActionRequested:
    """The same, with the channel that its recipient prefers where it names none."""
    if action.channel is not None or wants.channel is None:
        return action
    return msgspec.structs.replace(action, channel=wants.channel)


def in_peace(action: ActionRequested, wants: Preferences, route: Route, now: datetime) -> ActionRequested:
    """The same, put off as far as it would come in quiet hours; what others read, too, disturbs nobody."""
    if wants.quiet is None or route.shared or not wants.quiet.holds(action.severity):
        return action
    at = max(action.not_before or now, now)
    free = wants.quiet.free_at(at, zone_of(action.recipient))
    return action if free == at else msgspec.structs.replace(action, not_before=free)
