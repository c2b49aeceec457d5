"""A connection on which every answer has an end, whatever is sent: reading one without an end holds up everybody."""

import ssl
from typing import Any, Final

import httpcore

MOST: Final = 256_000
"""Bytes of one answer, with all that comes before it: headers are at most 100 kB, and 64 kB of a body are read."""


class Bounded(httpcore.AsyncNetworkStream):
    """Reads at most so much for each request: a receiver may say `100 Continue` without end, and parsing that takes
    all the time that there is."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._left = MOST

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Raises `ReadError` when it is too much."""
        if self._left <= 0:
            raise httpcore.ReadError("its answer has no end")
        found = await self._stream.read(max_bytes, timeout)
        self._left -= len(found)
        return found

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send on; what is answered to that counts anew."""
        self._left = MOST
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        """Close it."""
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        """Begin TLS; the bound holds for what is in it."""
        return Bounded(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        """As the stream has it."""
        return self._stream.get_extra_info(info)
