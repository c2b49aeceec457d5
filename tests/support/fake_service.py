"""A stand-in for a service, for tests of what starts and minds them: `python -m tests.support.fake_service NAME`."""

import json
import os
import signal
import sys
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import FrameType

from deploy import SERVICES
from shared.service.lifeline import end_with_parent


class _Face(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path in {"/readyz", "/healthz"} else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def _log(message: str) -> None:
    # As a logger does: on a full disk nothing can be told, and that is no error.
    with suppress(OSError):
        sys.stdout.write(json.dumps({"level": "info", "message": message}) + "\n")
        sys.stdout.flush()


def _stop(_number: int, _frame: FrameType | None) -> None:
    _log("stopped cleanly")
    sys.exit(0)


def main(name: str) -> None:
    who, _, while_there = os.environ.get("FAKE_DIES_WHILE", "").partition(" ")
    if name in os.environ.get("FAKE_DIES", "").split() or (name == who and Path(while_there).exists()):
        _log("no luck today")
        sys.exit(int(os.environ.get("FAKE_EXIT_CODE", "3")))
    if name in os.environ.get("FAKE_IGNORES_TERM", "").split():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    else:
        signal.signal(signal.SIGTERM, _stop)
    assert os.environ["KEEPWELL_DATABASE_URL"].startswith(f"postgresql://keepwell_{name}@")
    end_with_parent()
    server = HTTPServer(("127.0.0.1", int(os.environ["KEEPWELL_PORT"]) + SERVICES.index(name)), _Face)
    _log("ready")
    server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
