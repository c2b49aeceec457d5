"""Checks events one by one: what is well-formed and fits its type goes on, what is not is refused with a sentence."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from services.ingest.core.attributes import (
    LONGEST_ID,
    LONGEST_SOURCE,
    NO_SEGMENTS,
    Attributes,
    Refused,
    account_of,
    instant_of,
    name_of,
    object_of,
    text,
)
from services.ingest.core.contents import aliases_of, check_goal, check_owner, check_traits, data_of
from services.ingest.core.mending import Change
from services.ingest.core.plain import USED, plain
from services.ingest.core.senders import LARGEST, NEEDS_OPERATE, Sender, refusal
from services.ingest.core.splitting import members
from shared.conditions.errors import nearest
from shared.messages.accounts import ADDRESSES, AccountMerged, AccountTraits, AccountUpdated, ContactUpdated, GoalSet
from shared.messages.registry import COMPANY, CUSTOMER_EVENTS
from shared.messages.traits import MOST, MOST_OF_CONTACT

_encode = msgspec.json.encode
_SPEC: Final = msgspec.Raw(b'"1.0"')
_USAGE: Final = CUSTOMER_EVENTS[USED][0]


class Refusal(msgspec.Struct, frozen=True):
    """Why one event was not taken. `index` is its place in the request, from 0."""

    index: int
    id: str | None
    code: str
    message: str


class Waits(msgspec.Struct, frozen=True):
    """An event that was taken and waits until somebody sets its alias."""

    index: int
    id: str
    alias: str


class Adjusted(msgspec.Struct, frozen=True):
    """An event that was taken with another time than it came with."""

    index: int
    id: str
    sent: str
    """The time as it was sent."""
    time: datetime | None
    """What was taken in its place; null: no date."""
    message: str
    field: str = "time"
    """Which time it was, such as `data.renews_at`."""


class Answer(msgspec.Struct, frozen=True):
    """What became of a request's events."""

    accepted: int
    refused: list[Refusal]
    waiting: list[Waits] = []
    adjusted: list[Adjusted] = []
    token: str | None = None
    """Scoring's reads take it as `at_least`: they answer once these events are folded. None where nothing went out."""
    test: bool | msgspec.UnsetType = msgspec.UNSET
    """True where the key is in test mode: nothing of it counts anywhere."""
    topics_forget_by: datetime | msgspec.UnsetType = msgspec.UNSET
    """Where somebody was erased: when the topics have forgotten them too. All else has within a minute."""


class Checked(msgspec.Struct, frozen=True):
    """An event that may go in, as far as it can be judged by itself. `subject` is an account's id or an alias."""

    index: int
    id: str
    source: str
    type: str
    topic: str
    subject: str
    time: datetime
    history: str | None
    aliases: tuple[str, ...]
    attributes: Attributes
    changes: tuple[Change, ...] = ()
    """What was taken for something else than was sent."""
    into: str | None = None
    """Of an account that is to go on as another: that one's id, or an alias of it."""


def check(raws: Sequence[msgspec.Raw], now: datetime, sender: Sender) -> tuple[list[Checked], list[Refusal]]:
    """Judge each event of this sender."""
    accepted = msgspec.Raw(_encode(now))
    default_source = msgspec.Raw(_encode(sender.source))
    good: list[Checked] = []
    refused: list[Refusal] = []
    for index, one in enumerate(raws):
        raw = bytes(one)
        if (use := plain(raw, now, sender)) is not None:
            use.attributes["accepted"] = accepted
            of, history = use.attributes, use.history
            good.append(Checked(index, use.id, use.source, USED, _USAGE, use.subject, use.time, history, (), of))
            continue
        try:
            good.append(_checked(index, raw, now, accepted, default_source, sender))
        except Refused as error:
            refused.append(Refusal(index, id_of(raw), error.code, str(error)))
    return good, refused


