"""Posts to the webhook of a chat. Its URL is a secret: no reason, log line or error repeats it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx
import msgspec

from services.notifier.channels.protocol import Dispatch
from services.notifier.core.retry import Fatal, Later, Never, Outcome, Sent
from shared.messages import tracing

_BUSY_FOR: Final = 30.0
_NOT_THIS_MESSAGE: Final = frozenset({400, 413, 422})
"""Refused for what it says."""
_NOT_NOW: Final = frozenset({408, 425})
_HOOKS_FAULT: Final = (
    "disabled",
    "notenabled",
    "notfound",
    "webhook.invalid",
    "webhook.channel",
    "webhook.permissions",
)
"""What is in the word with which Power Automate and Mattermost say by a 400 that it lies with the webhook."""


@dataclass(frozen=True, slots=True, repr=False)
class Hook:
    """One webhook. Without a repr, because its URL is a secret."""

    client: httpx.AsyncClient
    url: str
    called: str
    """`Teams`, `the chat`."""
    setting: str
    """The setting that names it."""
    receipt: str = ""
    """The header that says what became of it."""

    async def post(self, payload: Mapping[str, Any], dispatch: Dispatch) -> Outcome:
        """Post once."""
        headers = {"Content-Type": "application/json; charset=utf-8"}
        if dispatch.traceparent:
            headers[tracing.HEADER] = dispatch.traceparent
        try:
            response = await self.client.post(self.url, content=msgspec.json.encode(payload), headers=headers)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            return Later(reason=f"{self.called} can't be reached")
        except httpx.RequestError as error:
            return Later(reason=f"the connection to {self.called} broke ({type(error).__name__})", uncertain=True)
        return self._read(response)

    def _read(self, response: httpx.Response) -> Outcome:
        status = response.status_code
        if 200 <= status < 300:
            return Sent(receipt=_word(response.headers.get(self.receipt, "")) if self.receipt else "ok")
        if status == 429:
            given = _retry_after(response)
            return Later(reason=f"{self.called} asks us to slow down", after=_BUSY_FOR if given is None else given)
        error = _error(response.content)
        reason = f"{self.called} answered {status} {_word(error)}".strip()
        if status in _NOT_NOW:
            return Later(reason=reason)
        if status >= 500 and status != 501:
            return Later(reason=reason, after=_retry_after(response), uncertain=True)
        if status in _NOT_THIS_MESSAGE and not any(one in error.lower() for one in _HOOKS_FAULT):
            return Never(reason=reason)
        # It was revoked or switched off, or its channel is gone. Everything goes this one way.
        return Fatal(reason=f"{reason}: {self.setting} has to be made anew, or switched on again")


class _Error(msgspec.Struct):
    """Mattermost's `id`; Power Automate's and Google's `error`."""

    id: str = ""
    error: Any = None


def _error(content: bytes) -> str:
    """A vendor's own word for what went wrong, such as `WorkflowTriggerIsNotEnabled`."""
    try:
        said = msgspec.json.decode(content, type=_Error)
    except msgspec.DecodeError:
        return ""
    within = said.error
    code = within.get("code") or within.get("status") if isinstance(within, dict) else within
    return said.id or (code if isinstance(code, str) else "")


def _word(text: str) -> str:
    """What is short and one word; anything else is not repeated."""
    is_one = len(text) <= 100 and text.replace("_", "").replace(".", "").replace("-", "").isalnum()
    return text if is_one and text.isascii() else ""


def _retry_after(response: httpx.Response) -> float | None:
    """In seconds. A date is not read: it is of another clock."""
    try:
        given = float(response.headers.get("retry-after", ""))
    except ValueError:
        return None
    return given if math.isfinite(given) and given >= 0 else None
