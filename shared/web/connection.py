"""One client's connection: what it may cost before a request of its is whole, and how long that may take.

Uvicorn's own protocol believes a client in everything that comes before the body: a head may be of any size and take
for ever. Here its bytes are counted and its time is up, and an answer says so: 414, 431, 408. What the app takes of a
body, and how slowly, is the business of `shared.web.body`.
"""

import asyncio
from http import HTTPStatus
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from shared.web.problems import Problem

LONGEST_URL: Final = 8 * 1024
LARGEST_HEAD: Final = 32 * 1024
"""Bytes of the request line and all headers; also what may come in a body, as trailers do, that is no body."""
MOST_REQUESTS: Final = 16
"""Requests of one connection that wait for the answer to the one before."""


class Connection(HttpToolsProtocol):
    """Uvicorn's protocol with limits. `look` is called every half second; the seconds are the event loop's.

    A client owes us something (`due`) from when it connects, or begins a request, until the head is whole; and again
    when it was answered before its body was. It owes nothing while we are at work on its request, nor while we have
    paused reading. Who was answered early may still be sending: closing at once would reset the connection, and the
    answer would be lost on the way. So what still comes is dropped for a moment, and then the connection is closed.
    """

    head_seconds = 10.0
    left_seconds = 5.0
    """For the rest of a body whose answer is out."""
    farewell_seconds = 2.0
    write_seconds = 60.0
    """For a client that takes nothing of its answer."""
    most = 500
    """Connections at once. Who comes then takes the place of the one that owes us something longest, if any does."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.cycle: RequestResponseCycle | None = None  # type: ignore[assignment] # so it is, until a request comes
        self.url = b""  # as it is, too, until a request comes
        self._running: RequestResponseCycle | None = None
        """What the app is at: `cycle` is what was read last, and may wait for its turn."""
        self.due: float | None = None
        self._over_at: float | None = None
        """When the connection is closed whatever comes; what is read until then is dropped."""
        self._stalled_at: float | None = None
        self._whole = True
        """No request is half read."""
        self._fruitless = 0
        """Bytes that were read since the last piece of a request was whole."""
        self._last = False
        """The client wants the connection closed after this answer."""
        self._refusal: Problem | None = None

    def look(self, now: float) -> None:
        """Part with a client whose time is up."""
        stalled = self._stalled_at is not None and now > self._stalled_at + self.write_seconds
        if stalled or (self._over_at is not None and now > self._over_at):
            self.transport.abort()
        elif self.due is not None and now > self.due and not self.flow.read_paused and self._over_at is None:
            self.due = None
            if self._whole or not self._in_head():
                self.transport.close()
                return
            words = f"The request's head was not there within {self.head_seconds:.0f} s. Send it at once."
            self._refuse(Problem(408, "too_slow", words))

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """A client has connected."""
        super().connection_made(transport)
        self.due = self.loop.time() + self.head_seconds
        if len(self.connections) <= self.most:
            return
        others = [one for one in self.connections if isinstance(one, Connection) and one is not self]
        owing = [(one.due, id(one), one) for one in others if one.due is not None]
        if owing:
            min(owing)[2].transport.abort()
        else:
            self._refuse(Problem(503, "busy", "Too many connections are open here. Send the same again in a moment."))

    def data_received(self, data: bytes) -> None:
        """Feed the parser, and see whether anything came of it."""
        if self._over_at is not None:
            return
        if self.due is None and self._whole and (self.cycle is None or self.cycle.response_complete):
            self.due = self.loop.time() + self.head_seconds
        self._fruitless += len(data)
        super().data_received(data)
        if self._fruitless > LARGEST_HEAD and self._over_at is None:
            self._refuse(self._too_large())

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._whole, self._last = False, False
        if self.due is None:
            self.due = self.loop.time() + self.head_seconds

    def on_headers_complete(self) -> None:
        """The head is there: see how large it was, and let the app have the request."""
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if len(self.url) > LONGEST_URL or size > LARGEST_HEAD:
            self._stop(self._too_large())
        if len(self.pipeline) >= MOST_REQUESTS:
            self._stop(Problem(429, "too_many_requests", "Wait for an answer before sending the next request."))
        self._fruitless, self.due = 0, None
        super().on_headers_complete()
        assert self.cycle is not None
        if not self.cycle.keep_alive and any(name in _BODY for name, _ in self.headers):
            # Uvicorn would close as soon as it has answered.
            self.cycle.keep_alive, self._last = True, True

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._fruitless = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._whole, self._fruitless = True, 0
        super().on_message_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """The answer is out."""
        super().on_response_complete()
        if self.cycle is not None and not self.cycle.response_complete:
            return  # It was the answer to an earlier request.
        if self._whole and self._last:
            self.transport.close()
        elif not self._whole and not self._in_head():
            self.due = self.loop.time() + self.left_seconds
            if self._last:
                self._part()

    def pause_writing(self) -> None:
        """The client doesn't take what is sent."""
        self._stalled_at = self.loop.time()
        super().pause_writing()

    def resume_writing(self) -> None:
        """It does again."""
        self._stalled_at = None
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Answer what the parser could not read, or one of our own limits that stopped it."""
        refusal = self._refusal or (self._too_large() if self._fruitless > LARGEST_HEAD else None)
        self._refuse(refusal or Problem(400, "invalid_http", f"{msg} Send HTTP/1.1."))

    def _in_head(self) -> bool:
        """Whether a request has begun whose head is not whole: it has no cycle yet."""
        return not self._whole and (self.cycle is None or self.cycle.scope is not self.scope)

    def _too_large(self) -> Problem:
        if len(self.url) > LONGEST_URL:
            return Problem(
                414, "url_too_long", f"The address is longer than {LONGEST_URL // 1024} KB. Send less in it."
            )
        words = f"The request's headers are larger than {LARGEST_HEAD // 1024} KB. Send less in them."
        return Problem(431, "headers_too_large", words)

    def _stop(self, refusal: Problem) -> None:
        """Stop the parser, from within one of its callbacks: it comes back to `send_400_response`."""
        self._refusal = refusal
        raise ValueError(refusal.code)

    def _refuse(self, problem: Problem) -> None:
        """Say why, and part. While the answer to this or an earlier request is due or has begun, nothing is said."""
        said = True
        self.pipeline.clear()
        if self._running is not None and not self._running.response_complete:
            said = not (self._running.response_started or self._in_head())
            self._running.disconnected = True
            self._running.message_event.set()
        if said:
            response = problem.response()
            head = f"HTTP/1.1 {response.status_code} {HTTPStatus(response.status_code).phrase}".encode()
            lines = [head, *(name + b": " + value for name, value in response.raw_headers), b"connection: close"]
            self.transport.write(b"\r\n".join(lines) + b"\r\n\r\n" + bytes(response.body))
        self._part()

    def _part(self) -> None:
        """Send no more, drop what comes, and close in a moment."""
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._over_at = self.loop.time() + self.farewell_seconds
        self.flow.resume_reading()


_BODY: Final = frozenset({b"content-length", b"transfer-encoding"})
