"""The registry: every topic, every type, and which travels where. Topics are created from it."""

from typing import Any, Final

import msgspec

from shared.messages import (
    accounts,
    actions,
    assessments,
    billing,
    deliveries,
    feedback,
    outward,
    preferences,
    tickets,
    usage,
)
from shared.messages.envelope import Event, decode
from shared.messages.fields import CustomerEvent

USAGE: Final = "keepwell.events.usage"
TICKETS: Final = "keepwell.events.tickets"
BILLING: Final = "keepwell.events.billing"
FEEDBACK: Final = "keepwell.events.feedback"
ACCOUNTS: Final = "keepwell.events.accounts"
ASSESSMENTS: Final = "keepwell.assessments"
ACTIONS: Final = "keepwell.actions"
DELIVERIES: Final = "keepwell.deliveries"

EVENT_TOPICS: Final = (USAGE, TICKETS, BILLING, FEEDBACK, ACCOUNTS)
TOPICS: Final = (*EVENT_TOPICS, ASSESSMENTS, ACTIONS, DELIVERIES)

DEFAULT_PARTITIONS: Final = 8
RETENTION_DAYS: Final = 14

_FAMILIES: Final = {USAGE: usage, TICKETS: tickets, BILLING: billing, FEEDBACK: feedback, ACCOUNTS: accounts}
CUSTOMER_EVENTS: Final[dict[str, tuple[str, type[msgspec.Struct]]]] = {
    name: (topic, struct)
    for topic, family in _FAMILIES.items()
    for struct in vars(family).values()
    if isinstance(struct, type) and issubclass(struct, CustomerEvent)
    for name in struct.types
}
"""What `POST /v1/events` takes: what the file of a family defines travels on that family's topic."""

UNTOLD: Final = (
    usage.UsageRecorded,
    feedback.SurveyInvited,
    accounts.ContactConsented,
    accounts.ContactUnsubscribed,
)
"""What causes no assessment of its own: usage is told at once; that somebody was asked, or may be, moves nothing."""

COMPANY_EVENTS: Final[dict[str, tuple[str, type[msgspec.Struct]]]] = {
    "nps.dropped": (ACCOUNTS, accounts.NpsDropped),
    "source.interrupted": (ACCOUNTS, accounts.SourceInterrupted),
}
"""What scoring tells about ourselves."""

TOLD: Final = {name: found for name, found in {**CUSTOMER_EVENTS, **COMPANY_EVENTS}.items() if found[1] not in UNTOLD}
"""What playbooks can wait for: what causes an assessment of its own."""

INTERNAL: Final[dict[str, tuple[str, type[msgspec.Struct]]]] = {
    **COMPANY_EVENTS,
    "account.assessed": (ASSESSMENTS, assessments.AccountAssessed),
    "partition.mark": (ASSESSMENTS, assessments.PartitionMark),
    "action.requested": (ACTIONS, actions.ActionRequested),
    "action.cancelled": (ACTIONS, actions.ActionCancelled),
    "item.changed": (ACTIONS, actions.ItemChanged),
    "delivery.settled": (DELIVERIES, deliveries.DeliverySettled),
    "delivery.responded": (DELIVERIES, deliveries.DeliveryResponded),
    "preferences.changed": (DELIVERIES, preferences.PreferencesChanged),
    "preferences.wanted": (DELIVERIES, preferences.PreferencesWanted),
    "preferences.chosen": (ACTIONS, preferences.PreferencesChosen),
    "webhooks.wanted": (DELIVERIES, outward.WebhooksWanted),
    "webhook.told": (ACTIONS, outward.WebhookTold),
}
"""What services tell each other."""

COMPANY: Final = "$company"
"""The account that stands for ourselves: reserved, never scored, and nobody sends of it."""

HISTORY_ENDED: Final = "history.ended"
"""Told by ingest on every event topic."""

_decoders: Final[dict[str, msgspec.json.Decoder[Any]]] = {
    name: msgspec.json.Decoder(struct) for name, (_, struct) in {**CUSTOMER_EVENTS, **INTERNAL}.items()
} | {HISTORY_ENDED: msgspec.json.Decoder(accounts.HistoryEnded)}


class UnknownType(ValueError):
    """No definition has this type."""


def topic_of(type: str) -> str:
    """The topic that a type travels on. Raises `UnknownType`."""
    found = CUSTOMER_EVENTS.get(type) or INTERNAL.get(type)
    if found is None:
        raise UnknownType(f"There is no type {type!r}.")
    return found[0]


def data_of(event: Event) -> Any:
    """An event's data as its type's definition. Raises `UnknownType` or `msgspec.ValidationError`."""
    decoder = _decoders.get(event.type)
    if decoder is None:
        raise UnknownType(f"There is no type {event.type!r}.")
    return decoder.decode(event.data)


_used: Final = msgspec.json.Decoder(usage.Used)


def read_used(value: bytes) -> usage.Used | None:
    """A usage event in one pass, or None for all else, and for what is no message at all: `read` says why not.

    Whatever this reads, `read` reads the same.
    """
    try:
        return _used.decode(value)
    except Exception:
        return None


def read(value: bytes) -> tuple[Event, Any]:
    """A message, and its data as its type's definition. Raises `UnknownType`, or `msgspec.DecodeError` in words."""
    event = decode(value)
    return event, data_of(event)
