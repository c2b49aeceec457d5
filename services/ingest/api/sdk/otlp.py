"""The doors of OpenTelemetry's exporters: OTLP over HTTP, as protobuf and as JSON."""

from collections.abc import Callable, Coroutine
from typing import Any, Final

from fastapi import Request, Response

from services.ingest.api.events import sender_of
from services.ingest.api.parts import OPEN_DOOR, ClientKey, Ingest, Parts
from services.ingest.core.dialects import otlp
from services.ingest.core.dialects.otlp_answers import failed, taken
from services.ingest.core.reading import Unreadable
from services.ingest.core.sent import Record
from shared.auth.keys import Caller
from shared.log.protocol import BrokerUnavailable, Unconfirmed
from shared.web.problems import Problem, unexpected
from shared.web.routes import Route, Router

JSON: Final = "application/json"
PROTOBUF: Final = "application/x-protobuf"
_Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class _Otlp(Route):
    """A route whose problems are told as OTLP has it: a `Status`, in the encoding of the request."""

    def get_route_handler(self) -> _Handler:
        """The usual one, with its problems translated."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except Problem as error:
                problem = error
            except (Unconfirmed, BrokerUnavailable) as error:
                problem = unexpected(error, "")
            media = PROTOBUF if _media(request) == PROTOBUF else JSON
            body = failed(str(problem.detail), as_json=media == JSON)
            return Response(body, problem.status_code, problem.headers, media)

        return answer


router = Router(prefix="/v1/otlp/v1", tags=["other tools' clients"], dependencies=[OPEN_DOOR])
router.route_class = _Otlp
_ABOUT: Final = """\
`ExportTraceServiceRequest` and `ExportLogsServiceRequest` as protobuf (`application/x-protobuf`) or JSON
(`application/json`), gzip or not, up to 5 MB unpacked. 200 with `partial_success` where some were refused."""


def _body(example: dict[str, Any]) -> dict[str, Any]:
    content = {
        PROTOBUF: {"schema": {"type": "string", "format": "binary"}},
        JSON: {"schema": {"type": "object"}, "example": example},
    }
    return {"requestBody": {"required": True, "content": content}}


_ACCOUNT: Final = {"key": "account.id", "value": {"stringValue": "northwind"}}
_USER: Final = {"key": "enduser.id", "value": {"stringValue": "u-17"}}
_SPAN: Final = {
    "traceId": "5b8efff798038103d269b633813fc60c",
    "spanId": "eee19b7ec3c1b174",
    "name": "GET /reports",
    "kind": 2,
    "attributes": [_ACCOUNT, _USER],
}
_LOG: Final = {"eventName": "report.exported", "attributes": [_ACCOUNT, _USER]}


@router.post(
    "/traces",
    summary="Spans of OpenTelemetry's exporters",
    description="An entry span (kind server or consumer) that carries `account.id`, on it, its scope or its resource, "
    "is a use of what its name says, by `enduser.id` or `user.id`, once by trace and span id. Others are left out. "
    + _ABOUT,
    response_class=Response,
    openapi_extra=_body({"resourceSpans": [{"scopeSpans": [{"spans": [_SPAN]}]}]}),
)
async def post_traces(request: Request, ingest: Parts, caller: ClientKey) -> Response:
    """Take those that are uses."""
    return await _take(request, ingest, caller, otlp.traces, "spans")


@router.post(
    "/logs",
    summary="Log records of OpenTelemetry's exporters",
    description="A log record that carries `account.id`, on it, its scope or its resource, is a use of what its event "
    "name says, once by all that it holds. Others are left out. " + _ABOUT,
    response_class=Response,
    openapi_extra=_body({"resourceLogs": [{"scopeLogs": [{"logRecords": [_LOG]}]}]}),
)
async def post_logs(request: Request, ingest: Parts, caller: ClientKey) -> Response:
    """Take those that are uses."""
    return await _take(request, ingest, caller, otlp.logs, "log records")


@router.post(
    "/metrics",
    summary="Metrics of OpenTelemetry's exporters",
    description="Taken, and left out: they tell of machines, not of customers. So an exporter of all three signals has "
    "nothing to complain of here.",
    response_class=Response,
    openapi_extra=_body({"resourceMetrics": []}),
)
async def post_metrics(request: Request, _: ClientKey) -> Response:
    """Leave them out."""
    media = _known_media(request)
    await request.body()
    return Response(b"{}" if media == JSON else b"", media_type=media)


async def _take(
    request: Request, ingest: Ingest, caller: Caller, read: Callable[..., list[Record]], what: str
) -> Response:
    media = _known_media(request)
    sender, as_json, body = sender_of(caller, ingest.keys.sources), media == JSON, await request.body()
    door = otlp.TRACES if what == "spans" else otlp.LOGS
    try:
        records = read(body, ingest.reception.mapping(sender), as_json=as_json)
    except Unreadable as error:
        raise await ingest.reception.unreadable(body, error, sender, door) from None
    refused = (await ingest.reception.records(records, sender, door)).refused
    why = refused[0].message if refused else ""
    return Response(taken(what, len(refused), why, as_json=as_json), media_type=media)


def _known_media(request: Request) -> str:
    """The encoding of the request, and of its answer. Raises a 415 problem."""
    media = _media(request)
    if media not in {PROTOBUF, JSON}:
        words = f"Send the export as {PROTOBUF} or as {JSON}; {media or 'no content type'} is not read here."
        raise Problem(415, "unsupported_format", words)
    return media


def _media(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
