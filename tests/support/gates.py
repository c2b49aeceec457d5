"""An HTTP server between clients and Keepwell, or in place of it, that can lose an answer on its way back."""

import gzip
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx

_HOPS: Final = frozenset({"connection", "keep-alive", "transfer-encoding", "host", "content-length", "date", "server"})
"""Headers of one connection only."""


class Asked(NamedTuple):
    """A request as it came; names of headers in small letters."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def unpacked(self) -> bytes:
        """Its body without gzip."""
        return gzip.decompress(self.body) if self.body.startswith(b"\x1f\x8b") else self.body


class Answered(NamedTuple):
    """An answer."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Gate:
    """A port that answers by a function, and tells what came and what was answered."""

    answer: Callable[[Asked], Answered]
    loses: Callable[[Asked], bool]
    """Whether a good answer may be lost: of the first such request, which goes through, its sender never hears."""
    got: list[tuple[Asked, Answered]] = field(default_factory=list)
    lost: Asked | None = None
    port: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, asked: Asked) -> Answered | None:
        """An answer; None where it is lost."""
        answered = self.answer(asked)
        with self._lock:
            self.got.append((asked, answered))
            if answered.status < 300 and self.lost is None and self.loses(asked):
                self.lost = asked
                return None
        return answered


@contextmanager
def open_gate(
    answer: Callable[[Asked], Answered], loses: Callable[[Asked], bool], tls: tuple[Path, Path] | None = None
) -> Iterator[Gate]:
    """A gate on a port of its own; with a certificate and its key, by https."""
    gate = Gate(answer, loses)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Headers and body are two writes.
        wbufsize = -1

        def _handle(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, self.path, headers, self._body(headers))
            answered = gate.take(asked)
            if answered is None:
                self.close_connection = True
                return
            self.send_response(answered.status)
            for name, value in answered.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answered.body)))
            self.end_headers()
            self.wfile.write(answered.body)

        do_GET = do_POST = do_PUT = do_DELETE = do_OPTIONS = _handle  # noqa: N815

        def _body(self, headers: dict[str, str]) -> bytes:
            if headers.get("transfer-encoding") != "chunked":
                return self.rfile.read(int(headers.get("content-length", 0)))
            parts = []
            while size := int(self.rfile.readline().partition(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    gate.port = server.server_port
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    serving.start()
    try:
        yield gate
    finally:
        server.shutdown()
        server.server_close()
        serving.join(10)


def passing_to(host: str, client: httpx.Client) -> Callable[[Asked], Answered]:
    """Answers as the host does, which gets everything as it came."""

    def answer(asked: Asked) -> Answered:
        headers = {name: value for name, value in asked.headers.items() if name not in _HOPS}
        request = client.build_request(asked.method, host + asked.path, headers=headers, content=asked.body)
        # What httpx would add of its own goes, so that nothing comes that was not sent.
        for name in ("accept", "accept-encoding", "user-agent"):
            if name not in headers:
                request.headers.pop(name, None)
        response = client.send(request, stream=True)
        try:
            body = b"".join(response.iter_raw())
        finally:
            response.close()
        passed = {name: value for name, value in response.headers.items() if name not in _HOPS}
        return Answered(response.status_code, passed, body)

    return answer
