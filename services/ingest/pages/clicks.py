"""What comes back from the page that asks which messages are not wanted, or from a mail program in its place."""

from email.message import Message
from email.parser import BytesParser
from typing import Final

from services.ingest.core.forms import MOST_FIELDS, urlencoded
from services.ingest.core.leaving import Choice

_ONE_CLICK: Final = "List-Unsubscribe"
_CHOICE: Final = "choice"


def choice_of(content_type: str, body: bytes) -> Choice | None:
    """What a form says: that of the page, or the one click of a mail program (RFC 8058), which is meant of this kind;
    None where it says neither."""
    fields = _multipart(content_type, body) if "multipart/form-data" in content_type.lower() else urlencoded(body)
    if (said := fields.get(_CHOICE, "").strip()) in ("kind", "all"):
        return "all" if said == "all" else "kind"
    return "kind" if fields.get(_ONE_CLICK, "").strip().casefold() == "one-click" else None


def _multipart(content_type: str, body: bytes) -> dict[str, str]:
    head = "".join(one for one in content_type if one.isprintable() and one.isascii())
    whole = BytesParser().parsebytes(f"Content-Type: {head}\r\n\r\n".encode() + body)
    parts = [one for one in whole.get_payload() if isinstance(one, Message)] if whole.is_multipart() else []
    found: dict[str, str] = {}
    for part in parts[:MOST_FIELDS]:
        name, value = part.get_param("name", header="content-disposition"), part.get_payload(decode=True)
        if isinstance(name, str) and isinstance(value, bytes):
            found.setdefault(name, value.decode("utf-8", "replace"))
    return found
