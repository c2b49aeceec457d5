"""What the OpenAPI document says of what endpoints get, made from the payloads' definitions."""

from typing import Any, Final

import msgspec

from services.notifier.core.calls import LARGEST
from shared.messages.outward import PAYLOADS

_TEMPLATE: Final = "#/components/schemas/{name}"
_STRUCTS: Final = list(dict.fromkeys(PAYLOADS.values()))
_WORDS: Final = f"""\
Signed as [Standard Webhooks](https://www.standardwebhooks.com) has it. The body is at most {LARGEST // 1000} kB: what
was longer has `truncated: true`. Answer 2xx within 20 s; anything else is tried again for three days."""
_HEADERS: Final = {
    "webhook-id": "The same however often this is sent: by it you know what you have had.",
    "webhook-timestamp": "When this attempt was made, in seconds since 1970.",
    "webhook-signature": "`v1,` and the signature in Base64; for a day after a rotation two, with a space between.",
}


def schemas() -> dict[str, Any]:
    """The components: each type's data."""
    return dict(msgspec.json.schema_components(_STRUCTS, ref_template=_TEMPLATE)[1])


def webhooks() -> dict[str, Any]:
    """Each type, as the receiver serves it."""
    references, _ = msgspec.json.schema_components(_STRUCTS, ref_template=_TEMPLATE)
    return {type: {"post": _operation(type, references[_STRUCTS.index(of)])} for type, of in PAYLOADS.items()}


def _operation(type: str, data: dict[str, Any]) -> dict[str, Any]:
    body = {
        "type": "object",
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": {"const": type},
            "timestamp": {"type": "string", "format": "date-time", "description": "When it happened."},
            "data": data,
            "truncated": {"const": True, "description": "Some of its texts or lists were too long, and are cut."},
        },
    }
    return {
        "summary": type,
        "description": _WORDS,
        "tags": ["webhooks"],
        "parameters": [
            {"name": name, "in": "header", "required": True, "description": words, "schema": {"type": "string"}}
            for name, words in _HEADERS.items()
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {"2XX": {"description": "You have it."}, "410": {"description": "Never send anything again."}},
    }
