"""A request's body: unpacked where it is gzip, within a limit, in time, and within what all bodies may take at once.

Gzip is known by its first bytes, which begin nothing else that is read here: there are clients that pack without saying
so, and some that say so and don't.
"""

import asyncio
import zlib
from typing import Any, Final, NamedTuple

from starlette.datastructures import Headers
from starlette.types import Message, Receive

from shared.web.problems import Problem

_GZIP: Final = b"\x1f\x8b"
_KNOWN: Final = frozenset({"", "identity", "gzip", "x-gzip"})
"""Encodings of a body that is none of them, as headers name it."""
SLOWEST: Final = 10_000
"""Bytes a second."""


class Limits(NamedTuple):
    """What a body may be, in unpacked bytes, and what all of them may that are under way together.

    A body has `patience` seconds, and one more for each `SLOWEST` bytes that have come.
    """

    body: int = 5 * 1024 * 1024
    bodies: int = 48 * 1024 * 1024
    patience: float = 20.0


LIMITS: Final = Limits()


class Room:
    """What the bodies of all requests that are under way may take together, in bytes."""

    def __init__(self, most: int) -> None:
        self._left = most

    def take(self, size: int) -> None:
        """Take some. Raises a 503 problem when it isn't there: who is refused costs nothing, who waits would."""
        if size > self._left:
            raise Problem(503, "busy", "Too much is being sent here at once. Send the same again in a moment.")
        self._left -= size

    def give_back(self, size: int) -> None:
        """It is free again."""
        self._left += size


class Body:
    """Receives a body, and never more of it than the limit, packed or not. Nothing is read before it is asked for."""

    def __init__(self, receive: Receive, headers: Headers, limits: Limits, room: Room) -> None:
        self._receive, self._limit, self._patience, self._room = receive, limits.body, limits.patience, room
        self._packed = self._size = 0
        self._begun: float | None = None
        self._whole = False
        self.is_broken_off = False
        """The client has hung up before all of it had come."""
        length = headers.get("content-length", "")
        self._announced = int(length[:20]) if length.isdecimal() else 0
        self._encoding = headers.get("content-encoding", "identity").strip().lower()
        self._unpacker: Any = None
        self._begins: bytes | None = b""
        """What has come of a body of which it isn't known yet whether it is packed; None: it is known."""

    async def __call__(self) -> Message:
        """The next piece. Raises problems: 408, 413, 415, 503, and 400 for gzip that is broken."""
        if self._whole:
            return await self._receive()
        self._within(self._announced)
        message = await self._in_time()
        if message["type"] != "http.request":
            self.is_broken_off = message["type"] == "http.disconnect"
            return message
        self._whole = not message.get("more_body", False)
        body = message.get("body", b"")
        self._packed += len(body)
        self._within(self._packed)
        if self._begins is not None and (body := self._begun_with(body)) == b"" and not self._whole:
            return {**message, "body": b""}
        if self._unpacker is not None:
            body = self._unpack(body)
            if self._whole and not self._unpacker.eof:
                raise Problem(400, "invalid_gzip", "The gzip body ends too early. Send the whole of it again.")
        else:
            self._keep(len(body))
        return {**message, "body": body}

    def forget(self) -> None:
        """The request is over."""
        self._room.give_back(self._size)
        self._size = 0

    async def _in_time(self) -> Message:
        """The next piece of a body that comes at a pace: who dribbles holds a place that others need."""
        now = asyncio.get_running_loop().time()
        if self._begun is None:
            self._begun = now
        try:
            async with asyncio.timeout_at(self._begun + self._patience + self._packed / SLOWEST):
                return await self._receive()
        except TimeoutError:
            words = f"The body was not there after {now - self._begun:.0f} s. Send it at once, or less at a time."
            raise Problem(408, "too_slow", words) from None

    def _begun_with(self, body: bytes) -> bytes:
        """What can be read of the body's beginning: nothing, until it is long enough to tell whether it is packed."""
        assert self._begins is not None
        body = self._begins + body
        if len(body) < len(_GZIP) and not self._whole:
            self._begins = body
            return b""
        self._begins = None
        if body.startswith(_GZIP):
            self._unpacker = zlib.decompressobj(wbits=31)
        elif self._encoding not in _KNOWN:
            words = f"The body's encoding {self._encoding!r} isn't known here. Send it plain or as gzip."
            raise Problem(415, "unsupported_encoding", words, headers={"Accept-Encoding": "gzip"})
        return body

    def _unpack(self, packed: bytes) -> bytes:
        assert self._unpacker is not None
        chunks = []
        try:
            while packed:
                chunks.append(self._unpacker.decompress(packed, self._limit - self._size + 1))
                self._keep(len(chunks[-1]))
                packed = self._unpacker.unused_data or self._unpacker.unconsumed_tail
                if self._unpacker.eof and packed:
                    self._unpacker = zlib.decompressobj(wbits=31)
        except zlib.error:
            raise Problem(400, "invalid_gzip", "The body begins as gzip, but it isn't.") from None
        return b"".join(chunks)

    def _keep(self, size: int) -> None:
        self._within(self._size + size)
        self._room.take(size)
        self._size += size

    def _within(self, size: int) -> None:
        if size > self._limit:
            most = f"{self._limit / 1024 / 1024:.3g} MB"
            words = f"The body is larger than {most}. Send less at a time."
            raise Problem(413, "too_large", words, extra={"limit": self._limit})
