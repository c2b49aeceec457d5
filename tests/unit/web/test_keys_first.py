"""On every route of all four services the key comes first: no body is read, and nothing is looked up, without one."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from services.ingest import main as ingest
from services.ingest.api.sdk import posthog
from services.ingest.core.dialects import segment
from services.ingest.settings import IngestSettings
from services.notifier import main as notifier
from services.notifier.settings import NotifierSettings
from services.playbooks import main as playbooks
from services.playbooks.settings import PlaybooksSettings
from services.scoring import main as scoring
from services.scoring.settings import ScoringSettings
from shared.auth.keys import Caller
from shared.service.service import Process
from shared.settings import SERVICES

DOCUMENTS = {"/openapi.json", "/asyncapi.json", "/docs", "/redoc", "/docs/oauth2-redirect"}
PROBES = {"/healthz", "/readyz", "/metrics", *DOCUMENTS}
HANDSHAKE = ("OPTIONS", "/v1/events")
"""Says what anyone may know: that web hooks of CloudEvents are welcome."""
LINKS = {"/a/{token}", "/u/{token}"}
"""Each is its own key."""
IN_BODY = {f"/v1/{kind}" for kind in segment.KINDS + segment.BATCHES} | {*posthog.CAPTURES, *posthog.FLAGS}
"""Where clients may send their key in the body: without one in the head it is read, and no more than that."""
BODY = 5 * 1024 * 1024


class Keys:
    """A key store with one key, and nothing to wait for."""

    def __init__(self, **scopes: set[str]) -> None:
        self.scopes = scopes

    async def find(self, key: str) -> Caller | None:
        return Caller(key, frozenset(self.scopes[key]), key) if key in self.scopes else None


def app_of(service: str, home: Path) -> FastAPI:
    """The app as the process has it; there is no database that it could ask."""
    given: dict[str, Any] = {"database_url": "postgresql://nobody@127.0.0.1:1/none", "home": home}
    process: Process[Any]
    match service:
        case "ingest":
            signed = {"stripe_secret": "whsec_x", "slack_signing_secret": "x", "link_keys": "k" * 32}
            process = Process(service, IngestSettings.load(**signed, **given), "all", ingest.wire)
        case "scoring":
            process = Process(service, ScoringSettings.load(**given), "all", scoring.wire)
        case "playbooks":
            process = Process(service, PlaybooksSettings.load(**given), "all", playbooks.wire)
        case _:
            process = Process(service, NotifierSettings.load(**given), "all", notifier.wire)
    process.app.state.keys = Keys(kw_reader={"read"}, kw_nothing=set())
    return process.app


@pytest.fixture(scope="module")
def apps(tmp_path_factory: pytest.TempPathFactory) -> dict[str, FastAPI]:
    return {name: app_of(name, tmp_path_factory.mktemp("home")) for name in SERVICES}


def operations(app: FastAPI) -> Iterator[tuple[str, str]]:
    for route in iter_route_contexts(app.routes):
        for method in route.methods or ():
            if route.path not in PROBES | LINKS and (method, route.path) != HANDSHAKE:
                yield method, str(route.path)


def takes_key_in_body(path: str) -> bool:
    return path.rstrip("/") in IN_BODY or path.startswith("/api/s/")


async def ask(app: FastAPI, method: str, path: str, query: str = "", **headers: str) -> tuple[int, bytes, int]:
    """The answer to a request with a body of 5 MB: its status and body, and how often the body was asked for."""
    sent = list[Any]()
    asked = 0

    async def receive() -> dict[str, Any]:
        nonlocal asked
        asked += 1
        return {"type": "http.request", "body": b"[" * BODY, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    concrete = "/".join("x" if part.startswith("{") else part for part in path.split("/"))
    scope = {
        "type": "http",
        "method": method,
        "path": concrete,
        "raw_path": concrete.encode(),
        "query_string": query.encode(),
        "headers": [
            (b"content-length", str(BODY).encode()),
            (b"content-type", b"application/json"),
            *((name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()),
        ],
        "http_version": "1.1",
        "scheme": "http",
        "root_path": "",
    }
    await app(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:]), asked


@pytest.mark.parametrize("service", SERVICES)
async def test_without_a_key_nothing_is_read_on_any_route(apps: dict[str, FastAPI], service: str) -> None:
    found = list(operations(apps[service]))
    assert len(found) > 3
    for method, path in found:
        for headers in (
            {},
            *({"authorization": one} for one in ("Bearer kw_unknown", "nonsense", "Basic é", "Basic /w==")),
        ):
            status, body, asked = await ask(apps[service], method, path, "nonsense=1&limit=x", **headers)
            reads = headers.get("authorization") != "Bearer kw_unknown" and takes_key_in_body(path)
            assert (status, asked) == (401, int(reads)), (method, path, headers, body)


async def test_without_a_good_link_no_form_is_read(apps: dict[str, FastAPI]) -> None:
    for method, link in product(("GET", "POST"), LINKS):
        status, _, asked = await ask(apps["ingest"], method, link)
        assert (status, asked) == (404, 0)


@pytest.mark.parametrize("service", SERVICES)
async def test_without_the_scope_nothing_is_read_either(apps: dict[str, FastAPI], service: str) -> None:
    for method, path in operations(apps[service]):
        if "/webhooks/" not in path:
            status, _, asked = await ask(apps[service], method, path, authorization="Bearer kw_nothing")
            assert (status, asked) == (403, 0), (method, path)


@pytest.mark.parametrize("service", SERVICES)
async def test_every_list_refuses_a_parameter_that_it_does_not_know(apps: dict[str, FastAPI], service: str) -> None:
    reading = [path for method, path in operations(apps[service]) if method == "GET"]
    for path in reading:
        status, body, _ = await ask(apps[service], "GET", path, "colour=red", authorization="Bearer kw_reader")
        assert status in {400, 403}, (path, body)
        assert status == 403 or b"query.colour" in body


@pytest.mark.parametrize(
    "span",
    [
        *("2026-05-02T00:00:00Z&to=2026-05-01T00:00:00Z", "2026-05-02&to=2026-05-01T23:00:00Z"),
        *("1800000000&to=1700000000", "9000-01-01", "2026-05-01T00:00:00-10:00&to=2026-05-01T09:59:59"),
    ],
)
async def test_a_span_that_ends_before_it_begins_is_refused(apps: dict[str, FastAPI], span: str) -> None:
    asked = await ask(apps["scoring"], "GET", "/v1/feedback", f"from={span}", authorization="Bearer kw_reader")
    assert asked[0] == 400
    assert b"query.from: it lies after `to`" in asked[1]


@pytest.mark.parametrize("service", SERVICES)
async def test_no_answer_carries_the_host_that_a_caller_chose(apps: dict[str, FastAPI], service: str) -> None:
    transport = httpx.ASGITransport(apps[service])
    async with httpx.AsyncClient(transport=transport, base_url="http://evil.example") as http:
        for path in {path for _, path in operations(apps[service])} | PROBES - {"/readyz"}:
            answer = await http.get(path.replace("{", "").replace("}", "") + "/")
            assert answer.status_code in {401, 404, 405}, path
            assert "evil.example" not in str(answer.headers) + answer.text
