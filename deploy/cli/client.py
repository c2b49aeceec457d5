"""The way from a command to the services: where they are, which key is used, and one clear sentence for each error."""

import json
import math
import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Self
from urllib.parse import quote

import httpx
import typer
from pydantic import SecretStr, field_validator

from deploy.cli import show
from deploy.cli.down import home_of
from shared.settings import SERVICES, Settings, SettingsError

REFUSED: Final = 1
USAGE: Final = 2
UNREACHABLE: Final = 3
TIMEOUT: Final = httpx.Timeout(30.0, connect=3.0)
_LIVE: Final = httpx.Timeout(45.0, connect=3.0)
"""A service that has nothing to tell says so every 15 s."""
PAGE: Final = 200
WHOLE_ID: Final = 32


class ClientSettings(Settings):
    """Where the services are and who asks."""

    url: str | None = None
    """Ingest's address; the other services are at the next ports, or where `{service}` in it says."""
    api_key: SecretStr | None = None

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str | None) -> str | None:
        if not url:
            return None
        try:
            for service in SERVICES:
                address = httpx.URL(_address(url, service))
                if address.scheme not in {"http", "https"} or not address.host:
                    raise ValueError("it must be such as http://127.0.0.1:8001 or https://{service}.example.com")
        except (httpx.InvalidURL, UnicodeError) as error:
            raise ValueError(f"it is no address: {error}") from None
        return url

    def address(self, service: str) -> str:
        """The base URL of a service."""
        return f"http://127.0.0.1:{self.port_of(service)}" if self.url is None else _address(self.url, service)

    def key(self) -> str | None:
        """The API key: given, or the one that `keepwell up` made and kept. Raises `SettingsError` for what is none."""
        given = (key.get_secret_value() for key in (self.api_key, self.admin_key) if key is not None)
        key = next(filter(None, given), None) or self._kept()
        if key is not None and not (key.isascii() and key.isprintable() and " " not in key):
            raise SettingsError("The API key holds a character that no key has: look at KEEPWELL_API_KEY.")
        return key

    def _kept(self) -> str | None:
        try:
            return (home_of(self) / "admin.key").read_text(encoding="utf-8", errors="replace").strip()
        except OSError:
            return None


def _address(url: str, service: str) -> str:
    if "{service}" in url:
        return url.replace("{service}", service).rstrip("/")
    first = httpx.URL(url)
    port = first.port or (443 if first.scheme == "https" else 80)
    return str(first.copy_with(port=port + SERVICES.index(service))).rstrip("/")


@dataclass
class Refused(Exception):
    """A service answered, but with an error; `message` tells the reader what to do."""

    status: int
    code: str
    message: str
    body: Any = None
    retry_after: float | None = None

    def __str__(self) -> str:
        return self.message


class Unreachable(Exception):
    """Nothing answered, or something that isn't Keepwell."""


def trusted(address: str) -> ssl.SSLContext:
    """Whose certificates are believed at an address. Reading them takes longer than most commands: only for https."""
    if httpx.URL(address).scheme == "https":
        return httpx.create_ssl_context(trust_env=False)
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class Told(NamedTuple):
    """One event of a stream; of what can be gone on from its id."""

    event: str
    data: Any
    id: str | None


