"""Slack: Block Kit, by a bot's `chat.postMessage` or an incoming webhook.

Slack can't recognise a repeat, so one that may be a repeat says so. The bot's token and the webhook's URL are secrets:
no reason, log line or error repeats them.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import msgspec

from services.notifier.channels.blocks import Wants, escape, render, unset
from services.notifier.channels.protocol import Dispatch
from services.notifier.channels.rendering import Renderer
from services.notifier.core.amending import Answers
from services.notifier.core.retry import Fatal, Later, Never, Outcome, Sent
from services.notifier.core.routing import WEBHOOK, Transport
from shared.messages import tracing

_Read = Callable[[httpx.Response], Outcome]
_BUSY_FOR: Final = 30.0

_BUSY: Final = frozenset({"ratelimited", "rate_limited", "service_unavailable", "request_timeout", "team_added_to_org"})
_MAYBE: Final = frozenset({"internal_error", "fatal_error"})
"""Slack says of these that it may have done what was asked all the same."""
_BROKEN: Final = frozenset(
    "access_denied account_inactive ekm_access_denied invalid_auth missing_scope no_permission "  # noqa: SIM905
    "not_allowed_token_type not_authed org_login_required team_access_not_granted token_expired token_revoked".split()
)
_NO_WAY_THERE: Final = frozenset(
    "cannot_dm_bot channel_not_found is_archived not_in_channel restricted_action restricted_action_read_only_channel "  # noqa: SIM905
    "user_disabled user_not_found users_not_found".split()
)
"""What lies with the channel or person that was named, whatever is said."""
_HINTS: Final = {
    "channel_not_found": "there is no such channel, or the bot can't see it: invite the bot",
    "not_in_channel": "invite the bot to the channel",
    "is_archived": "the channel is archived",
    "invalid_auth": "KEEPWELL_SLACK_BOT_TOKEN is not valid",
    "missing_scope": "the bot needs the scope chat:write",
    "token_revoked": "KEEPWELL_SLACK_BOT_TOKEN was revoked",
    "message_not_found": "it was deleted",
}


def open_client(timeout: float = 8.0, beside: int = 0) -> httpx.AsyncClient:
    """The HTTP client to hand to `SlackChannel`, and to others that post `beside` it so many at once; close it at the
    end."""
    # They log every request with its URL, and a webhook's URL is a secret.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # What is kept open is looked through at each request; so few serve a steady stream.
    limits = httpx.Limits(max_connections=SlackChannel.at_once + beside, max_keepalive_connections=10)
    return httpx.AsyncClient(timeout=timeout, limits=limits)


@dataclass(repr=False)
class SlackChannel:
    """Posts to Slack. With a bot's token to any channel or person; with a webhook's URL alone to its one channel."""

    client: httpx.AsyncClient
    renderer: Renderer
    api_url: str
    bot_token: str | None = None
    webhook_url: str | None = None
    name: Transport = "slack"
    timeout: float = 10.0
    at_once: int = 16
    wants: Wants = unset

    async def send(self, dispatch: Dispatch) -> Outcome:
        """Send one message."""
        headers = {"Content-Type": "application/json; charset=utf-8"}
        if dispatch.traceparent:
            headers[tracing.HEADER] = dispatch.traceparent
        if dispatch.answers is not None:
            return await self._answer(dispatch, dispatch.answers, headers)
        by_bot = self.bot_token is not None and (dispatch.target != WEBHOOK or self.webhook_url is None)
        buttons = by_bot and self.renderer.interactive
        how: Any = {"repeat": dispatch.repeat, "buttons": buttons, "wants": self.wants}
        payload = render(dispatch.message, self.renderer, dispatch.delivery_id, **how)
        if self.webhook_url is not None and not by_bot:
            if dispatch.amends is not None:
                return Never(reason="without KEEPWELL_SLACK_BOT_TOKEN nothing that was posted can be changed")
            return await self._post(self.webhook_url, payload, headers, _webhook_answer)
        headers["Authorization"] = f"Bearer {self.bot_token}"
        named = {
            "channel": dispatch.target,
            **payload,
            "unfurl_links": False,
            "metadata": {"event_type": "keepwell_delivery", "event_payload": {"delivery_id": dispatch.delivery_id}},
        }
        method = "chat.postMessage"
        if dispatch.amends is not None:
            # What a person reads under `D…` was sent to `U…`: the receipt says where it is.
            channel, _, stamp = dispatch.amends.receipt.partition(" ")
            method, named = "chat.update", named | {"channel": channel, "ts": stamp}
        return await self._post(f"{self.api_url.rstrip('/')}/{method}", named, headers, _bot_answer)

    async def _answer(self, dispatch: Dispatch, answers: Answers, headers: dict[str, str]) -> Outcome:
        """Tell whoever clicked, where they clicked; else, if they are known to Slack, in a message of their own."""
        said = escape(dispatch.message.title)
        outcome: Outcome = Never(reason="there is nowhere to tell it")
        if answers.response_url is not None and self._is_slacks(answers.response_url):
            word = {"response_type": "ephemeral", "replace_original": False, "text": said}
            outcome = await self._post(answers.response_url, word, headers, _word_answer)
        if isinstance(outcome, Never) and dispatch.target and self.bot_token is not None:
            headers["Authorization"] = f"Bearer {self.bot_token}"
            word = {"channel": dispatch.target, "text": said}
            outcome = await self._post(f"{self.api_url.rstrip('/')}/chat.postMessage", word, headers, _bot_answer)
        return outcome

    def _is_slacks(self, url: str) -> bool:
        """Whether Slack answers there, or what stands for it here: an event may name any address."""
        return url.startswith("https://hooks.slack.com/") or _origin(url) == _origin(self.api_url) != _origin("")

    async def _post(self, url: str, payload: dict[str, Any], headers: dict[str, str], read: _Read) -> Outcome:
        try:
            response = await self.client.post(url, content=msgspec.json.encode(payload), headers=headers)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            return Later(reason="Slack can't be reached")
        except httpx.TransportError as error:
            return Later(reason=f"the connection to Slack broke ({type(error).__name__})", uncertain=True)
        if response.status_code == 429:
            return Later(reason="Slack asks us to slow down", after=_retry_after(response))
        if response.status_code >= 500:
            return Later(reason=f"Slack answered {response.status_code}", after=_given(response), uncertain=True)
        return read(response)


def _bot_answer(response: httpx.Response) -> Outcome:
    """Read an answer of `chat.postMessage`, which says its errors with status 200."""
    if response.status_code in {401, 403}:
        return Fatal(reason=f"Slack answered {response.status_code}: KEEPWELL_SLACK_BOT_TOKEN is not accepted")
    try:
        answer = msgspec.json.decode(response.content, type=_Answer)
    except msgspec.DecodeError:
        return Later(reason=f"Slack answered {response.status_code} with something unreadable", uncertain=True)
    if answer.ok:
        return Sent(receipt=f"{answer.channel} {answer.ts}".strip())
    error = _word(answer.error)
    reason = f"Slack says {error}" + (f": {_HINTS[error]}" if error in _HINTS else "")
    if error in _BUSY:
        return Later(reason=reason, after=_retry_after(response))
    if error in _MAYBE:
        return Later(reason=reason, uncertain=True)
    return Fatal(reason=reason) if error in _BROKEN else Never(reason=reason, is_road=error in _NO_WAY_THERE)


def _webhook_answer(response: httpx.Response) -> Outcome:
    """Read an incoming webhook's answer: 200 and `ok`, or an HTTP error and a word."""
    if response.status_code == 200:
        return Sent(receipt="ok")
    error = _word(response.text)
    reason = f"Slack answered {response.status_code} {error}".strip()
    if response.status_code == 400:
        return Never(reason=reason)
    # 403, 404, 410 and redirects: it was revoked, or its channel is gone. Everything goes this one way.
    return Fatal(reason=f"{reason}: KEEPWELL_SLACK_WEBHOOK_URL has to be made anew")


def _word_answer(response: httpx.Response) -> Outcome:
    """Read the answer to a word for whoever clicked: Slack takes five within half an hour."""
    if response.status_code == 200:
        return Sent(receipt="ok")
    return Never(reason=f"Slack answered {response.status_code} {_word(response.text)}".strip())


def _origin(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", ""
    return parts.scheme, parts.netloc


class _Answer(msgspec.Struct):
    ok: bool = False
    error: str = ""
    ts: str = ""
    channel: str = ""


def _word(text: str) -> str:
    """A vendor's error word, such as `channel_not_found`; anything longer is not repeated."""
    return text if len(text) <= 60 and text.replace("_", "").isalnum() else "" if not text else "something else"


def _given(response: httpx.Response) -> float | None:
    value = response.headers.get("retry-after", "").strip()
    return float(value) if value.isdecimal() and len(value) < 9 else None


def _retry_after(response: httpx.Response) -> float:
    given = _given(response)
    return _BUSY_FOR if given is None else given