def adjusted(events: Iterable[Checked]) -> list[Adjusted]:
    """What the answer says of events that were taken otherwise than they were sent, in their order."""
    changed = {one.index: one for one in events if one.changes}
    return [
        Adjusted(index, changed[index].id, change.sent, change.time, change.message, change.field)
        for index in sorted(changed)
        for change in changed[index].changes
    ]


def _checked(
    index: int, raw: bytes, now: datetime, accepted: msgspec.Raw, source: msgspec.Raw, sender: Sender
) -> Checked:
    attributes = object_of(raw, sender.largest)
    id = name_of(attributes, "id", LONGEST_ID) if "id" in attributes else ""
    if not id:
        raise Refused("missing_id", _NO_ID)
    type = name_of(attributes, "type", LONGEST_SOURCE) if "type" in attributes else ""
    definition = CUSTOMER_EVENTS.get(type)
    if definition is None:
        raise _unknown_type(type)
    if attributes.setdefault("specversion", _SPEC) != _SPEC:
        raise Refused(
            "unknown_specversion", "specversion must be '1.0', as text: it is CloudEvents 1.0 that is read here."
        )
    subject = account_of(attributes)
    sent_by = name_of(attributes, "source", LONGEST_SOURCE) or text.decode(attributes.setdefault("source", source))
    is_asked = sent_by != sender.source or sender.types or type in NEEDS_OPERATE
    if is_asked and (reason := refusal(sender, type, sent_by)):
        raise Refused(*reason)
    history = name_of(attributes, "history", LONGEST_ID) if "history" in attributes else None
    time, moved = instant_of(attributes, now, history)
    data, changes = data_of(attributes, type, definition[1])
    _check_named(data)
    if isinstance(data, AccountMerged) and data.into in {subject, *NO_SEGMENTS}:
        words = "An account can't go on as itself, nor as '.' or '..'. Put the other account's id in 'into'."
        raise Refused("invalid_data", words)
    into = data.into if isinstance(data, AccountMerged) else None
    if into == COMPANY:
        raise Refused("reserved_account", f"No account can go on as {COMPANY}: it is Keepwell's own.")
    aliases: tuple[str, ...] = ()
    if isinstance(data, AccountUpdated):
        aliases = aliases_of(data)
        check_traits(attributes, MOST, AccountTraits.__struct_fields__)
        check_owner(data.traits.owner)
    elif isinstance(data, ContactUpdated):
        check_traits(attributes, MOST_OF_CONTACT + len(ADDRESSES))
    elif isinstance(data, GoalSet):
        check_goal(data)
    attributes["accepted"] = accepted
    changed = (*moved, *changes)
    return Checked(index, id, sent_by, type, definition[0], subject, time, history, aliases, attributes, changed, into)


def _check_named(data: Any) -> None:
    """What has an address of its own can be named in it."""
    for name in _IN_PATHS:
        if (id := getattr(data, name, None)) in NO_SEGMENTS:
            words = f"data.{name} is {id!r}, which no address on the web could name. Give it another."
            raise Refused("invalid_data", words)


_IN_PATHS: Final = ("contact_id", "goal_id", "measure")


def _unknown_type(type: str) -> Refused:
    if not type:
        return Refused("missing_type", "The event has no type. Give one such as usage.recorded; /docs lists them all.")
    near = nearest(type, CUSTOMER_EVENTS)
    hint = f" Did you mean {near!r}?" if near else f" Known: {', '.join(CUSTOMER_EVENTS)}."
    return Refused("unknown_type", f"There is no type {type!r}.{hint}")


def id_of(raw: bytes) -> str | None:
    """The id that an event has, as far as it can be seen; also of one that is broken."""
    try:
        id = text.decode(members(raw[:LARGEST])["id"])
    except (KeyError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    return id[:LONGEST_ID] or None


_NO_ID: Final = (
    "The event has no id. Give each event an id of its own, and send the same id when you send the event again: "
    "that is how it is counted once."
)
