"""What people want of their messages: the channel where an action names none, and nothing in quiet hours."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from services.notifier.core.composing import zone_of
from services.notifier.core.routing import Route
from shared.messages.actions import ActionRequested, Recipient, Severity
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
    names = names_of(who) if who is not None and known else ()
    found = [known[name] for name in names if name in known]
    return max(found, key=lambda one: one.at).preferences if found else UNSET


def channelled(action: ActionRequested, wants: Preferences) -> ActionRequested:
    """The same, with the channel that its recipient prefers where it names none."""
    if action.channel is not None or wants.channel is None:
        return action
    return msgspec.structs.replace(action, channel=wants.channel)


def in_peace(action: ActionRequested, wants: Preferences, route: Route, now: datetime) -> ActionRequested:
    """The same, put off as far as it would come in quiet hours; what others read, too, disturbs nobody."""
    at = max(action.not_before or now, now)
    free = at if route.shared else free_at(action.severity, wants, action.recipient, at)
    return action if free == at else msgspec.structs.replace(action, not_before=free)


def free_at(severity: Severity, wants: Preferences, who: Recipient | None, at: datetime) -> datetime:
    """That instant, or when the quiet hours end in which somebody would hear of it."""
    if wants.quiet is None or not wants.quiet.holds(severity):
        return at
    return wants.quiet.free_at(at, zone_of(who))


def names_of(who: Recipient) -> tuple[str, ...]:
    """By what they may have set something: their id, and their address."""
    return tuple(dict.fromkeys(called(name) for name in (who.id, who.email or who.id)))
