"""A stand-in for another system that hears by webhooks: the official package verifies each, and what came is kept."""

import json
import time
from collections import deque
from collections.abc import Mapping
from typing import Any, Final

from standardwebhooks import Webhook, WebhookVerificationError

_MOST_KEPT: Final = 500
_TAKEN: Final = 204
_NOT_OURS: Final = 401
_BROKEN: Final = 500


class Endpoint:
    """Answers as such a system does: 204 to what is verified, 401 to what is not, 500 to all while it is broken."""

    def __init__(self) -> None:
        self._secret = ""
        self._broken = False
        self._came: deque[dict[str, Any]] = deque(maxlen=_MOST_KEPT)

    def be(self, said: Mapping[str, Any]) -> None:
        """Take a `secret` to verify by, or be `broken` or not."""
        self._secret = str(said.get("secret", self._secret))
        self._broken = bool(said.get("broken", self._broken))

    def take(self, headers: Mapping[str, str], raw: bytes) -> int:
        """Keep what came, with when (seconds of the epoch), and answer with a status."""
        id = next((value for name, value in headers.items() if name.lower() == "webhook-id"), "")
        status, body = self._read(headers, raw)
        self._came.append({"at": time.time(), "id": id, "status": status, "body": body})
        return status

    def came(self) -> list[dict[str, Any]]:
        """From the oldest on; `body` is null of what was not verified."""
        return list(self._came)

    def _read(self, headers: Mapping[str, str], raw: bytes) -> tuple[int, Any]:
        if self._broken:
            return _BROKEN, None
        if not self._secret:
            return _NOT_OURS, None
        try:
            Webhook(self._secret).verify(raw, dict(headers), json_parse=False)
            return _TAKEN, json.loads(raw)
        except (WebhookVerificationError, ValueError):
            # Signatures that are no base64, and bytes that are no JSON, are ValueErrors.
            return _NOT_OURS, None
