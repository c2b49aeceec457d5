"""The HTTP edge that every service shares."""

import asyncio
import gzip
import io
import json
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import httpx
import pytest
from fastapi import Depends, FastAPI, Query, Request
from sqlalchemy.exc import OperationalError

from shared.figures import Figures
from shared.log.protocol import BrokerUnavailable
from shared.messages import tracing
from shared.settings import SERVICES
from shared.telemetry import logs
from shared.web.app import Check, create_app
from shared.web.body import Limits
from shared.web.paging import Page, WantedPage
from shared.web.problems import Problem
from shared.web.routes import Gate
from tests.support.ingest import counted_bytes

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


class Ours(Gate):
    """Lets everybody in, to a route of our own."""

    mine = True

    async def check(self, request: Request) -> None:
        return None

    async def __call__(self) -> None:
        return None


async def fine() -> None:
    return None


def an_app(checks: Mapping[str, Check] | None = None, max_body: int = 1000) -> FastAPI:
    app = create_app(
        "test",
        "1",
        checks={"database": fine} if checks is None else checks,
        figures=Figures("test"),
        random=counted_bytes(),
        limits=Limits(body=max_body),
    )

    @app.post("/v1/size")
    async def size(request: Request) -> int:
        return len(await request.body())

    @app.get("/v1/fails/{how}")
    async def fails(how: str) -> None:
        raise {
            "bug": ZeroDivisionError("secret internals"),
            "broker": BrokerUnavailable("kafka:9092"),
            "database": OperationalError("SELECT secret", {}, Exception("gone")),
            "refused": ConnectionRefusedError(),
            "busy": Problem(429, "slow_down", "Send less often."),
        }[how]

    @app.get("/v1/items", dependencies=[Depends(Ours())])
    async def items(
        tag: Annotated[list[str], Query(default_factory=list)],
        assignee: str | None = None,
        state: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        kind: Annotated[list[str] | None, Query()] = None,
    ) -> str:
        return " ".join([f"{assignee} {state}", *(kind or ()), *tag])

    @app.get("/v1/accounts/{id}/health")
    async def health(id: str) -> str:
        return id

    @app.post("/v1/numbers")
    async def add() -> None:
        return None

    @app.get("/v1/numbers")
    async def numbers(paging: WantedPage, least: Annotated[int, Query(ge=0)] = 0) -> Page[int]:
        after = paging.after(int)
        first = after[0] + 1 if after else least
        shown, cursor = paging.page(list(range(first, min(first + paging.limit + 1, 10))), lambda n: (n,))
        return Page(items=shown, next_cursor=cursor)

    return app


