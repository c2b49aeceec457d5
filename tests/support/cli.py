"""A stack that isn't there: a real HTTP server with written answers, and the command line run against it."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import typer
from click.testing import CliRunner, Result
from typer.main import get_command

from deploy.cli.main import app as keepwell


@dataclass(frozen=True)
class Asked:
    """One request that the stack got."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Answer:
    """What the stack says."""

    body: Any = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def problem(status: int, code: str, message: str, retry_after: int | None = None) -> Answer:
    """An error as every service words it."""
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return Answer({"status": status, "code": code, "message": message, "detail": message}, status, headers)


def page(*items: Any, next_cursor: str | None = None, **more: Any) -> Answer:
    """One page of a list."""
    return Answer({"items": list(items), "next_cursor": next_cursor, **more})


Reply = Answer | Callable[[Asked], Answer]


@dataclass
class FakeStack:
    """Answers by `METHOD /service/path`; remembers what it was asked."""

    address: str = ""
    replies: dict[str, Reply] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def on(self, what: str, reply: Reply) -> None:
        self.replies[what] = reply

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        reply = self.replies.get(f"{asked.method} {asked.path}")
        if reply is None:
            return problem(404, "not_found", f"There is nothing at {asked.path}.")
        return reply if isinstance(reply, Answer) else reply(asked)

    @property
    def environment(self) -> dict[str, str]:
        return {"KEEPWELL_URL": f"{self.address}/{{service}}", "KEEPWELL_API_KEY": "kw_test", "COLUMNS": "200"}

    def run(self, app: typer.Typer, *arguments: str, input: bytes | None = None) -> Result:
        """Run a command against this stack."""
        return invoked(app, arguments, self.environment, input)


@cache
def _command(app: typer.Typer) -> Any:
    """Made once: to make all commands takes longer than to run most. It is of a click of typer's own, as click's."""
    return get_command(app)


def invoked(
    app: typer.Typer, words: Iterable[str], environment: Mapping[str, str], input: bytes | None = None
) -> Result:
    """What comes of a command line's being typed."""
    return CliRunner().invoke(_command(app), list(words), env=dict(environment), input=input)


def typed(words: Iterable[str], environment: Mapping[str, str], code: int = 0) -> str:
    """What somebody reads who types `keepwell …`, which ends with this code."""
    done = invoked(keepwell, words, environment)
    assert done.exit_code == code, done.output
    return done.output


@contextmanager
def a_stack() -> Iterator[FakeStack]:
    """A stack on a free port."""
    stack = FakeStack()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = stack.answer(Asked(self.command, parts.path, query, dict(self.headers), body))
            content = (
                answer.body
                if isinstance(answer.body, bytes)
                else b""
                if answer.body is None
                else json.dumps(answer.body).encode()
            )
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    stack.address = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield stack
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def one_command(command: Callable[..., None]) -> typer.Typer:
    """A command line with this one command."""
    app = typer.Typer()
    app.command()(command)
    return app
