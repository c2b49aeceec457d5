"""What the OpenAPI document says of `POST /v1/events`, whose body msgspec reads; made from the types' definitions."""

from typing import Any, Final

import msgspec

from services.ingest.core.checking import Answer
from shared.messages.examples import plain_example
from shared.messages.registry import CUSTOMER_EVENTS

_TEMPLATE: Final = "#/components/schemas/{name}"
_PLAIN: Final = "application/json"
_ONE, _BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"

ABOUT_EVENTS: Final = """\
Takes CloudEvents 1.0 in every HTTP mode (structured, batch, binary), and a plain list (or one object) of
`{id, type, account, time?, source?, data}`. At most 1,000 events and 5 MB a request (gzip is unpacked), and 64 KiB an
event.

- **`id`** is required: send the same id and time when you send an event again, and it is counted once. Two events are
  the same when `source`, `id` and account are the same and their times lie on the same UTC day or on adjacent ones
  (without a time, for 24 hours). `source` defaults to the name of the API key; any other is taken but those of
  verified webhooks, `keepwell/…`, and other keys' names.
- **`account`** (`subject` in a CloudEvent) is the account's id, or an alias in the form `system:name`, such as
  `stripe:cus_1`. An alias is set by `account.updated` (`data.traits.aliases`), once and for good. An event whose alias
  nobody has set is accepted and waits (`GET /v1/waiting`) until somebody does. An `account.updated` *about* an id in
  that form that is no alias makes it an account's own id.
- **`time`** is when it happened; without it, now. At most 35 days back; one more than 5 minutes ahead, and at most 24
  hours, is taken for now, and `adjusted` says so.
- **Times and numbers**: what is finer than microseconds is cut, and a leap second is the second before it. An empty
  date (`0001-01-01`, `1970-01-01`, `9999-12-31`) in a field that may be null is null, and `adjusted` says so; elsewhere
  it is refused. A whole number may be written `7.0`.
- **Erasing and merging** (`account.erased`, `contact.erased`, `account.merged`) need the scope `operate`, too. Whoever
  is erased is forgotten everywhere within a minute but on the topics, which forget by `topics_forget_by`. What is
  sent of a merged account afterwards goes to the one that it goes on as.
- **History**: open an import and put its id in `history`; it moves state and fires nothing, and may be of any age.

The answer's `token` tells where these events came to lie. Give it to a read of scoring (`?at_least=TOKEN`), and that
waits until they are counted. It is null where none was published: an event that waits for its alias isn't in it.

202 when any event was taken, with the others in `refused`, by their place in the request; what waits for its alias is
in `waiting`. One that is broken in itself is refused alone. 400, with the same list, when none was taken. What was
refused is kept for 30 days (`GET /v1/refused`): have it taken by a replay, or correct it and send it again. 503
when the broker has not confirmed: send the same again, nothing is counted twice. 429, with `Retry-After`, when the key
has sent more than it may: nothing of the request was taken. Attributes and fields that are not known are kept."""


ABOUT_ACCOUNTS: Final = """\
Publishes an `account.updated` in the name of the key, and answers as `POST /v1/events` does. The body is its data:
`traits`, of which null says "no longer" and one that is left out says nothing. They may stand in the body itself, too.
A name that looks like a known trait and is none is refused, unless the catalogue declares it.

With `move_open` what the former owner has open at the account goes to the new `owner`, and their manager hears once."""
ABOUT_CONTACTS: Final = """\
Publishes a `contact.updated` in the name of the key, and answers as `POST /v1/events` does. The body is its data
without the id: `traits` (`name`, `email`, `phone`, `language`, and your own), `role`, `roles`, `user_ids`. Traits may
stand in the body itself, too; null says "no longer"."""


def any_object(example: dict[str, Any]) -> dict[str, Any]:
    """A body that is whatever object another tool's client sends."""
    content = {"application/json": {"schema": {"type": "object"}, "example": example}}
    return {"requestBody": {"required": True, "content": content}}


def body_of(struct: str, example: dict[str, Any]) -> dict[str, Any]:
    """A body that is the data of an event, or its traits alone."""
    data = {"allOf": [{"type": "object"}], "description": f"As {struct}, or its traits alone."}
    return {"requestBody": {"required": True, "content": {_PLAIN: {"schema": data, "example": example}}}}


def schemas() -> dict[str, Any]:
    """The components: each type's data, the events, and the answer."""
    structs = list(dict.fromkeys(struct for _, struct in CUSTOMER_EVENTS.values()))
    references, found = msgspec.json.schema_components([*structs, Answer], ref_template=_TEMPLATE)
    components: dict[str, Any] = dict(found)
    for type, (_, struct) in CUSTOMER_EVENTS.items():
        components[_name(type)] = _event(type, references[structs.index(struct)])
    components["Event"] = {
        "oneOf": [_ref(_name(type)) for type in CUSTOMER_EVENTS],
        "discriminator": {
            "propertyName": "type",
            "mapping": {type: _TEMPLATE.format(name=_name(type)) for type in CUSTOMER_EVENTS},
        },
    }
    return components


def _event(type: str, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "title": type,
        "type": "object",
        "required": ["id", "type"],
        "anyOf": [{"required": ["account"]}, {"required": ["subject"]}],
        "additionalProperties": True,
        "properties": {
            "id": {"type": "string", "minLength": 1, "maxLength": 128},
            "type": {"const": type},
            "account": {"type": "string", "maxLength": 128, "description": "The account's id, or an alias."},
            "subject": {"type": "string", "maxLength": 128, "description": "The same, in a CloudEvent."},
            "time": {"type": "string", "format": "date-time"},
            "source": {"type": "string", "maxLength": 256},
            "specversion": {"const": "1.0"},
            "history": {"type": "string", "maxLength": 128, "description": "The import that this belongs to."},
            "data": data,
        },
    }


def _name(type: str) -> str:
    return "Event_" + type.replace(".", "_")


def _ref(name: str) -> dict[str, str]:
    return {"$ref": _TEMPLATE.format(name=name)}


_EXAMPLES: Final = {type: {"summary": type, "value": plain_example(type)} for type in CUSTOMER_EVENTS}
_CLOUD_EVENT: Final = {
    "specversion": "1.0",
    "id": "7f3c",
    "source": "shop",
    "type": "usage.recorded",
    "subject": "northwind",
    "datacontenttype": "application/json",
    "data": {"feature": "reports", "user_id": "u-17"},
}
_LIST: Final = {"summary": "several at once", "value": [plain_example(type) for type in CUSTOMER_EVENTS][:3]}
_BODY: Final = {"schema": {"oneOf": [{"type": "array", "items": _ref("Event"), "maxItems": 1000}, _ref("Event")]}}
EVENTS: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            _PLAIN: {**_BODY, "examples": {"list": _LIST, **_EXAMPLES}},
            _ONE: {**_BODY, "example": _CLOUD_EVENT},
            _BATCH: {**_BODY, "example": [_CLOUD_EVENT]},
        },
    }
}
ANSWER: Final[dict[str, Any]] = {
    "description": "What became of the events.",
    "content": {"application/json": {"schema": _ref("Answer")}},
}