class Keepwell:
    """The four services, as one client."""

    def __init__(self, settings: ClientSettings) -> None:
        self.settings = settings
        key = settings.key()
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        trust = trusted(settings.address(SERVICES[0]))
        self._http = httpx.Client(headers=headers, timeout=TIMEOUT, trust_env=False, verify=trust)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def call(self, method: str, service: str, path: str, **sent: Any) -> Any:
        """Ask a service; its JSON. `sent` is what httpx takes. Raises `Refused` or `Unreachable`."""
        return self._ask(lambda answer: answer.json() if answer.content else None, method, service, path, **sent)

    def content(self, service: str, path: str) -> bytes:
        """What a service answers, as it is. Raises `Refused` or `Unreachable`."""
        found: bytes = self._ask(lambda answer: answer.content, "GET", service, path)
        return found

    def told(self, service: str, path: str, after: str | None, **params: Any) -> Iterator[Told]:
        """What a service tells live, from behind an event, until it ends or the connection does. Raises as `call`."""
        headers = {"Accept": "text/event-stream"} | ({} if after is None else {"Last-Event-ID": after})
        given = {name: value for name, value in params.items() if value is not None}
        where = self.settings.address(service)
        try:
            with self._http.stream("GET", where + path, params=given, headers=headers, timeout=_LIVE) as answer:
                if not answer.is_success:
                    answer.read()
                    raise _refused(answer)
                yield from _told(answer.iter_lines())
        except httpx.TransportError as error:
            raise Unreachable(f"Nothing answers at {where}: start it with `make run`, or set KEEPWELL_URL.") from error

    def _ask(self, reading: Callable[[httpx.Response], Any], method: str, service: str, path: str, **sent: Any) -> Any:
        where = self.settings.address(service)
        url = where + path
        try:
            answer = self._http.request(method, url, **sent)
            if answer.is_success:
                return reading(answer)
        except httpx.TimeoutException as error:
            raise Unreachable(f"{url} did not answer in time. See how the stack does: `keepwell status`.") from error
        except httpx.TransportError as error:
            raise Unreachable(f"Nothing answers at {where}: start it with `make run`, or set KEEPWELL_URL.") from error
        except (UnicodeEncodeError, httpx.InvalidURL) as error:
            raise Refused(0, "invalid_text", "What was given can't be sent: it is too long, or no text.") from error
        except (ValueError, RecursionError, httpx.DecodingError) as error:
            raise Unreachable(f"{where} answers, but not as Keepwell does: look at KEEPWELL_URL.") from error
        raise _refused(answer)

    def get(self, service: str, path: str, **params: Any) -> Any:
        """Read one thing."""
        given = {name: value for name, value in params.items() if value is not None}
        return self.call("GET", service, path, params=given)

    def post(self, service: str, path: str, json: Any = None) -> Any:
        """Make a move."""
        return self.call("POST", service, path, json=json)

    def items(self, service: str, path: str, limit: int | None = None, **params: Any) -> Iterator[dict[str, Any]]:
        """A list's items, page after page, at most `limit`."""
        cursor: str | None = None
        left = limit
        while left is None or left > 0:
            page = self.get(service, path, **params, limit=min(PAGE, left or PAGE), cursor=cursor)
            yield from page["items"][:left]
            before, cursor = cursor, page.get("next_cursor")
            if not cursor:
                return
            if cursor == before:
                raise ValueError("a page names itself as the next one")
            if left is not None:
                left -= len(page["items"])

    def whole_id(self, service: str, path: str, given: str) -> str:
        """The id in a list that begins as given, or is of what has that name. Raises `Refused` when there is none, or
        more than one."""
        if len(given) >= WHOLE_ID:
            return given
        items = list(self.items(service, path))
        found = [item["id"] for item in items if item.get("name") == given]
        found = found or [item["id"] for item in items if item["id"].startswith(given)]
        if len(found) == 1:
            return str(found[0])
        words = f"{len(found)} ids begin with {given}: give more of it." if found else f"No id begins with {given}."
        raise Refused(404, "not_found", words)


def _told(lines: Iterable[str]) -> Iterator[Told]:
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        if line and name:
            fields[name] = value
        elif not line and (data := fields.get("data")) is not None:
            yield Told(fields.get("event", ""), json.loads(data), fields.get("id"))
        if not line:
            fields = {}


def segment(id: str) -> str:
    """An id as one segment of a path, whatever it holds. Raises `Refused` for what can be no id."""
    if id in {"", ".", ".."}:
        # On the way they would name another path.
        raise Refused(404, "not_found", f"“{id}” is no id.")
    try:
        return quote(id, safe="")
    except UnicodeEncodeError:
        raise Refused(404, "not_found", f"“{id}” is no id: it is not valid UTF-8.") from None


@contextmanager
def connected() -> Iterator[Keepwell]:
    """A client whose errors end the command with one sentence: 1 when refused, 3 when nothing answers."""
    try:
        keepwell = Keepwell(ClientSettings.load())
    except SettingsError as error:
        show.complain(str(error))
        raise typer.Exit(USAGE) from error
    with keepwell:
        try:
            yield keepwell
        except Refused as error:
            show.complain(error.message, label="Refused: ")
            raise typer.Exit(REFUSED) from error
        except Unreachable as error:
            show.complain(str(error))
            raise typer.Exit(UNREACHABLE) from error
        except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
            # Its answer has another shape than this command knows. What is wrong in it is for who reports it.
            show.complain(
                "What answers is no Keepwell of this version: look at KEEPWELL_URL, and at what runs there "
                f"({type(error).__name__}: {error})."
            )
            raise typer.Exit(UNREACHABLE) from error


def _refused(answer: httpx.Response) -> Refused:
    try:
        body = answer.json()
    except (ValueError, RecursionError):
        body = None
    problem = body if isinstance(body, dict) else {}
    message = str(problem.get("message") or problem.get("detail") or f"{answer.url} answered {answer.status_code}.")
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        message += " Set KEEPWELL_API_KEY, or KEEPWELL_HOME to the stack's data folder."
    try:
        retry_after = float(answer.headers["Retry-After"])
    except (KeyError, ValueError):
        retry_after = math.nan
    known = math.isfinite(retry_after) and retry_after >= 0
    return Refused(answer.status_code, str(problem.get("code", "")), message, body, retry_after if known else None)
