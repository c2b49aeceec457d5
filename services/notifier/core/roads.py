"""What takes the next road when one has come to its end without arriving.

First the other roads of whoever it is for, then the channels that all read, then who answers for them, then the last
resort; the inbox, which takes all and is read by few, comes last, unless they read it.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Final, NamedTuple

import msgspec

from services.notifier.core.message import Message
from services.notifier.core.routing import UNASSIGNED, WEBHOOK, Route, Setup, shared_road
from shared.messages.actions import SENDINGS, SHARED, ActionRequested, Recipient
from shared.words import clean

NAMES: Final = {
    "slack": "Slack",
    "teams": "Teams",
    "chat": "the chat",
    "email": "e-mail",
    "inbox": "the inbox",
    "contact": "mail to customers",
}
"""What people call a transport."""
_LONGEST: Final = 400


class Tried(NamedTuple):
    """A road that was taken, and why it led nowhere."""

    transport: str
    target: str
    reason: str
    uncertain: bool = False
    """Whether it may have arrived there all the same."""


def next_road(action: ActionRequested, setup: Setup, tried: Sequence[Tried]) -> Route | None:
    """The first road that was not tried yet, and in words why it is taken; None when all have been."""
    known = {(one.transport, one.target) for one in tried}
    left = (one for one in _roads(action, setup) if (one.transport, one.target) not in known)
    found = next(left, None)
    return found and msgspec.structs.replace(found, because=_because(action, found, tried))


def led_to(action: ActionRequested, to: Route) -> Recipient | None:
    """Whom a road leads to; None where many read there, or nobody in particular."""
    people = (action.recipient, *action.then)
    return next((one for one in people if one is not None and to.target in (one.slack, one.email, one.id)), None)


def has_other(action: ActionRequested, setup: Setup, transport: str) -> bool:
    """Whether there is a road by another channel to anybody; the inbox is none where nobody is known to read it."""
    who = action.recipient
    return any(
        one.transport != transport and (one.transport != "inbox" or (who is not None and who.inbox))
        for one in _roads(action, setup)
    )


def detour_id(first: str, road: int) -> str:
    """The same for the same delivery and number of roads tried before: each road is taken once."""
    return "dlv_d" + sha256(f"{first}\x1f{road}".encode()).hexdigest()[:27]


def with_detours(message: Message, because: Sequence[str]) -> Message:
    """The message, saying why it comes by this road, as far as any of it took another before."""
    said = [one for one in dict.fromkeys(because) if one]
    return msgspec.structs.replace(message, detour=clean(" · ".join(said), _LONGEST)) if said else message


def _roads(action: ActionRequested, setup: Setup) -> Iterator[Route]:
    who = action.recipient
    if action.kind in SENDINGS:
        # What is for a customer, or another system, is for nobody else.
        return
    if who is not None:
        yield from _of(who, setup, another=False)
    fallback = [f"slack:{setup.fallback}"] if setup.fallback else []
    yield from filter(None, (shared_road(one, setup) for one in (*fallback, "teams", "chat")))
    for other in action.then:
        yield from _of(other, setup, another=True)
    if action.then_channel is not None and (last := shared_road(action.then_channel, setup)) is not None:
        yield last
    yield Route(transport="inbox", target=who.id if who is not None else UNASSIGNED)


def _of(person: Recipient, setup: Setup, *, another: bool) -> Iterator[Route]:
    """Somebody's own roads. What is another's names whose it is."""
    if setup.slack == "webhook":
        yield Route(transport="slack", target=WEBHOOK, shared=True)
    elif setup.slack == "bot" and person.slack:
        yield Route(transport="slack", target=person.slack, shared=another)
    if setup.email and person.email:
        yield Route(transport="email", target=person.email, shared=another)
    if person.inbox:
        yield Route(transport="inbox", target=person.id, shared=another)


def _because(action: ActionRequested, to: Route, tried: Sequence[Tried]) -> str:
    who, first = action.recipient, tried[0]
    reasons = "; ".join(dict.fromkeys(map(_reason, tried)))
    if SHARED.fullmatch(f"{first.transport}:{first.target}"):
        words = f"Meant for {first.target}: {reasons}"
    elif who is None or to.target in (who.slack, who.email, who.id):
        words = f"It could not come by {NAMES[first.transport]}: {reasons}"
    else:
        words = f"Meant for {who.name}: {reasons}"
    return clean(words, _LONGEST)


def _reason(one: Tried) -> str:
    return f"{one.reason} (it may have arrived all the same)" if one.uncertain else one.reason
