"""The AsyncAPI 3 document of all topics, made from the registry: what travels where, who sends it and who receives it.

`python -m shared.messages.asyncapi` writes docs/asyncapi.json; ingest serves the same at `/asyncapi.json`.
"""

from pathlib import Path
from typing import Any, Final

import msgspec

from shared.messages import registry
from shared.messages.accounts import HistoryEnded
from shared.messages.envelope import Event
from shared.messages.examples import examples
from shared.messages.registry import (
    ACCOUNTS,
    ACTIONS,
    ASSESSMENTS,
    COMPANY_EVENTS,
    CUSTOMER_EVENTS,
    DEFAULT_PARTITIONS,
    DELIVERIES,
    EVENT_TOPICS,
    HISTORY_ENDED,
    INTERNAL,
    RETENTION_DAYS,
    TOPICS,
)

PAGE: Final = Path(__file__).parents[2] / "docs" / "asyncapi.json"
MEDIA: Final = "application/cloudevents+json"
_DAY: Final = 24 * 60 * 60 * 1000
_SCHEMAS: Final = "#/components/schemas/"
_ABOUT: Final = {
    registry.USAGE: "Use of the product.",
    registry.TICKETS: "Support tickets.",
    registry.BILLING: "Invoices and subscriptions.",
    registry.FEEDBACK: "Answers to surveys, and who was asked.",
    ACCOUNTS: "What is known of accounts and the people at them, and what people say of them.",
    ASSESSMENTS: "An account's facts, score and drivers right after an event: the one stream that playbooks decide by.",
    ACTIONS: "What playbooks ask for, and what became of their items.",
    DELIVERIES: "What became of messages, and what people answered to them.",
}
_ERASURES: Final = ("account.erased", "contact.erased")
_SAID_BY_HAND: Final = (
    "pulse.set",
    "note.added",
    "reading.muted",
    "goal.set",
    "goal.reached",
    "goal.dropped",
    "renewal.updated",
)


def on_topic(topic: str) -> list[str]:
    """The types that travel there."""
    types = [name for name, (at, _) in {**CUSTOMER_EVENTS, **INTERNAL}.items() if at == topic]
    if topic in EVENT_TOPICS:
        types.append(HISTORY_ENDED)
    return [*types, *_ERASURES] if topic == ACTIONS else types


SENT: Final[tuple[tuple[str, str, tuple[str, ...]], ...]] = (
    *(("ingest", topic, tuple(t for t in on_topic(topic) if t not in COMPANY_EVENTS)) for topic in EVENT_TOPICS),
    ("ingest", DELIVERIES, ("delivery.responded", "preferences.wanted")),
    ("scoring", ACCOUNTS, (*_SAID_BY_HAND, *COMPANY_EVENTS)),
    ("scoring", ASSESSMENTS, tuple(on_topic(ASSESSMENTS))),
    ("playbooks", ACCOUNTS, ("account.updated", "interaction.logged", "note.added")),
    ("playbooks", ACTIONS, tuple(on_topic(ACTIONS))),
    ("notifier", DELIVERIES, ("delivery.settled", "preferences.changed", "webhooks.wanted")),
)
"""Which service sends which types where."""
RECEIVED: Final[tuple[tuple[str, str], ...]] = (
    *(("scoring", topic) for topic in EVENT_TOPICS),
    ("playbooks", ASSESSMENTS),
    ("playbooks", DELIVERIES),
    ("notifier", ACCOUNTS),
    ("notifier", ACTIONS),
)
"""Which service reads which topic, the whole of it."""


