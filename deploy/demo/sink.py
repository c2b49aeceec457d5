"""A stand-in for Slack on this machine: it takes `chat.postMessage` and says yes.

`python -m deploy.demo.sink PORT HOME` runs as long as the stack of that home does.
"""

import json
import sys
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, Final

from deploy.local.record import supervisor_of

PATIENCE: Final = 120.0
"""Seconds within which the stack must have been started."""
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
    serve(int(sys.argv[1]), while_it_runs(Path(sys.argv[2])))