@asynccontextmanager
async def client_of(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as http:
        yield http


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(an_app()) as http:
        yield http


def problem(answer: httpx.Response) -> tuple[int, str]:
    """An answer that must be a whole problem."""
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == answer.status_code
    assert body["title"]
    assert body["type"].endswith(body["code"])
    assert body["detail"] == body["message"]
    if answer.status_code in {429, 503}:
        assert int(answer.headers["retry-after"]) > 0
    return answer.status_code, body["code"]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("PUT", "/v1/size", 405, "method_not_allowed"),
        ("GET", "/v1/numbers?least=-1", 400, "invalid_request"),
        ("GET", "/v1/numbers?limit=0", 400, "invalid_request"),
        ("GET", "/v1/numbers?cursor=nonsense", 400, "invalid_cursor"),
        ("GET", "/v1/fails/bug", 500, "internal_error"),
        ("GET", "/v1/fails/broker", 503, "broker_unavailable"),
        ("GET", "/v1/fails/database", 503, "database_unavailable"),
        ("GET", "/v1/fails/refused", 503, "database_unavailable"),
        ("GET", "/v1/fails/busy", 429, "slow_down"),
    ],
)
async def test_every_error_is_a_problem(
    http: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    answer = await http.request(method, path)
    assert problem(answer) == (status, code)
    assert "secret" not in answer.text
    assert "kafka:9092" not in answer.text


async def test_an_invalid_parameter_is_named(http: httpx.AsyncClient) -> None:
    answer = await http.get("/v1/numbers?least=-1")
    assert answer.json()["errors"][0]["where"] == "query.least"


async def test_a_method_that_is_not_allowed_says_which_are(http: httpx.AsyncClient) -> None:
    assert (await http.put("/v1/size")).headers["allow"] == "POST"


async def test_all_methods_of_an_address_are_told_whichever_route_takes_them(http: httpx.AsyncClient) -> None:
    assert (await http.put("/v1/numbers")).headers["allow"] == "GET, HEAD, POST"
    assert (await http.post("/healthz")).headers["allow"] == "GET, HEAD"
    assert (await http.head("/v1/size")).headers["allow"] == "POST"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/v1/numbers", "/docs", "/openapi.json"])
async def test_a_head_is_answered_as_the_get_would_be_without_a_body(http: httpx.AsyncClient, path: str) -> None:
    head, get = await http.head(path), await http.get(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == get.headers["content-type"]
    assert head.headers["content-length"] != "0"


@pytest.mark.parametrize(
    ("query", "where", "words"),
    [
        ("asignee=ana", "query.asignee", "did you mean 'assignee'?"),
        ("colour=red", "query.colour", "known are tag, assignee, state, since, until, kind"),
        ("State=open", "query.State", "did you mean 'state'?"),
        ("state=open&state=done", "query.state", "more than once"),
        ("kind=task&kind=flag&state=open&state=open", "query.state", "more than once"),
    ],
)
async def test_a_question_that_would_be_answered_as_another_is_refused(
    http: httpx.AsyncClient, query: str, where: str, words: str
) -> None:
    answer = await http.get(f"/v1/items?{query}")
    assert problem(answer) == (400, "invalid_request")
    assert answer.json()["errors"][0]["where"] == where
    assert words in answer.json()["message"]


async def test_a_filter_that_takes_several_values_may_be_given_several_times(http: httpx.AsyncClient) -> None:
    asked = await http.get("/v1/items?kind=task&state=open&kind=flag&tag=a&tag=b")
    assert asked.json() == "None open task flag a b"


async def test_what_is_asked_rightly_is_answered_and_vendors_may_add_what_they_like(http: httpx.AsyncClient) -> None:
    span = "since=2026-05-01T00:00:00Z&until=2026-05-01T00:00:00Z"
    assert (await http.get(f"/v1/items?assignee=ana&state=open&{span}")).json() == "ana open"
    assert (await http.get("/healthz?from=a-load-balancer&from=again")).status_code == 200


@pytest.mark.parametrize("id", ["a/b", "a b", "ü", "100%", "%2F", "..", "a;b?c#d", "stripe:cus_1"])
async def test_an_id_is_one_segment_of_a_path_whatever_is_in_it(http: httpx.AsyncClient, id: str) -> None:
    encoded = quote(id, safe="").replace(".", "%2E")
    assert (await http.get(f"/v1/accounts/{encoded}/health")).json() == id


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_takes_an_id_for_one_segment(service: str) -> None:
    """All routers are of the kind above, and none takes the rest of a path for an id."""
    for path in (Path(__file__).parents[3] / "services" / service).rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "APIRouter" not in text, path
        assert ":path}" not in text, path


async def test_an_id_that_is_no_text_is_refused(http: httpx.AsyncClient) -> None:
    assert problem(await http.get("/v1/accounts/%FF/health")) == (400, "invalid_request")


async def test_a_slash_too_many_is_no_redirect(http: httpx.AsyncClient) -> None:
    answer = await http.get("/v1/items/", headers={"host": "evil.example"})
    assert problem(answer) == (404, "not_found")
    assert "location" not in answer.headers


async def test_pages_follow_each_other_to_the_last(http: httpx.AsyncClient) -> None:
    found: list[int] = []
    cursor = ""
    for _ in range(4):
        page = (await http.get(f"/v1/numbers?limit=3{cursor}")).json()
        found += page["items"]
        cursor = f"&cursor={page['next_cursor']}"
    assert found == list(range(10))
    assert page["next_cursor"] is None


# Bodies


async def in_chunks(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def test_a_body_up_to_the_limit_is_read(http: httpx.AsyncClient) -> None:
    assert (await http.post("/v1/size", content=b"x" * 1000)).json() == 1000
    assert (await http.post("/v1/size", content=in_chunks(b"x" * 600, b"x" * 400))).json() == 1000


async def test_a_larger_body_is_refused_announced_or_not(http: httpx.AsyncClient) -> None:
    assert problem(await http.post("/v1/size", content=b"x" * 1001)) == (413, "too_large")
    assert problem(await http.post("/v1/size", content=in_chunks(b"x" * 600, b"x" * 401))) == (413, "too_large")


async def test_an_endless_body_is_not_read_to_its_end() -> None:
    asked = 0

    async def receive() -> dict[str, Any]:
        nonlocal asked
        asked += 1
        return {"type": "http.request", "body": b"x" * 100, "more_body": True}

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/size",
        "raw_path": b"/v1/size",
        "query_string": b"",
        "headers": [],
        "http_version": "1.1",
        "scheme": "http",
        "root_path": "",
    }
    await an_app()(scope, receive, send)
    assert sent[0]["status"] == 413
    assert asked == 11


async def test_gzip_is_unpacked_within_the_limit(http: httpx.AsyncClient) -> None:
    packed = gzip.compress(b"x" * 500) + gzip.compress(b"y" * 500)
    headers = {"content-encoding": "gzip"}
    assert (await http.post("/v1/size", content=packed, headers=headers)).json() == 1000
    halves = in_chunks(packed[:9], packed[9:])
    assert (await http.post("/v1/size", content=halves, headers=headers)).json() == 1000
    bomb = gzip.compress(b"\0" * 1_000_000)
    assert problem(await http.post("/v1/size", content=bomb, headers=headers)) == (413, "too_large")


async def test_gzip_is_known_by_its_first_bytes_whatever_the_headers_say(http: httpx.AsyncClient) -> None:
    packed, form = gzip.compress(b"x" * 500), "application/x-www-form-urlencoded"
    for headers in ({}, {"content-type": form}, {"content-encoding": "br"}, {"content-encoding": "gzip"}):
        bytewise = in_chunks(packed[:1], b"", packed[1:])
        assert (await http.post("/v1/size", content=bytewise, headers=headers)).json() == 500
    for plain in (b"plain", b"\x1f", b""):
        assert (await http.post("/v1/size", content=plain, headers={"content-encoding": "gzip"})).json() == len(plain)
    assert problem(await http.post("/v1/size", content=gzip.compress(b"\0" * 1_000_000))) == (413, "too_large")


async def test_a_packed_body_that_is_broken_is_refused(http: httpx.AsyncClient) -> None:
    for broken in (gzip.compress(b"x" * 500)[:-4], b"\x1f\x8bplain"):
        assert problem(await http.post("/v1/size", content=broken)) == (400, "invalid_gzip")
    brotli = {"content-encoding": "br"}
    assert problem(await http.post("/v1/size", content=b"x", headers=brotli)) == (415, "unsupported_encoding")


# Probes, traces, metrics


async def test_ready_names_everything_that_is_gone_and_waits_for_nothing_that_hangs() -> None:
    async def gone() -> None:
        raise BrokerUnavailable("kafka:9092 has no secret")

    async def hangs() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            # As a connection that is cut off waits for a server that doesn't answer.
            await asyncio.sleep(3600)

    async with client_of(an_app({"database": fine, "broker": gone, "disk": hangs})) as http:
        answer = await http.get("/readyz")
        assert problem(answer) == (503, "not_ready")
        assert set(answer.json()["gone"]) == {"broker", "disk"}
        assert "kafka" not in answer.text
        assert (await http.get("/healthz")).status_code == 200


async def test_ready_is_200_when_everything_answers(http: httpx.AsyncClient) -> None:
    assert (await http.get("/readyz")).status_code == 200


async def test_a_trace_goes_on_and_a_request_id_comes_back(http: httpx.AsyncClient) -> None:
    answer = await http.get("/healthz", headers={"traceparent": PARENT, "x-request-id": "r-1"})
    carried = tracing.parse(answer.headers["traceparent"])
    assert carried is not None
    assert (carried.trace_id, carried.span_id == "00f067aa0ba902b7") == (TRACE, False)
    assert answer.headers["x-request-id"] == "r-1"
    fresh = await http.get("/healthz", headers={"traceparent": "junk", "x-request-id": "a b"})
    assert fresh.headers["x-request-id"] == fresh.headers["traceparent"].split("-")[1]


async def test_metrics_have_routes_and_no_ids(http: httpx.AsyncClient) -> None:
    await http.get("/v1/fails/busy")
    await http.get("/somewhere/northwind")
    text = (await http.get("/metrics")).text
    assert 'route="/v1/fails/{how}",status="429"' in text
    assert "northwind" not in text


@pytest.mark.parametrize(
    "header",
    [
        "",
        "00-1-2-01",
        PARENT.upper(),
        PARENT + "-more",
        "ff" + PARENT[2:],
        PARENT.replace(TRACE, "0" * 32),
        PARENT.replace("00f067aa0ba902b7", "0" * 16),
        PARENT.replace("4", "g"),
    ],
)
def test_a_malformed_traceparent_starts_anew(header: str) -> None:
    assert tracing.parse(header) is None


def test_a_traceparent_of_a_later_version_is_read() -> None:
    assert tracing.parse("01" + PARENT[2:] + "-more") == tracing.parse(PARENT)


# Logs


def logged(write: Any) -> dict[str, Any]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.JsonLines("ingest"))
    logger = logging.Logger("test")
    logger.addHandler(handler)
    write(logger)
    found: dict[str, Any] = json.loads(stream.getvalue())
    return found


def test_a_line_has_the_trace_and_the_account_that_it_is_about() -> None:
    with tracing.within({"traceparent": PARENT}), tracing.about("northwind"):
        line = logged(lambda log: log.warning("slow by %s s", 3, extra={"attempt": 2}))
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "warning",
        "service": "ingest",
        "logger": "test",
        "message": "slow by 3 s",
        "trace_id": TRACE,
        "account": "northwind",
        "attempt": 2,
    }


def test_an_exception_is_in_the_line_and_secrets_are_not() -> None:
    def fail(log: logging.Logger) -> None:
        try:
            raise ValueError("postgresql://keepwell:hunter2@db/keepwell")
        except ValueError:
            log.exception("failed for kw_0123456789abcdef")

    line = logged(fail)
    assert "ValueError" in line["exception"]
    assert "hunter2" not in str(line)
    assert line["message"] == "failed for ***"
