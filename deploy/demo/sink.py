"""A stand-in for Slack on this machine: it takes `chat.postMessage` and says yes.

`python -m deploy.demo.sink PORT STACK_PORT` runs until nothing has answered at the stack's port for a minute.
"""

import json
import sys
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import create_connection
from threading import Thread
from typing import Any, Final

ALONE_FOR: Final = 60.0
LOOK_EVERY: Final = 2.0


class Slack(BaseHTTPRequestHandler):
    """Answers as Slack does."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Take a message."""
        try:
            channel = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0))).get("channel", "")
        except (ValueError, AttributeError):
            self._answer({"ok": False, "error": "invalid_payload"})
            return
        self._answer({"ok": True, "channel": channel, "ts": f"{time.time():.6f}"})

    def _answer(self, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def serve(port: int, wanted: Callable[[], bool], look_every: float = LOOK_EVERY) -> None:
    """Serve until it is not wanted any more."""
    with ThreadingHTTPServer(("127.0.0.1", port), Slack) as server:
        server.daemon_threads = True
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        while wanted():
            time.sleep(look_every)
        server.shutdown()


def answers(port: int) -> bool:
    """Whether anything listens at a port of this machine."""
    try:
        create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def while_answering(port: int, patience: float = ALONE_FOR) -> Callable[[], bool]:
    """True until nothing has answered at a port for so many seconds."""
    seen = time.monotonic()

    def wanted() -> bool:
        nonlocal seen
        if answers(port):
            seen = time.monotonic()
        return time.monotonic() - seen < patience

    return wanted


if __name__ == "__main__":
    serve(int(sys.argv[1]), while_answering(int(sys.argv[2])))