def document() -> dict[str, Any]:
    """The whole document."""
    structs = {name: struct for name, (_, struct) in {**CUSTOMER_EVENTS, **INTERNAL}.items()}
    structs[HISTORY_ENDED] = HistoryEnded
    distinct = list(dict.fromkeys([_envelope(), *structs.values()]))
    references, schemas = msgspec.json.schema_components(distinct, ref_template=_SCHEMAS + "{name}")
    data = {name: references[distinct.index(struct)] for name, struct in structs.items()}
    operations = [*(_sends(*one) for one in SENT), *(_receives(*one) for one in RECEIVED)]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Keepwell's topics",
            "version": "1",
            "description": "CloudEvents 1.0 in JSON, keyed by the account's id. Every topic has the same number of "
            "partitions, and a record's is murmur2 of its key. Types only grow: a new field is optional.",
            "tags": [{"name": name} for name in ("ingest", "scoring", "playbooks", "notifier")],
        },
        "defaultContentType": MEDIA,
        "channels": {_short(topic): _channel(topic) for topic in TOPICS},
        "operations": dict(operations),
        "components": {
            "messages": {name: _message(name, data[name]) for name in structs},
            "messageTraits": {"headers": {"headers": _HEADERS}},
            "schemas": schemas,
        },
    }


def text() -> str:
    """As it is written and served."""
    return msgspec.json.format(msgspec.json.encode(document()), indent=1).decode() + "\n"


def _envelope() -> type[msgspec.Struct]:
    """The envelope, with any data: what it is depends on the type."""
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = [
        (one.name, one.type) if one.required else (one.name, one.type, one.default)
        for one in msgspec.structs.fields(Event)
        if one.name != "data"
    ]
    return msgspec.defstruct(
        "Event", [*fields, ("data", dict[str, Any])], kw_only=True, namespace={"__doc__": _ENVELOPE}
    )


def _channel(topic: str) -> dict[str, Any]:
    kept = {"cleanup.policy": ["delete"], "retention.ms": RETENTION_DAYS * _DAY}
    return {
        "address": topic,
        "title": topic,
        "description": _ABOUT[topic],
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in on_topic(topic)},
        "bindings": {
            "kafka": {
                "topic": topic,
                "partitions": DEFAULT_PARTITIONS,
                "topicConfiguration": kept,
                "bindingVersion": "0.5.0",
            }
        },
    }


def _sends(service: str, topic: str, types: tuple[str, ...]) -> tuple[str, dict[str, Any]]:
    return f"{service}.sends.{_short(topic)}", _operation("send", service, topic, types)


def _receives(service: str, topic: str) -> tuple[str, dict[str, Any]]:
    return f"{service}.receives.{_short(topic)}", _operation("receive", service, topic, tuple(on_topic(topic)))


def _operation(action: str, service: str, topic: str, types: tuple[str, ...]) -> dict[str, Any]:
    channel = f"#/channels/{_short(topic)}"
    return {
        "action": action,
        "channel": {"$ref": channel},
        "summary": f"{service} {action}s on {topic}.",
        "tags": [{"name": service}],
        "messages": [{"$ref": f"{channel}/messages/{name}"} for name in types],
    }


def _message(name: str, data: dict[str, Any]) -> dict[str, Any]:
    payload = {"allOf": [{"$ref": _SCHEMAS + "Event"}, {"properties": {"type": {"const": name}, "data": data}}]}
    return {
        "name": name,
        "title": name,
        "contentType": MEDIA,
        "traits": [{"$ref": "#/components/messageTraits/headers"}],
        "tags": [{"name": name.partition(".")[0]}],
        "payload": payload,
        "bindings": {"kafka": {"key": _KEY, "bindingVersion": "0.5.0"}},
        "examples": [{"name": name, "headers": {"ce_type": name}, "payload": examples()[name]}],
    }


def _short(topic: str) -> str:
    return topic.rpartition(".")[2]


_ENVELOPE: Final = (
    "A CloudEvent. `subject` is the account; `time` says when it happened, in UTC. Two are the same event when "
    "`source`, `id` and `subject` are. `accepted`: when ingest took it. `history`: the import that it belongs to. "
    "`timeless`: the sender gave no time."
)
_KEY: Final = {"type": "string", "maxLength": 128, "description": "The account's id, the same as `subject`."}
_HEADERS: Final = {
    "type": "object",
    "required": ["ce_type"],
    "properties": {
        "ce_type": {"type": "string", "description": "The same as the message's `type`."},
        "traceparent": {
            "type": "string",
            "pattern": "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$",
            "description": "W3C trace context: of the request that it all began with.",
        },
    },
}

if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")
