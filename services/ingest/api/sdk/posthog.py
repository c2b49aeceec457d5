"""The HTTP edge for clients of PostHog."""

from typing import Any, Final

from fastapi import Request, Response

from services.ingest.api.events import sender_of
from services.ingest.api.openapi import any_object
from services.ingest.api.parts import OPEN_DOOR, Parts
from services.ingest.api.sdk.keys import HeadCaller, caller_of, without_key
from services.ingest.core.dialects import posthog
from services.ingest.core.reading import Unreadable
from shared.web.routes import Router

router = Router(tags=["other tools' clients"], dependencies=[OPEN_DOOR])
_SUMMARIES: Final = {
    "/batch": "Several events (PostHog)",
    "/capture": "An event (PostHog)",
    "/e": "An event, or several (PostHog)",
    "/i/v0/e": "An event, or several (PostHog)",
    "/i/v0/ai/batch": "Several events about models (PostHog)",
}
CAPTURES: Final = tuple(_SUMMARIES)
FLAGS: Final = ("/flags", "/decide")
_ABOUT: Final = """\
Point a client of PostHog here: its host is Keepwell's address, its project key an API key with the scope `ingest`. 200
whenever the body can be read as a whole: a record that can't be taken is refused by itself, and the others are taken.
503 when the broker has not confirmed: the client sends the same again, nothing is counted twice."""
_CAPTURE: Final = {
    "uuid": "03ad9c9d-6a69-426b-9708-f56d618a0fb1",
    "event": "Report Exported",
    "distinct_id": "u-17",
    "timestamp": "2026-11-28T11:50:32.211Z",
    "properties": {"$groups": {"company": "northwind"}},
}
_BATCH: Final = {"batch": [_CAPTURE], "sent_at": "2026-11-28T11:50:32.214Z"}
_NO_FLAGS: Final = b'{"flags":{},"featureFlags":{},"featureFlagPayloads":{},"errorsWhileComputingFlags":false}'


def _route(
    path: str, name: str, summary: str, about: str, example: dict[str, Any], answer: dict[str, Any]
) -> dict[str, Any]:
    """How a route is described: once, though each has a second path, with a slash at its end or without."""
    return {
        "operation_id": f"posthog{path.replace('/', '_')}" if name == path else None,
        "include_in_schema": name == path,
        "summary": summary,
        "description": about,
        "response_class": Response,
        "openapi_extra": any_object(example),
        "responses": {
            200: {"description": "Read.", "content": {"application/json": {"example": answer}}},
            401: {"description": "No key, or one that is not known."},
            403: {"description": "The key lacks the scope."},
        },
    }


async def capture(request: Request, ingest: Parts, head: HeadCaller) -> Response:
    """Read, understand, publish, answer."""
    body = await request.body()
    sender = sender_of(await caller_of(ingest.keys, head, body), ingest.keys.sources)
    body = without_key(body)
    try:
        records = posthog.records(body, ingest.reception.mapping(sender), ingest.clock.now())
    except Unreadable as error:
        raise await ingest.reception.unreadable(body, error, sender, posthog.DOOR) from None
    await ingest.reception.records(records, sender, posthog.DOOR)
    return Response(b'{"status":1}', media_type="application/json")


async def flags(request: Request, ingest: Parts, head: HeadCaller) -> Response:
    """There are none."""
    await caller_of(ingest.keys, head, await request.body())
    return Response(_NO_FLAGS, media_type="application/json")


for _path in CAPTURES:
    for _name in (_path, f"{_path}/"):
        _example = _BATCH if "batch" in _path else _CAPTURE
        _how = _route(_path, _name, _SUMMARIES[_path], _ABOUT, _example, {"status": 1})
        router.post(_name, **_how)(capture)
for _path in FLAGS:
    for _name in (_path, f"{_path}/"):
        _says = "Keepwell has no feature flags: the answer names none, so that clients that ask get on."
        _how = _route(_path, _name, "Feature flags: none (PostHog)", _says, {"distinct_id": "u-17"}, {"flags": {}})
        router.post(_name, **_how)(flags)
