"""What surrounds every request: its trace and id, the limits on its body, its measured time, and the last net."""

import re
import time
import zlib
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.messages import tracing
from shared.telemetry.metrics import Metrics
from shared.web.problems import Problem, unexpected

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._:-]{1,128}")


class Edge:
    """Gives each request its trace, limits and unpacks its body, measures it, and answers what nobody else answered."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, random: tracing.RandomBytes, max_body: int) -> None:
        self._app, self._metrics, self._random, self._max_body = app, metrics, random, max_body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        trace = tracing.child(tracing.parse(headers.get(tracing.HEADER)), self._random)
        asked = headers.get("x-request-id", "")
        request_id = asked if _REQUEST_ID.fullmatch(asked) else trace.trace_id
        status, begun = 0, time.perf_counter()

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                out = MutableHeaders(scope=message)
                out["x-request-id"] = request_id
                out[tracing.HEADER] = trace.header()
            await send(message)

        token = tracing.current.set(trace)
        try:
            await self._app(scope, _Body(receive, headers, self._max_body), answer)
        except Exception as error:
            if status:
                raise
            await unexpected(error, request_id).response()(scope, receive, answer)
        finally:
            tracing.current.reset(token)
            route = getattr(scope.get("route"), "path", "none")
            seconds = time.perf_counter() - begun
            self._metrics.http_seconds.labels(scope["method"], route, str(status)).observe(seconds)


class _Body:
    """Receives a request's body: unpacked where it is gzip, and never more than the limit, packed or not."""

    def __init__(self, receive: Receive, headers: Headers, limit: int) -> None:
        self._receive, self._limit, self._packed, self._size = receive, limit, 0, 0
        length = headers.get("content-length", "")
        self._announced = int(length) if length.isdecimal() else 0
        self._encoding = headers.get("content-encoding", "identity").strip().lower()
        self._unpacker = zlib.decompressobj(wbits=31) if self._encoding in {"gzip", "x-gzip"} else None

    async def __call__(self) -> Message:
        if self._encoding not in {"identity", "", "gzip", "x-gzip"}:
            words = f"The body's encoding {self._encoding!r} isn't known here. Send it plain or as gzip."
            raise Problem(415, "unsupported_encoding", words, headers={"Accept-Encoding": "gzip"})
        self._within(self._announced)
        message = await self._receive()
        if message["type"] != "http.request":
            return message
        body = message.get("body", b"")
        self._packed += len(body)
        self._within(self._packed)
        if self._unpacker is None:
            return message
        body = self._unpack(body)
        if not message.get("more_body") and self._packed and not self._unpacker.eof:
            raise Problem(400, "invalid_gzip", "The gzip body ends too early. Send the whole of it again.")
        return {**message, "body": body}

    def _unpack(self, packed: bytes) -> bytes:
        assert self._unpacker is not None
        chunks = []
        try:
            while packed:
                chunks.append(self._unpacker.decompress(packed, self._limit - self._size + 1))
                self._size += len(chunks[-1])
                self._within(self._size)
                packed = self._unpacker.unused_data or self._unpacker.unconsumed_tail
                if self._unpacker.eof and packed:
                    self._unpacker = zlib.decompressobj(wbits=31)
        except zlib.error:
            raise Problem(400, "invalid_gzip", "The body says that it is gzip, but it isn't.") from None
        return b"".join(chunks)

    def _within(self, size: int) -> None:
        if size > self._limit:
            most = f"{self._limit / 1024 / 1024:.3g} MB"
            raise Problem(
                413, "too_large", f"The body is larger than {most}. Send less at a time.", extra={"limit": self._limit}
            )
