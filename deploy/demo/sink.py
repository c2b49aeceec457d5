"""Stand-ins for Slack, a mail server and another system on this machine: they show what they were sent.

`python -m deploy.demo.sink SLACKS_PORT MAILS_PORT HOME` runs as long as the stack of that home does. Slack's methods
are at any path that ends in their name; webhooks go to `/hooks`, and a PUT there says how it is to answer. `GET /seen`
shows what came, with when (seconds of the epoch).
"""

import json
import sys
import time
from collections import deque
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar, Final
from urllib.parse import parse_qs

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from deploy.demo.clicks import TEAM
from deploy.demo.endpoint import Endpoint
from deploy.local.record import supervisor_of

PATIENCE: Final = 120.0
"""Seconds within which the stack must have been started."""
LOOK_EVERY: Final = 2.0
SEEN: Final = "/seen"
HOOKS: Final = "/hooks"
_MOST_KEPT: Final = 500


class Seen:
    """What came of late."""

    def __init__(self) -> None:
        self._calls: deque[dict[str, Any]] = deque(maxlen=_MOST_KEPT)
        self._letters: deque[dict[str, Any]] = deque(maxlen=_MOST_KEPT)

    def call(self, method: str, body: dict[str, Any]) -> dict[str, Any]:
        """Keep what Slack was asked, and answer as Slack does."""
        at = time.time()
        stamp = f"{at:.6f}"
        answer: dict[str, Any] = {"ok": True}
        match method:
            case "chat.postMessage" | "chat.update":
                answer |= {"channel": body.get("channel", ""), "ts": body.get("ts", stamp)}
            case "views.open":
                answer |= {"view": {"id": f"V{stamp}"}}
            case "users.info":
                answer |= {"user": {"id": body.get("user", ""), "team_id": TEAM}}
            case "auth.test":
                answer |= {"team_id": TEAM}
        self._calls.append({"at": at, "method": method, "body": body, "answer": answer})
        return answer

    def letter(self, content: bytes) -> None:
        """Keep a letter, as Python's parser of letters takes it: what is no ASCII as escapes."""
        self._letters.append({"at": time.time(), "letter": content.decode("ascii", "surrogateescape")})

    def all(self) -> dict[str, Any]:
        """From the oldest on."""
        return {"slack": list(self._calls), "mail": list(self._letters)}


class Web(BaseHTTPRequestHandler):
    """Answers as Slack does, and at `HOOKS` as another system; shows what came to both."""

    protocol_version = "HTTP/1.1"
    seen: ClassVar[Seen]
    endpoint: ClassVar[Endpoint]

    def do_GET(self) -> None:
        """Show what came."""
        all = {**self.seen.all(), "webhooks": self.endpoint.came()}
        self._answer(all if self.path == SEEN else {"ok": False, "error": "unknown_method"})

    def do_PUT(self) -> None:
        """Say how the other system is to answer."""
        self.endpoint.be(json.loads(self._said()))
        self._answer({"ok": True})

    def do_POST(self) -> None:
        """Take a webhook; or a call of a method, whose arguments come as JSON or as a form."""
        said = self._said()
        if self.path == HOOKS:
            self._answer({}, self.endpoint.take(dict(self.headers.items()), said))
            return
        try:
            is_json = "json" in self.headers.get("Content-Type", "")
            body = json.loads(said) if is_json else {name: each[0] for name, each in parse_qs(said.decode()).items()}
            answer = self.seen.call(self.path.rpartition("/")[2], {**body})
        except (ValueError, TypeError):
            answer = {"ok": False, "error": "invalid_payload"}
        self._answer(answer)

    def _said(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _answer(self, body: dict[str, Any], status: int = 200) -> None:
        # 204 has no body.
        content = json.dumps(body).encode() if status == 200 else b""
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class Mail:
    """What the mail server does with a letter."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: ARG002, N802
        """Take it."""
        assert isinstance(envelope.content, bytes)
        self._seen.letter(envelope.content)
        return "250 taken"


def serve(slacks_port: int, mails_port: int, wanted: Callable[[], bool], look_every: float = LOOK_EVERY) -> None:
    """Serve until it is not wanted any more."""
    seen = Seen()
    mail = Controller(Mail(seen), hostname="127.0.0.1", port=mails_port)
    mail.start()
    try:
        handler = type("Web", (Web,), {"seen": seen, "endpoint": Endpoint()})
        with ThreadingHTTPServer(("127.0.0.1", slacks_port), handler) as server:
            server.daemon_threads = True
            thread = Thread(target=server.serve_forever, daemon=True)
            thread.start()
            while wanted():
                time.sleep(look_every)
            server.shutdown()
    finally:
        mail.stop()


def while_it_runs(home: Path, patience: float = PATIENCE) -> Callable[[], bool]:
    """True until the stack of a home has come and gone, or has not come for so many seconds."""
    came = False
    give_up = time.monotonic() + patience

    def wanted() -> bool:
        nonlocal came
        runs = supervisor_of(home) is not None
        came = came or runs
        return runs or (not came and time.monotonic() < give_up)

    return wanted


if __name__ == "__main__":
    serve(int(sys.argv[1]), int(sys.argv[2]), while_it_runs(Path(sys.argv[3])))
