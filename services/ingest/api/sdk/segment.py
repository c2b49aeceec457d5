"""The HTTP edge for clients of Segment, RudderStack and Jitsu."""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from fastapi import Request, Response

from services.ingest.api.events import sender_of
from services.ingest.api.openapi import any_object
from services.ingest.api.parts import OPEN_DOOR, Ingest, Parts
from services.ingest.api.sdk.keys import HeadCaller, caller_of, without_key
from services.ingest.core.dialects import segment
from services.ingest.core.reading import Unreadable
from shared.auth.keys import Caller
from shared.web.app import BEARER
from shared.web.routes import Router

router = Router(tags=["other tools' clients"], dependencies=[OPEN_DOOR])
_ABOUT: Final = """\
Point a client of Segment, RudderStack or Jitsu here: its host is Keepwell's address, its write key an API key with the
scope `ingest`. 200 whenever the body can be read as a whole: a record that can't be taken is refused by itself, and the
others are taken. 503 when the broker has not confirmed: the client sends the same again, nothing is counted twice."""
_SUMMARIES: Final = {
    "track": "What a user did (Segment)",
    "identify": "Who a user is (Segment)",
    "group": "What an account is (Segment)",
    "page": "A page that a user saw (Segment)",
    "screen": "A screen that a user saw (Segment)",
    "alias": "Two names of one user (Segment)",
    "batch": "Several records (Segment)",
    "import": "Several records, by its older address (Segment)",
}
_WHO: Final = {"userId": "u-17", "messageId": "b807415b", "timestamp": "2026-11-28T11:50:30.922Z"}
_TRACK: Final = {**_WHO, "event": "Report Exported", "context": {"groupId": "northwind"}}
_EXAMPLES: Final[dict[str, dict[str, Any]]] = {
    "track": _TRACK,
    "identify": {**_WHO, "traits": {"email": "ana@northwind.example", "account_id": "northwind"}},
    "group": {**_WHO, "groupId": "northwind", "traits": {"name": "Northwind", "plan": "team", "employees": 320}},
    "page": {**_WHO, "name": "Pricing", "context": {"groupId": "northwind"}},
    "screen": {**_WHO, "name": "Reports", "context": {"groupId": "northwind"}},
    "alias": {**_WHO, "previousId": "visitor-4"},
    "batch": {"batch": [{**_TRACK, "type": "track"}], "sentAt": "2026-11-28T11:50:31.500Z"},
    "import": {"batch": [{**_TRACK, "type": "track"}]},
}
_ROUTE: Final[dict[str, Any]] = {
    "description": _ABOUT,
    "response_class": Response,
    "responses": {200: {"description": "Read.", "content": {"application/json": {"example": {"success": True}}}}},
}


def _door(kind: str) -> Callable[..., Awaitable[Response]]:
    async def post(request: Request, ingest: Parts, caller: HeadCaller) -> Response:
        return await _take(kind, request, ingest, caller)

    return post


for _kind in (*segment.KINDS, *segment.BATCHES):
    _extra = {**any_object(_EXAMPLES[_kind]), "security": [{BEARER: []}]}
    _how = {"summary": _SUMMARIES[_kind], "operation_id": f"segment_{_kind}", "openapi_extra": _extra, **_ROUTE}
    router.post(f"/v1/{_kind}", **_how)(_door(_kind))
    for _path in (f"/api/s/{_kind}", f"/api/s/s2s/{_kind}", f"/api/s/{_kind}.json", f"/api/s/s2s/{_kind}.json"):
        router.post(_path, include_in_schema=False, response_class=Response)(_door(_kind))


async def _take(kind: str, request: Request, ingest: Ingest, head: Caller | None) -> Response:
    body = await request.body()
    caller = await caller_of(ingest.keys, head, body)
    sender, body = sender_of(caller, ingest.keys.sources), without_key(body)
    try:
        records = segment.records(body, kind, ingest.reception.mapping(sender), ingest.clock.now())
    except Unreadable as error:
        raise await ingest.reception.unreadable(body, error, sender, segment.DOOR) from None
    await ingest.reception.records(records, sender, segment.DOOR)
    return Response(b'{"success":true}', media_type="application/json")
