"""One endpoint's line: how one call goes out to it, and what comes of that."""

import asyncio
import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from http import HTTPStatus
from math import floor
from typing import Any, Final
from urllib.parse import urlsplit

import httpcore
from standardwebhooks import Webhook

from services.notifier.core.calls import Answer
from services.notifier.hooks.addresses import AddressRefused, CheckedBackend, Guard, read_url
from shared.messages import tracing
from shared.words import clean, clean_lines

TIMEOUT: Final = 20.0
"""Seconds for all of an attempt."""
AT_ONCE: Final = 8
"""Connections to one endpoint. A pool looks through all of its own at each request."""
_KEPT_OPEN: Final = 4.0
"""Seconds without a call. Many servers close after five, and what is sent at that moment is lost."""
_KEPT: Final = 4_000
"""Characters of an answer."""
_READ: Final = 64_000
"""Bytes of an answer, before whoever sends more is cut off."""
_MOST_HEADERS: Final = 30
_LONGEST: Final = 300
_SECRET: Final = ("cookie", "auth", "token", "secret", "key")
_ALWAYS: Final = {"content-type": "application/json", "user-agent": "Keepwell-Webhooks/1"}


def headers_of(id: str, at: datetime, body: bytes, secrets: Sequence[str], traceparent: str | None) -> dict[str, str]:
    """The headers of Standard Webhooks, signed with each secret, and ours."""
    said = body.decode()
    return {
        **_ALWAYS,
        "webhook-id": id,
        "webhook-timestamp": str(floor(at.timestamp())),
        "webhook-signature": " ".join(_signer(one).sign(id, at, said) for one in secrets),
        **({tracing.HEADER: traceparent} if traceparent else {}),
    }


_signer: Final = lru_cache(maxsize=256)(Webhook)


class Line:
    """Connections to one URL: no proxies, no redirects, no cookies, and only to addresses that may be reached."""

    def __init__(self, url: str, guard: Guard, trust: ssl.SSLContext, timeout: float = TIMEOUT) -> None:
        self.url = url
        self._timeout = timeout
        self._pool: httpcore.AsyncConnectionPool | None = None
        self._why = ""
        try:
            place = read_url(url)
        except AddressRefused as error:
            self._why = str(error)
            return
        self._to = httpcore.URL(
            scheme=place.scheme.encode(), host=place.host.encode(), port=place.port, target=place.path
        )
        self._host = (b"host", place.netloc)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=trust,
            max_connections=AT_ONCE,
            keepalive_expiry=_KEPT_OPEN,
            network_backend=CheckedBackend(guard, is_plain=place.scheme == "http"),
        )

    async def post(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Answer:
        """Send it once. Whatever happens is an answer."""
        if self._pool is None:
            return Answer(self._why)
        sent = [self._host, (b"content-length", b"%d" % len(body))]
        sent += [(name.encode(), value.encode()) for name, value in headers.items()]
        request = httpcore.Request(b"POST", self._to, headers=sent, content=body)
        try:
            async with asyncio.timeout(self._timeout):
                response = await self._pool.handle_async_request(request)
                try:
                    said = await _read(response)
                finally:
                    await response.aclose()
        except AddressRefused as error:
            return Answer(str(error))
        except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
            return Answer(f"no connection: {clean(str(error), 200) or 'it was refused'}")
        except TimeoutError:
            return Answer(f"no whole answer within {self._timeout:.0f} s", uncertain=True)
        except asyncio.CancelledError:
            return Answer("the notifier was stopped before an answer came", uncertain=True)
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError) as error:
            return Answer(f"the connection broke: {clean(str(error), 200) or type(error).__name__}", uncertain=True)
        kept = dict(_kept(response.headers))
        status = response.status
        return Answer(
            _reason(status, kept),
            status,
            kept,
            "\n".join(clean_lines(said.decode(errors="replace")))[:_KEPT],
            None if 200 <= status < 300 else _after(kept.get("retry-after"), now),
        )

    async def close(self) -> None:
        """Close every connection."""
        if self._pool is not None:
            await self._pool.aclose()


async def _read(response: httpcore.Response) -> bytes:
    """The beginning of an answer's body; who sends without end is left."""
    parts, size = [], 0
    stream: Any = response.stream
    async with aclosing(stream.__aiter__()) as chunks:
        async for chunk in chunks:
            if size < _KEPT:
                parts.append(chunk[: _KEPT - size])
            size += len(chunk)
            if size > _READ:
                break
    return b"".join(parts)


def _kept(headers: Sequence[tuple[bytes, bytes]]) -> Iterator[tuple[str, str]]:
    """What is kept of an answer's headers: not what is somebody's secret."""
    for name, value in headers[:_MOST_HEADERS]:
        called = clean(name.decode("latin-1"), 100).lower()
        secret = any(part in called for part in _SECRET)
        yield called, "…" if secret else clean(value.decode("latin-1"), _LONGEST)


def _reason(status: int, headers: Mapping[str, str]) -> str:
    if 200 <= status < 300:
        return ""
    try:
        said = f"it answered {status} {HTTPStatus(status).phrase}"
    except ValueError:
        said = f"it answered {status}"
    if 300 <= status < 400:
        try:
            led = urlsplit(headers.get("location", "")).hostname
        except ValueError:
            led = None
        return f"{said} and points to {clean(led or 'another path', 100)}; redirects are not followed"
    return said


def _after(text: str | None, now: datetime) -> float | None:
    """A Retry-After as seconds from now: it is a number of them, or a date."""
    if not text:
        return None
    if text.isdecimal() and text.isascii():
        return float(text[:9])
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds()
