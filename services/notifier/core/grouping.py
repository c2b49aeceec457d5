"""What goes at once, what waits, and what goes together.

The first message for a recipient and playbook goes at once and opens a window of a minute; those within it wait for
its end and go as one. While they keep coming, one goes a minute. What is not urgent waits for its instant (the
digest) and goes with whatever else waits for the recipient. What had to wait for a channel that was held goes as one
for each target.

What may have arrived as one message stays one: all of it goes again under its id, or none of it. An id never stands
for less or more than what it was first sent with, since mail programs and the inbox keep one message of an id.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

import msgspec

from services.notifier.core.amending import UPDATES
from services.notifier.core.delivery import OPEN, State
from services.notifier.core.lease import standing
from services.notifier.core.retry import CLOCKS_APART, MOST_TRIES
from services.notifier.core.routing import Route, joint_id
from shared.messages.actions import ActionRequested

WINDOW: Final = timedelta(seconds=60)
MOST_TOGETHER: Final = 5_000
ALONE: Final = "alone|"
"""Begins the group of what goes by itself even after a hold: a digest is a group already."""


class Gate(msgspec.Struct, frozen=True):
    """The window of one recipient and playbook: when it ends, and whether something waits for that."""

    until: datetime
    waiting: bool


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """With what a message goes together, and whether a gate decides when."""

    group: str
    not_before: datetime | None = None
    gated: bool = True


def believed(not_before: datetime | None, said_at: datetime, now: datetime) -> datetime | None:
    """From when on to deliver what was said then. Where whoever said it was ahead, the wait is as long from now on."""
    is_ahead = not_before is not None and said_at > now + CLOCKS_APART
    return now + (not_before - said_at) if not_before is not None and is_ahead else not_before


def place(action: ActionRequested, route: Route, now: datetime) -> Place:
    """Find a message's group. Messages of one group that are due together go as one."""
    who = action.recipient.id if action.recipient else ""
    to, not_before = f"{route.channel}|{who}", action.not_before
    if action.day is not None and not_before is not None and not_before > now:
        # What else waits for that instant is told in it.
        return Place(group=f"{to}|timed", not_before=not_before, gated=False)
    if action.kind == "digest":
        return Place(group=f"{ALONE}{to}|{action.action_id}", not_before=not_before, gated=False)
    if not_before is not None:
        waits = not_before > now
        return Place(group=f"{to}|timed", not_before=not_before if waits else None, gated=not waits)
    return Place(group=f"{to}|{action.playbook.partition('@')[0]}|{action.kind}")


def through(gate: Gate | None, now: datetime) -> tuple[Gate, datetime]:
    """Pass one message through its gate: the gate after it, and when the message is due.

    A window that ends later than one could that begins now is not believed: the clock was ahead when it began.
    """
    if gate is not None and gate.until > now + WINDOW:
        gate = None
    if gate is not None and now < gate.until:
        return Gate(gate.until, waiting=True), gate.until
    if gate is not None and gate.waiting and now < gate.until + WINDOW:
        # A group has just gone at the window's end: its own window runs on from there.
        return Gate(gate.until + WINDOW, waiting=True), gate.until + WINDOW
    return Gate(now + WINDOW, waiting=False), now


class Due(NamedTuple):
    """A delivery that may be sent now."""

    id: str
    message_id: str | None
    """Set once a send of uncertain end has begun under it: what it holds stays together, under that id."""
    group: str
    target: str
    due_at: datetime
    held_until: datetime | None
    """When the last hold of its target or channel ended."""
    state: State = "waiting"
    tries: int = 0
    attempts: int = 0
    lease: str | None = None

    @property
    def is_new(self) -> bool:
        """Whether nothing kept it back yet: no send, and no hold."""
        held = self.held_until is not None and self.due_at <= self.held_until
        # An update is read with what it brings up to date.
        is_alone = not self.group.startswith(f"{ALONE}{UPDATES}")
        return self.message_id is None and self.attempts == 0 and not held and is_alone

    def is_held(self, now: datetime) -> bool:
        """Whether somebody is sending it."""
        return standing(self.state == "sending", self.due_at, now) == "held"


def complete(due: Iterable[Due], company: Iterable[Due], now: datetime) -> list[Due]:
    """What is due, with all of what went under the same message ids before. `company` is everything under those ids.

    Where part of a message is still being sent, the rest waits for that. Where part of it came to its end without the
    rest, the rest goes under an id of its own, so that nobody takes it for what they have already.
    """
    by_message: dict[str, list[Due]] = {}
    for member in company:
        if member.message_id is not None:
            by_message.setdefault(member.message_id, []).append(member)
    found = [delivery for delivery in due if delivery.message_id is None]
    for id, members in by_message.items():
        left = [member for member in members if member.state in OPEN]
        if all(not member.is_held(now) for member in left):
            found += [m._replace(message_id=id if left == members else joint_id([m.id for m in left])) for m in left]
    return found


def hopeless(due: Sequence[Due]) -> set[str]:
    """Which deliveries to give up: their message was cut off again, and all of it has been tried as often as it may."""
    cut_off = {delivery.message_id for delivery in due if delivery.state == "sending"}
    still_tried = {delivery.message_id for delivery in due if delivery.tries < MOST_TRIES}
    return {delivery.id for delivery in due if delivery.message_id in cut_off - still_tried}


def parcels(due: Iterable[Due], most: int) -> list[list[Due]]:
    """Put together what goes as one message: at most `most` messages, the longest due first."""
    found: dict[str, list[Due]] = {}
    for delivery in sorted(due, key=lambda d: (d.due_at, d.id)):
        key = _parcel_key(delivery)
        members = found.get(key)
        if members is None:
            if len(found) < most:
                found[key] = [delivery]
        elif len(members) < MOST_TOGETHER or delivery.message_id is not None:
            members.append(delivery)
    return list(found.values())


def message_ids(parcels: Iterable[Sequence[Due]]) -> dict[str, str]:
    """Under which message id each delivery of these goes."""
    found: dict[str, str] = {}
    for members in parcels:
        joint = members[0].message_id or joint_id([member.id for member in members])
        found |= dict.fromkeys((member.id for member in members), joint)
    return found


def _parcel_key(delivery: Due) -> str:
    if delivery.message_id is not None:
        return f"id|{delivery.message_id}"
    held = delivery.held_until is not None and delivery.due_at <= delivery.held_until
    if held and not delivery.group.startswith(ALONE):
        return f"held|{delivery.target}"
    return f"group|{delivery.group}"
