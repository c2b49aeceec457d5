"""The least that an endpoint must do: `python -m examples.listener SECRET` verifies each webhook and prints it."""

import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

from standardwebhooks import Webhook, WebhookVerificationError


class Listener(BaseHTTPRequestHandler):
    """Answers 204 to what is ours, and 401 to anything else."""

    secret: str

    def do_POST(self) -> None:
        """Verify the bytes as they came."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        try:
            print(Webhook(self.secret).verify(body, dict(self.headers)), flush=True)  # noqa: T201 - what it is for
            self.send_response(204)
        except (WebhookVerificationError, ValueError):
            self.send_response(401)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing else."""


def serve(secret: str, port: int) -> HTTPServer:
    """It listens on this machine alone."""
    return HTTPServer(("127.0.0.1", port), type("Listener", (Listener,), {"secret": secret}))


if __name__ == "__main__":
    serve(sys.argv[1], port=9000).serve_forever()
